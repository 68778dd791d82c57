// A received frame and the IP packet in it: what parsing finds, with every bound checked.
//
// A Frame is contiguous bytes with room in front (for a tunnel header); it owns nothing.  A Packet
// holds offsets into its frame and the fields that decisions need, copied out once; rewriting goes
// through the offsets (rewrite.h).  Sources: RFC 791, 8200, 9293, 768, 792, 4443.
#pragma once

#include <cstdint>
#include <span>

#include <tl/expected.hpp>

#include "common/address.h"
#include "vipd/core/drop.h"

namespace rehome {

inline constexpr uint32_t ethernet_bytes = 14;
inline constexpr uint16_t ethertype_v4 = 0x0800;
inline constexpr uint16_t ethertype_v6 = 0x86dd;

struct Frame {
    uint8_t* data = nullptr;  // the Ethernet header
    uint32_t length = 0;      // bytes from data
    uint32_t headroom = 0;    // bytes that may be written before data
    uint32_t tailroom = 0;    // bytes that may be written behind data + length

    std::span<uint8_t> bytes() const { return {data, length}; }
    void push_front(uint32_t count) { data -= count, length += count, headroom -= count; }
    void pop_front(uint32_t count) { data += count, length -= count, headroom += count; }
    // The frame's new length; the caller has checked the tailroom.
    void resize(uint32_t bytes) { tailroom = tailroom + length - bytes, length = bytes; }
};

namespace tcp_flag {
inline constexpr uint8_t fin = 0x01, syn = 0x02, rst = 0x04, ack = 0x10;
}

struct Packet {
    Family family = Family::v4;
    uint8_t protocol = 0;
    bool fragment = false;  // any fragment, the first one too
    Address source, destination;
    uint16_t source_port = 0, destination_port = 0;  // TCP and UDP, not fragments
    uint32_t ip = 0;                                 // offset of the IP header in the frame
    uint32_t l4 = 0;                                 // offset of the transport header
    uint32_t end = 0;  // offset behind the packet (a frame may be padded)
    uint8_t ttl = 0;

    // TCP only.
    uint8_t tcp_flags = 0;
    uint32_t seq = 0, ack = 0;
    uint32_t payload_bytes = 0;

    bool tcp() const { return protocol == static_cast<uint8_t>(Protocol::tcp); }
    bool udp() const { return protocol == static_cast<uint8_t>(Protocol::udp); }
    // The first segment of a connection (RFC 9293 3.5).
    bool first_segment() const {
        return tcp() && (tcp_flags & (tcp_flag::syn | tcp_flag::ack)) == tcp_flag::syn;
    }
    // What the segment adds to the sender's sequence number.
    uint32_t sequence_length() const {
        return payload_bytes + (tcp_flags & tcp_flag::syn ? 1U : 0U) +
               (tcp_flags & tcp_flag::fin ? 1U : 0U);
    }
};

// The packet whose IP header stands at offset ip of the frame.
tl::expected<Packet, Drop> parse_packet(std::span<const uint8_t> frame, uint32_t ip);

// The frame's EtherType, 0 when it is too short to have one.
uint16_t ethertype(std::span<const uint8_t> frame);

}  // namespace rehome
