// Addresses that no host beyond a link has, so that nobody can have sent a packet from there, and
// no server can be there: the one table of them (RFC 6890's registries, as far as they say so of
// every network), and its answers.
//
// Not in it is what some network may well use: private and documentation prefixes among others.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/address.h"

namespace rehome {

struct SpecialRange {
    Family family;
    unsigned length;
    uint64_t high, low;  // the network as two words in host order; IPv4 is the upper half of high
    std::string_view what;
    std::string_view source;
};

inline constexpr std::array<SpecialRange, 8> special_ranges{{
    {Family::v4, 8, 0, 0, "this network", "RFC 791 3.2"},
    {Family::v4, 8, 0x7f000000'00000000, 0, "loopback", "RFC 1122 3.2.1.3"},
    {Family::v4, 16, 0xa9fe0000'00000000, 0, "link-local", "RFC 3927 2.7"},
    {Family::v4, 3, 0xe0000000'00000000, 0, "multicast, reserved, broadcast", "RFC 1112 4"},
    {Family::v6, 127, 0, 0, "unspecified, loopback", "RFC 4291 2.5.2, 2.5.3"},
    {Family::v6, 96, 0, 0x0000ffff'00000000, "an IPv4 address", "RFC 4291 2.5.5.2"},
    {Family::v6, 10, 0xfe800000'00000000, 0, "link-local", "RFC 4291 2.5.6"},
    {Family::v6, 8, 0xff000000'00000000, 0, "multicast", "RFC 4291 2.7"},
}};

namespace special {

constexpr uint64_t ones(unsigned length) {
    return length == 0 ? 0 : length >= 64 ? UINT64_MAX : UINT64_MAX << (64 - length);
}

template <size_t I>
constexpr bool holds(Family family, uint64_t high, uint64_t low) {
    constexpr SpecialRange range = special_ranges[I];
    constexpr uint64_t low_mask = range.length > 64 ? ones(range.length - 64) : 0;
    return family == range.family && (high & ones(range.length)) == range.high &&
           (low & low_mask) == range.low;
}

// Unrolled, each range by its constants: what packets are asked for costs a comparison a range.
template <size_t... I>
constexpr bool any(Family family, uint64_t high, uint64_t low, std::index_sequence<I...>) {
    return (holds<I>(family, high, low) || ...);
}

}  // namespace special

constexpr bool is_special_v4(uint32_t host_order) {
    return special::any(Family::v4, uint64_t{host_order} << 32, 0,
                        std::make_index_sequence<special_ranges.size()>());
}

// The address as two words in host order, the first half first.
constexpr bool is_special_v6(uint64_t high, uint64_t low) {
    return special::any(Family::v6, high, low, std::make_index_sequence<special_ranges.size()>());
}

// The same of an Address, and of its bytes.
bool is_special(const Address& address);
inline bool is_special(uint32_t v4_host_order) {
    return is_special_v4(v4_host_order);
}
inline bool is_special(const std::array<uint8_t, 16>& v6) {
    uint64_t high = 0, low = 0;
    std::memcpy(&high, v6.data(), sizeof high);
    std::memcpy(&low, v6.data() + sizeof high, sizeof low);
    if constexpr (std::endian::native == std::endian::little) {
        high = __builtin_bswap64(high);
        low = __builtin_bswap64(low);
    }
    return is_special_v6(high, low);
}

bool is_special(const Prefix& prefix);  // some address of it is

}  // namespace rehome
