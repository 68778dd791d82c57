// Integers in network order and the Internet checksum (RFC 1071), for the packet files beside this.
//
// Offsets are the caller's to check: every deconstruct_* tests the size once, at its top, and put
// and get assert it.  Pure; safe from any thread.
#pragma once

#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/address.h"

namespace rehome::probe {

using ByteView = std::span<const uint8_t>;
using Room = std::span<uint8_t>;  // where a packet is written

template <std::unsigned_integral T>
void put(Room room, size_t at, T value) {
    assert(at + sizeof(T) <= room.size());
    for (size_t i = 0; i < sizeof(T); ++i) {
        room[at + i] = static_cast<uint8_t>(value >> (8 * (sizeof(T) - 1 - i)));
    }
}

template <std::unsigned_integral T>
T get(ByteView bytes, size_t at) {
    assert(at + sizeof(T) <= bytes.size());
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
        value = value << 8 | bytes[at + i];
    }
    return static_cast<T>(value);
}

// The one's complement sum, folded to 16 bits and not inverted; 0xffff over a message that holds
// its own right checksum.  start: a sum to add to, as of a pseudo header.
uint16_t ones_sum(ByteView bytes, uint32_t start = 0);

// Of the addresses, the protocol and the length that TCP, UDP and ICMPv6 sum up too.
uint16_t pseudo_header_sum(const Address& source, const Address& target, Protocol protocol,
                           size_t length);

// Why a message is no answer to a probe of ours.
enum class Refusal {
    truncated,       // shorter than its own headers say, or than the format is
    wrong_checksum,  // damaged on its way
    not_ours,        // somebody else's traffic, or an answer to something that we did not send
    not_asked,       // STAMP: of our session, to something that we did not send
    unauthentic,     // STAMP's authenticated mode: without the right HMAC
};

// The message inside an IPv4 packet, as a raw IPv4 socket delivers it (raw IPv6 sockets leave the
// header out).  Fragments never get here: the kernel reassembles before it delivers.
tl::expected<ByteView, Refusal> inside_ipv4(ByteView packet, Protocol protocol);

// The same for IPv6, without extension headers.
tl::expected<ByteView, Refusal> inside_ipv6(ByteView packet, Protocol protocol);

// What a UDP datagram carries; both kernels of a test may leave its sum to a network card that is
// not there, so that the pseudo header's alone is taken for right (tcp_flow.cpp does the same).
tl::expected<ByteView, Refusal> inside_udp(ByteView datagram, const Address& from,
                                           const Address& to);

}  // namespace rehome::probe
