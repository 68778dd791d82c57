#include "vipd/state/state.h"

#include <algorithm>
#include <limits>

#include "vipd/state/reload.h"

namespace rehome::vipd {

namespace {

constexpr Micros drain_patience = 2'000'000;

// Nothing that a snapshot has of it differs.
bool says_the_same(Keepalive a, const Keepalive& b) {
    const bool has_flows = a.flows_here > 0;
    a.sequence = b.sequence;
    a.flows_here = b.flows_here;
    return a == b && has_flows == (b.flows_here > 0);
}

}  // namespace

State::State(Config config, const Begin& begin, Micros now, Pace pace)
    : draw_(begin.draw), pace_(pace) {
    known_.observed.started = now;
    known_.observed.ran_before = begin.ran_before;
    known_.observed.peers.resize(config.peers.size());
    known_.config = std::make_shared<const Config>(std::move(config));
    known_.orders = begin.orders;
    for (auto& [target, order] : known_.orders.disabled) {
        order.id = ++last_order_id_;
    }
    known_.confirmed = begin.confirmed;
    known_.keys = begin.keys;
    notice_epochs(now);
    in_use_.push_back(compile(known_, now, nullptr));
}

Config State::config_in_force() const {
    Config config = *snapshot()->config;
    for (size_t i = 0; i < config.lines.size(); ++i) {
        config.lines[i].enabled =
            snapshot()->line(i) == LineState::enabled || snapshot()->line(i) == LineState::down;
    }
    config.access.rules = known_.access_rules();
    return config;
}

uint64_t State::change() {
    changed_ = true;
    return snapshot()->epoch + 1;
}

uint64_t State::order(const ShareOrder& order) {
    known_.orders.share = order;
    return change();
}

// Weights of all services take the place of the share.
uint64_t State::order(const PlacementOrder& order) {
    known_.orders.placement = order;
    if (order.rules->weighs_all()) {
        known_.orders.share.reset();
    }
    return change();
}

uint64_t State::order(const AccessOrder& order, std::shared_ptr<const Access> access) {
    known_.orders.access = order;
    return this->access(std::move(access));
}

uint64_t State::access(std::shared_ptr<const Access> access) {
    known_.access = std::move(access);
    return change();
}

uint64_t State::disable(const DisableTarget& target, DisableOrder order) {
    if (target.level == Level::line) {
        stop_draining(target.name);
        known_.orders.enabled_lines.erase(target.name);
    }
    order.id = ++last_order_id_;
    known_.orders.disabled[target] = order;
    return change();
}

uint64_t State::enable(const DisableTarget& target, const Said& said) {
    if (target.level == Level::line) {
        stop_draining(target.name);
        known_.orders.enabled_lines[target.name] = said;
    }
    known_.orders.disabled.erase(target);
    return change();
}

void State::stop_draining(const std::string& carrier) {
    std::erase_if(draining_, [&](const Draining& d) {
        return known_.config->lines[d.line].carrier == carrier;
    });
}

void State::ended(uint64_t id) {
    for (auto& [target, order] : known_.orders.disabled) {
        if (order.id == id && order.runs()) {
            order.course = DisableOrder::Course::done;
            changed_ = true;
        }
    }
}

uint64_t State::confirm() {
    known_.confirmed = true;
    return change();
}

void State::drain(size_t line, const DisableOrder& order, Micros now) {
    const auto& lines = snapshot()->lines;
    const bool idle = line >= lines.size() || lines[line] == LineState::disabled ||
                      lines[line] == LineState::down;
    const DisableTarget target{Level::line, known_.config->lines[line].carrier};
    if (idle || known_.orders.disabled.contains(target)) {
        disable(target, order);
    } else {
        const bool waits = draining(line);
        std::erase_if(draining_, [&](const Draining& d) { return d.line == line; });
        draining_.push_back({line, order, now + drain_patience});
        changed_ = changed_ || !waits;
    }
}

bool State::draining(size_t line) const {
    return std::any_of(draining_.begin(), draining_.end(),
                       [&](const Draining& d) { return d.line == line; });
}

uint64_t State::reload(Config config) {
    config = arranged(*known_.config, std::move(config));
    for (size_t i = 0; i < known_.config->lines.size(); ++i) {
        config.lines[i].enabled =
            known_.config->lines[i].enabled;  // the file gives the first state
    }
    if (config != *known_.config) {
        known_.observed.peers.resize(config.peers.size());
        known_.config = std::make_shared<const Config>(std::move(config));
    }
    return change();
}

uint64_t State::rekey(std::shared_ptr<const Keyring> keys) {
    known_.keys = std::move(keys);
    return change();
}

void State::hear(size_t peer, const Keepalive& keepalive, Micros now) {
    ObservedPeer& seen = known_.observed.peers[peer];
    // Overtaken on the way: it would take back what the peer has said since.  A peer that was away
    // may have begun anew.
    const uint32_t ahead = keepalive.sequence - seen.last.sequence;
    const bool was_heard = seen.heard_of(now);
    if (was_heard && static_cast<int32_t>(ahead) <= 0) {
        return;
    }
    changed_ = changed_ || !was_heard || !says_the_same(seen.last, keepalive);
    seen.arrivals += was_heard ? 0 : 1;
    seen.heard = now;
    seen.heard_us = keepalive.hears_you.value_or(true) ? now : seen.heard_us;
    seen.last = keepalive;
    if (!keepalive.has_keys) {
        changed_ = seen.agreement.end() || changed_;
    }
}

void State::hear(size_t peer, const Handshake& handshake, Micros now) {
    if (known_.keys != nullptr) {
        Agreement& agreement = known_.observed.peers[peer].agreement;
        changed_ = agreement.hear(handshake, draw_, now) || changed_;
    }
}

// Where there are keys, each peer has a nonce to tell back.
void State::notice_epochs(Micros now) {
    for (ObservedPeer& peer : known_.observed.peers) {
        Agreement& agreement = peer.agreement;
        const bool changed = known_.keys == nullptr
                                 ? agreement.end()
                                 : agreement.pass(draw_, now) | agreement.begin(draw_);
        changed_ = changed_ || changed;
    }
}

void State::hear(size_t peer, const ServicesPage& page) {
    changed_ = known_.observed.peers[peer].services.hear(page) || changed_;
}

void State::link_size(size_t peer, uint16_t mtu, Micros asked) {
    ObservedPeer& seen = known_.observed.peers[peer];
    const bool outranked = seen.told_mtu != 0 && asked > seen.told_at;
    changed_ = changed_ || seen.link_mtu != mtu || outranked;
    seen.link_mtu = mtu;
    seen.told_mtu = outranked ? uint16_t{0} : seen.told_mtu;
}

void State::told_mtu(size_t peer, uint16_t mtu, Micros now) {
    ObservedPeer& seen = known_.observed.peers[peer];
    if (seen.told_mtu == 0 || mtu < seen.told_mtu) {
        seen.told_mtu = mtu;
        seen.told_at = now;
        changed_ = true;
    }
}

void State::hear(size_t peer, const FlowsPage& page) {
    changed_ = known_.observed.peers[peer].flows.take(page) || changed_;
}

void State::port(size_t port, ObservedPort seen, Micros now) {
    auto& ports = known_.observed.ports;
    if (port >= ports.size()) {
        ports.resize(known_.config->ports.size());
        changed_ = true;
    }
    if (seen.same_state(ports[port])) {
        return;
    }
    seen.whole_since = seen.whole() && !ports[port].whole() ? now : ports[port].whole_since;
    ports[port] = seen;
    changed_ = true;
}

// What they say of servers counts while some port's link is down (served.h).
void State::routes(std::shared_ptr<const Fib> routes) {
    const auto& ports = snapshot()->ports;
    known_.observed.routes = std::move(routes);
    changed_ = changed_ || std::any_of(ports.begin(), ports.end(),
                                       [](const PortLink& port) { return !port.up; });
}

void State::health(std::shared_ptr<const ServersHealth> health) {
    known_.observed.health = std::move(health);
    changed_ = true;
}

void State::drained(uint64_t epoch) {
    while (in_use_.front()->epoch < std::min(epoch, snapshot()->epoch)) {
        in_use_.pop_front();
    }
    if (epoch < in_use_.front()->epoch) {
        return;  // before the first round
    }
    for (size_t i = 0; i < in_use_.front()->peers.size(); ++i) {
        const uint32_t acted_on = in_use_.front()->peers[i].line_version;
        changed_ = changed_ || known_.observed.peers[i].acted_on != acted_on;
        known_.observed.peers[i].acted_on = acted_on;
        const auto& keys = in_use_.front()->peers[i].keys;
        const auto agreed = keys == nullptr ? std::nullopt : keys->epochs[0];
        changed_ = known_.observed.peers[i].agreement.acts_on(agreed) || changed_;
    }
}

// Every live peer has told back the lines as they are in the snapshot.
bool State::lines_confirmed(Micros now) const {
    const auto& peers = known_.observed.peers;
    return std::all_of(peers.begin(), peers.end(), [&](const ObservedPeer& peer) {
        return !peer.up(now) || peer.last.seen_version == snapshot()->line_version;
    });
}

void State::settle_draining(Micros now) {
    std::vector<Draining> settled;
    const auto ends = [&](const Draining& d) {
        if (snapshot()->line(d.line) == LineState::draining && lines_confirmed(now)) {
            settled.push_back(d);
            return true;
        }
        return now >= d.deadline;
    };
    changed_ = std::erase_if(draining_, ends) > 0 || changed_;
    for (const Draining& d : settled) {
        disable({Level::line, known_.config->lines[d.line].carrier}, d.order);
    }
}

void State::notice_peers(Micros now) {
    Observed& observed = known_.observed;
    for (size_t i = 0; i < snapshot()->peers.size(); ++i) {
        changed_ = observed.peers[i].forget_told(now) || changed_;
        changed_ = changed_ || snapshot()->peer_up(i) != observed.up(i, now) ||
                   snapshot()->peers[i].heard != observed.peers[i].heard_of(now) ||
                   snapshot()->peer_gone(i) != observed.gone(i, now) ||
                   snapshot()->peers[i].resets_idle !=
                       observed.resets_idle(i, now, known_.config->flows) ||
                   snapshot()->peers[i].silent != observed.silent(i, now);
    }
}

void State::notice_ports(Micros now) {
    const auto& ports = known_.observed.ports;
    for (size_t i = 0; i < ports.size() && i < snapshot()->ports.size(); ++i) {
        changed_ = changed_ || ports[i].up(now) != snapshot()->ports[i].up;
    }
}

void State::notice_confirmation(Micros now) {
    const Observed& observed = known_.observed;
    for (size_t i = 0; i < observed.peers.size() && !known_.confirmed; ++i) {
        const uint64_t move = known_.config->move.id;
        if (observed.up(i, now) && move != 0 && observed.peers[i].last.move == move) {
            known_.confirmed = changed_ = true;
            confirmed_by_ = known_.config->peers[i].gateway;
        }
    }
}

// Of each snapshot `every` is taken; at_once of them may be taken in advance.
Micros State::next_allowed() const {
    return paced_until_ - Micros{pace_.at_once - 1} * pace_.every;
}

bool State::advance(Micros now) {
    settle_draining(now);
    notice_peers(now);
    notice_ports(now);
    notice_confirmation(now);
    notice_epochs(now);
    if (!changed_ || now < next_allowed()) {
        return false;
    }
    known_.draining.clear();
    for (const Draining& d : draining_) {
        known_.draining.push_back(d.line);
    }
    in_use_.push_back(compile(known_, now, snapshot().get()));
    changed_ = false;
    paced_until_ = std::max(paced_until_, now) + pace_.every;
    return true;
}

Micros State::next_event(Micros now) const {
    Micros next = changed_ ? std::max(now, next_allowed()) : std::numeric_limits<Micros>::max();
    for (const Draining& d : draining_) {
        next = std::min(next, d.deadline);
    }
    const Observed& observed = known_.observed;
    for (const ObservedPort& port : observed.ports) {
        const Micros up = port.whole_since + up_after;
        next = port.whole() && !port.up(now) ? std::min(next, up) : next;
    }
    for (size_t i = 0; i < observed.peers.size(); ++i) {
        const ObservedPeer& peer = observed.peers[i];
        next = std::min(next, peer.agreement.next_event());
        if (peer.heard_of(now)) {
            next = std::min(next, peer.heard + keepalive_missed + 1);
        }
        if (!peer.up(now) && !observed.gone(i, now)) {
            next = std::min(next, observed.down_since(i) + peer_gone_after + 1);
            const Micros word = observed.started + first_word_within + 1;
            next = observed.ran_before && now < word ? std::min(next, word) : next;
        }
        const Micros reset_after = Micros{known_.config->flows.idle_reset_s} * 1'000'000;
        const Micros reset = observed.down_since(i) + reset_after + 1;
        next = reset_after != 0 && !peer.up(now) && now < reset ? std::min(next, reset) : next;
    }
    return next;
}

}  // namespace rehome::vipd
