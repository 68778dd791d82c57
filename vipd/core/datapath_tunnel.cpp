// The datapath's side of the tunnel, and what time brings.
#include <algorithm>
#include <cstring>

#include "vipd/core/bytes.h"
#include "vipd/core/datapath.h"
#include "vipd/core/hash.h"
#include "vipd/core/rewrite.h"
#include "vipd/core/tcp.h"

namespace rehome {

namespace {

constexpr Micros expiry_every = 10'000;
constexpr uint32_t expiry_entries = 4096;

// The outer source port: from the inner flow, so that the link may spread flows over paths (RFC
// 7510, the dynamic ports).
uint16_t tunnel_source_port(const Packet& inner) {
    std::array<uint8_t, 36> bytes{};
    std::copy_n(inner.source.bytes.begin(), 16, bytes.begin());
    std::copy_n(inner.destination.bytes.begin(), 16, bytes.begin() + 16);
    store16(&bytes[32], inner.source_port);
    store16(&bytes[34], inner.destination_port);
    return static_cast<uint16_t>(0xc000 | (hash_bytes(bytes, HashKey::tunnel_port) & 0x3fff));
}

// Takes the headers off up to the inner packet, and puts an Ethernet header's room before it.
void decapsulate(Frame& frame, uint32_t inner_at) {
    frame.pop_front(inner_at - ethernet_bytes);
    const bool v4 = frame.data[ethernet_bytes] >> 4 == 4;
    store16(frame.data + 12, v4 ? ethertype_v4 : ethertype_v6);
}

}  // namespace

Verdict Datapath::from_tunnel(Frame& frame, const Packet& outer, Micros now) {
    const auto& peers = tables_->peers();
    const auto peer = std::find_if(peers.begin(), peers.end(),
                                   [&](const TablePeer& p) { return p.tunnel == outer.source; });
    if (peer == peers.end()) {
        return dropped(Drop::unknown_peer);
    }
    const auto index = static_cast<size_t>(peer - peers.begin());
    const uint32_t udp_end = outer.l4 + load16(frame.data + outer.l4 + 4);
    const auto payload = frame.bytes().subspan(outer.l4 + 8, udp_end - outer.l4 - 8);
    const auto gue = decode_gue(payload);
    if (!gue) {
        return dropped(gue.error());
    }
    if (gue->kind == Gue::Kind::keepalive) {
        const auto keepalive = decode_keepalive(payload.subspan(gue->header_bytes));
        if (!keepalive) {
            return dropped(Drop::bad_tunnel);
        }
        relay_.hear(index, *keepalive, now);
        return {Verdict::Way::consumed, Drop::count_, {}};
    }
    if (payload.size() == gue->header_bytes) {
        return dropped(Drop::truncated);
    }
    frame.resize(udp_end);
    decapsulate(frame, outer.l4 + 8 + gue->header_bytes);
    auto inner = parse_packet(frame.bytes(), ethernet_bytes);
    if (!inner) {
        return dropped(inner.error());
    }
    if (gue->kind == Gue::Kind::reply) {
        return from_peer_reply(frame, *inner, index, *gue, now);
    }
    if (!tables_->is_moved(inner->destination)) {
        return dropped(Drop::not_for_vip);
    }
    const WayBack way{WayBack::Via::tunnel, static_cast<uint16_t>(index), gue->carrier};
    const From from = peer->same_site ? From::same_site : From::other_site;
    return from_client(frame, *inner, {from, way, gue->crossed, gue->hops}, now);
}

// Rule 4: a reply from a peer leaves by its entry's line, or by that of the carrier that the peer
// names: where the flow ends every packet of its client is seen, so its way back is the newer one.
Verdict Datapath::from_peer_reply(Frame& frame, Packet& packet, size_t peer, const Gue& gue,
                                  Micros now) {
    if (!tables_->is_moved(packet.source)) {
        return dropped(Drop::not_for_vip);
    }
    const FlowKey key{packet.protocol,
                      {packet.destination, packet.destination_port},
                      {packet.source, packet.source_port}};
    Flow* flow = packet.fragment ? nullptr : flows_.find(key);
    std::optional<WayBack> way = line_of_carrier(gue.carrier);
    if (flow != nullptr && flow->kind != Flow::Kind::here) {
        if (flow->kind == Flow::Kind::provisional) {
            flow->kind = Flow::Kind::relayed;
        }
        flow->last_seen = now;
        track(*flow, packet, Side::server);
        if (!way || flow->way.via == WayBack::Via::tunnel) {
            way = flow->way;
        }
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
            return WayBack{WayBack::Via::line, static_cast<uint16_t>(i), carrier};
        }
    }
    return std::nullopt;
}

Verdict Datapath::to_peer(Frame& frame, Packet& packet, size_t peer, const Gue& gue) {
    const TunnelEnds ends{tables_->tunnel(), tables_->peers()[peer].tunnel,
                          tunnel_source_port(packet)};
    if (const auto done = encapsulate(frame, packet, gue, ends); !done) {
        return dropped(done.error());
    }
    const Verdict verdict = forward(ends.peer);
    counters_.to_peers += verdict.way == Verdict::Way::forward;
    return verdict;
}

// The rendezvous (highest random weight) of the flow over this site's live gateways; nothing when
// it is this one.  A member that is lost leaves its flows to the next best: "current, then
// previous" falls out of the same order.
std::optional<size_t> Datapath::home_peer(const FlowKey& key, Micros now) const {
    const uint64_t flow = key.hash(static_cast<uint64_t>(HashKey::home));
    uint64_t best = mix(flow ^ tables_->own_name_hash());
    std::optional<size_t> home;
    for (size_t i = 0; i < tables_->peers().size(); ++i) {
        const auto& peer = tables_->peers()[i];
        const uint64_t weight = mix(flow ^ peer.name_hash);
        if (peer.same_site && weight > best && relay_.peer_up(i, now)) {
            best = weight;
            home = i;
        }
    }
    return home;
}

std::optional<size_t> Datapath::other_site_peer(const Address& vip, Micros now) const {
    for (size_t i = 0; i < tables_->peers().size(); ++i) {
        if (!tables_->peers()[i].same_site && relay_.peer_up(i, now) &&
            relay_.peer_serves(i, vip)) {
            return i;
        }
    }
    return std::nullopt;
}

void Datapath::send_keepalives(const Emit& emit) {
    std::array<uint8_t, 1500> packet;
    for (size_t i = 0; i < tables_->peers().size(); ++i) {
        const auto& peer = tables_->peers()[i];
        const auto bytes = encode(relay_.keepalive_for(i, *tables_, flows_.served()));
        const TunnelEnds ends{tables_->tunnel(), peer.tunnel, gue_port};
        const uint32_t length = make_control_packet(packet, bytes, ends);
        if (const auto hop = routes_->lookup(peer.tunnel); hop && length > 0) {
            emit({packet.data(), length}, *hop);
        }
    }
}

void Datapath::send_reset(const Flow& flow, const Reset& reset, bool to_client_end, Micros now,
                          const Emit& emit) {
    constexpr uint32_t room = 128;
    std::array<uint8_t, room + 128> bytes{};
    const uint32_t length = make_reset(std::span(bytes).subspan(room + ethernet_bytes), reset);
    Frame frame{bytes.data() + room, ethernet_bytes + length, room, 0};
    auto packet = parse_packet(frame.bytes(), ethernet_bytes);
    ++counters_.resets;
    const Verdict verdict =
        to_client_end ? to_client(frame, *packet, flow.way, true, now) : forward(reset.to.address);
    if (verdict.way == Verdict::Way::forward) {
        emit(frame.bytes().subspan(ethernet_bytes), verdict.hop);
    }
}

void Datapath::tick(Micros now, const Emit& emit, const Relogin::Log& log) {
    // The first flow is told at once: a peer that knows of none adopts its segments instead of
    // asking.
    const bool first_flow = told_flows_ == 0 && flows_.served() > 0;
    if (now >= next_keepalive_ || first_flow) {
        next_keepalive_ = now + keepalive_every;
        told_flows_ = flows_.served();
        send_keepalives(emit);
        relay_.finish_draining(now);
    }
    if (now >= next_expiry_) {
        next_expiry_ = now + expiry_every;
        flows_.expire(now, expiry_entries);
    }
    const auto send = [&](const Flow& flow, const Reset& reset, bool to_client_end) {
        send_reset(flow, reset, to_client_end, now, emit);
    };
    relogin_.tick(flows_, now, send, log);
}

Micros Datapath::next_tick(Micros now) const {
    constexpr Micros pacing = 1'000;
    const Micros next = std::min(next_keepalive_, next_expiry_);
    return relogin_.running() ? std::min(next, now + pacing) : next;
}

FlowCounts Datapath::count_flows() {
    FlowCounts counts;
    for (const Flow& flow : flows_.entries()) {
        if (!flow.in_use) {
            continue;
        }
        const bool over = flow.stage == Flow::Stage::closing || flow.stage == Flow::Stage::reset;
        counts.closing += over;
        counts.here += !over && flow.kind == Flow::Kind::here;
        counts.relayed += !over && flow.kind == Flow::Kind::relayed;
        counts.provisional += !over && flow.kind == Flow::Kind::provisional;
    }
    return counts;
}

}  // namespace rehome
