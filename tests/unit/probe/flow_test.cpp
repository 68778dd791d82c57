// What each flow constructs, byte for byte against packets made by other means, and what it takes
// for an answer.  A refusal's table is longer than what is accepted: every byte may be hostile.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>

#include "bytes.h"
#include "probe/core/icmp_flow.h"
#include "probe/core/tcp_flow.h"
#include "probe/core/udp_flow.h"

namespace rehome::probe {
namespace {

const Address left = *Address::parse("192.0.2.1");
const Address right = *Address::parse("192.0.2.2");
const Address left6 = *Address::parse("2001:db8::1");
const Address right6 = *Address::parse("2001:db8::2");
constexpr uint64_t secret = 0x0123456789abcdef;

std::string constructed(Flow& flow, uint32_t index) {
    std::vector<uint8_t> room(flow.message_size());
    // the second probe leaves half past the second, the first a millisecond earlier
    const Nanos now = 1'795'233'600'499'000'000 + Nanos{index} * 1'000'000;
    const size_t size = flow.construct(index, now, room);
    return to_hex(ByteView(room).first(size));
}

struct Case {
    const char* what;
    const char* message;
    tl::expected<uint32_t, Refusal> index;
};

void check_answers(const Flow& flow, std::span<const Case> cases) {
    for (const Case& c : cases) {
        CAPTURE(std::string(c.what));
        const auto answer = flow.deconstruct(from_hex(c.message));
        REQUIRE(answer.has_value() == c.index.has_value());
        if (answer) {
            CHECK(answer->index == *c.index);
        } else {
            CHECK(answer.error() == c.index.error());
        }
    }
}

constexpr auto truncated = tl::unexpected(Refusal::truncated);
constexpr auto damaged = tl::unexpected(Refusal::wrong_checksum);
constexpr auto foreign = tl::unexpected(Refusal::not_ours);
constexpr auto not_asked = tl::unexpected(Refusal::not_asked);

TEST_CASE("icmp: the request, and only its checksum's balance changes with the index") {
    IcmpFlow flow(left, right, secret);
    CHECK(constructed(flow, 0x10001) ==
          "08007062726800010123456789abcdef00010001770c00000000000000000000");
    IcmpFlow flow6(left6, right6, secret);
    CHECK(constructed(flow6, 0x10001) ==
          "80007062726800010123456789abcdef00010001a33c00000000000000000000");
    for (const uint32_t index : {0u, 1u, 65'535u, 65'536u, 9'999'999u, 0xffffffffu}) {
        CHECK(constructed(flow, index).substr(0, 12) == "080070627268");
        CHECK(ones_sum(from_hex(constructed(flow, index))) == 0xffff);
    }
}

TEST_CASE("icmp: answers") {
    const Case cases[] = {
        {"reply", "00007862726800010123456789abcdef00010001770c00000000000000000000", 0x10001u},
        {"empty", "", truncated},
        {"7 bytes", "00007862726800", truncated},
        {"header alone", "0000786272680001", truncated},
        {"cut by one", "00007862726800010123456789abcdef00010001770c000000000000000000", truncated},
        {"one bit flipped", "00007862726800010123456789abcdee00010001770c00000000000000000000",
         damaged},
        {"our own request", "08007062726800010123456789abcdef00010001770c00000000000000000000",
         foreign},
        {"another's id", "00007862726900010123456789abcdef00010001770b00000000000000000000",
         foreign},
        {"code 1", "00017861726800010123456789abcdef00010001770c00000000000000000000", foreign},
        {"secret guessed, sum right",
         "00007862726800010123456789abcdee00010001770d00000000000000000000", foreign},
        {"index does not fit the sequence, sum right",
         "00007862726800010123456789abcdef00010002770b00000000000000000000", foreign},
        {"two bytes too long, sum right",
         "00007862726800010123456789abcdef00010001770c000000000000000000000000", foreign},
        {"unreachable, with our id", "03017861726800010123456789abcdef00010001770c", foreign},
    };
    check_answers(IcmpFlow(left, right, secret), cases);

    const Case cases6[] = {
        {"reply", "81006f62726800010123456789abcdef00010001a33c00000000000000000000", 0x10001u},
        {"IPv4's checksum", "81008062726800010123456789abcdef00010001770c00000000000000000000",
         damaged},
        {"IPv4's type", "00006f62726800010123456789abcdef00010001a33c00000000000000000000",
         foreign},
    };
    check_answers(IcmpFlow(left6, right6, secret), cases6);
}

// base 0x12345678, block 61000 and 61001: index 1 leaves from 61001 with sequence b06bd029.
constexpr char syn[] = "ee490050b06bd029000000007002faf0950f0000020405a004020101";

TEST_CASE("tcp: the SYN, and the reset that follows") {
    TcpFlow flow(left, {right, 80}, {61000, 61001}, 0x12345678);
    CHECK(constructed(flow, 1) == syn);
    std::array<uint8_t, reset_size> room{};
    REQUIRE(flow.construct_farewell({.index = 1, .closes = 1}, room) == reset_size);
    CHECK(to_hex(ByteView(room).first(reset_size)) == "ee490050b06bd02a0000000050040000bcac0000");
    CHECK(flow.construct_farewell({.index = 1, .refused = true}, room) == 0);
}

TEST_CASE("tcp: answers") {
    const Case cases[] = {
        {"SYN-ACK", "0050ee49cafebabeb06bd02a5012ffff36e10000", 1u},
        {"reset", "0050ee4900000000b06bd02a50140000bc9c0000", 1u},
        {"SYN-ACK whose sum was left to a network card", "0050ee49cafebabeb06bd02a5012ffff841e0000",
         1u},
        {"empty", "", truncated},
        {"19 bytes", "0050ee49cafebabeb06bd02a5012ffff36e100", truncated},
        {"header of 16", "0050ee49cafebabeb06bd02a4012ffff36e10000", truncated},
        {"header past the end", "0050ee49cafebabeb06bd02a6012ffff36e10000", truncated},
        {"one bit flipped", "0050ee49cafebabfb06bd02a5012ffff36e10000", damaged},
        {"from another port", "0051ee49cafebabeb06bd02a5012ffff36e00000", foreign},
        {"to a port that is not ours", "0050ee4acafebabeb06bd02a5012ffff36e00000", foreign},
        {"to the block's other port", "0050ee48cafebabeb06bd02a5012ffff36e20000", foreign},
        {"acknowledges one more", "0050ee49cafebabeb06bd02b5012ffff36e00000", foreign},
        {"a SYN", "0050ee49cafebabeb06bd02a5002ffff36f10000", foreign},
        {"an ACK", "0050ee49cafebabeb06bd02a5010ffff36e30000", foreign},
        {"a reset without ACK", "0050ee4900000000b06bd02a50040000bcac0000", foreign},
    };
    TcpFlow flow(left, {right, 80}, {61000, 61001}, 0x12345678);
    check_answers(flow, cases);
    CHECK(flow.deconstruct(from_hex("0050ee4900000000b06bd02a50140000bc9c0000"))->refused);

    const Case cases6[] = {{"SYN-ACK", "0050ee49cafebabeb06bd02a5012ffff5f700000", 1u},
                           {"IPv4's sum", "0050ee49cafebabeb06bd02a5012ffff36e10000", damaged}};
    check_answers(TcpFlow(left6, {right6, 80}, {61000, 61001}, 0x12345678), cases6);
}

// Seen: with a lost SYN-ACK the port's next probe got a bare ACK, which counted as a second loss.
TEST_CASE("tcp: a bare ACK for a half-open port is an answer to the probe that left last from it") {
    TcpFlow flow(left, {right, 80}, {61000, 61001}, 0x12345678);
    constexpr char ack[] = "0050ee49cafebabeb06bd02a5010ffff36e30000";  // for probe 1
    for (uint32_t index = 0; index < 3; ++index) {
        constructed(flow, index);
    }
    CHECK(flow.deconstruct(from_hex(ack)).error() == Refusal::not_ours);  // none left after it
    for (uint32_t index = 3; index < 7; ++index) {
        constructed(flow, index);
    }
    const auto answer = flow.deconstruct(from_hex(ack));
    REQUIRE(answer.has_value());
    CHECK(answer->index == 5);
    CHECK(answer->half_open);
    CHECK_FALSE(answer->refused);
    // the reset is for the connection that the target knows
    std::array<uint8_t, reset_size> room{};
    REQUIRE(flow.construct_farewell(*answer, room) == reset_size);
    CHECK(to_hex(ByteView(room).first(reset_size)) == "ee490050b06bd02a0000000050040000bcac0000");
}

TEST_CASE("tcp: the index comes back from the sequence number, whatever it is") {
    TcpFlow flow(left, {right, 80}, {61000, 61001, 61007}, 0xfedcba98);
    for (const uint32_t index : {0u, 1u, 2u, 3u, 4'000'000u, 9'999'999u}) {
        CHECK(flow.index_of_sent(from_hex(constructed(flow, index))) == index);
    }
}

TEST_CASE("tcp: so many ports that one rests until the target has repeated what was lost") {
    constexpr Nanos second = 1'000'000'000;
    CHECK(port_rest(second / 5) == second / 2 * 3);
    CHECK(port_rest(second) == second / 2 * 3);
    CHECK(port_rest(4 * second) == 6 * second);
    CHECK(ports_needed(10, second, 1000) == 33);  // 15 and 4 standard deviations, and 2
    CHECK(ports_needed(10, second / 5, 1000) == 33);
    CHECK(ports_needed(150, second, 100'000) == 287);
    CHECK(ports_needed(50'000, second, 100'000) > ports_at_most);
    CHECK(ports_needed(50'000, second, 400) == 400);  // none comes twice
}

TEST_CASE("udp: the request and its answers") {
    UdpFlow flow({right, 862}, 61000, 0x0001, {}, stamp_size, secret);
    constructed(flow, 0);
    // 1795233600 s after 1970, half a second past it, in NTP's format
    CHECK(constructed(flow, 1) ==
          "00000001"
          "eeab95c080000000"
          "0001"
          "cdef" +
              std::string(56, '0'));
    const Case cases[] = {
        {"answer",
         "00000001 eeab95c080000300 0001 0000 eeab95c080000200 00000001 eeab95c080000000 0001 0000"
         "40 000000",
         1u},
        {"a stateful reflector's own number",
         "00000007 eeab95c080000300 0001 0000 eeab95c080000200 00000001 eeab95c080000000 0001 0000"
         "40 000000",
         1u},
        {"empty", "", foreign},
        {"43 bytes: another service's, and whole",
         "00000001 eeab95c080000300 0001 0000 eeab95c080000200 00000001 eeab95c080000000 0001 0000"
         "40 0000",
         foreign},
        {"another time of sending",
         "00000001 eeab95c080000300 0001 0000 eeab95c080000200 00000001 eeab95c080000001 0001 0000"
         "40 000000",
         foreign},
        {"a probe that was not sent",
         "00000002 eeab95c080000300 0001 0000 eeab95c080000200 00000002 eeab95c080000000 0001 0000"
         "40 000000",
         foreign},
        {"the highest number",
         "00000001 eeab95c080000300 0001 0000 eeab95c080000200 ffffffff eeab95c080000000 0001 0000"
         "40 000000",
         foreign},
        {"the same in our session: somebody asked in our name",
         "00000002 eeab95c080000300 0001 cdef eeab95c080000200 00000002 eeab95c080000000 0001 0000"
         "40 000000",
         not_asked},
    };
    check_answers(flow, cases);
    const auto answer = flow.deconstruct(from_hex(cases[0].message));
    REQUIRE(answer->reflector.has_value());
    CHECK(answer->reflector->sent - answer->reflector->received == 59);  // 256 / 2^32 s
}

// Whatever is flipped or cut off: an answer is accepted only for the probe it belongs to,
// and none with a damaged checksum is.
TEST_CASE("hostile answers") {
    IcmpFlow icmp(left, right, secret);
    TcpFlow tcp(left, {right, 80}, {61000, 61001}, 0x12345678);
    UdpFlow udp({right, 862}, 61000, 1, {}, 60, secret);
    constructed(udp, 0);
    constructed(udp, 1);
    const struct {
        const Flow& flow;
        const char* answer;
        bool checked;  // has a checksum of its own; the kernel checks UDP's
    } flows[] = {
        {icmp, "00007862726800010123456789abcdef00010001770c00000000000000000000", true},
        {tcp, "0050ee49cafebabeb06bd02a5012ffff36e10000", true},
        {udp,
         "00000001eeab95c08000030000010000eeab95c08000020000000001eeab95c0800000000001000040000000",
         false},
    };
    std::mt19937 random(1);
    for (const auto& f : flows) {
        const auto whole = from_hex(f.answer);
        const uint32_t index = f.flow.deconstruct(whole)->index;
        int accepted = 0;
        for (int round = 0; round < 50'000; ++round) {
            auto message = whole;
            message[random() % message.size()] ^= static_cast<uint8_t>(1u << random() % 8);
            if (random() % 4 == 0) {
                message.resize(random() % message.size());
            }
            const auto answer = f.flow.deconstruct(message);
            CHECK((!answer || answer->index == index));
            accepted += answer.has_value() ? 1 : 0;
        }
        CHECK((accepted == 0) == f.checked);
    }
}

TEST_CASE("sizes: of the IP packet; what makes it up is zero, and the answer as long") {
    const StampKey key(16, 1);
    CHECK(own_size(Kind::icmp, Family::v4, {}) == 52);
    CHECK(own_size(Kind::icmp, Family::v6, {}) == 72);
    CHECK(own_size(Kind::udp, Family::v4, {}) == 88);
    CHECK(own_size(Kind::udp, Family::v4, key) == 176);
    CHECK(least_size(Kind::udp, Family::v4, {}) == 72);
    CHECK(least_size(Kind::udp, Family::v6, key) == 160);
    const auto icmp = make_flow(
        {.kind = Kind::icmp, .source = left, .target = {right, 0}, .secret = secret, .size = 1000});
    CHECK(icmp->message_size() == 980);
    const std::string echo = constructed(*icmp, 0x10001);
    CHECK(echo == "08007062726800010123456789abcdef00010001770c" + std::string(1916, '0'));
    CHECK(icmp->index_of_sent(from_hex(std::string(28, 'e') + echo)) == 0x10001u);
    const std::string reply = "00007862" + echo.substr(8);
    CHECK(icmp->deconstruct(from_hex(reply))->index == 0x10001u);
    CHECK(icmp->deconstruct(from_hex(reply.substr(0, 1958))).error() == Refusal::truncated);
    for (const StampKey& of_mode : {StampKey{}, key}) {
        const auto udp = make_flow({.kind = Kind::udp,
                                    .source = left6,
                                    .target = {right6, 862},
                                    .ports = {61000},
                                    .secret = secret,
                                    .key = of_mode,
                                    .size = 1280});
        CHECK(udp->message_size() == 1232);
        constructed(*udp, 0);
        const std::string probe = constructed(*udp, 1);
        CHECK(udp->index_of_sent(from_hex(std::string(28, 'e') + probe)) == 1u);
        std::vector<uint8_t> answer(1232);
        const auto packet = from_hex(probe);
        construct_reply(packet, {.sequence = 3}, of_mode, answer);
        answer_extensions(packet, {.stateful = true, .session = 4, .unreflected = 5}, of_mode,
                          answer);
        const auto taken = udp->deconstruct(answer);
        REQUIRE(taken.has_value());
        CHECK(taken->index == 1);
        CHECK(taken->reflector->sequence == 3);
        CHECK(taken->reflector->report->unreflected == 5);
    }
}

TEST_CASE("a frame that the kernel hands back is ours by its end") {
    IcmpFlow icmp(left, right, secret);
    TcpFlow tcp(left, {right, 80}, {61000, 61001}, 0x12345678);
    UdpFlow udp({right, 862}, 61000, 1, {}, 60, secret);
    for (Flow* flow :
         {static_cast<Flow*>(&icmp), static_cast<Flow*>(&tcp), static_cast<Flow*>(&udp)}) {
        constructed(*flow, 0);
        const std::string probe = constructed(*flow, 1);
        const std::string link = std::string(28, 'e') + std::string(40, '4');
        CHECK(flow->index_of_sent(from_hex(link + probe)) == 1u);
        CHECK(flow->index_of_sent(from_hex(probe)) == 1u);
        CHECK_FALSE(flow->index_of_sent(from_hex(probe.substr(2))).has_value());
        CHECK_FALSE(flow->index_of_sent(from_hex(link + probe + "00")).has_value());
        CHECK_FALSE(flow->index_of_sent({}).has_value());
    }
}

TEST_CASE("an ICMP error is ours when it quotes our packet") {
    const IcmpFlow icmp(left, right, secret);
    CHECK(icmp.is_quoted(from_hex("0800706272680001")));
    CHECK_FALSE(icmp.is_quoted(from_hex("0800706272690001")));
    CHECK_FALSE(icmp.is_quoted(from_hex("08007062726800")));
    const TcpFlow tcp(left, {right, 80}, {61000, 61001}, 0x12345678);
    CHECK(tcp.is_quoted(from_hex("ee490050b06bd029")));
    CHECK_FALSE(tcp.is_quoted(from_hex("ee490050b06bd02a")));
    CHECK_FALSE(tcp.is_quoted(from_hex("ee490051b06bd029")));
    CHECK_FALSE(tcp.is_quoted(from_hex("")));
}

}  // namespace
}  // namespace rehome::probe
