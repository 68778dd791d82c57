// The stage of what falls under a map: stateless, 1:1, both directions.
//
//   comes in   a client's packet to a map's VIP, or a packet of a map's server, fragments too
//   decided    from_mapped_client: whether its client is the other site's (the share moves clients
//              whole, by address; any gateway serves any packet, so that there is no second chance)
//              from_mapped_server: by which line, or through which peer, it leaves
//   ways out   to the server, to a peer, to the client; punt: a server's packet for this site.
//              Drops: access, forged_source, hairpin, no_route, no_way_back, what out.h says
#pragma once

#include "vipd/path/client.h"
#include "vipd/path/judge.h"

namespace rehome::vipd {

Verdict from_mapped_client(const View& view, Hands& hands, Frame& frame, Packet& packet,
                           const Origin& origin, const MapRule& rule);

// A packet from a server of the map, by the servers' port.
Verdict from_mapped_server(const View& view, Hands& hands, Frame& frame, Packet& packet,
                           PortIndex port, const MapRule& rule);

// Whether nobody beyond the lines can have the address (as in Tables' overloads).
template <typename Stored>
bool stays_here(const Tables& tables, const Stored& to) {
    return !tables.ordinary(to) && (is_special(to) || tables.is_own(to) || tables.is_moved(to));
}

// Whether what a server sends there is for beyond the lines: not what stays_here, nor what a route
// leads back to this site.
bool beyond_lines(const View& view, Hands& hands, const Address& to);

// It leaves as the VIP, by the route to its client where that is an enabled line of ours, and
// through a peer that has one otherwise.
Verdict leave_as(const View& view, Hands& hands, Frame& frame, Packet& packet, const Address& vip);

// The enabled line by which the kernel's route to a client leaves.
struct RoutedLine {
    std::optional<WayBack> back;
    uint32_t wait = Routing::none;  // the adjacency without which that cannot be told yet
};
RoutedLine line_by_route(const View& view, Hands& hands, const Address& client);

}  // namespace rehome::vipd
