// What time brings: keepalives, paced resets, forgetting old flows and fragments.
#include <algorithm>

#include "vipd/packet/rewrite.h"
#include "vipd/path/datapath.h"
#include "vipd/path/note.h"

namespace rehome::vipd {

namespace {

constexpr Micros expiry_every = 10'000;
constexpr uint32_t room = 128;  // before a packet of our own, for a tunnel's headers

}  // namespace

void Datapath::send_keepalives() {
    std::array<uint8_t, 1500> packet;
    ++keepalives_;
    for (size_t i = 0; i < tables_->peers().size(); ++i) {
        const auto& peer = tables_->peers()[i];
        Keepalive keepalive = snapshot_->keepalive_for(i);
        keepalive.flows_here = flows_served_();
        keepalive.sequence = keepalives_;
        const auto bytes = encode(keepalive);
        const TunnelEnds ends{tables_->tunnel(), peer.tunnel, gue_port};
        const uint32_t length = make_control_packet(packet, bytes, ends);
        const uint32_t adjacency = next_hop(peer.tunnel);
        if (length > 0 && adjacency != Adjacencies::none) {
            adjacencies_[adjacency].used = true;
            sink_.emit(std::span(packet).first(length), adjacency);
        }
    }
}

void Datapath::begin_relogin(Micros now) {
    const Snapshot::Relogin& order = snapshot_->relogin;
    if (order.rate_per_s > 0) {
        relogin_.start({order.rate_per_s / workers_, order.service}, flows_, now);
    } else {
        relogin_.stop();
    }
}

// To the client as if from the VIP, to the server as if from the client: both with the numbers that
// these wait for.
void Datapath::send_reset(const Flow& flow, Side to, Micros now) {
    const bool to_client_end = to == Side::client;
    Reset reset;
    if (to_client_end) {
        reset = {flow.vip(), flow.client(), flow.server_next, flow.client_next};
    } else {
        reset = {flow.client(), flow.direct_return() ? flow.vip() : flow.server(), flow.client_next,
                 flow.server_next};
        if (flow.nat_port != 0) {
            reset.from = source_nat_.endpoint({flow.nat_address, flow.nat_port});
        }
    }
    std::array<uint8_t, room + 128> bytes{};
    const uint32_t length = make_reset(std::span(bytes).subspan(room + ethernet_bytes), reset);
    Frame frame{bytes.data() + room, ethernet_bytes + length, room, 0};
    auto packet = parse_packet(frame.bytes(), ethernet_bytes);
    ++counters_.resets;
    const uint32_t adjacency = to_client_end ? Adjacencies::none : next_hop(flow.server().address);
    Verdict verdict;
    if (to_client_end) {
        verdict = to_client(frame, *packet, flows_.way(flow), true, now);
    } else if (adjacency == Adjacencies::none) {
        verdict = dropped(Drop::no_route);
    } else {
        const bool gue = flow.forward == Flow::Forward::gue;
        verdict = flow.direct_return()
                      ? to_server_in_tunnel(frame, *packet, flow.server().address, gue, adjacency)
                      : leave(frame, *packet, adjacency);
    }
    emit(frame, verdict);
}

// Sends a packet of our own by its verdict.
void Datapath::emit(const Frame& frame, const Verdict& verdict) {
    if (verdict.way == Verdict::Way::forward) {
        sink_.emit(ip_packet(frame), verdict.adjacency);
    }
}

void Datapath::tick(Micros now, const Relogin::Log& log) {
    // The first flow is told at once: a peer that knows of none adopts its segments instead of
    // asking.
    const uint32_t served = flows_served_();
    const bool first_flow = told_flows_ == 0 && served > 0;
    if (now >= next_keepalive_ || first_flow) {
        next_keepalive_ = now + keepalive_every;
        told_flows_ = served;
        if (worker_ == 0) {
            send_keepalives();
        }
    }
    if (now >= next_expiry_) {
        next_expiry_ = now + expiry_every;
        flows_.expire(now);
        fragments_.expire(now, [this](uint32_t, Drop why) { count_drop(why); });
    }
    const auto send = [&](const Flow& flow, Side to) { send_reset(flow, to, now); };
    relogin_.tick(flows_, now, send, log);
}

Micros Datapath::next_tick(Micros now) const {
    constexpr Micros pacing = 1'000;
    const Micros next = std::min(next_keepalive_, next_expiry_);
    return relogin_.running() ? std::min(next, now + pacing) : next;
}

}  // namespace rehome::vipd
