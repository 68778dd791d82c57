#include "vipd/path/tick.h"

#include <algorithm>
#include <utility>

#include "vipd/flow/tcp.h"
#include "vipd/packet/gue.h"
#include "vipd/packet/rewrite.h"
#include "vipd/path/access.h"
#include "vipd/path/flow_copy.h"
#include "vipd/path/judge.h"
#include "vipd/path/out.h"
#include "vipd/path/refuse.h"
#include "vipd/path/tags.h"

namespace rehome::vipd {

namespace {

constexpr Micros expiry_every = 10'000;
constexpr Micros pacing = 1'000;

// What the flow's client, or its server, is reset by: as if from the VIP, as if from the client,
// both with the numbers that these wait for.
Reset reset_of(const Hands& hands, const Flow& flow, Side to) {
    if (to == Side::client) {
        return {flow.vip(), flow.client(), flow.server_next, flow.client_next};
    }
    if (!flow.served) {
        return {flow.client(), flow.vip(), flow.client_next, flow.server_next};
    }
    return {hands.source_nat.seen(flow), flow.direct_return() ? flow.vip() : flow.server(),
            flow.client_next, flow.server_next};
}

Verdict reset_server(const View& view, Hands& hands, Frame& frame, Packet& packet,
                     const Flow& flow) {
    const Address server = flow.server().address;
    const uint32_t adjacency = next_hop(hands, server);
    if (adjacency == Routing::none) {
        return dropped_on_the_way(hands, server);
    }
    return flow.direct_return() ? to_server_in_tunnel(view, hands, frame, packet, server,
                                                      flow.reach == Flow::Reach::gue, adjacency)
                                : leave(hands, frame, packet, adjacency);
}

// A server of another site's is told by its gateway, which takes it for the client's word.
Verdict reset_far_server(const View& view, Hands& hands, Frame& frame, Packet& packet,
                         const Flow& flow) {
    const WayBack back = hands.flows.way_back(flow);
    const bool crossing = !view.tables.peers()[flow.peer].same_site;
    const Gue gue{Gue::Kind::client, gue_hops, crossing, back.carrier};
    return to_peer(view, hands, frame, packet, flow.peer, gue, back);
}

void send_reset(const View& view, Hands& hands, const Flow& flow, Side to) {
    constexpr uint32_t room = 128;  // for a tunnel's headers
    std::array<uint8_t, room + 128> bytes{};
    const uint32_t length =
        make_reset(std::span(bytes).subspan(room + ethernet_bytes), reset_of(hands, flow, to));
    Frame frame{bytes.data() + room, ethernet_bytes + length, room, 0};
    auto packet = parse_packet(frame.bytes(), ethernet_bytes);
    ++hands.counters.resets;
    const Verdict verdict = to == Side::client ? to_client(view, hands, frame, *packet,
                                                           hands.flows.way_back(flow), true)
                            : flow.served      ? reset_server(view, hands, frame, *packet, flow)
                                          : reset_far_server(view, hands, frame, *packet, flow);
    emit(hands, frame, verdict);
}

// Whether a peer takes copies now that may lack some: it has just come, begun anew, or serves more.
bool some_lack_copies(const Snapshot& before, const Snapshot& now) {
    for (size_t i = 0; i < now.peers.size(); ++i) {
        const Snapshot::Peer was = i < before.peers.size() ? before.peers[i] : Snapshot::Peer{};
        const Snapshot::Peer& is = now.peers[i];
        const bool had = was.up && was.copies && was.arrivals == is.arrivals;
        if (is.up && is.copies && !(had && was.prefixes == is.prefixes)) {
            return true;
        }
    }
    return false;
}

std::vector<bool> lost_for_good(const Snapshot& snapshot) {
    std::vector<bool> lost;
    for (const Snapshot::Peer& peer : snapshot.peers) {
        lost.push_back(peer.resets_idle);
    }
    return lost;
}

// Whether the flow's client finds a live server, here or at a peer, when it connects again.
bool somebody_serves(const View& view, const Flow& flow) {
    const ServiceTable* service = view.tables.service_by_number(flow.service);
    return service != nullptr && (view.snapshot.served->can_serve(*service) ||
                                  other_site_taker(view, flow.key()).has_value());
}

}  // namespace

Ticker::Ticker(uint32_t worker, uint32_t workers, uint64_t salt, std::function<uint32_t()> served)
    : worker_(worker),
      served_(std::move(served)),
      endings_({worker, workers}),
      idle_reset_({worker, workers}),
      copier_(copies_per_s / workers),
      flows_teller_(worker, workers, salt) {}

void Ticker::take(const Snapshot& before, const View& view, Hands& hands) {
    if (!before.tells_the_same(view.snapshot)) {
        next_keepalive_ = view.now;  // the peers wait for it
    }
    if (some_lack_copies(before, view.snapshot)) {
        copier_.again(view.now);
    }
    idle_reset_.follow(lost_for_good(view.snapshot), view.snapshot.idle_reset_per_s, view.now);
    if (before.disabled != view.snapshot.disabled) {
        follow_disabled(*before.disabled, view, hands);
    }
}

void Ticker::follow_disabled(const Disabled& before, const View& view, Hands& hands) {
    const Disabled& disabled = *view.snapshot.disabled;
    endings_.follow(disabled.endings(), hands.flows, view.now);
    const auto known = [&](const Disabled::Cut& cut) {
        return std::any_of(before.cuts().begin(), before.cuts().end(), [&](const auto& other) {
            return other.id == cut.id && other.scope == cut.scope;
        });
    };
    if (!std::all_of(disabled.cuts().begin(), disabled.cuts().end(), known)) {
        severing_.begin();
        hands.severing = true;
    }
}

void Ticker::send_keepalives(const View& view, Hands& hands, uint32_t served) {
    ++rounds_;
    for (size_t i = 0; i < view.tables.peers().size(); ++i) {
        Keepalive keepalive = view.snapshot.keepalive_for(i);
        keepalive.flows_here = served;
        keepalive.sequence = rounds_;
        if (const auto& keys = view.snapshot.peers[i].keys; keys && !keys->says.empty()) {
            send_control(view, hands, i, Gue::Control::handshake, keys->says);
        }
        send_control(view, hands, i, Gue::Control::keepalive, encode(keepalive));
    }
    services_teller_.tell(view, hands);
}

// To peers that answer probes: whether a packet of full size gets there.
void Ticker::probe_links(const View& view, Hands& hands) {
    next_probe_ = view.now + keepalive_every;
    for (size_t i = 0; i < hands.links.size(); ++i) {
        LinkSize& link = hands.links[i];
        const Snapshot::Peer& peer = view.snapshot.peers[i];
        if (!peer.up || !peer.probes) {
            link.pause();
            continue;
        }
        if (const auto probe = link.due(view.now)) {
            send_control(
                view, hands, i, Gue::Control::link_probe,
                encode(*probe, control_bytes(view.tables.tunnel()->family, tags_to(view, i))));
        }
        if (link.passes() != peer.link_mtu) {
            hands.sink.link_size(i, link.passes(), link.known_at());
        }
        next_probe_ = std::min(next_probe_, link.next());
    }
}

void Ticker::tick(const View& view, Hands& hands, const Log& log) {
    if (!std::exchange(begun_, true)) {
        follow_disabled({}, view, hands);
    }
    // The first flow is told at once: a peer that knows of none adopts its segments instead of
    // asking.
    const uint32_t served = served_();
    const bool first_flow = told_ == 0 && served > 0;
    if (view.now >= next_keepalive_ || first_flow) {
        next_keepalive_ = view.now + keepalive_every;
        told_ = served;
        if (worker_ == 0) {
            send_keepalives(view, hands, served);
        }
    }
    sweep(view, hands);
    if (worker_ == 0 && view.now >= next_probe_) {
        probe_links(view, hands);
    }
    if (view.now >= next_expiry_) {
        next_expiry_ = view.now + expiry_every;
        hands.flows.expire(view.now);
        hands.path_mtus.expire(view.now);
        copier_.tick(hands.flows, view.now,
                     [&](const Flow& flow) { return send_copy(view, hands, flow); });
        flows_teller_.tick(view, hands);
        hands.fragments.expire(view.now, hands.lost());
    }
    const auto reset_client = [&](const Flow& flow) {
        send_reset(view, hands, flow, Side::client);
    };
    const auto reset_both = [&](const Flow& flow) {
        reset_client(flow);
        send_reset(view, hands, flow, Side::server);
    };
    const auto unreachable = [&](const Flow& flow) {
        tell_port_closed(view, hands, flow.key(), hands.flows.way_back(flow));
    };
    const auto gone = [&](const FlowKey& key) { tell_gone(view, hands, key); };
    const auto can_serve = [&](const Flow& flow) { return somebody_serves(view, flow); };
    severing_.tick(hands.flows, [&](const Flow& flow) {
        return view.snapshot.disabled->cut_of(flow) != nullptr;
    });
    hands.severing = severing_.running();
    endings_.tick(hands.flows, view.now, {reset_both, unreachable, gone, log});
    idle_reset_.tick(hands.flows, view.now, {can_serve, reset_client, log});
}

Micros Ticker::next(Micros now, const Hands& hands) const {
    const Micros other = std::min(next_keepalive_, next_expiry_);
    const Micros next = worker_ == 0 ? std::min(other, next_probe_) : other;
    const bool paced = endings_.running() || severing_.running() || idle_reset_.running() ||
                       hands.flows.sweeping();
    return paced ? std::min(next, now + pacing) : next;
}

}  // namespace rehome::vipd
