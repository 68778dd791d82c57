// Checksums and the rewriting of packets: what is updated by difference equals what is computed
// anew.
#include <doctest/doctest.h>

#include <string>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/rewrite.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

Endpoint random_end(Random& random, Family family) {
    Endpoint endpoint{{family, {}}, static_cast<uint16_t>(random.below(65536))};
    const auto bytes = random.bytes(family == Family::v4 ? 4 : 16);
    std::copy(bytes.begin(), bytes.end(), endpoint.address.bytes.begin());
    return endpoint;
}

Say random_say(Random& random) {
    const Family family = random.chance(50) ? Family::v4 : Family::v6;
    Say say{random_end(random, family), random_end(random, family)};
    say.protocol = random.chance(50) ? 6 : 17;
    say.seq = random.any32();
    say.ack = random.any32();
    say.ttl = static_cast<uint8_t>(2 + random.below(254));
    say.option_bytes = family == Family::v4 ? random.below(3) * 4 : 0;
    const auto payload = random.bytes(random.below(40));
    say.payload.assign(payload.begin(), payload.end());
    return say;
}

}  // namespace

TEST_CASE("the checksum of known bytes") {
    // RFC 1071 section 3: the sum of these is ddf2.
    const Bytes example{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    CHECK(fold_checksum(sum_words(example)) == static_cast<uint16_t>(~0xddf2));
    CHECK(fold_checksum(sum_words({})) == 0xffff);
    const Bytes odd{0x01, 0x02, 0x03};
    CHECK(fold_checksum(sum_words(odd)) == static_cast<uint16_t>(~0x0402));
}

TEST_CASE("sums equal RFC 1071's for any bytes") {
    Random random(1);
    for (size_t length = 0; length < 200; ++length) {
        const auto bytes = random.bytes(length);
        CHECK(fold_checksum(sum_words(bytes)) == sum(bytes));
    }
    CHECK(fold_checksum(sum_words(Bytes(65535, 0xff))) == sum(Bytes(65535, 0xff)));
}

TEST_CASE("the transport checksum covers the pseudo header") {
    Random random(2);
    for (int i = 0; i < 200; ++i) {
        const Say say = random_say(random);
        const Bytes packet = make_ip(say);
        const size_t header = packet[0] >> 4 == 4 ? (packet[0] & 15U) * 4 : 40;
        const auto segment = std::span(packet).subspan(header);
        // With its own checksum in, a right segment sums to zero.
        CHECK(transport_checksum(say.from.address.data(), say.to.address.data(), say.protocol,
                                 segment) == 0);
    }
}

TEST_CASE("a rewrite's checksums equal those computed anew") {
    Random random(3);
    for (int i = 0; i < 2000; ++i) {
        const Say say = random_say(random);
        Buffer buffer(make_frame(say));
        Packet packet = buffer.packet();
        const Endpoint to = random_end(random, say.from.address.family);
        const Endpoint from = random_end(random, say.from.address.family);
        rewrite_destination(buffer.frame, packet, to);
        rewrite_source(buffer.frame, packet, from);
        REQUIRE(take_hop(buffer.frame, packet));
        INFO("packet ", i, ": ", text(packet));
        CHECK(wrong_checksum(buffer.ip_packet()) == "");
        // The fields that were handed along are those that stand in the packet.
        CHECK(text(buffer.packet()) == text(packet));
        CHECK(buffer.packet().ttl == say.ttl - 1);
        CHECK(buffer.packet().destination == to.address);
        CHECK(buffer.packet().source_port == from.port);
    }
}

TEST_CASE("a rewrite does not mend a checksum that was wrong") {
    Buffer buffer(make_frame({end("192.0.2.1:1"), end("192.0.2.2:2")}));
    buffer.frame.data[ethernet_bytes + 20 + 16] ^= 0x40;
    Packet packet = buffer.packet();
    rewrite_destination(buffer.frame, packet, end("10.9.8.7:6"));
    CHECK(wrong_checksum(buffer.ip_packet()) == "transport");
}

TEST_CASE("a UDP checksum of zero stays zero, and no other becomes zero") {
    Say say{end("192.0.2.1:1"), end("192.0.2.2:2"), 17};
    say.checksum = false;
    Buffer none(make_frame(say));
    Packet packet = none.packet();
    rewrite_destination(none.frame, packet, end("10.9.8.7:6"));
    CHECK(load16(none.frame.data + packet.l4 + 6) == 0);

    // Every port once: one of them makes the sum 0, which UDP has to write as ffff.
    say.checksum = true;
    unsigned all_ones = 0;
    for (unsigned port = 0; port < 65536; ++port) {
        Buffer buffer(make_frame(say));
        packet = buffer.packet();
        rewrite_destination(buffer.frame, packet, {ip("10.9.8.7"), static_cast<uint16_t>(port)});
        const uint16_t checksum = load16(buffer.frame.data + packet.l4 + 6);
        REQUIRE(checksum != 0);
        all_ones += checksum == 0xffff;
    }
    CHECK(all_ones >= 1);
}

namespace {

// Rewrites both ends of each fragment (or of the whole), and puts together what came out.
template <typename Change>
Bytes changed(const Bytes& packet, size_t each, Change change) {
    std::vector<Bytes> out;
    for (const Bytes& piece : each == 0 ? std::vector<Bytes>{packet} : split(packet, each)) {
        Buffer buffer(ethernet(piece));
        Packet parsed = buffer.packet();
        change(buffer.frame, parsed);
        const Packet again = buffer.packet();
        CHECK(again.source == parsed.source);
        CHECK(again.destination == parsed.destination);
        CHECK((!again.has_ports || again.source_port == parsed.source_port));
        CHECK((!again.has_ports || again.destination_port == parsed.destination_port));
        CHECK(again.ttl == parsed.ttl);
        out.push_back(buffer.ip_packet());
    }
    return each == 0 ? out[0] : joined(out);
}

}  // namespace

TEST_CASE("every protocol, whole and in fragments: checksums are right when it is put together") {
    Random random(5);
    struct Row {
        uint8_t protocol;
        bool v6;
        bool ports = true;
    };
    for (const Row& row : {Row{6, false},
                           {6, true},
                           {17, false},
                           {17, true},
                           {1, false, false},
                           {58, true, false},
                           {33, false, false},
                           {33, true, false},
                           {136, false, false},
                           {136, true, false},
                           {132, false, false},
                           {47, true, false},

                           {1, true, false}}) {
        for (const size_t each : {size_t{0}, size_t{24}, size_t{64}}) {
            for (const uint32_t length : {0U, 1U, 60U, 301U}) {
                INFO("protocol ", row.protocol, " v6 ", row.v6, " each ", each, " len ", length);
                const auto family = row.v6 ? Family::v6 : Family::v4;
                Say say{random_end(random, family), random_end(random, family), row.protocol};
                const Bytes payload = random.bytes(length);
                say.payload.assign(payload.begin(), payload.end());
                const Endpoint to = random_end(random, family), from = random_end(random, family);

                Say expected = say;
                expected.from.address = from.address;
                expected.to.address = to.address;
                const Bytes addresses = changed(make_ip(say), each, [&](Frame& f, Packet& p) {
                    rewrite_destination_address(f, p, to.address);
                    rewrite_source_address(f, p, from.address);
                });
                CHECK(wrong_checksum(addresses) == "");
                CHECK(text(*parse_packet(addresses, 0)) ==
                      text(*parse_packet(make_ip(expected), 0)));

                if (row.ports) {
                    expected.from = from;
                    expected.to = to;
                }
                const Bytes ends = changed(make_ip(say), each, [&](Frame& f, Packet& p) {
                    rewrite_destination(f, p, to);
                    rewrite_source(f, p, from);
                });
                CHECK(wrong_checksum(ends) == "");
                CHECK(text(*parse_packet(ends, 0)) == text(*parse_packet(make_ip(expected), 0)));
                // Nothing but the addresses, ports and checksums changed.
                CHECK(std::equal(ends.end() - length, ends.end(), payload.begin()));
            }
        }
    }
}

TEST_CASE("the checksum behind IPv6 extension headers follows") {
    Say say{end("[2001:db8::1]:1"), end("[2001:db8::2]:2"), 6};
    say.extensions = {{0, Bytes(7, 0)}, {60, {1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}};
    for (const uint8_t protocol : std::initializer_list<uint8_t>{6, 17, 58, 136}) {
        say.protocol = protocol;
        const Bytes out = changed(make_ip(say), 0, [&](Frame& f, Packet& p) {
            rewrite_destination(f, p, end("[2001:db8:ffff::77]:777"));
            rewrite_source_address(f, p, ip("2001:db8:1::5"));
        });
        CHECK(wrong_checksum(out) == "");
        CHECK(parse_packet(out, 0)->destination == ip("2001:db8:ffff::77"));
    }
}

TEST_CASE("a transport too short for its checksum is left alone") {
    for (const uint8_t protocol : std::initializer_list<uint8_t>{33, 136}) {
        Bytes frame = make_frame({end("192.0.2.1:1"), end("192.0.2.2:2"), protocol});
        store16(&frame[ethernet_bytes + 2], 20 + 7);
        Buffer buffer(frame);
        Packet packet = buffer.packet();
        rewrite_destination(buffer.frame, packet, end("10.9.8.7:6"));
        CHECK(std::equal(frame.begin() + 34, frame.end(), buffer.frame.data + 34));
    }
}

TEST_CASE("an echo request in fragments is answered in fragments") {
    for (const bool v6 : {false, true}) {
        Say say{v6 ? end("[2001:db8::1]:0") : end("192.0.2.1:0"),
                v6 ? end("[2001:db8::2]:0") : end("198.51.100.10:0"),
                static_cast<uint8_t>(v6 ? 58 : 1)};
        say.icmp_type = v6 ? 128 : 8;
        say.payload.assign(3001, 'p');
        const Bytes reply = changed(make_ip(say), 1480, [](Frame& frame, Packet& packet) {
            CHECK(is_echo_request(packet) == !packet.later_fragment());
            make_echo_reply(frame, packet);
        });
        CHECK(wrong_checksum(reply) == "");
        const auto packet = parse_packet(reply, 0);
        REQUIRE(packet);
        CHECK(packet->icmp_type == (v6 ? 129 : 0));
        CHECK(packet->source == say.to.address);
        CHECK(packet->destination == say.from.address);
        CHECK(reply.size() == make_ip(say).size());
    }
}

TEST_CASE("the last hop is not taken") {
    for (const uint8_t ttl : {uint8_t{0}, uint8_t{1}}) {
        Say say{end("192.0.2.1:1"), end("192.0.2.2:2")};
        say.ttl = ttl;
        Buffer buffer(make_frame(say));
        const Bytes before = buffer.ip_packet();
        Packet packet = buffer.packet();
        CHECK_FALSE(take_hop(buffer.frame, packet));
        CHECK(buffer.ip_packet() == before);
    }
}

TEST_CASE("echo requests and their replies") {
    struct Row {
        std::string what;
        const char *from, *to;
        uint8_t protocol, type;
        uint16_t fragment;
        bool request;
    };
    const Row rows[] = {
        {"IPv4 request", "192.0.2.1:0", "198.51.100.10:0", 1, 8, 0, true},
        {"IPv6 request", "[2001:db8::1]:0", "[2001:db8::2]:0", 58, 128, 0, true},
        {"reply", "192.0.2.1:0", "198.51.100.10:0", 1, 0, 0, false},
        {"unreachable", "192.0.2.1:0", "198.51.100.10:0", 1, 3, 0, false},
        {"first fragment", "192.0.2.1:0", "198.51.100.10:0", 1, 8, 0x2000, true},
        {"later fragment", "192.0.2.1:0", "198.51.100.10:0", 1, 8, 0x2001, false},
        {"IPv6's type in IPv4", "192.0.2.1:0", "198.51.100.10:0", 1, 128, 0, false},
        {"ICMPv6 in IPv4", "192.0.2.1:0", "198.51.100.10:0", 58, 128, 0, false},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Say say{end(row.from), end(row.to), row.protocol};
        say.icmp_type = row.type;
        say.fragment = row.fragment;
        say.payload = row.fragment == 0 ? "odd" : "12345678";
        Buffer buffer(make_frame(say));
        Packet packet = buffer.packet();
        CHECK(is_echo_request(packet) == row.request);
        if (row.request) {
            make_echo_reply(buffer.frame, packet);
            CHECK(wrong_checksum(buffer.ip_packet()) == "");
            CHECK(buffer.packet().source == say.to.address);
            CHECK(buffer.packet().destination == say.from.address);
            CHECK(buffer.packet().ttl == 64);
            CHECK(packet.ttl == 64);
        }
    }
}

TEST_CASE("a reset answers a segment with the number that it asks for") {
    struct Row {
        std::string what;
        uint8_t flags;
        std::string payload;
        uint32_t seq, ack;  // of the reset, for a segment with seq 1000 and ack 2000
    };
    using namespace flag;
    const Row rows[] = {
        {"an ACK", A, "", 2000, 1000},
        {"data", A | P, "abc", 2000, 1003},
        {"a FIN counts one", A | F, "ab", 2000, 1003},
        {"a SYN has no acknowledgement: number 0", S, "", 0, 1001},
        {"data without ACK", P, "abc", 0, 1003},
    };
    for (const Row& row : rows) {
        for (const bool v6 : {false, true}) {
            INFO(row.what, " IPv6: ", v6);
            Say say{v6 ? end("[2001:db8::1]:4") : end("192.0.2.1:4"),
                    v6 ? end("[2001:db8::2]:5") : end("192.0.2.2:5"), 6, row.flags};
            say.payload = row.payload;
            say.option_bytes = v6 ? 0 : 8;
            Buffer buffer(make_frame(say));
            Packet packet = buffer.packet();
            answer_with_reset(buffer.frame, packet);
            CHECK(wrong_checksum(buffer.ip_packet()) == "");
            CHECK(text(packet) == say.to.address.text() + ":5 > " + say.from.address.text() +
                                      ":4 tcp RA seq " + std::to_string(row.seq) + " ack " +
                                      std::to_string(row.ack) + " len 0");
            CHECK(text(buffer.packet()) == text(packet));
            CHECK(buffer.frame.length == packet.end);
        }
    }
}
