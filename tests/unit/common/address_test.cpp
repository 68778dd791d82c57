// Text forms of addresses: what they take, what they refuse, and that text and value are one.
#include "common/address.h"

#include <doctest/doctest.h>

#include <random>

namespace rehome {
namespace {

// What each parser takes, and the text that comes out again.
struct Taken {
    std::string text;
    std::string canonical;
};

template <typename T>
void check_taken(std::initializer_list<Taken> cases) {
    for (const Taken& row : cases) {
        CAPTURE(row.text);
        const auto value = T::parse(row.text);
        REQUIRE(value.has_value());
        CHECK(value->text() == row.canonical);
    }
}

template <typename T>
void check_refused(std::initializer_list<std::string_view> cases) {
    for (const std::string_view text : cases) {
        CAPTURE(text);
        const auto value = T::parse(text);
        REQUIRE_FALSE(value.has_value());
        CHECK(value.error().kind == Exit::usage);
        CHECK(value.error().what.find("expected") != std::string::npos);
    }
}

using namespace std::string_view_literals;

TEST_CASE("addresses that are taken") {
    check_taken<Address>({
        {"0.0.0.0", "0.0.0.0"},
        {"192.0.2.1", "192.0.2.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
    });
}

TEST_CASE("addresses that are refused") {
    check_refused<Address>({
        ""sv,
        " "sv,
        "1"sv,
        "1.2.3"sv,
        "1.2.3.4.5"sv,
        "256.0.0.1"sv,
        "01.2.3.4"sv,
        "1.2.3.4 "sv,
        " 1.2.3.4"sv,
        "1.2.3.-4"sv,
        "0x7f.0.0.1"sv,
        "1.2.3.4\0"sv,
        "1.2.3.4\0.5"sv,
        "localhost"sv,
        ":"sv,
        ":::"sv,
        "1::2::3"sv,
        "2001:db8"sv,
        "fe80::1%eth0"sv,
        "[::1]"sv,
        "12345::"sv,
        "1:2:3:4:5:6:7:8:9"sv,
        "192.0.2.1/24"sv,
        "192.0.2.1:80"sv,
        "\xff\xfe"sv,
        "1111111111111111111111111111111111111111111111111111111111111111111111111111"sv,
    });
}

TEST_CASE("prefixes that are taken") {
    check_taken<Prefix>({
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"198.51.100.0/24", "198.51.100.0/24"},
        {"192.0.2.1", "192.0.2.1/32"},
        {"192.0.2.128/25", "192.0.2.128/25"},
        {"192.0.2.254/31", "192.0.2.254/31"},
        {"::/0", "::/0"},
        {"2001:db8::/33", "2001:db8::/33"},
        {"2001:db8::1", "2001:db8::1/128"},
    });
}

TEST_CASE("prefixes that are refused") {
    check_refused<Prefix>({
        ""sv,
        "/"sv,
        "/24"sv,
        "10.0.0.0/"sv,
        "10.0.0.0/33"sv,
        "10.0.0.0/-1"sv,
        "10.0.0.0/+8"sv,
        "10.0.0.0/08"sv,
        "10.0.0.0/8 "sv,
        "10.0.0.0/8/8"sv,
        "10.0.0.0/255.0.0.0"sv,
        "10.0.0.1/24"sv,
        "10.0.0.1/31"sv,
        "128.0.0.0/0"sv,
        "10.0.0.0/4294967304"sv,
        "10.0/8"sv,
        "2001:db8::/129"sv,
        "2001:db8::1/64"sv,
        "10.0.0.0/8\0"sv,
    });
}

TEST_CASE("host bits that are set are named, with the prefix that was meant") {
    CHECK(Prefix::parse("10.0.0.1/8").error().what ==
          "\"10.0.0.1/8\" has host bits set, expected 10.0.0.0/8");
}

TEST_CASE("interface addresses keep their host bits") {
    check_taken<InterfaceAddress>({{"100.64.1.2/30", "100.64.1.2/30"},
                                   {"192.0.2.1", "192.0.2.1/32"},
                                   {"2001:db8::1/64", "2001:db8::1/64"}});
    check_refused<InterfaceAddress>({""sv, "100.64.1.2/33"sv, "100.64.1/30"sv, "100.64.1.2/x"sv});
    CHECK(InterfaceAddress::parse("100.64.1.2/30")->subnet().text() == "100.64.1.0/30");
    CHECK(InterfaceAddress::parse("2001:db8::1/64")->subnet().text() == "2001:db8::/64");
}

TEST_CASE("endpoints") {
    check_taken<Endpoint>({{"192.0.2.1:80", "192.0.2.1:80"},
                           {"192.0.2.1:0", "192.0.2.1:0"},
                           {"[2001:db8::1]:65535", "[2001:db8::1]:65535"}});
    check_refused<Endpoint>({""sv, ":"sv, ":80"sv, "192.0.2.1"sv, "192.0.2.1:"sv,
                             "192.0.2.1:65536"sv, "192.0.2.1:080"sv, "192.0.2.1:-1"sv,
                             "192.0.2.1:80 "sv, "192.0.2.1: 80"sv, "2001:db8::1:80"sv,
                             "[192.0.2.1]:80"sv, "[2001:db8::1]"sv, "[]:80"sv, "[2001:db8::1:80"sv,
                             "host:80"sv});
}

TEST_CASE("protocols") {
    CHECK(parse_protocol("tcp").value() == Protocol::tcp);
    CHECK(parse_protocol("udp").value() == Protocol::udp);
    for (const char* text : {"", "TCP", "icmp", "6", "tcp "}) {
        CAPTURE(text);
        CHECK_FALSE(parse_protocol(text).has_value());
    }
    CHECK(name(Protocol::icmp6) == "icmp6");
}

TEST_CASE("IPv4 as a number") {
    CHECK(Address::v4(0xc0000201).text() == "192.0.2.1");
    CHECK(Address::parse("192.0.2.1")->v4_host_order() == 0xc0000201);
}

Address random_address(std::mt19937& random) {
    Address address;
    address.family = random() % 2 == 0 ? Family::v4 : Family::v6;
    for (size_t i = 0; i < address.bits() / 8; ++i) {
        // Zeros and ones often, where text forms have their corners.
        const auto value = random();
        address.bytes[i] = static_cast<uint8_t>(value % 4 == 0   ? 0
                                                : value % 4 == 1 ? 0xff
                                                                 : value >> 8);
    }
    return address;
}

TEST_CASE("law: parsing a text form gives the value back") {
    std::mt19937 random(1);
    for (int i = 0; i < 20'000; ++i) {
        const Address address = random_address(random);
        const unsigned length = static_cast<unsigned>(random() % (address.bits() + 1));
        CAPTURE(address.text());
        CHECK(Address::parse(address.text()).value() == address);
        const InterfaceAddress interface { address, length };
        CHECK(InterfaceAddress::parse(interface.text()).value() == interface);
        CHECK(Prefix::parse(interface.subnet().text()).value() == interface.subnet());
        const Endpoint endpoint{address, static_cast<uint16_t>(random())};
        CHECK(Endpoint::parse(endpoint.text()).value() == endpoint);
    }
}

// Bit by bit, apart from the code under test.
bool same_bits(const Address& a, const Address& b, unsigned length) {
    const auto bit = [](const Address& address, unsigned n) {
        return address.bytes[n / 8] >> (7 - n % 8) & 1;
    };
    for (unsigned n = 0; n < length; ++n) {
        if (bit(a, n) != bit(b, n)) {
            return false;
        }
    }
    return a.family == b.family;
}

TEST_CASE("law: a prefix contains what shares its first bits") {
    std::mt19937 random(2);
    for (int i = 0; i < 20'000; ++i) {
        const Address base = random_address(random);
        const unsigned length = static_cast<unsigned>(random() % (base.bits() + 1));
        const Prefix prefix = InterfaceAddress{base, length}.subnet();
        Address other = base;
        const auto flipped = random() % base.bits();
        other.bytes[flipped / 8] ^= static_cast<uint8_t>(0x80u >> flipped % 8);
        CAPTURE(prefix.text());
        CAPTURE(other.text());
        CHECK(prefix.contains(base));
        CHECK(prefix.contains(other) == same_bits(base, other, length));
        const Prefix longer = InterfaceAddress{other, base.bits()}.subnet();
        CHECK(prefix.contains(longer) == prefix.contains(other));
        CHECK(prefix.contains(prefix));
    }
    CHECK_FALSE(Prefix::parse("0.0.0.0/0")->contains(*Address::parse("::")));
    CHECK_FALSE(Prefix::parse("10.0.0.0/16")->contains(*Prefix::parse("10.0.0.0/8")));
}

}  // namespace
}  // namespace rehome
