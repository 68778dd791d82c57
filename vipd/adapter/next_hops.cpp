#include "vipd/adapter/next_hops.h"

#include <rte_mbuf.h>

#include <utility>

namespace rehome {

namespace {

constexpr size_t held_max = 16;
constexpr Micros held_for = 1'000'000;
constexpr Micros request_unresolved_every = 200'000;
constexpr Micros request_used_every = 20'000'000;

}  // namespace

NextHops::~NextHops() {
    for (auto& [hop, entry] : hops_) {
        for (rte_mbuf* packet : entry.held) {
            rte_pktmbuf_free(packet);
        }
    }
}

NextHops::Entry& NextHops::entry(const Hop& hop) {
    const auto [at, made] = hops_.try_emplace(hop);
    if (made) {
        const Neighbour* known = neighbours_->find(hop);
        at->second.neighbour = known == nullptr ? Neighbour{} : *known;
    }
    return at->second;
}

void NextHops::send(const Hop& hop, rte_mbuf* packet, Micros now) {
    Entry& entry = this->entry(hop);
    const bool usable = entry.neighbour.usable;
    const Micros every = usable ? request_used_every : request_unresolved_every;
    if (entry.requested == 0 || now - entry.requested > every) {
        entry.requested = now;
        wanted_.push_back(hop);
    }
    if (usable) {
        send_(hop, entry.neighbour.mac, packet);
    } else {
        hold(entry, packet, now);
    }
}

void NextHops::hold(Entry& entry, rte_mbuf* packet, Micros now) {
    if (entry.held.size() >= held_max) {
        discard_(packet);
        return;
    }
    if (entry.held.empty()) {
        entry.held_since = now;
    }
    entry.held.push_back(packet);
}

void NextHops::update(std::shared_ptr<const Neighbours> neighbours) {
    neighbours_ = std::move(neighbours);
    for (auto& [hop, entry] : hops_) {
        const Neighbour* neighbour = neighbours_->find(hop);
        entry.neighbour = neighbour == nullptr ? Neighbour{} : *neighbour;
        if (!entry.neighbour.usable) {
            continue;
        }
        for (rte_mbuf* packet : std::exchange(entry.held, {})) {
            send_(hop, entry.neighbour.mac, packet);
        }
    }
}

void NextHops::expire(Micros now) {
    for (auto& [hop, entry] : hops_) {
        if (entry.held.empty() || now - entry.held_since < held_for) {
            continue;
        }
        for (rte_mbuf* packet : std::exchange(entry.held, {})) {
            discard_(packet);
        }
    }
}

std::vector<Hop> NextHops::take_wanted() {
    return std::exchange(wanted_, {});
}

}  // namespace rehome
