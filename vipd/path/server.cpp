#include "vipd/path/server.h"

#include "vipd/flow/tcp.h"
#include "vipd/packet/fragment_v4.h"
#include "vipd/packet/rewrite.h"
#include "vipd/path/access.h"
#include "vipd/path/icmp.h"
#include "vipd/path/join.h"
#include "vipd/path/map.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"
#include "vipd/path/refuse.h"

namespace rehome::vipd {

namespace {

// To a server whose flow was reset: its segment shows the number wanted.
Verdict reset_again(Hands& hands, Frame& frame, Packet& packet) {
    if ((packet.tcp_flags & tcp_flag::rst) != 0 || !packet.has_ports) {
        return dropped(hands, Drop::closed_flow);
    }
    ++hands.counters.resets;
    answer_with_reset(frame, packet);
    const uint32_t adjacency = next_hop(hands, packet.destination);
    return adjacency == Routing::none ? dropped_on_the_way(hands, packet.destination)
                                      : leave(hands, frame, packet, adjacency);
}

// The room that the client's way back leaves, and its hops; what is refused, or nothing.
std::optional<Verdict> refused(const View& view, Hands& hands, Frame& frame, Packet& packet,
                               const WayBack& back, const Address& vip) {
    if (packet.ttl <= 1) {
        return refuse_server(view, hands, frame, packet, vip, {Trouble::Kind::time_exceeded});
    }
    const uint16_t room = room_to_client(view, hands, back);
    if (room > 0 && packet.end - packet.ip > room && !may_fragment(frame, packet)) {
        return refuse_server(view, hands, frame, packet, vip, {Trouble::Kind::too_big, room});
    }
    return std::nullopt;
}

Verdict reply(const View& view, Hands& hands, Frame& frame, Packet& packet, Flow& flow) {
    note(hands, "flow", "reply of server {}", flow.server());
    if (barred_answer(view, hands, flow.key(), &flow, hands.flows.way_back(flow))) {
        return dropped(hands, Drop::access);
    }
    if (view.snapshot.disabled->cut_of(flow) != nullptr) {
        return drop_disabled(view, hands, &flow, nullptr);
    }
    if (flow.stage == Flow::Stage::reset) {
        return reset_again(hands, frame, packet);
    }
    const Flow& entry =
        *follow(hands.flows, flow, packet, packet.has_ports, Side::server, view.now);
    const WayBack back = hands.flows.way_back(entry);
    if (const auto verdict = refused(view, hands, frame, packet, back, entry.vip().address)) {
        return *verdict;
    }
    take_hop(frame, packet);
    rewrite_source(frame, packet, entry.vip());
    if (entry.nat_port != 0) {
        rewrite_destination(frame, packet, entry.client());
    }
    return to_client(view, hands, frame, packet, back, true, gue_hops, entry.service);
}

// Whether an order has cut the flow between these ends, or all of its service's.
bool cut_about(const View& view, Hands& hands, const FlowKey& ends) {
    const Disabled& disabled = *view.snapshot.disabled;
    const ServiceTable* service = view.tables.service(ends.protocol, ends.vip);
    const Flow* flow = hands.flows.find(ends);
    return (service != nullptr && disabled.shuts(service->number)) ||
           (flow != nullptr && disabled.cut_of(*flow) != nullptr);
}

// From a VIP: a server that answers directly, and whose way to its clients leads through here.  It
// goes back as its client came; the kernel would route it, whatever line that is.
Verdict direct_answer(const View& view, Hands& hands, Frame& frame, Packet& packet) {
    Flow* flow = hands.flows.find({packet.protocol,
                                   {packet.destination, packet.destination_port},
                                   {packet.source, packet.source_port}});
    const bool here = flow != nullptr && flow->kind == Flow::Kind::here;
    const RoutedLine way = here ? RoutedLine{hands.flows.way_back(*flow)}
                                : line_by_route(view, hands, packet.destination);
    if (way.wait != Routing::none) {
        return waits(hands, way.wait);
    }
    if (!way.back) {
        return dropped(hands, Drop::no_way_back);
    }
    const FlowKey ends = ends_of_reply(frame, packet);
    if (barred_answer(view, hands, ends, flow, *way.back)) {
        return dropped(hands, Drop::access);
    }
    if (cut_about(view, hands, ends)) {
        return drop_disabled(view, hands, hands.flows.find(ends),
                             view.tables.service(ends.protocol, ends.vip));
    }
    uint32_t service = Bill::no_service;
    if (here) {
        note(hands, "flow", "direct answer of server {}", flow->server());
        flow = follow(hands.flows, *flow, packet, packet.has_ports, Side::server, view.now);
        service = flow->service;
    }
    if (const auto verdict = refused(view, hands, frame, packet, *way.back, packet.source)) {
        return *verdict;
    }
    take_hop(frame, packet);
    return to_client(view, hands, frame, packet, *way.back, true, gue_hops, service);
}

}  // namespace

Flow* flow_of_reply(const View& view, Hands& hands, uint8_t protocol, const Endpoint& server,
                    const Endpoint& to) {
    const bool of_pool = view.tables.pool_address(to.address).has_value();
    Flow* flow = of_pool ? nullptr : hands.flows.find_reply(protocol, server, to);
    return flow != nullptr ? flow : hands.source_nat.find(protocol, server, to);
}

Verdict from_servers(const View& view, Hands& hands, Frame& frame, Packet& packet, PortIndex port) {
    if (const MapRule* rule = view.tables.map_of_server(packet.source)) {
        if (const auto kept = view.snapshot.access == nullptr
                                  ? std::nullopt
                                  : join(view, hands, frame, packet, port)) {
            return *kept;
        }
        return from_mapped_server(view, hands, frame, packet, port, *rule);
    }
    if (const auto kept = join(view, hands, frame, packet, port)) {
        return *kept;
    }
    if (packet.tcp() || packet.udp()) {
        if (Flow* flow =
                flow_of_reply(view, hands, packet.protocol, {packet.source, packet.source_port},
                              {packet.destination, packet.destination_port})) {
            return reply(view, hands, frame, packet, *flow);
        }
    }
    if (view.tables.is_moved(packet.source) &&
        packet.destination == view.tables.server_tunnel_from(packet.family) &&
        hands.punt->answers_check(packet)) {
        note(hands, "health", "answers a check through a tunnel");
        return answers_check(view, hands, frame, port);
    }
    if (const auto verdict = icmp_from_server(view, hands, frame, packet)) {
        return *verdict;
    }
    if (view.tables.is_moved(packet.source)) {
        return direct_answer(view, hands, frame, packet);
    }
    // Where the kernel has a way there the VIP is served elsewhere; its route for what is served
    // here is the sign that it is, and leads nowhere.
    if (view.tables.is_moved(packet.destination) &&
        next_hop(hands, packet.destination) == Routing::none) {
        return refuse_server(view, hands, frame, packet, packet.destination,
                             {Trouble::Kind::hairpin});
    }
    note(hands, "flow", "from a server's side, of no flow: the kernel's");
    return punted(view, hands, frame, port);
}

}  // namespace rehome::vipd
