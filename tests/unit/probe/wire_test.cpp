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

}  // namespace
}  // namespace rehome::probe
