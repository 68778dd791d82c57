// Fuzzes the pure functions on one packet (libFuzzer, ASan, UBSan): parse, rewrite, translate the
// quote, clamp, fragment, keep fragments together, and make errors.  The input is a list of frames,
// each behind two bytes: its length, and what to do with it.
//
// Every frame is a heap block that ends where the frame ends, so that a byte read too far is seen.
// What must hold: offsets are in order and inside; what is rewritten parses to what was asked for;
// what is made parses, and its checksums are right by an independent sum.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "tests/unit/vipd/packets.h"
#include "vipd/flow/fragments.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/fragment_v4.h"
#include "vipd/packet/icmp.h"
#include "vipd/packet/mss.h"
#include "vipd/packet/rewrite.h"

namespace rehome::vipd::testing {

namespace {

void must(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// A frame in a block of its own.
struct Block {
    explicit Block(std::span<const uint8_t> bytes)
        : storage(std::make_unique<uint8_t[]>(bytes.size())),
          frame{storage.get(), static_cast<uint32_t>(bytes.size()), 0, 0} {
        std::ranges::copy(bytes, storage.get());
    }
    std::unique_ptr<uint8_t[]> storage;
    Frame frame;
};

Endpoint other_end(Family family, uint8_t seed) {
    Endpoint out;
    out.address.family = family;
    std::fill_n(out.address.bytes.begin(), out.address.bits() / 8, seed);
    out.port = static_cast<uint16_t>(seed * 257);
    return out;
}

void inside(const Packet& packet, const Frame& frame) {
    must(packet.ip <= packet.l4 && packet.l4 <= packet.end && packet.end <= frame.length);
    must(!packet.has_ports || packet.end - packet.l4 >= (packet.tcp() ? 20U : 8U));
    must(!(packet.later_fragment() && packet.has_ports));
    must(packet.fragment || !(packet.later_fragment() || packet.more_fragments));
}

Packet parsed_again(const Frame& frame, const Packet& packet) {
    const auto again = parse_packet(frame.bytes(), packet.ip);
    must(again.has_value());
    inside(*again, frame);
    return *again;
}

class Fuzz {
public:
    void take(std::span<const uint8_t> bytes, uint8_t what) {
        const Block block(bytes);
        const Link link = link_of(block.frame.bytes());
        if (what % 16 == 15) {
            now_ += Micros{what} * 10'000;
            fragments_.expire(now_, lost_);
        }
        const auto packet = parse_packet(block.frame.bytes(), link);
        if (!packet) {
            return;
        }
        inside(*packet, block.frame);
        rewrite(bytes, *packet, what);
        quote(bytes, *packet, what);
        cut(block.frame, *packet, static_cast<uint16_t>(20 + what * 6));
        answer(block.frame, *packet);
        if (packet->fragment) {
            keep(block.frame, *packet);
        }
    }

private:
    static void rewrite(std::span<const uint8_t> bytes, Packet packet, uint8_t what) {
        Block block(bytes);
        const auto to = other_end(packet.family, what);
        rewrite_destination(block.frame, packet, to);
        rewrite_source_address(block.frame, packet, to.address);
        const Packet again = parsed_again(block.frame, packet);
        must(again.destination == to.address && again.source == to.address);
        must(!again.has_ports || again.destination_port == to.port);
        const bool lowered = clamp_mss(block.frame, packet, static_cast<uint16_t>(what * 8));
        must(!lowered || packet.tcp());
        take_hop(block.frame, packet);
        if (is_echo_request(packet)) {
            make_echo_reply(block.frame, packet);
            must(!is_echo_request(parsed_again(block.frame, packet)));
        }
    }

    static void quote(std::span<const uint8_t> bytes, Packet packet, uint8_t what) {
        Block block(bytes);
        auto quote = quoted_packet(block.frame, packet);
        if (!quote) {
            return;
        }
        must(packet.l4 + 8 <= quote->ip && quote->ip < quote->l4 && quote->l4 <= quote->end &&
             quote->end <= packet.end);
        Translation to = unchanged(packet, *quote);
        to.destination = other_end(packet.family, what).address;
        to.quoted_source = other_end(packet.family, static_cast<uint8_t>(~what));
        translate_error(block.frame, packet, *quote, to);
        const Packet again = parsed_again(block.frame, packet);
        const auto quote_again = quoted_packet(block.frame, again);
        must(quote_again.has_value() && again.destination == to.destination &&
             quote_again->source == quote->source && quote_again->l4 == quote->l4);
    }

    static void cut(const Frame& frame, const Packet& packet, uint16_t mtu) {
        if (!may_fragment(frame, packet)) {
            return;
        }
        uint32_t bytes = 0, pieces = 0;
        const auto count = fragment_v4(frame, packet, mtu, [&](std::span<const uint8_t> piece) {
            must(piece.size() <= mtu);
            bytes += static_cast<uint32_t>(piece.size()) - (piece[0] & 15U) * 4;
            ++pieces;
        });
        must(count ? *count == pieces && bytes == packet.end - packet.l4 : pieces == 0);
    }

    static void answer(const Frame& frame, const Packet& packet) {
        const Address from = other_end(packet.family, 9).address;
        const bool may = may_answer(frame, packet);
        for (const size_t room : {size_t{60}, size_t{100}, size_t{1280}}) {
            Bytes out(room);
            const uint32_t length = make_packet_too_big(out, frame, packet, from, 1400);
            must(length <= room);
            if (length == 0) {
                continue;
            }
            out.resize(length);
            must(wrong_checksum(out).empty());
            const Packet made = *parse_packet(out, 0);
            must(is_icmp_error(made) && made.destination == packet.source);
            const Block block(ethernet(out));
            must(!may_answer(block.frame, *parse_packet(block.frame.bytes(), ethernet_bytes)));
            must(!may || !impossible_source(packet));
        }
    }

    void keep(const Frame& frame, const Packet& packet) {
        if (!packet.later_fragment()) {
            if (fragments_.learn(packet, now_, lost_)) {
                fragments_.release(fragment_key(packet),
                                   [&](std::span<uint8_t> held, uint32_t tag) {
                                       const auto later = parse_packet(held, link_of(held));
                                       must(tag == held.size() && later && later->later_fragment());
                                       must(fragment_key(*later) == fragment_key(packet));
                                       must(fragments_.find(*later) != nullptr);
                                   });
            }
        } else if (fragments_.find(packet) == nullptr) {
            fragments_.hold(packet, frame.bytes(), frame.length, now_, lost_);
        }
        must(fragments_.known() <= 3 && fragments_.waiting() <= 2);
        must(fragments_.held_bytes() <= 2048);
    }

    Micros now_ = 0;
    Fragments::Lost lost_ = [](std::span<const uint8_t>, uint32_t, Drop why) {
        must(why == Drop::fragment_timeout || why == Drop::fragments_full);
    };
    Fragments fragments_{{.known = 3, .waiting = 2, .held_bytes = 2048, .held_each = 4}, 5};
};

}  // namespace

}  // namespace rehome::vipd::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::span<const uint8_t> rest(data, size);
    rehome::vipd::testing::Fuzz fuzz;
    while (rest.size() > 2) {
        const size_t length = std::min<size_t>(rest[0], rest.size() - 2);
        const uint8_t what = rest[1];
        fuzz.take(rest.subspan(2, length), what);
        rest = rest.subspan(2 + length);
    }
    return 0;
}
