// Tags: SipHash by its reference vectors and against OpenSSL's, what a tag covers and what not, and
// the window that takes each counted message once.
#include <doctest/doctest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/gue.h"
#include "vipd/packet/replay_window.h"

namespace rehome::vipd::testing {

namespace {

const TunnelEnds ends{ip("10.99.0.1"), ip("10.99.0.2"), 50000};
const TagKeys keys{{1, 2}, {3, 4}};
constexpr uint32_t gue_at = 20 + 8;

SipKey key_of(const Bytes& bytes) {
    return {sip_word(&bytes[0]), sip_word(&bytes[8])};
}

uint64_t openssl_siphash(const Bytes& key, const Bytes& message) {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
    EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
    unsigned bytes = 8;
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_SIZE, &bytes),
                                     OSSL_PARAM_construct_end()};
    Bytes out(8);
    size_t written = 0;
    const bool done = EVP_MAC_init(context, key.data(), key.size(), parameters) == 1 &&
                      EVP_MAC_update(context, message.data(), message.size()) == 1 &&
                      EVP_MAC_final(context, out.data(), &written, out.size()) == 1;
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    REQUIRE(done);
    return sip_word(out.data());
}

struct Signer {
    uint64_t counter = 0;
    TunnelEnds to() {
        return {ends.local, ends.peer, 50000, false, {&keys, 7, 3, 0xabcd, &counter}};
    }
};

// As it would be on the wire: the outer IP packet.
Bytes in_tunnel(const Bytes& inner, const Gue& gue, const TunnelEnds& to) {
    Buffer buffer(ethernet(inner));
    REQUIRE(encapsulate(buffer.frame, buffer.packet(), gue, to));
    return buffer.ip_packet();
}

// "ok", or why it is not believed.
std::string taken(const Bytes& outer, const TagKeys& by = keys) {
    const std::span<const uint8_t> payload(outer.data() + gue_at, outer.size() - gue_at);
    const auto gue = decode_gue(payload);
    if (!gue) {
        return std::string(name(gue.error()));
    }
    if (!gue->tagged) {
        return "no tag";
    }
    const auto carried = payload.subspan(gue->header_bytes);
    Packet inner;
    if (gue->kind != Gue::Kind::control) {
        const auto parsed = parse_packet(payload, gue->header_bytes);
        if (!parsed) {
            return std::string(name(parsed.error()));
        }
        inner = *parsed;
    }
    return tag_holds(by, *gue, tag_in(*gue, carried), carried, inner) ? "ok" : "bad tag";
}

// What is carried, by kind.
struct Carried {
    std::string what;
    Bytes ip_packet;
};

std::vector<Carried> all_carried() {
    Say tcp{end("192.0.2.1:4"), end("198.51.100.10:5")};
    tcp.payload = "odd";
    Say tcp6{end("[2001:db8::1]:4"), end("[2001:db8::2]:5")};
    Say udp = tcp;
    udp.protocol = 17;
    Say echo = tcp;
    echo.protocol = 1;
    Say large = udp;
    large.payload.assign(300, 'x');
    const auto pieces = split(make_ip(large), 104);
    const Bytes quoted =
        make_error({ip("192.0.2.9"), tcp.to.address, 3, 4, 1400}, make_ip(tcp), 28);
    return {{"tcp", make_ip(tcp)},        {"tcp, IPv6", make_ip(tcp6)},
            {"udp", make_ip(udp)},        {"echo", make_ip(echo)},
            {"an error", quoted},         {"first fragment", pieces[0]},
            {"later fragment", pieces[1]}};
}

// Offsets into the inner packet whose change no tag notices, of a whole TCP or UDP packet over
// IPv4.
std::set<size_t> uncovered_v4(size_t length) {
    std::set<size_t> at{0, 1, 4, 5, 6, 7, 8, 10, 11};  // version, TOS, id, flags, TTL, checksum
    for (size_t i = 36; i < length; ++i) {
        at.insert(i);
    }
    return at;
}

}  // namespace

TEST_CASE("SipHash-2-4 gives the reference vectors") {
    Bytes key(16), message;
    for (uint8_t i = 0; i < 16; ++i) {
        key[i] = i;
    }
    const uint64_t vectors[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
                                0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
                                0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462,
                                0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
                                0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee,
                                0xa129ca6149be45e5};  // the paper's appendix A
    for (const uint64_t expected : vectors) {
        CHECK(siphash(key_of(key), message) == expected);
        message.push_back(static_cast<uint8_t>(message.size()));
    }
}

TEST_CASE("SipHash-2-4 is OpenSSL's") {
    Random random(1);
    for (size_t length = 0; length < 300; ++length) {
        const Bytes key = random.bytes(16), message = random.bytes(length);
        INFO("length ", length);
        CHECK(siphash(key_of(key), message) == openssl_siphash(key, message));
    }
}

TEST_CASE("what is tagged is taken by the same keys alone") {
    Signer signer;
    const TagKeys others{{1, 3}, {3, 5}};
    for (const auto& [what, inner] : all_carried()) {
        for (const auto kind : {Gue::Kind::client, Gue::Kind::reply, Gue::Kind::question}) {
            INFO(what);
            const Bytes outer = in_tunnel(inner, {kind, 3, true, 9}, signer.to());
            CHECK(outer.size() == inner.size() + signer.to().overhead(kind));
            CHECK(taken(outer) == "ok");
            CHECK(taken(outer, others) == "bad tag");
        }
    }
    CHECK(signer.counter == all_carried().size());  // of the questions
    CHECK(taken(in_tunnel(all_carried()[0].ip_packet, {}, ends)) == "no tag");
}

TEST_CASE("whichever bit is flipped, a packet is refused unless its tag does not cover it") {
    Signer signer;
    for (const auto& [what, inner] : all_carried()) {
        for (const auto kind : {Gue::Kind::client, Gue::Kind::unknown}) {
            const Bytes outer = in_tunnel(inner, {kind, 3, false, 9}, signer.to());
            const size_t from = gue_at + gue_bytes + tag_bytes(kind);
            for (size_t bit = gue_at * 8; bit < outer.size() * 8; ++bit) {
                const size_t at = bit / 8;
                const bool names_keys = at == gue_at + 12 || at == gue_at + 14 || at == gue_at + 15;
                Bytes flipped = outer;
                flipped[at] ^= static_cast<uint8_t>(1U << bit % 8);
                const bool plain = what == "tcp" || what == "udp";
                if (names_keys || (at >= from && !plain)) {
                    continue;  // other keys are tried; the rest is below
                }
                const bool free = at >= from && uncovered_v4(inner.size()).count(at - from) > 0;
                INFO(what, " byte ", at, " of the outer packet");
                CHECK((free || taken(flipped) != "ok"));
            }
        }
    }
}

TEST_CASE("addresses, ports and numbers are covered of whatever is carried") {
    Signer signer;
    for (const auto& [what, inner] : all_carried()) {
        const Bytes outer = in_tunnel(inner, {}, signer.to());
        const size_t from = outer.size() - inner.size();
        const bool v6 = inner[0] >> 4 == 6;
        const size_t addresses = v6 ? 8 : 12, behind = v6 ? 40 : 20;
        const size_t covered = what.starts_with("tcp") || what == "udp" ? 16 : 80;
        for (size_t at = addresses; at < std::min(inner.size(), behind + covered); ++at) {
            Bytes changed = outer;
            changed[from + at] ^= 0x10;
            INFO(what, " byte ", at);
            CHECK(taken(changed) != "ok");
        }
        Bytes cut = outer;
        cut.pop_back();
        CHECK(taken(cut) != "ok");
    }
}

TEST_CASE("what a gateway says itself is covered whole") {
    Signer signer;
    const Bytes said{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    Bytes out(200);
    out.resize(make_control_packet(out, Gue::Control::keepalive, said, signer.to()));
    REQUIRE(taken(out) == "ok");
    CHECK(wrong_checksum(out) == "");
    for (size_t bit = gue_at * 8; bit < out.size() * 8; ++bit) {
        const size_t at = bit / 8;
        if (at == gue_at + 4 || at == gue_at + 6 || at == gue_at + 7) {
            continue;  // which keys
        }
        Bytes flipped = out;
        flipped[at] ^= static_cast<uint8_t>(1U << bit % 8);
        INFO("byte ", at);
        CHECK(taken(flipped) != "ok");
    }
    for (const uint8_t more : Bytes{0, 1}) {
        Bytes longer = out;
        longer.push_back(more);
        CHECK(taken(longer) != "ok");
    }
    CHECK(signer.counter == 1);
}

TEST_CASE("a header that is longer by anything but a tag is refused") {
    Bytes header{2, 4, 0, 0, 1, 0, 3, 0, 0, 0, 0, 9};
    header.resize(124);
    for (uint8_t words = 3; words < 31; ++words) {
        for (const uint8_t kind : Bytes{0, 1, 2, 3}) {
            header[0] = words;
            header[5] = kind;
            const bool ours = words == (kind < 2 ? 5 : 7);
            CHECK(decode_gue(header).has_value() == ours);
        }
    }
}

TEST_CASE("each number counts once, in whatever order they come") {
    ReplayWindow window;
    struct Row {
        uint64_t number;
        bool taken;
    };
    const Row rows[] = {
        {1, true},      {1, false},         {3, true},       {2, true},           {2, false},
        {3, false},     {700, true},        {4, true},       {4, false},          {960, true},
        {1, false},     {5, true},          {963, true},     {3, false},          {6, true},
        {10'000, true}, {9'040, false},     {9'041, true},   {9'041, false},      {10'000, false},
        {9'999, true},  {1ULL << 60, true}, {10'001, false}, {1ULL << 60, false}, {0, false},
    };
    for (const auto& [number, expected] : rows) {
        INFO(number);
        CHECK(window.take(number) == expected);
    }
}

TEST_CASE("a window remembers as a set does") {
    Random random(3);
    ReplayWindow window;
    std::set<uint64_t> seen;
    uint64_t highest = 0;
    for (int i = 0; i < 20'000; ++i) {
        highest = random.chance(2) ? highest + random.below(3000) : highest;
        const uint64_t number =
            highest + random.below(200) - std::min<uint64_t>(highest, random.below(1200));
        const uint64_t top = seen.empty() ? 0 : *seen.rbegin();
        const bool expected =
            seen.count(number) == 0 && (number > top || top - number < ReplayWindow::reach);
        INFO("number ", number, " of highest ", top);
        REQUIRE(window.take(number) == expected);
        if (expected) {
            seen.insert(number);
        }
    }
}

}  // namespace rehome::vipd::testing
