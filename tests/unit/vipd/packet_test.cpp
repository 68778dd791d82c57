// Parsing: what is taken, and a longer table of what is refused.
#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "tests/unit/vipd/packets.h"
#include "vipd/core/bytes.h"

using namespace rehome;
using namespace rehome::testing;

namespace {

Say say(uint8_t protocol, bool v6 = false) {
    Say s{v6 ? end("[2001:db8::1]:40000") : end("192.0.2.1:40000"),
          v6 ? end("[2001:db8::2]:1883") : end("198.51.100.10:1883"), protocol};
    s.payload = "hello";
    return s;
}

Say with(Say s, const std::function<void(Say&)>& change) {
    change(s);
    return s;
}

std::string parsed(const Bytes& frame) {
    const auto packet = parse_packet(frame, ethernet_bytes);
    return packet ? text(*packet) : std::string(name(packet.error()));
}

}  // namespace

TEST_CASE("packets that are taken") {
    struct Row {
        std::string what;
        Say say;
        std::string packet;
    };
    const std::string v4 = "192.0.2.1:40000 > 198.51.100.10:1883";
    const Row rows[] = {
        {"TCP", say(6), v4 + " tcp A seq 1000 ack 2000 len 5"},
        {"TCP SYN", with(say(6), [](Say& s) { s.flags = flag::S; }),
         v4 + " tcp S seq 1000 ack 2000 len 5"},
        {"TCP with all flags", with(say(6), [](Say& s) { s.flags = 0xff; }),
         v4 + " tcp SFRPA seq 1000 ack 2000 len 5"},
        {"TCP without payload", with(say(6), [](Say& s) { s.payload = ""; }),
         v4 + " tcp A seq 1000 ack 2000 len 0"},
        {"IPv4 options", with(say(6), [](Say& s) { s.option_bytes = 40; }),
         v4 + " tcp A seq 1000 ack 2000 len 5"},
        {"UDP", say(17), v4 + " udp"},
        {"empty UDP", with(say(17), [](Say& s) { s.payload = ""; }), v4 + " udp"},
        {"ICMP", say(1), "192.0.2.1 > 198.51.100.10 proto 1"},
        {"do not fragment", with(say(17), [](Say& s) { s.fragment = 0x4000; }), v4 + " udp"},
        {"a protocol that nobody knows", with(say(1), [](Say& s) { s.protocol = 200; }),
         "192.0.2.1 > 198.51.100.10 proto 200"},
        {"IPv6 TCP", say(6, true),
         "2001:db8::1:40000 > 2001:db8::2:1883 tcp A seq 1000 ack 2000 len 5"},
        {"IPv6 UDP", say(17, true), "2001:db8::1:40000 > 2001:db8::2:1883 udp"},
        {"ICMPv6", say(58, true), "2001:db8::1 > 2001:db8::2 proto 58"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Bytes frame = make_frame(row.say);
        CHECK(parsed(frame) == row.packet);
        frame.resize(frame.size() + 18);  // Ethernet's padding is none of the packet
        CHECK(parsed(frame) == row.packet);
        const auto packet = parse_packet(frame, ethernet_bytes);
        REQUIRE(packet);
        CHECK(packet->end == frame.size() - 18);
        CHECK_FALSE(packet->fragment);
    }
}

TEST_CASE("fragments have no ports") {
    for (const uint16_t field :
         std::initializer_list<uint16_t>{0x2000, 0x0001, 0x2001, 0x1fff, 0x6000}) {
        const auto packet =
            parse_packet(make_frame(with(say(6), [&](Say& s) { s.fragment = field; })), 14);
        REQUIRE(packet);
        CHECK(packet->fragment);
        CHECK(packet->source_port == 0);
        CHECK_FALSE(packet->first_segment());
    }
}

TEST_CASE("frames that are refused") {
    struct Row {
        std::string what;
        Bytes frame;
        std::string drop;
    };
    const auto changed = [](const Say& s, size_t at, uint8_t value) {
        Bytes frame = make_frame(s);
        frame[ethernet_bytes + at] = value;
        return frame;
    };
    const Row rows[] = {
        {"nothing behind Ethernet", Bytes(14), "truncated"},
        {"nothing at all", {}, "truncated"},
        {"version 0", changed(say(6), 0, 0x05), "bad_header"},
        {"version 5", changed(say(6), 0, 0x55), "bad_header"},
        {"version 15", changed(say(6), 0, 0xf5), "bad_header"},
        {"header of 0 bytes", changed(say(6), 0, 0x40), "bad_header"},
        {"header of 16 bytes", changed(say(6), 0, 0x44), "bad_header"},
        {"header longer than the packet",
         changed(with(say(17), [](Say& s) { s.payload = ""; }), 0, 0x4f), "bad_header"},
        {"total length below the header", changed(say(6), 3, 19), "bad_header"},
        {"total length 0", changed(say(6), 3, 0), "bad_header"},
        {"total length beyond the frame", changed(say(6), 3, 46), "truncated"},
        {"total length 65,000", changed(say(6), 2, 0xfd), "truncated"},
        {"TCP cut at 19 bytes", changed(say(6), 3, 39), "truncated"},
        {"TCP cut at 7 bytes", changed(say(6), 3, 27), "truncated"},
        {"no TCP at all", changed(say(6), 3, 20), "truncated"},
        {"TCP header of 0 bytes", changed(say(6), 32, 0x00), "bad_header"},
        {"TCP header of 16 bytes", changed(say(6), 32, 0x40), "bad_header"},
        {"TCP header beyond the packet", changed(say(6), 32, 0xf0), "truncated"},
        {"UDP cut at 7 bytes", changed(say(17), 3, 27), "truncated"},
        {"UDP length 0", changed(say(17), 25, 0), "bad_header"},
        {"UDP length 7", changed(say(17), 25, 7), "bad_header"},
        {"UDP length beyond the packet", changed(say(17), 25, 14), "bad_header"},
        {"UDP length 256 more", changed(say(17), 24, 1), "bad_header"},
        {"IPv6 payload beyond the frame", changed(say(6, true), 5, 26), "truncated"},
        {"IPv6 payload 65,000", changed(say(6, true), 4, 0xfd), "truncated"},
        {"IPv6 without a payload", changed(say(6, true), 5, 0), "truncated"},
        {"IPv6, TCP cut", changed(say(6, true), 5, 19), "truncated"},
        {"IPv6, UDP length beyond the packet", changed(say(17, true), 45, 14), "bad_header"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(parsed(row.frame) == row.drop);
    }
}

TEST_CASE("whatever is cut off a frame, it is refused") {
    for (const Say& s : {say(6), say(17), say(1), say(6, true), say(17, true), say(58, true)}) {
        const Bytes whole = make_frame(s);
        for (size_t length = 0; length < whole.size(); ++length) {
            // A copy of its own, so that the sanitizer sees a byte read too far.
            const Bytes cut(whole.begin(), whole.begin() + static_cast<long>(length));
            INFO("cut to ", length, " of ", whole.size());
            CHECK(parsed(cut) == "truncated");
        }
    }
}

TEST_CASE("an IP header of one version under the EtherType of the other is still bounded") {
    Bytes frame = make_frame(say(6));
    frame[ethernet_bytes] = 0x65;
    CHECK_FALSE(parse_packet(frame, ethernet_bytes));  // its IPv6 length goes beyond the frame
}

TEST_CASE("first segments") {
    struct Row {
        uint8_t flags;
        bool first;
    };
    using namespace flag;
    for (const Row& row : {Row{S, true},
                           {S | P, true},
                           {S | 0xc0, true},
                           {S | A, false},
                           {A, false},
                           {F, false},
                           {R, false},
                           {0, false},
                           {F | A, false}}) {
        INFO("flags ", row.flags);
        Say s = say(6);
        s.flags = row.flags;
        CHECK(parse_packet(make_frame(s), ethernet_bytes)->first_segment() == row.first);
    }
}

TEST_CASE("what a segment adds to the sequence") {
    Say s = say(6);
    const auto length = [&](uint8_t flags, const std::string& payload) {
        s.flags = flags;
        s.payload = payload;
        return parse_packet(make_frame(s), ethernet_bytes)->sequence_length();
    };
    CHECK(length(flag::A, "") == 0);
    CHECK(length(flag::A, "abc") == 3);
    CHECK(length(flag::S, "") == 1);
    CHECK(length(flag::F | flag::A, "abc") == 4);
    CHECK(length(flag::R, "") == 0);
}

TEST_CASE("EtherTypes") {
    CHECK(ethertype(make_frame(say(6))) == ethertype_v4);
    CHECK(ethertype(make_frame(say(6, true))) == ethertype_v6);
    CHECK(ethertype(Bytes(13, 0xff)) == 0);
    CHECK(ethertype({}) == 0);
}
