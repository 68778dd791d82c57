// The stage of ICMP: echo requests to a VIP, and errors about flows (RFC 5508).
//
//   comes in   ICMP of a client, to a moved address that no map has; ICMP from a server's side
//   decided    an echo request to a service's VIP is answered; an error is of the flow of what it
//              quotes, and goes where judge() would send that
//   ways out   to a server, to a client, to a peer; icmp_from_server: none, it is of nothing here.
//              Drops: no_service, closed_flow, peer_down, hop_limit, no_route, ttl_expired
#pragma once

#include <optional>

#include "vipd/path/client.h"

namespace rehome::vipd {

Verdict icmp_from_client(const View& view, Hands& hands, Frame& frame, Packet& packet,
                         const Origin& origin);
std::optional<Verdict> icmp_from_server(const View& view, Hands& hands, Frame& frame,
                                        Packet& packet);

}  // namespace rehome::vipd
