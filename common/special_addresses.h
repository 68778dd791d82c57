// Addresses that no host beyond a link has, so that nobody can have sent a packet from there, and
// no server can be there: the one table of them (RFC 6890's registries, as far as they say so of
// every network), and its answers.
//
// Not in it is what some network may well use: private and documentation prefixes among others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/address.h"
#include "common/first_bits.h"

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

// The address as two words, as a range's.
constexpr bool any(Family family, uint64_t high, uint64_t low) {
    for (const SpecialRange& range : special_ranges) {
        const uint64_t low_mask = range.length > 64 ? ones(range.length - 64) : 0;
        if (family == range.family && (high & ones(range.length)) == range.high &&
            (low & low_mask) == range.low) {
            return true;
        }
    }
    return false;
}

constexpr FirstBits first_bits(Family family) {
    FirstBits bits;
    for (const SpecialRange& range : special_ranges) {
        if (range.family == family) {
            bits.add(static_cast<uint16_t>(range.high >> 48), range.length);
        }
    }
    return bits;
}
inline constexpr FirstBits begin_v4 = first_bits(Family::v4);
inline constexpr FirstBits begin_v6 = first_bits(Family::v6);

}  // namespace special

// Of an address as entries of flows hold it, and as such.
inline bool is_special(uint32_t v4_host_order) {
    return special::begin_v4.some(static_cast<uint16_t>(v4_host_order >> 16)) &&
           special::any(Family::v4, uint64_t{v4_host_order} << 32, 0);
}
inline bool is_special(const std::array<uint8_t, 16>& v6) {
    if (!special::begin_v6.some(static_cast<uint16_t>(v6[0] << 8 | v6[1]))) {
        return false;
    }
    const WideNumber number = wide(v6);
    return special::any(Family::v6, static_cast<uint64_t>(number >> 64),
                        static_cast<uint64_t>(number));
}
inline bool is_special(const Address& address) {
    return address.family == Family::v4 ? is_special(address.v4_host_order())
                                        : is_special(address.bytes);
}

bool is_special(const Prefix& prefix);  // some address of it is

}  // namespace rehome
