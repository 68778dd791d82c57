// The ways out: to a server, to another gateway, to a client, and out of the pipeline.
//
//   to_server   by its entry: rewritten (nat), or as it is in a tunnel (direct return)
//   to_peer     in GUE
//   to_client   by a line, or through a peer that has one
//   leave       done: by an adjacency, in fragments where it is too long and may be cut
//
// What leaves is counted as it leaves.  What does not fit, or has used up its hops, is refused:
// dropped, and its sender told (refuse.h).  Drops: no_route, link_down, too_big, ttl_expired,
// no_way_back, line_disabled, disabled.
#pragma once

#include "vipd/packet/gue.h"
#include "vipd/path/context.h"

namespace rehome::vipd {

Verdict dropped(Hands& hands, Drop drop);
// By an order that is strong, about the flow (null: there is none) or its service.
Verdict drop_disabled(const View& view, Hands& hands, const Flow* flow,
                      const ServiceTable* service);
// As it came in, to the kernel, as far as that takes more of its kind (punt.h).
Verdict punted(const View& view, Hands& hands, const Frame& frame, PortIndex port);
// Arrives again, unchanged as it is, once the adjacency is usable.
Verdict waits(Hands& hands, uint32_t adjacency);
// The packet leaves: counts it.
void settle(Hands& hands, const Bill& bill);

Verdict to_server(const View& view, Hands& hands, Frame& frame, Packet& packet, const Flow& flow);
// The same in a tunnel to a server that replies directly; adjacency: leads there.
Verdict to_server_in_tunnel(const View& view, Hands& hands, Frame& frame, Packet& packet,
                            const Address& server, bool gue, uint32_t adjacency,
                            const Bill& bill = {});

// back: by which a client that must be told that its packet is too big is reached.  service: of
// which it is a reply.
Verdict to_peer(const View& view, Hands& hands, Frame& frame, Packet& packet, size_t peer,
                const Gue& gue, const WayBack& back, uint32_t service = Bill::no_service);

// ours: a reply of this site; otherwise one that a peer sent here to leave by a line.  hops: how
// many gateways may still pass it on, at least one.
Verdict to_client(const View& view, Hands& hands, Frame& frame, Packet& packet, const WayBack& back,
                  bool ours, uint8_t hops = gue_hops, uint32_t service = Bill::no_service);

// The packet, done, leaves.
Verdict leave(Hands& hands, Frame& frame, const Packet& packet, uint32_t adjacency,
              const Bill& bill = {});

// What this gateway says itself; nothing is sent where no route leads.
void send_control(const View& view, Hands& hands, size_t peer, Gue::Control control,
                  std::span<const uint8_t> said);

// A packet of our own leaves by its verdict.
void emit(Hands& hands, const Frame& frame, const Verdict& verdict);

// The adjacency that leads to an address, noted where there is none.
uint32_t next_hop(Hands& hands, const Address& to);

// Drops what wants to get there: no_route, or link_down.
Verdict dropped_on_the_way(Hands& hands, const Address& to);

// Whether the packet fits the adjacency, or may be cut to fit.
bool fits(const Hands& hands, const Frame& frame, const Packet& packet, uint32_t adjacency);

// The longest packet that gets to a server in its tunnel, by an adjacency.
uint16_t room_to_server(const Hands& hands, const Address& server, bool gue, uint32_t adjacency);

// The longest packet that gets to a peer in the tunnel, by an adjacency, as one of that kind.
uint16_t room_to_peer(const View& view, const Hands& hands, size_t peer, uint32_t adjacency,
                      Gue::Kind kind);

// The longest packet that the way out of a reply takes; 0 where there is none.
uint16_t room_to_client(const View& view, Hands& hands, const WayBack& back);

// A client's SYN offers no larger segments than its way back takes.
void clamp_to_way_back(const View& view, Hands& hands, Frame& frame, const Packet& packet,
                       const WayBack& back);

// A line of this gateway as a way back.
// The answer of a check through a tunnel, which has a budget as what is punted has.
Verdict answers_check(const View& view, Hands& hands, const Frame& frame, PortIndex port);

inline WayBack by_line(const Tables& tables, size_t line) {
    return {WayBack::Via::line, static_cast<uint16_t>(line), tables.lines()[line].carrier_id};
}

}  // namespace rehome::vipd
