// The stages of a client's and a server's packet; what concerns the tunnel and time is in
// datapath_tunnel.cpp.
#include "vipd/core/datapath.h"

#include <cassert>

#include "vipd/core/rewrite.h"
#include "vipd/core/tcp.h"

namespace rehome {

Datapath::Datapath(std::shared_ptr<const Tables> tables, std::vector<LineState> lines,
                   const Settings& settings, Micros now)
    : tables_(std::move(tables)),
      routes_(std::make_shared<const Fib>()),
      flows_(settings.flow_capacity, settings.hash_key),
      relay_(*tables_, std::move(lines), now) {
    counters_.lines.resize(tables_->lines().size());
}

Verdict Datapath::dropped(Drop drop) {
    count_drop(drop);
    return {Verdict::Way::drop, drop, {}};
}

Verdict Datapath::handle(Frame& frame, PortIndex port, Micros now) {
    const uint16_t type = ethertype(frame.bytes());
    const bool ip = type == ethertype_v4 || type == ethertype_v6;
    if (!ip || (frame.data[0] & 1) != 0) {  // ARP and the like; broadcast and multicast
        ++counters_.punted;
        return {};
    }
    auto packet = parse_packet(frame.bytes(), ethernet_bytes);
    if (!packet) {
        return dropped(packet.error());
    }
    const PortRole role = tables_->role(port, 0);
    if (role == PortRole::link && packet->udp() && packet->destination_port == gue_port &&
        packet->destination == tables_->tunnel()) {
        return from_tunnel(frame, *packet, now);
    }
    if (const auto line = line_of_port(port); line && tables_->is_moved(packet->destination)) {
        ++counters_.lines[*line].rx_vip_packets;
        if (tables_->is_moved(packet->source)) {
            // A reply to it would come back in by that line, for ever if two services answer.
            return dropped(Drop::forged_source);
        }
        const auto carrier = tables_->lines()[*line].carrier_id;
        const WayBack way{WayBack::Via::line, static_cast<uint16_t>(*line), carrier};
        return from_client(frame, *packet, {From::line, way, false, gue_hops}, now);
    }
    if (role == PortRole::servers && !packet->fragment && (packet->tcp() || packet->udp())) {
        Flow* flow = flows_.find_reply(packet->protocol, {packet->source, packet->source_port},
                                       {packet->destination, packet->destination_port});
        if (flow != nullptr) {
            return from_server(frame, *packet, *flow, now);
        }
    }
    ++counters_.punted;
    return {};
}

std::optional<size_t> Datapath::line_of_port(PortIndex port) const {
    const auto& lines = tables_->lines();
    for (size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].port == port) {
            return i;
        }
    }
    return std::nullopt;
}

Verdict Datapath::from_client(Frame& frame, Packet& packet, const Origin& origin, Micros now) {
    if (packet.fragment) {
        return dropped(Drop::bad_fragment);
    }
    if (is_echo_request(frame, packet) && tables_->is_vip(packet.destination)) {
        return echo(frame, packet, origin, now);
    }
    const Endpoint vip{packet.destination, packet.destination_port};
    const ServiceTable* service = tables_->service(packet.protocol, vip);
    if (service == nullptr) {
        return dropped(Drop::no_service);
    }
    const FlowKey key{packet.protocol, {packet.source, packet.source_port}, vip};
    Flow* flow = flows_.find(key);
    if (flow != nullptr && of_another_connection(*flow, packet)) {
        flows_.erase(*flow);
        flow = nullptr;
    }
    if (flow != nullptr && flow->stage == Flow::Stage::reset && !packet.first_segment()) {
        // A challenge ACK, or a segment sent before the reset arrived: both show the number wanted.
        flow->last_seen = now;
        flow->way = origin.way;
        if ((packet.tcp_flags & tcp_flag::rst) != 0) {
            return dropped(Drop::closed_flow);
        }
        ++counters_.resets;
        answer_with_reset(frame, packet);
        return to_client(frame, packet, flow->way, true, now);
    }
    const Decision decision = decide(gather(packet, origin, flow, *service, now));
    return act(decision, frame, packet, origin, *service, flow, now);
}

Arrival Datapath::gather(const Packet& packet, const Origin& origin, const Flow* flow,
                         const ServiceTable& service, Micros now) const {
    const FlowKey key{packet.protocol,
                      {packet.source, packet.source_port},
                      {packet.destination, packet.destination_port}};
    Arrival a;
    a.from = origin.from;
    a.crossed = origin.crossed;
    a.tcp = packet.tcp();
    a.first = packet.first_segment();
    if (flow != nullptr) {
        a.entry = flow->kind == Flow::Kind::here      ? Entry::here
                  : flow->kind == Flow::Kind::relayed ? Entry::relayed
                                                      : Entry::provisional;
        const bool here = flow->kind == Flow::Kind::here;
        a.peer_up = !here && relay_.peer_up(flow->peer, now);
        a.peer_gone = !here && relay_.peer_gone(flow->peer, now);
        a.replaceable = flow->stage == Flow::Stage::closing || flow->stage == Flow::Stage::reset ||
                        flow->kind == Flow::Kind::provisional ||
                        (here ? !service.has_server(flow->server) : !a.peer_up);
    }
    a.share_relays = relay_.share.relays(key.client);
    const auto other = other_site_peer(key.vip.address, now);
    a.other_up = other.has_value();
    a.other_has_flows = other && relay_.peer_flows(*other) > 0;
    a.home_is_peer = home_peer(key, now).has_value();
    a.can_serve = service.has_live_server();
    return a;
}

Verdict Datapath::act(Decision decision, Frame& frame, Packet& packet, const Origin& origin,
                      const ServiceTable& service, Flow* flow, Micros now) {
    switch (decision) {
        case Decision::serve_entry:
            return serve(frame, packet, origin, service, flow, now);
        case Decision::place_here:
        case Decision::adopt:
            if (flow != nullptr) {
                flows_.erase(*flow);
            }
            return serve(frame, packet, origin, service, nullptr, now);
        case Decision::relay_entry:
        case Decision::place_relayed:
        case Decision::try_home:
        case Decision::try_other:
            return relay(frame, packet, origin, service, flow, decision, now);
        case Decision::reset:
            if (flow != nullptr) {
                flows_.erase(*flow);
            }
            if ((packet.tcp_flags & tcp_flag::rst) != 0) {
                return dropped(Drop::closed_flow);
            }
            ++counters_.resets;
            answer_with_reset(frame, packet);
            return to_client(frame, packet, origin.way, true, now);
        case Decision::drop_no_server:
            return dropped(Drop::no_server);
        case Decision::drop_peer_down:
            return dropped(Drop::peer_down);
    }
    return dropped(Drop::no_server);
}

bool Datapath::choose_and_serve(Flow& flow, const ServiceTable& service) {
    return flows_.serve(flow, choose_server(service, flow.key.client).server.endpoint());
}

// flow: the entry to follow, or null for a new one.
Verdict Datapath::serve(Frame& frame, Packet& packet, const Origin& origin,
                        const ServiceTable& service, Flow* flow, Micros now) {
    if (flow == nullptr) {
        const FlowKey key{packet.protocol,
                          {packet.source, packet.source_port},
                          {packet.destination, packet.destination_port}};
        flow = flows_.insert(key, now);
        if (flow == nullptr) {
            return dropped(Drop::flow_table_full);
        }
        flow->service = service.number;
        if (!choose_and_serve(*flow, service)) {
            flows_.erase(*flow);
            return dropped(Drop::server_taken);
        }
    }
    flow->way = origin.way;
    flow->last_seen = now;
    track(*flow, packet, Side::client);
    return to_server(frame, packet, *flow);
}

Verdict Datapath::relay(Frame& frame, Packet& packet, const Origin& origin,
                        const ServiceTable& service, Flow* flow, Decision decision, Micros now) {
    const FlowKey key{packet.protocol,
                      {packet.source, packet.source_port},
                      {packet.destination, packet.destination_port}};
    size_t peer = 0;
    if (decision == Decision::relay_entry) {
        assert(flow != nullptr);  // decide() follows entries that are there
        peer = flow->peer;
    } else if (decision == Decision::try_home) {
        peer = *home_peer(key, now);
    } else {
        peer = *other_site_peer(key.vip.address, now);
    }
    if (origin.hops == 0) {
        return dropped(Drop::hop_limit);
    }
    const bool stray = (packet.tcp_flags & tcp_flag::rst) != 0 && flow == nullptr;
    if (decision != Decision::relay_entry && !stray) {
        if (flow != nullptr) {
            flows_.erase(*flow);
        }
        flow = flows_.insert(key, now);
        if (flow == nullptr) {
            return dropped(Drop::flow_table_full);
        }
        flow->service = service.number;
        flow->peer = static_cast<uint16_t>(peer);
        flow->kind =
            decision == Decision::place_relayed ? Flow::Kind::relayed : Flow::Kind::provisional;
    }
    if (flow != nullptr) {
        flow->way = origin.way;
        flow->last_seen = now;
        track(*flow, packet, Side::client);
    }
    const bool crossing = !tables_->peers()[peer].same_site;
    Gue gue{Gue::Kind::client, static_cast<uint8_t>(origin.hops - 1), origin.crossed || crossing,
            origin.way.carrier};
    return to_peer(frame, packet, peer, gue);
}

Verdict Datapath::from_server(Frame& frame, Packet& packet, Flow& flow, Micros now) {
    if (flow.stage == Flow::Stage::reset) {
        if ((packet.tcp_flags & tcp_flag::rst) != 0) {
            return dropped(Drop::closed_flow);
        }
        ++counters_.resets;
        answer_with_reset(frame, packet);
        return forward(packet.destination);
    }
    flow.last_seen = now;
    track(flow, packet, Side::server);
    if (!take_hop(frame, packet)) {
        return dropped(Drop::ttl_expired);
    }
    rewrite_source(frame, packet, flow.key.vip);
    return to_client(frame, packet, flow.way, true, now);
}

Verdict Datapath::echo(Frame& frame, Packet& packet, const Origin& origin, Micros now) {
    make_echo_reply(frame, packet);
    return to_client(frame, packet, origin.way, true, now);
}

Verdict Datapath::forward(const Address& to) {
    const auto hop = routes_->lookup(to);
    return hop ? Verdict{Verdict::Way::forward, Drop::count_, *hop} : dropped(Drop::no_route);
}

Verdict Datapath::to_server(Frame& frame, Packet& packet, const Flow& flow) {
    if (!take_hop(frame, packet)) {
        return dropped(Drop::ttl_expired);
    }
    rewrite_destination(frame, packet, flow.server);
    const Verdict verdict = forward(flow.server.address);
    counters_.to_servers += verdict.way == Verdict::Way::forward;
    return verdict;
}

// ours: a reply of this site; otherwise one that a peer sent here to leave by a line.  hops: how
// many gateways may still pass it on, at least one.
Verdict Datapath::to_client(Frame& frame, Packet& packet, const WayBack& way, bool ours, Micros now,
                            uint8_t hops) {
    const auto out = relay_.way_out(way, ours, now);
    if (!out) {
        return dropped(ours ? Drop::no_way_back : Drop::line_disabled);
    }
    if (out->via == WayBack::Via::tunnel) {
        const bool crossing = !tables_->peers()[out->index].same_site;
        return to_peer(frame, packet, out->index,
                       {Gue::Kind::reply, static_cast<uint8_t>(hops - 1), crossing, out->carrier});
    }
    const auto& line = tables_->lines()[out->index];
    ++counters_.to_clients;
    ++counters_.lines[out->index].tx_vip_packets;
    return {Verdict::Way::forward, Drop::count_, {line.port, line.peer}};
}

}  // namespace rehome
