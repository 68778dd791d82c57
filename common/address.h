// IP addresses, prefixes and transport endpoints of both families, as values.
//
// Bytes are in network order; an IPv4 address uses the first four.  Parsing takes exactly the
// canonical text forms of inet_pton(3): no host names, no leading zeros, no zone.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "common/error.h"

namespace rehome {

enum class Family : uint8_t { v4 = 4, v6 = 6 };

// Whether two addresses are the same, as entries of flows hold them; the bytes as words, since one
// by one they cost a call.
inline bool same(uint32_t a, uint32_t b) {
    return a == b;
}
inline bool same(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b) {
    std::array<uint64_t, 2> left, right;
    std::memcpy(left.data(), a.data(), sizeof left);
    std::memcpy(right.data(), b.data(), sizeof right);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

struct Address {
    Family family = Family::v4;
    std::array<uint8_t, 16> bytes{};

    static Result<Address> parse(std::string_view text);
    static Address v4(uint32_t host_order) {
        Address address;
        const uint32_t network_order = swapped(host_order);
        std::memcpy(address.bytes.data(), &network_order, sizeof network_order);
        return address;
    }

    // family must be v4
    uint32_t v4_host_order() const {
        uint32_t network_order = 0;
        std::memcpy(&network_order, bytes.data(), sizeof network_order);
        return swapped(network_order);
    }
    unsigned bits() const { return family == Family::v4 ? 32 : 128; }
    std::span<const uint8_t> data() const { return {bytes.data(), bits() / 8}; }
    std::string text() const;

    auto operator<=>(const Address&) const = default;
    bool operator==(const Address& other) const {
        return family == other.family && same(bytes, other.bytes);
    }

private:
    // Between the two orders, as one word: bytes one by one are slow to write and to read back.
    static uint32_t swapped(uint32_t word) {
        return std::endian::native == std::endian::little ? __builtin_bswap32(word) : word;
    }
};

// An address in sixteen bytes: IPv4 as IPv6 maps it, ::ffff:0:0/96 (RFC 4291 2.5.5.2); and back.
inline std::array<uint8_t, 16> mapped(const Address& address) {
    if (address.family == Family::v6) {
        return address.bytes;
    }
    std::array<uint8_t, 16> bytes{};
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(&bytes[12], address.bytes.data(), 4);
    return bytes;
}

inline Address unmapped(const std::array<uint8_t, 16>& bytes) {
    static constexpr std::array<uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::memcmp(bytes.data(), prefix.data(), prefix.size()) != 0) {
        return {Family::v6, bytes};
    }
    Address address;
    std::memcpy(address.bytes.data(), &bytes[12], 4);
    return address;
}

// IPv6 addresses as numbers.
__extension__ using WideNumber = unsigned __int128;

inline WideNumber wide(const std::array<uint8_t, 16>& bytes) {
    WideNumber number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    if constexpr (std::endian::native == std::endian::little) {
        number = WideNumber{__builtin_bswap64(static_cast<uint64_t>(number))} << 64 |
                 __builtin_bswap64(static_cast<uint64_t>(number >> 64));
    }
    return number;
}

inline bool same(const Address& a, const Address& b) {
    return a == b;
}

struct Prefix {
    Address address;  // host bits are zero
    unsigned length = 0;

    // "ADDRESS/LENGTH"; a bare address is a host prefix.  Host bits that are set are an error.
    static Result<Prefix> parse(std::string_view text);

    bool contains(const Address& other) const;
    bool contains(const Prefix& other) const;
    std::string text() const;

    auto operator<=>(const Prefix&) const = default;
};

// An interface address: the host's own address and the length of its subnet.
struct InterfaceAddress {
    Address address;
    unsigned length = 0;

    static Result<InterfaceAddress> parse(std::string_view text);
    Prefix subnet() const;
    std::string text() const;

    auto operator<=>(const InterfaceAddress&) const = default;
};

struct Endpoint {
    Address address;
    uint16_t port = 0;

    // "192.0.2.1:80" or "[2001:db8::1]:80"
    static Result<Endpoint> parse(std::string_view text);
    std::string text() const;

    auto operator<=>(const Endpoint&) const = default;
};

// The transport protocols that services name; the values are IANA's protocol numbers.
enum class Protocol : uint8_t { icmp = 1, tcp = 6, udp = 17, icmp6 = 58 };

std::string_view name(Protocol protocol);
Result<Protocol> parse_protocol(std::string_view text);  // "tcp" or "udp"

}  // namespace rehome
