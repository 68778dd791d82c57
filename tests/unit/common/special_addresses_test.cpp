// The table of addresses that nobody has: every answer is held against its prefixes as text.
#include "common/special_addresses.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace rehome {

namespace {

const std::vector<Prefix>& listed() {
    static const std::vector<Prefix> all = [] {
        std::vector<Prefix> made;
        for (const char* text : {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                 "::/127", "::ffff:0:0/96", "fe80::/10", "ff00::/8"}) {
            made.push_back(*Prefix::parse(text));
        }
        return made;
    }();
    return all;
}

bool expected(const Address& address) {
    return std::any_of(listed().begin(), listed().end(),
                       [&](const Prefix& prefix) { return prefix.contains(address); });
}

// The next address, or the one before.
Address beside(Address address, int by) {
    for (size_t i = address.bits() / 8; i-- > 0;) {
        address.bytes[i] = static_cast<uint8_t>(address.bytes[i] + by);
        if (address.bytes[i] != (by > 0 ? 0 : 0xff)) {
            break;
        }
    }
    return address;
}

Address last_of(const Prefix& prefix) {
    Address address = prefix.address;
    for (unsigned bit = prefix.length; bit < address.bits(); ++bit) {
        address.bytes[bit / 8] = static_cast<uint8_t>(address.bytes[bit / 8] | 0x80U >> bit % 8);
    }
    return address;
}

}  // namespace

// No range of IPv4 is told by more than 16 bits, so that these are all addresses.
TEST_CASE("every IPv4 address") {
    for (const SpecialRange& range : special_ranges) {
        REQUIRE((range.family == Family::v6 || range.length <= 16));
    }
    for (uint32_t upper = 0; upper < 65536; ++upper) {
        for (const uint32_t lower : {0U, 1U, 0xffffU}) {
            const uint32_t address = upper << 16 | lower;
            const bool is = is_special(address);
            if (is != expected(Address::v4(address)) || is != is_special(Address::v4(address))) {
                FAIL_CHECK(Address::v4(address).text());
            }
        }
    }
}

TEST_CASE("each range, its ends and what is beside them") {
    for (const Prefix& prefix : listed()) {
        const Address first = prefix.address, last = last_of(prefix);
        for (const Address& address : {first, last, beside(first, -1), beside(last, 1)}) {
            INFO(prefix.text(), " ", address.text());
            CHECK(is_special(address) == expected(address));
        }
        CHECK(is_special(prefix));
        CHECK(is_special(Prefix{last, last.bits()}));
        CHECK(is_special(Prefix{first, 0}));
    }
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) {
        Address address{Family::v6, {}};
        for (size_t k = random() % 4 == 0 ? 10 : 0; k < 16; ++k) {
            address.bytes[k] = static_cast<uint8_t>(random() % 3 == 0 ? 0xff : random());
        }
        INFO(address.text());
        REQUIRE(is_special(address) == expected(address));
    }
}

TEST_CASE("prefixes that hold such addresses, or none") {
    for (const char* text : {"0.0.0.0/0", "128.0.0.0/1", "169.254.128.0/17", "192.0.0.0/2", "::/0",
                             "::/64", "::ffff:10.0.0.0/104", "fe00::/7", "ff02::1/128"}) {
        INFO(std::string(text));
        CHECK(is_special(*Prefix::parse(text)));
    }
    for (const char* text : {"10.0.0.0/8", "128.0.0.0/3", "169.255.0.0/16", "192.0.2.0/24",
                             "2001:db8::/32", "fc00::/7", "fec0::/10", "::2/128"}) {
        INFO(std::string(text));
        CHECK(!is_special(*Prefix::parse(text)));
    }
}

}  // namespace rehome
