// The stage of ICMP errors about what this gateway sends in its tunnels, to peers and to servers
// (RFC 2003 4 and 5; for GUE likewise).
//
//   comes in   an ICMP error to this gateway's tunnel address, by the link or a servers' VLAN
//   decided    whether it is about what was sent: it quotes a packet from that address in a tunnel
//              of ours, whose outer port is the inner flow's, and inside one of a flow (or map)
//              that goes by that tunnel; of what gateways say themselves, a probe or a keepalive
//   ways out   consumed: what it says is believed.  Too big: the path's MTU is the one told, for 10
//              minutes (a peer's until a probe finds more); the client is told too, where its
//              packet may not be cut, and that it is unreachable where the error says so.  punt: it
//              is about none of these tunnels.  Drops: stray_error
//
// About replies nobody is told: the server learns the size by its next packet that is too long.
#pragma once

#include "vipd/packet/gue.h"
#include "vipd/packet/icmp.h"
#include "vipd/path/context.h"

namespace rehome::vipd {

// What such an error is about, as far as it quotes.
struct QuotedTunnel {
    std::optional<size_t> peer;  // nothing: a server's tunnel
    Address far_end;
    bool gue = false;
    uint16_t source_port = 0;  // of UDP
    Gue header;                // of a peer's
    std::optional<Quote> inner;
    uint32_t said_at = 0;  // Kind::control: where what is said begins; 0: it is not quoted

    bool control() const { return peer && header.kind == Gue::Kind::control; }
    // Whose packet the inner one is; nothing: that is not quoted.
    std::optional<Endpoint> client() const;
};

// Nothing: it is about no packet in such a tunnel.
std::optional<QuotedTunnel> quoted_tunnel(const Frame& frame, const Packet& error,
                                          const Tables& tables);

Verdict from_tunnel_error(const View& view, Hands& hands, Frame& frame, const Packet& error,
                          PortIndex port);

}  // namespace rehome::vipd
