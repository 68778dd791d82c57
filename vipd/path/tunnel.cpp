// The datapath's side of the tunnel between gateways, and where a flow's home is.
#include <algorithm>

#include "vipd/flow/tcp.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"
#include "vipd/path/datapath.h"
#include "vipd/path/note.h"

namespace rehome::vipd {

namespace {

// Takes the headers off up to the inner packet, and puts an Ethernet header's room before it.
void decapsulate(Frame& frame, Packet& inner) {
    const uint32_t off = inner.ip - ethernet_bytes;
    frame.pop_front(off);
    store16(frame.data + 12, inner.family == Family::v4 ? ethertype_v4 : ethertype_v6);
    inner.ip -= off;
    inner.l4 -= off;
    inner.end -= off;
}

}  // namespace

Verdict Datapath::from_tunnel(Frame& frame, Classified& what, PortIndex port, Micros now) {
    if (what.kind == Classified::Kind::keepalive) {
        const auto keepalive = decode_keepalive(what.carried);
        if (!keepalive) {
            return dropped(Drop::bad_tunnel);
        }
        sink_.heard(what.peer, *keepalive, now);
        return {Verdict::Way::consumed, Drop::count_};
    }
    note("tunnel", "from gateway {}", tables_->peers()[what.peer].gateway);
    Packet& packet = what.packet;
    if (const auto waits = join(frame, packet, port, now)) {
        return *waits;
    }
    frame.resize(static_cast<uint32_t>(what.carried.data() + what.carried.size() - frame.data));
    decapsulate(frame, packet);
    return what.kind == Classified::Kind::peer_reply
               ? from_peer_reply(frame, packet, what.peer, what.gue, now)
               : from_peer_client(frame, packet, what.peer, what.gue, now);
}

Verdict Datapath::from_peer_client(Frame& frame, Packet& packet, size_t peer, const Gue& gue,
                                   Micros now) {
    if (tables_->is_moved(packet.source)) {
        return dropped(Drop::forged_source);
    }
    if (impossible_source(packet)) {
        return dropped(Drop::bad_source);
    }
    const WayBack way{WayBack::Via::tunnel, static_cast<uint16_t>(peer), gue.carrier};
    const From from = tables_->peers()[peer].same_site ? From::same_site : From::other_site;
    return from_client(frame, packet, {from, way, gue.crossed, gue.hops}, now);
}

// Rule 4: a reply from a peer leaves by its entry's line, or by that of the carrier that the peer
// names: where the flow ends every packet of its client is seen, so its way back is the newer one.
Verdict Datapath::from_peer_reply(Frame& frame, Packet& packet, size_t peer, const Gue& gue,
                                  Micros now) {
    const FlowKey key{packet.protocol,
                      {packet.destination, packet.destination_port},
                      {packet.source, packet.source_port}};
    Flow* flow = flows_.find(key);
    std::optional<WayBack> way = line_of_carrier(gue.carrier);
    if (flow != nullptr && flow->kind != Flow::Kind::here) {
        flows_.change(*flow, Flow::Kind::relayed, flow->stage);
        flows_.seen(*flow, now);
        if (packet.has_ports) {
            track(flows_, *flow, packet, Side::server);
        }
        if (flow->confirmed()) {
            flow = flows_.settle(flow);
        }
        if (!way || flow->way_tunnel) {
            way = flows_.way(*flow);
        }
    }
    if (!way && gue.carrier == 0) {
        way = line_by_route(packet.destination);
    }
    if (!way) {
        return dropped(Drop::no_way_back);
    }
    const bool tunnel = way->via == WayBack::Via::tunnel;
    if (tunnel && (way->index == peer || gue.hops == 0)) {
        return dropped(Drop::hop_limit);
    }
    return to_client(frame, packet, *way, tunnel, now, gue.hops);
}

std::optional<WayBack> Datapath::line_of_carrier(uint32_t carrier) const {
    const auto& lines = tables_->lines();
    for (size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].carrier_id == carrier) {
            return line_way(i);
        }
    }
    return std::nullopt;
}

// The enabled line by which the kernel's route to a client leaves: what has no entry and names no
// carrier, as the replies of a map, goes there.
std::optional<WayBack> Datapath::line_by_route(const Address& client) {
    const uint32_t adjacency = next_hop(client);
    const uint32_t line = adjacency == Adjacencies::none ? no_line : line_of_hop(adjacency);
    const bool usable = line != no_line && snapshot_->line(line) == LineState::enabled;
    return usable ? std::optional(line_way(line)) : std::nullopt;
}

// The line whose router a next hop is.  The inventory names the router by one address; a route of
// the other family leads to it by another, which is told by the router's MAC address.
uint32_t Datapath::line_of_hop(uint32_t adjacency) const {
    const Adjacency& way = adjacencies_[adjacency];
    for (const uint16_t line : tables_->lines_at(way.hop.port, way.hop.vlan)) {
        const uint32_t number = line_adjacencies_[line];
        const bool other_family = tables_->lines()[line].peer.family != way.hop.address.family;
        if (way.line == no_line && other_family && way.usable && number != Adjacencies::none &&
            adjacencies_[number].usable && adjacencies_[number].macs == way.macs) {
            return line;
        }
    }
    return way.line;
}

// Lets the adjacencies to lines' routers by their other family's addresses know their lines, so
// that the fast path need not look for them.
void Datapath::find_lines_by_mac() {
    const auto& lines = tables_->lines();
    for (uint32_t i = 0; i < adjacencies_.size(); ++i) {
        Adjacency& way = adjacencies_[i];
        if (way.line != no_line && lines[way.line].peer != way.hop.address) {
            way.line = no_line;  // found by a MAC address that may be another one's now
        }
        way.line = line_of_hop(i);
    }
}

// The rendezvous (highest random weight) of the flow over this site's live gateways; nothing when
// it is this one.  A member that is lost leaves its flows to the next best: "current, then
// previous" falls out of the same order.
std::optional<size_t> Datapath::home_peer(const FlowKey& key) const {
    std::optional<size_t> home;
    const auto& peers = tables_->peers();
    if (std::none_of(peers.begin(), peers.end(), [](const auto& peer) { return peer.same_site; })) {
        return home;
    }
    const uint64_t flow = key.hash(static_cast<uint64_t>(HashKey::home));
    uint64_t best = mix(flow ^ tables_->own_name_hash());
    for (size_t i = 0; i < peers.size(); ++i) {
        const uint64_t weight = mix(flow ^ peers[i].name_hash);
        if (peers[i].same_site && weight > best && snapshot_->peer_up(i)) {
            best = weight;
            home = i;
        }
    }
    return home;
}

std::optional<size_t> Datapath::other_site_peer(const Address& vip) const {
    for (size_t i = 0; i < tables_->peers().size(); ++i) {
        if (!tables_->peers()[i].same_site && snapshot_->peer_up(i) &&
            snapshot_->peer_serves(i, vip)) {
            return i;
        }
    }
    return std::nullopt;
}

}  // namespace rehome::vipd
