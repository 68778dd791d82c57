#include "vipd/path/judge.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <span>

#include "vipd/flow/tcp.h"

namespace rehome::vipd {

namespace {

bool can_serve(const View& view, const ServiceTable& service) {
    return view.snapshot.served->can_serve(service) &&
           !view.snapshot.disabled->shuts(service.number);
}

// Whether a flow of the service, which is shut here, would be refused with a word.
bool tells(Decision decision) {
    return decision == Decision::reset || decision == Decision::drop_no_server;
}

}  // namespace

void gather(const View& view, const FlowKey& key, const Flow* flow, const ServiceTable* service,
            std::optional<size_t> refused_by, Arrival& a) {
    a.can_serve = service != nullptr && can_serve(view, *service);
    a.source_nat = service != nullptr && service->reach == Flow::Reach::source_nat;
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
        // Who begins to connect is not kept waiting for a server that is down.
        const bool down = here && flow->tcp() && a.first && service != nullptr &&
                          view.snapshot.is_down(*service, flow->server());
        a.replaceable = flow->over() || flow->kind == Flow::Kind::provisional || lost || down ||
                        view.snapshot.disabled->cut_of(*flow) != nullptr;
    }
    if (a.entry == Entry::here && !a.replaceable) {
        return;  // rule 1: nothing else counts
    }
    if (!a.tcp || a.first) {
        const NewFlow placed = service != nullptr ? place_new(view, key, *service) : NewFlow{};
        a.other_takes = placed.peer.has_value();
        a.share_relays = a.other_takes && (placed.masked || !placed.choice.here());
        return;  // whoever may know the flow is not asked
    }
    a.refused = refused_by.has_value();
    a.other_up = other_site_peer(view, key.vip.address).has_value();
    a.other_has_flows = a.other_up && next_to_ask(view, key, refused_by).has_value();
    a.other_silent = !a.other_has_flows && other_site_silent(view, key.vip.address);
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
    const Disabled& disabled = *view.snapshot.disabled;
    // Datagrams are placed anew at once; what comes back of their flows is dropped.
    if (flow != nullptr && flow->tcp() && !first && disabled.cut_of(*flow) != nullptr) {
        out.kind = Judgement::Kind::disabled;
        return out;
    }
    if (flow != nullptr && flow->tcp() && flow->stage == Flow::Stage::reset && !first) {
        out.kind = Judgement::Kind::reset_again;
        return out;
    }
    Arrival arrival;
    arrival.from = meeting.from;
    arrival.crossed = meeting.crossed && !meeting.refused_by;
    arrival.asked = meeting.asked;
    arrival.tcp = segment.tcp();
    arrival.first = first;
    gather(view, meeting.key, flow, out.service, meeting.refused_by, arrival);
    out.decision = decide(arrival);
    out.kind = disabled.shuts(out.service->number) && tells(out.decision)
                   ? Judgement::Kind::disabled
                   : Judgement::Kind::decided;
    return out;
}

bool decided_alike(const Snapshot& snapshot, const Flow& flow) {
    if (!flow.direct_return() || flow.kind != Flow::Kind::here) {
        return false;
    }
    const ServiceTable* service = snapshot.tables->service(flow.protocol, flow.vip());
    // A segment in mid-flow is never placed by the rules, any datagram is.
    const auto stays = [&] {
        const auto known = [](SiteNumber site) { return site != no_site; };
        return flow.tcp() || snapshot.placement->empty() ||
               snapshot.placement->choose(service->number, flow.client(), known).here();
    };
    const bool masked = service != nullptr && snapshot.disabled->masks(service->number);
    return service != nullptr && !masked && stays() && snapshot.served->can_serve(*service) &&
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

// Of another site, or of that one.
bool elsewhere(const TablePeer& peer, std::optional<SiteNumber> site) {
    return site ? peer.site_number == *site : !peer.same_site;
}

}  // namespace

std::optional<size_t> home_peer(const View& view, const FlowKey& key) {
    return whom_to_ask(view, key, mix(home_hash(key) ^ view.tables.own_name_hash()),
                       [&](size_t i) { return view.tables.peers()[i].same_site; });
}

std::optional<size_t> other_site_peer(const View& view, const Address& vip,
                                      std::optional<SiteNumber> site) {
    const auto& peers = view.tables.peers();
    for (size_t i = 0; i < peers.size(); ++i) {
        if (elsewhere(peers[i], site) && view.snapshot.peer_up(i) &&
            view.snapshot.peer_serves(i, vip)) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<size_t> other_site_taker(const View& view, const FlowKey& key,
                                       std::optional<SiteNumber> site, bool masked_too) {
    const uint64_t service = service_key(key.protocol, key.vip);
    const Disabled& disabled = *view.snapshot.disabled;
    return heaviest(view, home_hash(key), 0, [&](size_t i) {
        const Snapshot::Peer& peer = view.snapshot.peers[i];
        const SiteNumber at = view.tables.peers()[i].site_number;
        const bool open = masked_too ? !disabled.shuts_site(at) : !disabled.masks_site(at);
        return open && elsewhere(view.tables.peers()[i], site) &&
               view.snapshot.peer_serves(i, key.vip.address) && !peer.narrow &&
               (peer.services == nullptr || peer.services->has(service));
    });
}

NewFlow place_new(const View& view, const FlowKey& key, const ServiceTable& service) {
    NewFlow placed;
    const bool can_serve = vipd::can_serve(view, service);
    placed.masked = view.snapshot.disabled->masks(service.number);
    const bool stays = (can_serve || view.snapshot.refuses(service)) && !placed.masked;
    if (!view.snapshot.placement->empty()) {
        placed.choice =
            view.snapshot.placement->choose(service.number, key.client, [&](SiteNumber site) {
                placed.peer =
                    site == 0 || site == no_site ? std::nullopt : other_site_taker(view, key, site);
                return site == 0 ? stays : placed.peer.has_value();
            });
    }
    if (placed.choice.here()) {
        placed.peer = stays ? std::nullopt : other_site_taker(view, key);
    }
    if (!placed.peer && !stays && !can_serve) {
        placed.peer = other_site_taker(view, key, {}, true);  // better there than nowhere
    }
    return placed;
}

namespace {

// Whom a segment in mid-flow is asked about, site by site.
class SitesToAsk {
public:
    SitesToAsk(const View& view, const FlowKey& key) : view_(view), key_(key) {
        const ServiceTable* service = view.tables.service(key.protocol, key.vip);
        for (const Placement* placement :
             {view.snapshot.placement.get(), view.snapshot.placed_before.get()}) {
            if (placement != nullptr && !placement->empty() && service != nullptr) {
                const auto known = [](SiteNumber site) { return site != no_site; };
                add(placement->choose(service->number, key.client, known).site);
            }
        }
        if (const auto more = at([&](SiteNumber site) { return !has(site) && has_flows(site); })) {
            add(view.tables.peers()[*more].site_number);
        }
    }

    std::optional<size_t> first() const { return count_ == 0 ? std::nullopt : at(sites_[0]); }
    std::optional<size_t> behind(SiteNumber site) const {
        for (size_t i = 0; i + 1 < count_; ++i) {
            if (sites_[i] == site) {
                return at(sites_[i + 1]);
            }
        }
        return std::nullopt;
    }

private:
    void add(SiteNumber site) {
        if (site != 0 && !has(site) && has_flows(site) &&
            other_site_peer(view_, key_.vip.address, site)) {
            sites_[count_++] = site;
        }
    }
    bool has(SiteNumber site) const {
        const std::span some(sites_.data(), count_);
        return std::find(some.begin(), some.end(), site) != some.end();
    }
    // Flows end at some live gateway of the site, which gets what is theirs.
    bool has_flows(SiteNumber site) const {
        const auto& peers = view_.tables.peers();
        const bool open = !view_.snapshot.disabled->shuts_site(site);
        for (size_t i = 0; i < peers.size(); ++i) {
            if (open && peers[i].site_number == site && view_.snapshot.peer_up(i) &&
                view_.snapshot.peer_has_flows(i)) {
                return true;
            }
        }
        return false;
    }
    template <typename Asks>
    std::optional<size_t> at(Asks asks) const {
        return whom_to_ask(view_, key_, 0, [&](size_t i) {
            const TablePeer& peer = view_.tables.peers()[i];
            return !peer.same_site && asks(peer.site_number) &&
                   view_.snapshot.peer_serves(i, key_.vip.address);
        });
    }
    std::optional<size_t> at(SiteNumber site) const {
        return at([site](SiteNumber other) { return other == site; });
    }

    const View& view_;
    const FlowKey& key_;
    std::array<SiteNumber, 3> sites_{};
    size_t count_ = 0;
};

}  // namespace

std::optional<size_t> next_to_ask(const View& view, const FlowKey& key,
                                  std::optional<size_t> refused_by) {
    const SitesToAsk sites(view, key);
    return refused_by ? sites.behind(view.tables.peers()[*refused_by].site_number) : sites.first();
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

bool other_site_silent(const View& view, const Address& vip) {
    const auto& peers = view.tables.peers();
    for (size_t i = 0; i < peers.size(); ++i) {
        if (!peers[i].same_site && view.snapshot.peers[i].silent &&
            !other_site_peer(view, vip, peers[i].site_number)) {
            return true;
        }
    }
    return false;
}

size_t peer_of(const View& view, Decision decision, const FlowKey& key, const Flow* flow,
               std::optional<size_t> refused_by) {
    if (decision == Decision::relay_entry) {
        assert(flow != nullptr);  // decide() follows entries that are there
        return flow->peer;
    }
    if (decision == Decision::place_relayed) {
        return *place_new(view, key, *view.tables.service(key.protocol, key.vip)).peer;
    }
    return decision == Decision::try_home ? *home_peer(view, key)
                                          : *next_to_ask(view, key, refused_by);
}

}  // namespace rehome::vipd
