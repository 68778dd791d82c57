#include "vipd/path/flow_copy.h"

#include "vipd/packet/flow_copy.h"
#include "vipd/packet/gue.h"
#include "vipd/path/judge.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"

namespace rehome::vipd {

namespace {

bool may_get(const View& view, size_t peer, const Address& vip) {
    const Snapshot::Peer& known = view.snapshot.peers[peer];
    return known.up && known.copies && view.snapshot.peer_serves(peer, vip);
}

void send_to(const View& view, Hands& hands, size_t peer, const FlowKey& key,
             const FlowCopy& copy) {
    constexpr uint32_t room = 128;  // for the tunnel's headers
    std::array<uint8_t, room + ethernet_bytes + flow_copy_bytes_most> bytes{};
    const uint32_t length =
        make_flow_copy(std::span(bytes).subspan(room + ethernet_bytes), key.client, key.vip, copy);
    Frame frame{bytes.data() + room, ethernet_bytes + length, room, 0};
    auto packet = parse_packet(frame.bytes(), ethernet_bytes);
    const bool crossing = !view.tables.peers()[peer].same_site;
    emit(hands, frame,
         to_peer(view, hands, frame, *packet, peer, {Gue::Kind::copy, 0, crossing, 0}, {}));
    ++hands.counters.copies.sent;
}

bool send_to_all(const View& view, Hands& hands, const FlowKey& key, const FlowCopy& copy) {
    bool some = false;
    for (size_t i = 0; i < view.tables.peers().size(); ++i) {
        if (may_get(view, i, key.vip.address)) {
            send_to(view, hands, i, key, copy);
            some = true;
        }
    }
    return some;
}

// Whether the entry gives way to the peer's flow.
bool gives_way(const View& view, const Flow& flow, size_t peer) {
    if (flow.kind == Flow::Kind::here) {
        return !flow.answered;
    }
    return flow.peer == peer || !flow.answered || view.snapshot.peer_gone(flow.peer);
}

Verdict left(Hands& hands, std::string_view why) {
    note(hands, "copy", "left: {}", why);
    ++hands.counters.copies.left;
    return {Verdict::Kind::consumed, Drop::count_};
}

// The peer's flow, in an entry of that key or a new one.
Verdict enter(const View& view, Hands& hands, Flow* flow, const FlowKey& key,
              const ServiceTable& service, size_t peer, Micros seen) {
    const bool refreshes =
        flow != nullptr && flow->kind == Flow::Kind::relayed && flow->peer == peer;
    if (!refreshes) {
        if (!hands.flows.has_room_for_copies(key.vip.address.family)) {
            return left(hands, "the flow table has no room for a peer's");
        }
        if (flow != nullptr) {
            hands.flows.erase(*flow);
        }
        flow = hands.flows.insert(key, seen, FlowTable::Ring::mid_flow);
        if (flow == nullptr) {
            return left(hands, "too many flows of that client");
        }
        flow->peer = static_cast<uint16_t>(peer);
        flow->set_service(service.number);
    }
    flow->turns = Flow::two_exchanges;
    flow->client_known = flow->server_known = flow->answered = true;
    hands.flows.change(*flow, Flow::Kind::relayed, Flow::Stage::established);
    if (hands.flows.idle(*flow, view.now) > view.now - seen) {
        hands.flows.seen(*flow, seen);
    }
    hands.flows.settle(flow);
    note(hands, "copy", "of a flow that the peer serves: {}", refreshes ? "again" : "noted");
    ++hands.counters.copies.taken;
    return {Verdict::Kind::consumed, Drop::count_};
}

// The peer serves it no more: its next packet is placed anew.
Verdict forget(Hands& hands, Flow* flow, size_t peer) {
    if (flow != nullptr && flow->kind == Flow::Kind::relayed && flow->peer == peer) {
        note(hands, "copy", "of a flow that the peer serves no more: forgotten");
        hands.flows.erase(*flow);
        ++hands.counters.copies.taken;
        return {Verdict::Kind::consumed, Drop::count_};
    }
    return left(hands, "no entry leads to that peer");
}

}  // namespace

bool send_copy(const View& view, Hands& hands, const Flow& flow) {
    const Micros idle = hands.flows.idle(flow, view.now);
    return send_to_all(view, hands, flow.key(), {true, static_cast<uint32_t>(idle / 1000)});
}

void tell_gone(const View& view, Hands& hands, const FlowKey& key) {
    send_to_all(view, hands, key, {false, 0});
}

Verdict take_copy(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                  size_t peer) {
    if (const auto wrong = wrong_relayed_source(view.tables, packet.source, packet.destination)) {
        return dropped(hands, *wrong);
    }
    const auto copy = read_flow_copy(frame.bytes(), packet);
    if (!copy) {
        return dropped(hands, Drop::bad_tunnel);
    }
    const FlowKey key{packet.protocol,
                      {packet.source, packet.source_port},
                      {packet.destination, packet.destination_port}};
    const ServiceTable* service = view.tables.service(key.protocol, key.vip);
    if (service == nullptr) {
        return dropped(hands, Drop::no_service);
    }
    Flow* flow = hands.flows.find(key);
    if (!copy->there) {
        return forget(hands, flow, peer);
    }
    const Micros lifetime = Micros{view.tables.lifetimes().udp} * 1'000'000;
    const Micros idle = Micros{copy->idle_ms} * 1000;
    if (view.snapshot.peer_gone(peer) || idle > lifetime) {
        return left(hands, "the peer, or the flow, is past its time");
    }
    if (flow != nullptr && !gives_way(view, *flow, peer)) {
        return left(hands, "an answered flow of the same ends is here");
    }
    return enter(view, hands, flow, key, *service, peer, view.now - idle);
}

}  // namespace rehome::vipd
