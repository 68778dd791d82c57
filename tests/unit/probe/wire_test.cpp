// Checksums, and the message inside an IPv4 packet.
#include <doctest/doctest.h>

#include "bytes.h"

namespace rehome::probe {
namespace {

TEST_CASE("the sum of RFC 1071's example") {
    CHECK(ones_sum(from_hex("0001 f203 f4f5 f6f7")) == 0xddf2);
    CHECK(ones_sum(from_hex("0001 f203 f4f5 f6")) == 0xdcfb);
    CHECK(ones_sum({}) == 0);
    CHECK(ones_sum(from_hex("ffff"), 0xffff) == 0xffff);
}

TEST_CASE("the message inside an IPv4 packet") {
    const struct {
        const char* what;
        const char* packet;
        const char* inside;  // null: refused
        Refusal refusal;
    } cases[] = {
        {"plain", "45000018 00000000 4001 0000 c0000201 c0000202 01020304", "01020304", {}},
        {"options",
         "4600001c 00000000 4001 0000 c0000201 c0000202 01010101 01020304",
         "01020304",
         {}},
        {"padding is left out",
         "45000016 00000000 4001 0000 c0000201 c0000202 0102 0000",
         "0102",
         {}},
        {"nothing inside", "45000014 00000000 4001 0000 c0000201 c0000202", "", {}},
        {"empty", "", nullptr, Refusal::truncated},
        {"19 bytes", "45000014 00000000 4001 0000 c0000201 c00002", nullptr, Refusal::truncated},
        {"header of 16", "44000018 00000000 4001 0000 c0000201 c0000202 01020304", nullptr,
         Refusal::truncated},
        {"header past the end", "4f000018 00000000 4001 0000 c0000201 c0000202 01020304", nullptr,
         Refusal::truncated},
        {"length past the end", "450000ff 00000000 4001 0000 c0000201 c0000202 01020304", nullptr,
         Refusal::truncated},
        {"length inside the header", "45000010 00000000 4001 0000 c0000201 c0000202", nullptr,
         Refusal::truncated},
        {"IPv6", "65000018 00000000 4001 0000 c0000201 c0000202 01020304", nullptr,
         Refusal::not_ours},
        {"UDP", "45000018 00000000 4011 0000 c0000201 c0000202 01020304", nullptr,
         Refusal::not_ours},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        const auto packet = from_hex(c.packet);
        const auto inside = inside_ipv4(packet, Protocol::icmp);
        REQUIRE(inside.has_value() == (c.inside != nullptr));
        if (inside) {
            CHECK(to_hex(*inside) == c.inside);
        } else {
            CHECK(inside.error() == c.refusal);
        }
    }
}

TEST_CASE("inside an IPv6 packet") {
    const std::string addresses(64, '0');
    const auto inside = [](const std::string& hex) {
        return inside_ipv6(from_hex(hex), Protocol::icmp6);
    };
    const auto whole = inside("6000000000023a40" + addresses + "abcd99");
    REQUIRE(whole.has_value());
    CHECK(whole->size() == 2);
    CHECK(inside("6000000000023a40" + addresses + "ab").error() == Refusal::truncated);
    CHECK(inside("6000000000023a40").error() == Refusal::truncated);
    CHECK(inside("").error() == Refusal::truncated);
    CHECK(inside("4000000000023a40" + addresses + "abcd").error() == Refusal::not_ours);
    CHECK(inside("6000000000021140" + addresses + "abcd").error() == Refusal::not_ours);
}

TEST_CASE("inside a UDP datagram") {
    const Address from = *Address::parse("192.0.2.1");
    const Address to = *Address::parse("192.0.2.2");
    const auto inside = [&](const char* hex) { return inside_udp(from_hex(hex), from, to); };
    // ones' complement sum of c000 0201 c000 0202, protocol 17, length 10, the ports, 10 and abcd
    const auto whole = inside("035eee49 000a de60 abcd");
    CHECK(whole.has_value());
    CHECK(inside("035eee49000a0000abcd").has_value());  // no sum
    CHECK(inside("035eee49000a841fabcd").has_value());  // the pseudo header's alone
    CHECK(inside("035eee49000ade61abcd").error() == Refusal::wrong_checksum);
    CHECK(inside("035eee49000bde60abcd").error() == Refusal::truncated);
    CHECK(inside("035eee490007de60abcd").error() == Refusal::truncated);
    CHECK(inside("035eee49000a").error() == Refusal::truncated);
    const Address six = *Address::parse("2001:db8::1");
    CHECK(inside_udp(from_hex("035eee49000a0000abcd"), six, six).error() ==
          Refusal::wrong_checksum);
}

}  // namespace
}  // namespace rehome::probe
