// The headers of plain packets, as the fast path reads and writes them in place: no IPv4 options,
// no IPv6 extension headers, no fragments.
//
// What is summed is read in the machine's byte order: the ones' complement sum does not mind, as
// long as everything that goes into it is read the same way (RFC 1071 2(B)).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "common/address.h"
#include "vipd/flow/flow.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd::plain {

static_assert(std::endian::native == std::endian::little, "what finish() does with the TTL's word");

inline constexpr uint8_t tcp = static_cast<uint8_t>(Protocol::tcp);
inline constexpr uint8_t udp = static_cast<uint8_t>(Protocol::udp);

template <typename T>
T raw(const uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <typename T>
void put_raw(uint8_t* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

inline uint16_t swapped(uint16_t value) {
    return static_cast<uint16_t>(value << 8 | value >> 8);
}

// RFC 1624, equation 3: HC' = ~(~HC + ~m + m'); delta is the sum of all ~m + m'.
inline uint16_t updated(uint16_t checksum, uint64_t delta) {
    // Each fold adds a sum's halves, exchanged, to it: the upper half is then their sum with the
    // carry brought round.
    const uint64_t sum = static_cast<uint16_t>(~checksum) + delta;
    const auto half = static_cast<uint32_t>((sum + std::rotl(sum, 32)) >> 32);
    return static_cast<uint16_t>(~(half + std::rotl(half, 16)) >> 16);
}

inline uint64_t replaced16(uint16_t before, uint16_t after) {
    return static_cast<uint64_t>(static_cast<uint16_t>(~before)) + after;
}

inline uint64_t replaced32(uint32_t before, uint32_t after) {
    return uint64_t{static_cast<uint32_t>(~before)} + after;
}

[[gnu::always_inline]] inline void update_transport(uint8_t* l4, uint8_t protocol, uint64_t delta) {
    uint8_t* at = l4 + (protocol == tcp ? 16 : 6);
    const auto checksum = raw<uint16_t>(at);
    if (protocol == udp && checksum == 0) {
        return;  // none was made (RFC 768)
    }
    const uint16_t now = updated(checksum, delta);
    put_raw<uint16_t>(at, protocol == udp && now == 0 ? uint16_t{0xffff} : now);
}

// One family's header: where its fields stand, and how entries hold its addresses.
struct V4 {
    using Entry = FlowV4;
    using Stored = uint32_t;
    static constexpr Family family = Family::v4;
    static constexpr uint32_t bytes = 20, source = 12, destination = 16;

    static Stored stored(const uint8_t* at) { return load32(at); }
    static Address address(Stored stored) { return Address::v4(stored); }
    static Stored stored(const Address& address) { return address.v4_host_order(); }
    static void write(uint8_t* at, Stored address) { store32(at, address); }
    static uint64_t replaced(const uint8_t* before, Stored after) {
        return replaced32(raw<uint32_t>(before), __builtin_bswap32(after));
    }
    // Whether it is plain, as far as the IP header says; total: bytes of the packet.
    static bool is_plain(const uint8_t* ip, uint32_t room, uint32_t& total) {
        total = load16(ip + 2);
        const auto fragment = static_cast<uint16_t>(load16(ip + 6) & 0x3fff);
        return ip[0] == 0x45 && total <= room && total >= bytes + 8 && fragment == 0 && ip[8] > 1 &&
               sum_holds(ip);
    }
    // Of the header (RFC 1071: 32-bit words sum to the same as their halves).
    static bool sum_holds(const uint8_t* ip) {
        uint64_t sum = uint64_t{raw<uint32_t>(ip)} + raw<uint32_t>(ip + 4) + raw<uint32_t>(ip + 8) +
                       raw<uint32_t>(ip + 12) + raw<uint32_t>(ip + 16);
        sum = (sum & 0xffffffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        return ((sum & 0xffff) + (sum >> 16)) % 0xffff == 0;
    }
    static uint8_t protocol(const uint8_t* ip) { return ip[9]; }
    // Takes a hop off, and sums what else has changed in the header.  The TTL is the word's first
    // byte, which a little-endian machine has lowest; it is not read back: a load of what a
    // narrower store has just written would have to wait for it.
    static void finish(uint8_t* ip, uint64_t delta) {
        const auto before = raw<uint16_t>(ip + 8);
        const auto after = static_cast<uint16_t>(before - 1);
        ip[8] = static_cast<uint8_t>(after);
        put_raw(ip + 10, updated(raw<uint16_t>(ip + 10), delta + replaced16(before, after)));
    }
};

struct V6 {
    using Entry = FlowV6;
    using Stored = std::array<uint8_t, 16>;
    static constexpr Family family = Family::v6;
    static constexpr uint32_t bytes = 40, source = 8, destination = 24;

    static Stored stored(const uint8_t* at) {
        Stored address;
        std::memcpy(address.data(), at, 16);
        return address;
    }
    static Address address(const Stored& stored) { return {Family::v6, stored}; }
    static Stored stored(const Address& address) { return address.bytes; }
    static void write(uint8_t* at, const Stored& address) { std::memcpy(at, address.data(), 16); }
    static uint64_t replaced(const uint8_t* before, const Stored& after) {
        uint64_t delta = 0;
        for (uint32_t i = 0; i < 16; i += 4) {
            delta += replaced32(raw<uint32_t>(before + i), raw<uint32_t>(after.data() + i));
        }
        return delta;
    }
    static bool is_plain(const uint8_t* ip, uint32_t room, uint32_t& total) {
        total = bytes + load16(ip + 4);
        return ip[0] >> 4 == 6 && total <= room && total >= bytes + 8 && ip[7] > 1;
    }
    static uint8_t protocol(const uint8_t* ip) { return ip[6]; }
    static void finish(uint8_t* ip, uint64_t) { --ip[7]; }
};

// A whole UDP datagram or TCP segment, as far as its lengths say.
inline bool whole_transport(const uint8_t* l4, uint8_t protocol, uint32_t bytes) {
    if (protocol == udp) {
        const uint32_t length = load16(l4 + 4);
        return length >= 8 && length <= bytes;
    }
    if (protocol != tcp || bytes < 20) {
        return false;
    }
    const uint32_t header = uint32_t{l4[12]} >> 4 << 2;
    return header >= 20 && header <= bytes;
}

// What following a flow needs of a packet with a whole_transport.
template <typename H>
Segment segment_of(const uint8_t* ip, uint8_t protocol, uint32_t bytes) {
    constexpr uint32_t address_bytes = H::destination - H::source;
    const uint8_t* l4 = ip + H::bytes;
    Segment segment;
    segment.protocol = protocol;
    if (protocol == tcp) {
        segment.tcp_flags = l4[13];
        segment.sound =
            (l4[13] & (tcp_flag::fin | tcp_flag::rst)) == 0 ||
            transport_checksum({ip + H::source, address_bytes},
                               {ip + H::destination, address_bytes}, protocol, {l4, bytes}) == 0;
        segment.seq = load32(l4 + 4);
        segment.ack = load32(l4 + 8);
        segment.payload_bytes = bytes - (uint32_t{l4[12]} >> 4 << 2);
    }
    return segment;
}

// The sequence number behind what a mid-flow segment carries.
inline uint32_t behind(const uint8_t* l4, uint32_t bytes) {
    return load32(l4 + 4) + bytes - (uint32_t{l4[12]} >> 4 << 2);
}

}  // namespace rehome::vipd::plain
