// Changing packets in place: addresses and ports, TTL, and the answers that vipd gives itself (echo
// reply, reset).  Checksums are updated by difference (RFC 1624) and stay as right or wrong as they
// were.
#pragma once

#include <cstdint>
#include <span>

#include "vipd/core/packet.h"

namespace rehome {

// Sends a TCP or UDP packet to another endpoint (or makes it come from another one), of the
// packet's family; packet's fields follow.
void rewrite_destination(Frame& frame, Packet& packet, const Endpoint& to);
void rewrite_source(Frame& frame, Packet& packet, const Endpoint& from);

// Takes one off TTL or hop limit.  False: it was used up, nothing changed.
bool take_hop(Frame& frame, Packet& packet);

// Whether the packet is an ICMP or ICMPv6 echo request (RFC 792, RFC 4443 4.1), whole.
bool is_echo_request(const Frame& frame, const Packet& packet);

// Turns an echo request into its reply, with a fresh TTL.
void make_echo_reply(Frame& frame, Packet& packet);

struct Reset {
    Endpoint from, to;
    uint32_t seq = 0;  // what the receiver expects next: it accepts no other (RFC 5961 3.2)
    uint32_t ack = 0;
};

// The IP packet of a reset (RST and ACK); out holds at least 60 bytes.  Returns its length.
uint32_t make_reset(std::span<uint8_t> out, const Reset& reset);

// Replaces the TCP packet in the frame by a reset that answers it: to its sender, with the number
// that its acknowledgement asks for, or 0 when it acknowledges nothing (RFC 9293 3.10.7.1).
void answer_with_reset(Frame& frame, Packet& packet);

}  // namespace rehome
