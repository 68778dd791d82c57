#include "vipd/state/compile.h"

#include <algorithm>

#include "vipd/packet/hash.h"
#include "vipd/state/link_size.h"
#include "vipd/state/set_aside.h"

namespace rehome::vipd {

namespace {

// What a change takes away may come back with the next one, or be told by a peer first.
constexpr Micros settles_in = 5'000'000;

LineState line_state(const Known& known, const std::vector<PortLink>& ports, size_t index) {
    const LineConfig& line = known.config->lines[index];
    const auto& draining = known.draining;
    if (std::find(draining.begin(), draining.end(), index) != draining.end()) {
        return LineState::draining;
    }
    const Orders& orders = known.orders;
    const bool enabled = !orders.disabled.contains({Level::line, line.carrier}) &&
                         (line.enabled || orders.enabled_lines.contains(line.carrier));
    if (!enabled) {
        return LineState::disabled;
    }
    return line.port < ports.size() && !ports[line.port].up ? LineState::down : LineState::enabled;
}

std::vector<PortLink> ports_of(const Observed& observed, Micros now) {
    std::vector<PortLink> ports;
    for (const ObservedPort& port : observed.ports) {
        ports.push_back(port.link);
        ports.back().up = port.up(now);
    }
    return ports;
}

void add_lines(Snapshot& made, const Known& known, const Snapshot* previous) {
    for (size_t i = 0; i < made.tables->lines().size(); ++i) {
        made.carriers.push_back(made.tables->lines()[i].carrier_id);
        made.lines.push_back(line_state(known, made.ports, i));
    }
    if (previous == nullptr) {
        // Begins anywhere: a peer may still tell back what an earlier run told it.
        made.line_version =
            static_cast<uint32_t>(mix(static_cast<uint64_t>(known.observed.started)));
        return;
    }
    const auto usable = [](LineState a, LineState b) {
        return (a == LineState::enabled) == (b == LineState::enabled);
    };
    const bool same = made.carriers == previous->carriers &&
                      std::equal(made.lines.begin(), made.lines.end(), previous->lines.begin(),
                                 previous->lines.end(), usable);
    made.line_version = previous->line_version + (same ? 0 : 1);
}

// Who does not say which services it can serve, or not yet, is believed to serve its prefixes.
void add_services(Snapshot::Peer& peer, const ObservedPeer& seen) {
    static const auto none = std::make_shared<const ReadyServices>();
    if (const auto& says = seen.last.services) {
        peer.hears_services = true;
        peer.services = says->ready == 0 ? none : seen.services.held();
        peer.services_held = says->held;
    }
}

// Who answers no probes is believed to get all.
// Who has no keys asks for less.
void add_link(Snapshot::Peer& peer, const ObservedPeer& seen, const Config& config) {
    const auto lost = [&](uint16_t mtu, bool tagged) {
        return mtu != 0 && mtu < whole_link_mtu(config.tunnel->address.family, tagged);
    };
    peer.probes = seen.last.link_mtu.has_value();
    peer.link_mtu = peer.probes ? seen.link_mtu : uint16_t{0};
    if (seen.told_mtu != 0 && (peer.link_mtu == 0 || seen.told_mtu < peer.link_mtu)) {
        peer.link_mtu = seen.told_mtu;
    }
    peer.link_mtu_back = seen.last.link_mtu.value_or(0);
    peer.narrow = lost(peer.link_mtu, config.has_keys()) ||
                  lost(peer.link_mtu_back, config.has_keys() && seen.last.has_keys);
}

Snapshot::Peer peer_of(const Known& known, size_t index, Micros now) {
    const Observed& observed = known.observed;
    const ObservedPeer& seen = observed.peers[index];
    Snapshot::Peer peer;
    peer.up = observed.up(index, now);
    peer.heard = seen.heard_of(now);
    peer.silent = observed.silent(index, now);
    peer.gone = observed.gone(index, now);
    peer.resets_idle = observed.resets_idle(index, now, known.config->flows);
    peer.has_flows = seen.last.flows_here > 0;
    peer.answers = seen.last.answers != Answers::nothing;
    peer.hears_known = seen.last.answers == Answers::both;
    peer.copies = seen.last.copies;
    peer.placement = seen.last.placement;
    peer.access = seen.last.access;
    peer.sites = seen.last.sites;
    peer.arrivals = seen.arrivals;
    peer.hears_flows = seen.last.hears_flows;
    peer.known = seen.flows.whole();
    peer.prefixes = seen.last.prefixes;
    for (const auto& line : seen.last.lines) {
        if (line.usable) {
            peer.carriers.push_back(line.carrier);
        }
    }
    peer.line_version = seen.last.line_version;
    peer.seen_version = seen.acted_on;
    add_services(peer, seen);
    add_link(peer, seen, *known.config);
    return peer;
}

// A peer is spoken to of keys when it has some: it says so, has spoken of them itself, or the
// operator says so by taking nothing else.
void add_keys(Snapshot& made, const Known& known) {
    if (known.keys == nullptr) {
        return;
    }
    made.tags_required = !known.config->keys.untagged;
    for (size_t i = 0; i < made.peers.size(); ++i) {
        const ObservedPeer& seen = known.observed.peers[i];
        const bool speaks = seen.last.has_keys || seen.agreement.heard() || made.tags_required;
        const TunnelPair pair{known.config->tunnel->address, known.config->peers[i].tunnel};
        made.peers[i].keys = make_peer_keys(*known.keys, pair, seen.agreement, speaks);
    }
}

// Made anew when something changed on which it depends.
std::shared_ptr<const Served> served(const Known& known, const Snapshot& made,
                                     const Snapshot* previous) {
    const auto all_up = [](const std::vector<PortLink>& ports) {
        return std::all_of(ports.begin(), ports.end(),
                           [](const PortLink& port) { return port.up; });
    };
    const bool same = previous != nullptr && previous->tables == made.tables &&
                      previous->disabled == made.disabled && all_up(previous->ports) &&
                      all_up(made.ports);
    return same ? previous->served
                : Served::make(*made.tables, known.observed.routes, made.ports, *made.disabled);
}

// Made anew when an order, or what it may be about, changed.
std::shared_ptr<const Disabled> disabled(const Known& known, const Snapshot& made,
                                         const Snapshot* previous) {
    const bool same = previous != nullptr && previous->config == made.config &&
                      previous->disabled->orders() == known.orders.disabled;
    return same ? previous->disabled : Disabled::make(known.orders.disabled, *made.tables);
}

// As fast as the last order that ends flows.
double idle_reset_rate(const Disablings& orders) {
    const DisableOrder* last = nullptr;
    for (const auto& [target, order] : orders) {
        const bool later = last == nullptr || order.said.at_us > last->said.at_us;
        last = order.mode == DisableMode::weak && later ? &order : last;
    }
    return last == nullptr ? idle_resets_per_s : last->rate_per_s;
}

PlacementWorld world_of(const Tables& tables, const MoveConfig& move) {
    PlacementWorld world{tables.sites(), move.from, move.to, {}, tables.service_numbers()};
    for (const ServiceTable& service : tables.services()) {
        world.services.emplace_back(service.config->name, service.number);
    }
    return world;
}

// Made anew when the words, or what they are about, changed; what the words before said is kept.
void add_placement(Snapshot& made, const Known& known, const Snapshot* previous) {
    const auto& order = known.orders.placement;
    const auto rules = order ? order->rules : nullptr;
    const bool same_words = previous != nullptr && previous->share == made.share &&
                            previous->placement->digest() == (rules == nullptr ? 0 : rules->digest);
    const bool same = same_words && previous->config == made.config;
    made.placement = same ? previous->placement
                          : Placement::make(rules, made.share.hundredths, made.share.by,
                                            world_of(*made.tables, known.config->move));
    made.placed_before = same_words            ? previous->placed_before
                         : previous != nullptr ? previous->placement
                                               : nullptr;
    made.places_maps = made.placement->concerns_maps();
}

// Limits are made anew, and full, when other ones are said or are about other services.
void add_access(Snapshot& made, const Known& known, const Snapshot* previous) {
    const auto& rules = known.access_rules();
    made.access = known.access;
    made.access_digest = rules == nullptr ? 0 : rules->digest;
    const bool same = previous != nullptr && previous->access_digest == made.access_digest &&
                      same_targets(previous->config->services, made.config->services);
    if (same || rules == nullptr) {
        made.limits = same ? previous->limits : nullptr;
        return;
    }
    std::vector<Limits::Service> services;
    for (const ServiceTable& service : made.tables->services()) {
        services.push_back({service.number, service.config->name, service.config->vip});
    }
    made.limits = Limits::make(*rules, services, made.tables->service_numbers(), random_nonce());
}

}  // namespace

std::shared_ptr<const Snapshot> compile(const Known& known, Micros now, const Snapshot* previous) {
    auto made = std::make_shared<Snapshot>();
    const bool same_config = previous != nullptr && previous->config == known.config;
    made->epoch = previous == nullptr ? 1 : previous->epoch + 1;
    made->config = known.config;
    auto tables =
        same_config
            ? previous->tables
            : Tables::build(*known.config, previous == nullptr ? nullptr : previous->tables.get());
    const SetAside aside = set_aside(known, *tables);
    made->tables = Tables::with(std::move(tables), aside);
    made->health = known.observed.health;
    made->ports = ports_of(known.observed, now);
    made->disabled = disabled(known, *made, previous);
    made->served = served(known, *made, previous);
    made->answers_from = same_config ? previous->answers_from : now + settles_in;
    made->share = known.orders.share ? known.orders.share->share : Share{};
    add_placement(*made, known, previous);
    add_access(*made, known, previous);
    add_lines(*made, known, previous);
    for (size_t i = 0; i < known.observed.peers.size(); ++i) {
        made->peers.push_back(peer_of(known, i, now));
    }
    add_keys(*made, known);
    made->holds_routes = known.confirmed;
    made->idle_reset_per_s = idle_reset_rate(known.orders.disabled);
    return made;
}

}  // namespace rehome::vipd
