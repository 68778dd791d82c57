// Changing packets in place: addresses and ports, TTL, and the answers that vipd gives itself (echo
// reply, reset).  Checksums are updated by difference (RFC 1624) and stay as right or wrong as they
// were.
//
// Packets of any protocol, and fragments: the IPv4 header's checksum, and that of the transport if
// it is in this packet and covers the addresses, follow.  A first fragment's covers the whole
// datagram, so that the difference is right for it too; a later fragment has none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "vipd/packet/checksum.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

// Sends a packet to another endpoint (or makes it come from another one), of the packet's family;
// packet's fields follow.  The port is written where has_ports says so.
void rewrite_destination(Frame& frame, Packet& packet, const Endpoint& to);
void rewrite_source(Frame& frame, Packet& packet, const Endpoint& from);

// The same, and the port stays.
void rewrite_destination_address(Frame& frame, Packet& packet, const Address& to);
void rewrite_source_address(Frame& frame, Packet& packet, const Address& from);

// Where in its header a transport keeps the checksum that covers the addresses: TCP, UDP, UDP-Lite
// (RFC 3828), DCCP (RFC 4340), ICMPv6.  SCTP's and ICMP's covers none.
std::optional<uint32_t> checksum_over_addresses(Family family, uint8_t protocol);

// Applies a difference to the transport checksum at that place.  UDP's zero means that none was
// made (RFC 768, 3828); it stays so, and no other becomes zero.
void apply_to_transport(const Delta& delta, uint8_t protocol, uint8_t* checksum);

// The frame's IP packet by itself: what stands behind Ethernet and a VLAN tag.
std::span<const uint8_t> ip_packet(const Frame& frame);

// Takes one off TTL or hop limit.  False: it was used up, nothing changed.
bool take_hop(Frame& frame, Packet& packet);

// The ICMP type of an echo request (RFC 792, RFC 4443 4.1).
constexpr uint8_t echo_request(Family family) {
    return family == Family::v4 ? 8 : 128;
}

// Whether the packet is an echo request, or its first
// fragment.
bool is_echo_request(const Packet& packet);

// Turns an echo request into its reply, with a fresh TTL, or a fragment of the one into that of the
// other; of a later fragment the caller knows whose it is.
void make_echo_reply(Frame& frame, Packet& packet);

struct Reset {
    Endpoint from, to;
    uint32_t seq = 0;  // what the receiver expects next: it accepts no other (RFC 5961 3.2)
    uint32_t ack = 0;
};

// The IP packet of a reset (RST and ACK); out holds at least 60 bytes.  Returns its length.
uint32_t make_reset(std::span<uint8_t> out, const Reset& reset);
// Writes an empty UDP datagram, and returns its size: as if one end had sent it.
uint32_t make_datagram(std::span<uint8_t> out, const Endpoint& from, const Endpoint& to);

// Replaces the TCP packet in the frame by a reset that answers it: to its sender, with the number
// that its acknowledgement asks for, or 0 when it acknowledges nothing (RFC 9293 3.10.7.1).
void answer_with_reset(Frame& frame, Packet& packet);

}  // namespace rehome::vipd
