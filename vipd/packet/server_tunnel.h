// The tunnel from a gateway to a server that replies to the client directly: the client's packet as
// it is, behind an IP header (IP in IP: RFC 2003, RFC 4213 for IPv6 in IPv4, RFC 2473 in IPv6), or
// behind IP, UDP and GUE (draft-ietf-intarea-gue-09, variant 0 without options, to port 6080).
//
// An outer IPv4 header has DF set and no identification (RFC 6864 4.1): what is too long is cut, or
// refused, before it goes in.  An outer IPv6 header has the flow's label (RFC 6438).
#pragma once

#include <cstdint>
#include <span>

#include "vipd/packet/ip_header.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

struct ServerTunnel {
    Address local, server;  // of one family
    bool gue = false;
    uint16_t spread = 0;  // of the flow, which keeps to one path: GUE's source port, IPv6's label

    // Whether packets in it show it.
    bool spreads() const { return gue || local.family == Family::v6; }
};

inline constexpr uint32_t server_tunnel_bytes(Family outer, bool gue) {
    return ip_header_bytes(outer) + (gue ? 8 + 4 : 0);
}

// Puts the headers before the packet, which becomes the outer one: it begins at ethernet_bytes of
// the frame.  False, with nothing changed: no headroom, or longer than an IP header can tell.
bool enter(Frame& frame, Packet& packet, const ServerTunnel& tunnel);

// The same where somebody has looked for the headroom and the length, for a packet whose IP header
// stands at `ip` of the frame and which ends at `end`.
void put_in_tunnel(Frame& frame, uint32_t ip, uint32_t end, const ServerTunnel& tunnel);

// The same for an IP packet by itself; the length of what is in out, 0 when it does not fit.
uint32_t write_in_tunnel(std::span<uint8_t> out, std::span<const uint8_t> inner,
                         const ServerTunnel& tunnel);

}  // namespace rehome::vipd
