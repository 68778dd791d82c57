#include "vipd/path/judge.h"

#include <algorithm>
#include <cassert>

#include "vipd/flow/tcp.h"

namespace rehome::vipd {

void gather(const View& view, const FlowKey& key, From from, const Flow* flow,
            const ServiceTable* service, Arrival& a) {
    a.from = from;
    a.can_serve = service != nullptr && view.snapshot.served->can_serve(*service);
    a.source_nat = service != nullptr && service->config.pool.has_value();
    if (flow != nullptr) {
        const bool here = flow->kind == Flow::Kind::here;
        a.entry = here                                ? Entry::here
                  : flow->kind == Flow::Kind::relayed ? Entry::relayed
                                                      : Entry::provisional;
        a.peer_up = !here && view.snapshot.peer_up(flow->peer);
        a.peer_gone = !here && view.snapshot.peer_gone(flow->peer);
        // Whose first packet any may be has to wait for a silent peer as others do.
        const bool peer_lost = flow->tcp() ? !a.peer_up : a.peer_gone;
        const bool lost =
            here ? service != nullptr && !service->has_server(flow->server()) : peer_lost;
        a.replaceable = flow->over() || flow->kind == Flow::Kind::provisional || lost;
    }
    if (a.entry == Entry::here && !a.replaceable) {
        return;  // rule 1: nothing else counts
    }
    a.share_relays = view.snapshot.share.relays(key.client);
    const auto other = other_site_peer(view, key.vip.address);
    a.other_up = other.has_value();
    a.other_takes = other && (a.share_relays || !a.can_serve) && other_site_taker(view, key);
    a.other_silent = !other && other_site_silent(view);
    a.other_has_flows = other && other_site_has_flows(view);
    a.home_is_peer = view.tables.shares_site() && home_peer(view, key).has_value();
}

Judgement judge(const View& view, const Meeting& meeting, const Flow* flow) {
    Judgement out;
    const Segment& segment = meeting.segment;
    if (flow != nullptr && meeting.has_ports && of_another_connection(*flow, segment)) {
        out.forgets = true;
        flow = nullptr;
    }
    out.service = meeting.service;
    const bool first = segment.first_segment();
    if (out.service == nullptr) {
        const bool goes_on =
            flow != nullptr && flow->tcp() && flow->served && !flow->over() && !first;
        out.kind = goes_on ? Judgement::Kind::goes_on : Judgement::Kind::no_service;
        return out;
    }
    if (flow != nullptr && flow->stage == Flow::Stage::reset && !first) {
        out.kind = Judgement::Kind::reset_again;
        return out;
    }
    Arrival arrival;
    gather(view, meeting.key, meeting.from, flow, out.service, arrival);
    arrival.crossed = meeting.crossed;
    arrival.asked = meeting.asked;
    arrival.tcp = segment.tcp();
    arrival.first = first;
    out.kind = Judgement::Kind::decided;
    out.decision = decide(arrival);
    return out;
}

bool decided_alike(const Snapshot& snapshot, const Flow& flow) {
    if (!flow.direct_return() || flow.kind != Flow::Kind::here) {
        return false;
    }
    const ServiceTable* service = snapshot.tables->service(flow.protocol, flow.vip());
    // A segment in mid-flow is never placed by the share, any datagram is.
    const bool stays = flow.tcp() || !snapshot.share.relays(flow.client());
    return stays && service != nullptr && snapshot.served->can_serve(*service) &&
           choose_server(*service, flow.client()).server.address == flow.server().address;
}

namespace {

// The rendezvous (highest random weight) of the flow over live peers, of which none weighs less
// than `best`.  A member that is lost leaves its flows to the next best: "current, then previous"
// falls out of the same order.
template <typename Takes>
std::optional<size_t> heaviest(const View& view, uint64_t flow, uint64_t best, Takes takes) {
    std::optional<size_t> home;
    const auto& peers = view.tables.peers();
    for (size_t i = 0; i < peers.size(); ++i) {
        const uint64_t weight = mix(flow ^ peers[i].name_hash);
        if (weight > best && view.snapshot.peer_up(i) && takes(i)) {
            best = weight;
            home = i;
        }
    }
    return home;
}

uint64_t home_hash(const FlowKey& key) {
    return key.hash(static_cast<uint64_t>(HashKey::home));
}

// A flow is where its line is, or was placed at its home: a peer that says that it may know the
// flow is asked before its home is.
template <typename Takes>
std::optional<size_t> whom_to_ask(const View& view, const FlowKey& key, uint64_t best,
                                  Takes takes) {
    const uint64_t flow = home_hash(key);
    const auto may_know = [&](size_t i) {
        const auto& known = view.snapshot.peers[i].known;
        return known != nullptr && known->may_know(key);
    };
    const bool several = view.tables.peers().size() > 1;
    const auto knows =
        several ? heaviest(view, flow, 0, [&](size_t i) { return takes(i) && may_know(i); })
                : std::nullopt;
    return knows ? knows : heaviest(view, flow, best, takes);
}

}  // namespace

std::optional<size_t> home_peer(const View& view, const FlowKey& key) {
    return whom_to_ask(view, key, mix(home_hash(key) ^ view.tables.own_name_hash()),
                       [&](size_t i) { return view.tables.peers()[i].same_site; });
}

std::optional<size_t> home_there(const View& view, const FlowKey& key) {
    return whom_to_ask(view, key, 0, [&](size_t i) {
        return !view.tables.peers()[i].same_site && view.snapshot.peer_serves(i, key.vip.address);
    });
}

std::optional<size_t> other_site_peer(const View& view, const Address& vip) {
    const auto& peers = view.tables.peers();
    for (size_t i = 0; i < peers.size(); ++i) {
        if (!peers[i].same_site && view.snapshot.peer_up(i) && view.snapshot.peer_serves(i, vip)) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<size_t> other_site_taker(const View& view, const FlowKey& key) {
    const uint64_t service = service_key(key.protocol, key.vip);
    return heaviest(view, home_hash(key), 0, [&](size_t i) {
        const Snapshot::Peer& peer = view.snapshot.peers[i];
        return !view.tables.peers()[i].same_site && view.snapshot.peer_serves(i, key.vip.address) &&
               !peer.narrow && (peer.services == nullptr || peer.services->has(service));
    });
}

bool served_elsewhere(const View& view, const FlowKey& key) {
    const uint64_t service = service_key(key.protocol, key.vip);
    const auto& peers = view.snapshot.peers;
    for (size_t i = 0; i < peers.size(); ++i) {
        const bool says_so = peers[i].services == nullptr
                                 ? view.snapshot.peer_serves(i, key.vip.address)
                                 : peers[i].services->has(service);
        if (peers[i].silent || (peers[i].up && says_so)) {
            return true;
        }
    }
    return false;
}

bool other_site_has_flows(const View& view) {
    const auto& peers = view.tables.peers();
    for (size_t i = 0; i < peers.size(); ++i) {
        if (!peers[i].same_site && view.snapshot.peer_up(i) && view.snapshot.peer_has_flows(i)) {
            return true;
        }
    }
    return false;
}

bool other_site_silent(const View& view) {
    const auto& peers = view.tables.peers();
    for (size_t i = 0; i < peers.size(); ++i) {
        const Snapshot::Peer& peer = view.snapshot.peers[i];
        if (!peers[i].same_site && peer.silent) {
            return true;
        }
    }
    return false;
}

size_t peer_of(const View& view, Decision decision, const FlowKey& key, const Flow* flow) {
    if (decision == Decision::relay_entry) {
        assert(flow != nullptr);  // decide() follows entries that are there
        return flow->peer;
    }
    return decision == Decision::try_home    ? *home_peer(view, key)
           : decision == Decision::try_other ? *home_there(view, key)
                                             : *other_site_taker(view, key);
}

}  // namespace rehome::vipd
