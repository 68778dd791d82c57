// The stage of what servers send.
//
//   comes in   any IP packet by a servers' VLAN
//   decided    whether it is of a map (map.h), or of a flow, by its ends or by the source NAT port
//              that it is sent to; an error is of the flow that it quotes (icmp.h); from a VIP, it
//              is the answer of a server that replies directly, by way of this gateway
//   ways out   to its client; back to the server (a reset); consumed: a fragment that waits; punt:
//              whatever is of no flow, and not from a VIP.  Drops: closed_flow, no_route,
//              no_way_back, what join.h and out.h say
#pragma once

#include "vipd/path/context.h"

namespace rehome::vipd {

Verdict from_servers(const View& view, Hands& hands, Frame& frame, Packet& packet, PortIndex port);

// The flow that a packet from a server's side belongs to, or null.
Flow* flow_of_reply(const View& view, Hands& hands, uint8_t protocol, const Endpoint& server,
                    const Endpoint& to);

}  // namespace rehome::vipd
