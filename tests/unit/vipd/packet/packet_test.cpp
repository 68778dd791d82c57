// Parsing: what is taken, and a longer table of what is refused.
#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <string>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

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

namespace {

Bytes fragment(uint8_t protocol, uint16_t field, size_t payload) {
    return make_frame(with(say(protocol), [&](Say& s) {
        s.fragment = field;
        s.payload.assign(payload, 'x');
    }));
}

// One IPv6 extension header: 8 bytes, or as many more as its length says.
Extension extension(uint8_t type, uint8_t length = 0) {
    Bytes rest((length + 1U) * 8 - 1, 0);
    rest[0] = length;
    rest[1] = type == 43 ? 2 : 0;
    return {type, rest};
}
Extension fragment_header(uint16_t field, uint32_t id = 0x01020304) {
    Bytes rest(7);
    store16(&rest[1], field);
    store32(&rest[3], id);
    return {44, rest};
}
const Extension authentication{
    51, Bytes{4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2}};

}  // namespace

TEST_CASE("fragments: the first one has the ports") {
    struct Row {
        std::string what;
        Bytes frame;
        std::string text;
        uint16_t offset;
        bool more;
        uint32_t id;
    };
    const std::string v4 = "192.0.2.1:40000 > 198.51.100.10:1883";
    const std::string v6 = "2001:db8::1:40000 > 2001:db8::2:1883";
    const auto v6_fragment = [](uint8_t protocol, std::vector<Extension> extensions) {
        return make_frame(with(say(protocol, true), [&](Say& s) {
            s.payload.assign(16 - (protocol == 6 ? 4U : 0), 'x');
            s.extensions = std::move(extensions);
        }));
    };
    const Row rows[] = {
        {"first, TCP", fragment(6, 0x2000, 12), v4 + " tcp A seq 1000 ack 2000 len 12", 0, true,
         0x7701},
        {"first, UDP", fragment(17, 0x2000, 8), v4 + " udp", 0, true, 0x7701},
        {"first, UDP of a longer datagram",
         [] {
             Bytes frame = fragment(17, 0x2000, 8);
             store16(&frame[38], 4000);
             return frame;
         }(),
         v4 + " udp", 0, true, 0x7701},
        {"first, reserved bit", fragment(17, 0xa000, 8), v4 + " udp", 0, true, 0x7701},
        {"middle", fragment(17, 0x2001, 8), "192.0.2.1 > 198.51.100.10 udp", 8, true, 0x7701},
        {"last, odd", fragment(17, 0x0002, 5), "192.0.2.1 > 198.51.100.10 udp", 16, false, 0x7701},
        {"last, where a datagram may end", fragment(1, 0x1ffc, 3),
         "192.0.2.1 > 198.51.100.10 proto 1", 65504, false, 0x7701},
        {"later, TCP", fragment(6, 0x2003, 12), "192.0.2.1 > 198.51.100.10 proto 6", 24, true,
         0x7701},
        {"IPv6, first", v6_fragment(17, {fragment_header(1)}), v6 + " udp", 0, true, 0x01020304},
        {"IPv6, middle", v6_fragment(17, {fragment_header(24 | 1)}),
         "2001:db8::1 > 2001:db8::2 udp", 24, true, 0x01020304},
        {"IPv6, last", v6_fragment(6, {fragment_header(65'000)}),
         "2001:db8::1 > 2001:db8::2 proto 6", 65'000, false, 0x01020304},
        {"IPv6, first, more headers behind",
         v6_fragment(6, {extension(0), fragment_header(1), extension(60, 1)}),
         v6 + " tcp A seq 1000 ack 2000 len 12", 0, true, 0x01020304},
        {"IPv6, later, of a header that only the first one has",
         v6_fragment(17, {fragment_header(9), extension(60)}), "2001:db8::1 > 2001:db8::2 proto 60",
         8, true, 0x01020304},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const auto packet = parse_packet(row.frame, ethernet_bytes);
        if (!packet) {
            FAIL_CHECK(name(packet.error()));
            continue;
        }
        CHECK(text(*packet) == row.text);
        CHECK(packet->fragment);
        CHECK(packet->fragment_offset == row.offset);
        CHECK(packet->later_fragment() == (row.offset != 0));
        CHECK(packet->has_ports == (row.offset == 0));
        CHECK(packet->more_fragments == row.more);
        CHECK(packet->fragment_id == row.id);
    }
}

TEST_CASE("fragments that are refused") {
    struct Row {
        std::string what;
        Bytes frame;
        std::string drop;
    };
    const auto cut = [](Bytes frame, uint8_t total) {
        frame[ethernet_bytes + 3] = total;
        return frame;
    };
    const auto v6 = [](uint8_t protocol, std::vector<Extension> extensions, std::string payload) {
        return make_frame(with(say(protocol, true), [&](Say& s) {
            s.payload = std::move(payload);
            s.extensions = std::move(extensions);
        }));
    };
    const Row rows[] = {
        {"not a multiple of 8, and not the last", fragment(17, 0x2000, 7), "bad_fragment"},
        {"the same, in the middle", fragment(17, 0x2005, 9), "bad_fragment"},
        {"without any data", cut(fragment(17, 0x2005, 8), 20), "bad_fragment"},
        {"the last, without any data", cut(fragment(17, 0x0005, 8), 20), "bad_fragment"},
        {"first, TCP of 16 bytes", cut(fragment(6, 0x2000, 12), 36), "bad_fragment"},
        {"first, TCP header beyond it",
         [] {
             Bytes frame = fragment(6, 0x2000, 4);
             frame[ethernet_bytes + 32] = 0xf0;
             return frame;
         }(),
         "bad_fragment"},
        {"first, UDP length that cannot be",
         [] {
             Bytes frame = fragment(17, 0x2000, 8);
             store16(&frame[38], 7);
             return frame;
         }(),
         "bad_header"},
        {"TCP, over the first one's flags", fragment(6, 0x2001, 12), "bad_fragment"},
        {"TCP, over the first one's checksum", fragment(6, 0x0002, 12), "bad_fragment"},
        {"beyond 65,535 bytes", fragment(1, 0x1fff, 8), "bad_fragment"},
        {"a byte beyond 65,535", fragment(1, 0x1ffc, 4), "bad_fragment"},
        {"IPv6, not a multiple of 8", v6(17, {fragment_header(1)}, "1234567"), "bad_fragment"},
        {"IPv6, TCP cut", v6(6, {fragment_header(1), extension(60)}, "1234567"), "bad_fragment"},
        {"IPv6, beyond 65,535", v6(17, {fragment_header(0xfff8)}, ""), "bad_fragment"},
        {"IPv6, a fragment's fragment", v6(17, {fragment_header(1), fragment_header(1)}, ""),
         "bad_extension"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(parsed(row.frame) == row.drop);
    }
}

TEST_CASE("IPv6 extension headers") {
    struct Row {
        std::string what;
        std::vector<Extension> extensions;
        std::string parsed;
        uint8_t protocol = 6;
    };
    const std::string tcp = "2001:db8::1:40000 > 2001:db8::2:1883 tcp A seq 1000 ack 2000 len 5";
    const std::string other = "2001:db8::1 > 2001:db8::2 proto ";
    const auto routing = [](uint8_t type, uint8_t segments_left) {
        Extension out = extension(43);
        out.rest[1] = type;
        out.rest[2] = segments_left;
        return out;
    };
    const Row rows[] = {
        {"hop-by-hop", {extension(0)}, tcp},
        {"a long one", {extension(60, 31)}, tcp},
        {"all of them",
         {extension(0), extension(60), routing(2, 0), fragment_header(0), authentication,
          extension(60, 2)},
         tcp},
        {"an atomic fragment", {fragment_header(0)}, tcp},
        {"an atomic fragment, reserved bits", {fragment_header(6)}, tcp},
        {"eight", std::vector(8, extension(60)), tcp},
        {"nine", std::vector(9, extension(60)), "bad_extension"},
        {"hop-by-hop, not first", {extension(60), extension(0)}, "bad_extension"},
        {"hop-by-hop twice", {extension(0), extension(0)}, "bad_extension"},
        {"routing type 0", {routing(0, 0)}, "bad_extension"},
        {"routing, still to be followed", {routing(4, 1)}, "bad_extension"},
        {"ICMPv6 behind one", {extension(60)}, other + "58", 58},
        {"ESP", {extension(60)}, other + "50", 50},
        {"no next header", {extension(60)}, other + "59", 59},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const Bytes whole = make_frame(
            with(say(row.protocol, true), [&](Say& s) { s.extensions = row.extensions; }));
        CHECK(parsed(whole) == row.parsed);
        for (size_t length = 0; length < whole.size(); ++length) {
            Bytes frame(whole.begin(), whole.begin() + static_cast<long>(length));
            CHECK(parsed(frame) == "truncated");
            if (length < ethernet_bytes + 40) {
                continue;
            }
            // The same with a header that fits: whatever is missing, nothing beyond it is read.
            store16(&frame[ethernet_bytes + 4],
                    static_cast<uint16_t>(length - ethernet_bytes - 40));
            const auto packet = parse_packet(frame, ethernet_bytes);
            CHECK((!packet || packet->l4 <= packet->end));
        }
    }
    const auto packet = parse_packet(
        make_frame(with(say(58, true), [](Say& s) { s.extensions = {authentication}; })), 14);
    REQUIRE(packet);
    CHECK(packet->icmp_type == 8);
    CHECK(packet->l4 == ethernet_bytes + 40 + 24);
}

TEST_CASE("ICMP's type and code") {
    for (const bool v6 : {false, true}) {
        Bytes frame = make_frame(with(say(v6 ? 58 : 1, v6), [](Say& s) { s.icmp_type = 3; }));
        frame[ethernet_bytes + (v6 ? 41 : 21)] = 4;
        const auto packet = parse_packet(frame, ethernet_bytes);
        REQUIRE(packet);
        CHECK(packet->icmp());
        CHECK(packet->icmp_type == 3);
        CHECK(packet->icmp_code == 4);
        // Seven bytes are no ICMP message.
        store16(&frame[ethernet_bytes + (v6 ? 4 : 2)], v6 ? 7 : 27);
        CHECK(parsed(frame) == "truncated");
    }
    CHECK_FALSE(parse_packet(make_frame(say(58)), ethernet_bytes)->icmp());
    CHECK_FALSE(parse_packet(make_frame(say(1, true)), ethernet_bytes)->icmp());
}

TEST_CASE("sources that cannot be") {
    struct Row {
        const char* from;
        bool impossible;
    };
    for (const Row& row : {Row{"192.0.2.1", false},
                           {"0.0.0.0", true},
                           {"0.1.2.3", true},
                           {"1.0.0.0", false},
                           {"10.0.0.1", false},
                           {"126.255.255.255", false},
                           {"127.0.0.1", true},
                           {"127.255.255.255", true},
                           {"128.0.0.1", false},
                           {"223.255.255.255", false},
                           {"224.0.0.1", true},
                           {"239.255.255.255", true},
                           {"240.0.0.1", true},
                           {"169.253.255.255", false},
                           {"169.254.0.1", true},
                           {"169.255.0.1", false},
                           {"255.255.255.254", true},
                           {"255.255.255.255", true},
                           {"198.51.100.10", true},  // the destination
                           {"2001:db8::1", false},
                           {"::", true},
                           {"::1", true},
                           {"::2", false},
                           {"::ffff:100.80.0.1", true},
                           {"ff02::1", true},
                           {"fe80::1", true},
                           {"febf::1", true},
                           {"fec0::1", false},
                           {"2001:db8::2", true}}) {
        INFO(row.from);
        Packet packet;
        packet.source = ip(row.from);
        packet.family = packet.source.family;
        packet.destination = ip(packet.family == Family::v4 ? "198.51.100.10" : "2001:db8::2");
        CHECK(impossible_source(packet) == row.impossible);
    }
}

TEST_CASE("what stands before the IP header") {
    struct Row {
        std::string what;
        Bytes frame;
        Link link;
        std::string parsed;
    };
    const Bytes v4 = make_frame(say(17)), v6 = make_frame(say(17, true));
    const std::string v4_text = text(*parse_packet(v4, 14)), v6_text = text(*parse_packet(v6, 14));
    const auto wrong = [](Bytes frame, size_t at, uint16_t type) {
        store16(&frame[at], type);
        return frame;
    };
    const Row rows[] = {
        {"no tag", v4, {ethertype_v4, 0, 14}, v4_text},
        {"no tag, IPv6", v6, {ethertype_v6, 0, 14}, v6_text},
        {"a tag", with_vlan(v4, 0x0064), {ethertype_v4, 100, 18}, v4_text},
        {"a tag, IPv6", with_vlan(v6, 0x0fff), {ethertype_v6, 4095, 18}, v6_text},
        {"a tag with a priority", with_vlan(v4, 0xf064), {ethertype_v4, 100, 18}, v4_text},
        {"a priority tag", with_vlan(v4, 0xe000), {ethertype_v4, 0, 18}, v4_text},
        {"two tags", with_vlan(with_vlan(v4, 5), 6), {ethertype_vlan, 6, 18}, "bad_header"},
        {"IPv4 that claims to be IPv6",
         wrong(v4, 12, ethertype_v6),
         {ethertype_v6, 0, 14},
         "bad_header"},
        {"IPv6 that claims to be IPv4",
         wrong(with_vlan(v6, 1), 16, ethertype_v4),
         {ethertype_v4, 1, 18},
         "bad_header"},
        {"nothing", {}, {0, 0, 14}, "truncated"},
        {"no EtherType", Bytes(13, 8), {0, 0, 14}, "truncated"},
        {"nothing behind", Bytes(v4.begin(), v4.begin() + 14), {ethertype_v4, 0, 14}, "truncated"},
        {"half a tag",
         [&] {
             Bytes b = with_vlan(v4, 1);
             b.resize(17);
             return b;
         }(),
         {0, 0, 14},
         "bad_header"},
        {"a tag, nothing behind",
         [&] {
             Bytes b = with_vlan(v4, 1);
             b.resize(18);
             return b;
         }(),
         {ethertype_v4, 1, 18},
         "truncated"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const Link link = link_of(row.frame);
        CHECK(link.ethertype == row.link.ethertype);
        CHECK(link.vlan == row.link.vlan);
        CHECK(link.header_bytes == row.link.header_bytes);
        const auto packet = parse_packet(row.frame, link);
        CHECK((packet ? text(*packet) : std::string(name(packet.error()))) == row.parsed);
    }
}

TEST_CASE("no mutation makes the parser read or point outside the frame") {
    Random random(11);
    for (int i = 0; i < 20'000; ++i) {
        Say s = say(std::array<uint8_t, 4>{6, 17, 1, 58}[random.below(4)], random.chance(60));
        s.fragment = random.chance(30) ? static_cast<uint16_t>(random.any32()) : uint16_t{0};
        s.option_bytes = random.below(11) * 4;
        for (uint32_t n = random.below(5); n > 0; --n) {
            s.extensions.push_back(
                random.chance(30) ? fragment_header(random.any32() & 0x19)
                                  : extension(std::array<uint8_t, 3>{0, 43, 60}[random.below(3)]));
        }
        Bytes frame = make_frame(s);
        for (uint32_t n = random.below(4); n > 0; --n) {
            frame[ethernet_bytes + random.below(64) % (frame.size() - ethernet_bytes)] =
                static_cast<uint8_t>(random.any32());
        }
        if (random.chance(30)) {
            frame.resize(random.below(static_cast<uint32_t>(frame.size())));
            frame.shrink_to_fit();
        }
        const auto packet = parse_packet(frame, ethernet_bytes);
        if (packet) {
            CHECK(packet->ip == ethernet_bytes);
            CHECK(packet->l4 <= packet->end);
            CHECK(packet->end <= frame.size());
            CHECK((!packet->has_ports || packet->end - packet->l4 >= (packet->tcp() ? 20 : 8)));
        }
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
