// ICMP errors: what they quote, their translation against errors built anew, those that vipd makes.
#include <doctest/doctest.h>

#include <array>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/icmp.h"

namespace rehome::vipd::testing {

namespace {

const Address router = ip("203.0.113.9"), router6 = ip("2001:db8:99::9");

Say say(uint8_t protocol, bool v6 = false) {
    Say s{v6 ? end("[2001:db8::1]:40000") : end("192.0.2.1:40000"),
          v6 ? end("[2001:db8::2]:1883") : end("198.51.100.10:1883"), protocol};
    s.payload = "hello, world";
    return s;
}

Bytes error(const Say& about, size_t quoted, uint8_t type = 3, uint8_t code = 4,
            uint32_t rest = 1400) {
    const bool v6 = about.from.address.family == Family::v6;
    return make_error({v6 ? router6 : router, about.from.address, type, code, rest}, make_ip(about),
                      quoted);
}

std::string text(const std::optional<Quote>& quote) {
    if (!quote) {
        return "none";
    }
    const auto side = [&](const Endpoint& at) {
        return quote->has_ports ? at.text() : at.address.text();
    };
    return side(quote->source) + " > " + side(quote->destination) + " proto " +
           std::to_string(quote->protocol) + (quote->echo ? " echo" : "") +
           (quote->later_fragment ? " later" : "");
}

std::string quoted(const Bytes& ip_packet) {
    Buffer buffer(ethernet(ip_packet), 0);
    return text(quoted_packet(buffer.frame, buffer.packet()));
}

}  // namespace

TEST_CASE("what an error quotes") {
    struct Row {
        std::string what;
        Bytes packet;
        std::string quote;
    };
    const std::string v4 = "192.0.2.1:40000 > 198.51.100.10:1883 proto ";
    const std::string v6 = "[2001:db8::1]:40000 > [2001:db8::2]:1883 proto ";
    const std::string v4_alone = "192.0.2.1 > 198.51.100.10 proto ";
    const std::string v6_alone = "2001:db8::1 > 2001:db8::2 proto ";
    const auto with = [](Say s, auto change) {
        change(s);
        return s;
    };
    const auto options = with(say(6), [](Say& s) { s.option_bytes = 40; });
    const auto extended = with(say(17, true), [](Say& s) { s.extensions = {{60, Bytes(7, 0)}}; });
    const auto v6_fragment = with(say(17, true), [](Say& s) {
        s.extensions = {{44, Bytes{0, 1, 1, 0, 0, 0, 5}}};
    });
    const auto spoiled = [](Bytes packet, size_t at, uint8_t value) {
        packet[at] = value;
        return packet;
    };
    const Row rows[] = {
        {"header and 8 bytes", error(say(6), 28), v4 + "6"},
        {"all of it", error(say(6), 1000), v4 + "6"},
        {"UDP", error(say(17), 28), v4 + "17"},
        {"7 bytes", error(say(6), 27), v4_alone + "6"},
        {"the header alone", error(say(6), 20), v4_alone + "6"},
        {"half a header", error(say(6), 19), "none"},
        {"nothing", error(say(6), 0), "none"},
        {"options", error(options, 68), v4 + "6"},
        {"options cut", error(options, 59), "none"},
        {"echo", error(say(1), 28), v4_alone + "1 echo"},
        {"another protocol", error(with(say(1), [](Say& s) { s.protocol = 47; }), 28),
         v4_alone + "47"},
        {"first fragment", error(with(say(17), [](Say& s) { s.fragment = 0x2000; }), 28),
         v4 + "17"},
        {"later fragment", error(with(say(17), [](Say& s) { s.fragment = 0x2003; }), 28),
         v4_alone + "17 later"},
        {"another version", spoiled(error(say(6), 28), 28, 0x65), "none"},
        {"a header of 16 bytes", spoiled(error(say(6), 28), 28, 0x44), "none"},
        {"a total length less its header", spoiled(error(say(6), 28), 31, 8), v4 + "6"},
        {"time exceeded", error(say(6), 28, 11, 0, 0), v4 + "6"},
        {"source quench", error(say(6), 28, 4, 0, 0), v4 + "6"},
        {"parameter problem", error(say(6), 28, 12, 0, 0), v4 + "6"},
        {"redirect is none", error(say(6), 28, 5, 0, 0), "none"},
        {"echo is none", error(say(6), 28, 8, 0, 0), "none"},
        {"a length of 28 bytes (RFC 4884)", error(say(6), 60, 11, 0, 7U << 16), v4 + "6"},
        {"a length of 24 bytes (RFC 4884)", error(say(6), 60, 11, 0, 6U << 16), v4_alone + "6"},
        {"a length beyond the packet (RFC 4884)", error(say(6), 28, 11, 0, 255U << 16), v4 + "6"},

        {"IPv6 too big", error(say(6, true), 48, 2, 0), v6 + "6"},
        {"IPv6 unreachable", error(say(17, true), 1000, 1, 4, 0), v6 + "17"},
        {"IPv6 time exceeded", error(say(17, true), 48, 3, 0, 0), v6 + "17"},
        {"IPv6, 7 bytes", error(say(6, true), 47, 2, 0), v6_alone + "6"},
        {"IPv6, half a header", error(say(6, true), 39, 2, 0), "none"},
        {"IPv6, an extension header", error(extended, 56, 2, 0), v6 + "17"},
        {"IPv6, an extension header cut", error(extended, 47, 2, 0), "none"},
        {"IPv6, first fragment", error(v6_fragment, 56, 2, 0), v6_alone + "17 later"},
        {"IPv6, echo", error(with(say(58, true), [](Say& s) { s.icmp_type = 129; }), 48, 2, 0),
         v6_alone + "58 echo"},
        {"IPv6, ND is none", error(say(6, true), 48, 135, 0), "none"},
        {"IPv6, type 5 is none", error(say(6, true), 48, 5, 0), "none"},
        {"IPv6, a length of 40 bytes (RFC 4884)", error(say(6, true), 60, 3, 0, 5U << 24),
         v6_alone + "6"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(quoted(row.packet) == row.quote);
    }
}

TEST_CASE("a translated error is the one that would have been made about the translated packet") {
    Random random(21);
    const auto any_end = [&](bool v6) {
        Endpoint out;
        out.address.family = v6 ? Family::v6 : Family::v4;
        const Bytes bytes = random.bytes(v6 ? 16 : 4);
        std::copy(bytes.begin(), bytes.end(), out.address.bytes.begin());
        out.port = static_cast<uint16_t>(random.any32());
        return out;
    };
    for (int i = 0; i < 5000; ++i) {
        const bool v6 = random.chance(50);
        const uint8_t protocol = std::array<uint8_t, 6>{6, 17, 17, 136, 33, 132}[random.below(6)];
        Say before{any_end(v6), any_end(v6), random.chance(20) ? uint8_t(v6 ? 58 : 1) : protocol};
        const Bytes payload = random.bytes(random.below(40));
        before.payload.assign(payload.begin(), payload.end());
        before.checksum = random.chance(70);
        before.option_bytes = v6 ? 0 : random.below(3) * 4;
        if (v6 && random.chance(30)) {
            before.extensions = {{60, Bytes(7, 0)}};
        }
        const size_t transport =
            v6 ? (before.extensions.empty() ? 40U : 48U) : 20 + before.option_bytes;
        const size_t quote_bytes = transport + 8 + random.below(60);
        if (quote_bytes == transport + 17) {
            continue;  // half a TCP checksum, which nobody can update
        }
        const SayError outer{any_end(v6).address, any_end(v6).address, uint8_t(v6 ? 2 : 3),
                             uint8_t(v6 ? 0 : 4), random.any32() & 0xffff};
        Buffer buffer(ethernet(make_error(outer, make_ip(before), quote_bytes)));
        Packet packet = buffer.packet();
        auto quote = quoted_packet(buffer.frame, packet);
        REQUIRE(quote);

        Translation to = unchanged(packet, *quote);
        SayError expected_outer = outer;
        Say expected = before;
        if (random.chance(50)) {  // to the server, about what it sent
            expected_outer.to = expected.from.address = to.destination = to.quoted_source.address =
                any_end(v6).address;
            to.quoted_source.port = any_end(v6).port;
        } else {  // to the client, from the VIP
            expected_outer.from = expected.to.address = to.source = to.quoted_destination.address =
                any_end(v6).address;
            to.quoted_destination.port = any_end(v6).port;
        }
        if (quote->has_ports) {
            expected.from.port = to.quoted_source.port;
            expected.to.port = to.quoted_destination.port;
        }
        translate_error(buffer.frame, packet, *quote, to);
        INFO("error ", i, " protocol ", before.protocol, " v6 ", v6, " quoted ", quote_bytes);
        CHECK(wrong_checksum(buffer.ip_packet()) == "");
        CHECK(buffer.ip_packet() == make_error(expected_outer, make_ip(expected), quote_bytes));
        CHECK(packet.source == to.source);
        CHECK(packet.destination == to.destination);
        CHECK(text(quote) == text(quoted_packet(buffer.frame, buffer.packet())));
    }
}

TEST_CASE("a translation mends no checksum that was wrong") {
    Bytes frame = ethernet(error(say(6), 1000));
    frame[ethernet_bytes + 22] ^= 1;       // the message's
    frame[ethernet_bytes + 28 + 10] ^= 1;  // the quoted header's
    Buffer buffer(frame);
    Packet packet = buffer.packet();
    auto quote = quoted_packet(buffer.frame, packet);
    REQUIRE(quote);
    Translation to = unchanged(packet, *quote);
    to.destination = to.quoted_source.address = ip("10.1.1.11");
    translate_error(buffer.frame, packet, *quote, to);
    CHECK(wrong_checksum(buffer.ip_packet()) == "transport");
    const Bytes out = buffer.ip_packet();
    CHECK(sum(Bytes(out.begin() + 28, out.begin() + 48)) != 0);
}

TEST_CASE("no mutation of an error makes it read or write outside") {
    Random random(22);
    for (int i = 0; i < 20'000; ++i) {
        const bool v6 = random.chance(50);
        Say about = say(std::array<uint8_t, 3>{6, 17, 58}[random.below(3)], v6);
        if (v6 && random.chance(50)) {
            about.extensions = {{60, Bytes(7, 0)}, {44, Bytes(7, 0)}};
        }
        Bytes frame = ethernet(error(about, random.below(90), v6 ? 1 : 3, 0, 0));
        for (uint32_t n = random.below(4); n > 0; --n) {
            frame[ethernet_bytes + random.below(static_cast<uint32_t>(frame.size() - 14))] =
                static_cast<uint8_t>(random.any32());
        }
        Buffer buffer(frame, 0);  // nothing around it, so that the sanitizer sees a byte too far
        auto packet = parse_packet(buffer.frame.bytes(), ethernet_bytes);
        auto quote = packet ? quoted_packet(buffer.frame, *packet) : std::nullopt;
        if (!quote) {
            continue;
        }
        CHECK(quote->ip >= packet->l4 + 8);
        CHECK(quote->l4 <= quote->end);
        CHECK(quote->end <= packet->end);
        Translation to = unchanged(*packet, *quote);
        to.destination.bytes[2] ^= 0x55;
        to.quoted_source.address.bytes[1] ^= 0x77;
        to.quoted_source.port ^= 0x1234;
        const std::string before = wrong_checksum(buffer.ip_packet());
        translate_error(buffer.frame, *packet, *quote, to);
        CHECK(wrong_checksum(buffer.ip_packet()) == before);
        CHECK(quoted_packet(buffer.frame, buffer.packet())->source == quote->source);
    }
}

TEST_CASE("errors that vipd makes") {
    struct Row {
        std::string what;
        bool v6;
        size_t payload;
        size_t room;
        size_t length;  // of the error
    };
    const Row rows[] = {
        {"a small packet, whole", false, 5, 2000, 28 + 33},
        {"a large packet", false, 1400, 2000, 576},
        {"a buffer that is smaller", false, 1400, 100, 100},
        {"the smallest buffer", false, 1400, 56, 56},
        {"a buffer too small", false, 1400, 55, 0},
        {"IPv6, a small packet, whole", true, 5, 2000, 48 + 53},
        {"IPv6, a large packet", true, 1400, 2000, 1280},
        {"IPv6, the smallest buffer", true, 1400, 96, 96},
        {"IPv6, a buffer too small", true, 1400, 95, 0},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Say about = say(17, row.v6);
        about.payload.assign(row.payload, 'x');
        Bytes frame = make_frame(about);
        frame.resize(frame.size() + 7);  // Ethernet's padding is not quoted
        const Buffer buffer(frame);
        const Packet packet = buffer.packet();
        const Address from = row.v6 ? router6 : router;
        struct Made {
            std::string what;
            uint32_t length;
            uint8_t type, code;
            uint32_t rest;
        };
        Bytes out(row.room);
        for (int kind = 0; kind < 3; ++kind) {
            std::fill(out.begin(), out.end(), uint8_t{0xee});
            const auto made =
                kind == 0
                    ? Made{"time exceeded", make_time_exceeded(out, buffer.frame, packet, from),
                           uint8_t(row.v6 ? 3 : 11), 0, 0}
                : kind == 1
                    ? Made{"too big", make_packet_too_big(out, buffer.frame, packet, from, 1380),
                           uint8_t(row.v6 ? 2 : 3), uint8_t(row.v6 ? 0 : 4), 1380}
                    : Made{"unreachable", make_unreachable(out, buffer.frame, packet, from, 3),
                           uint8_t(row.v6 ? 1 : 3), 3, 0};
            INFO(made.what);
            CHECK(made.length == row.length);
            if (made.length == 0) {
                continue;
            }
            const Bytes error(out.begin(), out.begin() + made.length);
            CHECK(wrong_checksum(error) == "");
            const auto parsed = parse_packet(error, 0);
            REQUIRE(parsed);
            CHECK(parsed->end == made.length);
            CHECK(parsed->source == from);
            CHECK(parsed->destination == about.from.address);
            CHECK(parsed->icmp_type == made.type);
            CHECK(parsed->icmp_code == made.code);
            CHECK(load32(&error[parsed->l4 + 4]) == made.rest);
            const Bytes original = make_ip(about);
            CHECK(std::equal(error.begin() + parsed->l4 + 8, error.end(), original.begin()));
            CHECK(quoted(error) == (row.v6 ? "[2001:db8::1]:40000 > [2001:db8::2]:1883 proto 17"
                                           : "192.0.2.1:40000 > 198.51.100.10:1883 proto 17"));
        }
    }
}

TEST_CASE("what is answered by an error") {
    struct Row {
        std::string what;
        Bytes frame;
        bool may;
    };
    const auto from_to = [](const char* from, const char* to, uint8_t protocol = 17,
                            uint8_t type = 8) {
        Say s{{ip(from), 1}, {ip(to), 2}, protocol};
        s.icmp_type = type;
        return make_frame(s);
    };
    const auto fragment = [](uint16_t field) {
        Say s = say(17);
        s.fragment = field;
        s.payload = "12345678";
        return make_frame(s);
    };
    Bytes broadcast_frame = make_frame(say(17));
    broadcast_frame[0] = 0xff;
    const Row rows[] = {
        {"UDP", make_frame(say(17)), true},
        {"TCP over IPv6", make_frame(say(6, true)), true},
        {"an echo", make_frame(say(1)), true},
        {"an unknown protocol", from_to("192.0.2.1", "198.51.100.10", 200), true},
        {"a first fragment", fragment(0x2000), true},
        {"a later fragment", fragment(0x2005), false},
        {"an error", ethernet(error(say(17), 28)), false},
        {"a source quench", from_to("192.0.2.1", "198.51.100.10", 1, 4), false},
        {"a redirect", from_to("192.0.2.1", "198.51.100.10", 1, 5), false},
        {"an IPv6 error", ethernet(error(say(17, true), 48, 2, 0)), false},
        {"an unknown IPv6 error", from_to("2001:db8::1", "2001:db8::2", 58, 100), false},
        {"an IPv6 redirect", from_to("2001:db8::1", "2001:db8::2", 58, 137), false},
        {"an IPv6 echo", from_to("2001:db8::1", "2001:db8::2", 58, 128), true},
        {"to multicast", from_to("192.0.2.1", "224.0.0.5"), false},
        {"to broadcast", from_to("192.0.2.1", "255.255.255.255"), false},
        {"to IPv6 multicast", from_to("2001:db8::1", "ff02::1"), false},
        {"from multicast", from_to("224.0.0.5", "192.0.2.1"), false},
        {"from class E", from_to("240.0.0.5", "192.0.2.1"), false},
        {"from nobody", from_to("0.0.0.0", "192.0.2.1"), false},
        {"from nobody, IPv6", from_to("::", "2001:db8::2"), false},
        {"from loopback", from_to("127.0.0.1", "192.0.2.1"), false},
        {"from its destination", from_to("192.0.2.1", "192.0.2.1"), false},
        {"in a broadcast frame", broadcast_frame, false},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const Buffer buffer(row.frame);
        CHECK(may_answer(buffer.frame, buffer.packet()) == row.may);
    }
}

TEST_CASE("a token bucket") {
    constexpr Micros second = 1'000'000;
    RateLimit limit(10, 3);
    const auto taken = [&](Micros now, int tries) {
        int count = 0;
        for (int i = 0; i < tries; ++i) {
            count += limit.take(now);
        }
        return count;
    };
    CHECK(taken(5 * second, 9) == 3);  // full at first, whatever the clock says
    CHECK(taken(5 * second + 99'999, 9) == 0);
    CHECK(taken(5 * second + 100'000, 9) == 1);
    CHECK(taken(5 * second, 9) == 0);  // time that goes back
    CHECK(taken(5 * second + 300'000, 9) == 2);
    CHECK(taken(1000 * second, 9) == 3);  // no more than the burst
    CHECK(taken(int64_t{1} << 62, 9) == 3);
    int count = 0;
    for (Micros now = 0; now < 10 * second; now += 777) {
        count += limit.take((int64_t{1} << 62) + now);
    }
    CHECK(count >= 99);
    CHECK(count <= 100);
    RateLimit never(0, 1);
    CHECK(never.take(0));
    CHECK_FALSE(never.take(int64_t{1} << 60));
    RateLimit third(9, 3, 3);  // of a bucket that is dealt out
    CHECK(third.take(0));
    CHECK_FALSE(third.take(second / 3));
    CHECK(third.take(second / 3 + 1));
}

}  // namespace rehome::vipd::testing
