#include "vipd/adapter/next_hops.h"

#include <rte_mbuf.h>

#include <utility>

namespace rehome::vipd {

namespace {

constexpr size_t held_max = 16;
constexpr Micros held_for = 1'000'000;
constexpr unsigned in_vain_max = 3;  // as many seconds as the kernel asks (arp(7))
constexpr Micros request_unresolved_every = 200'000;
constexpr Micros request_used_every = 20'000'000;

}  // namespace

NextHops::~NextHops() {
    for (auto& [adjacency, held] : held_) {
        for (const Waiting& waiting : held.packets) {
            rte_pktmbuf_free(waiting.packet);
        }
    }
}

void NextHops::hold(uint32_t adjacency, const Waiting& waiting, Micros now) {
    Held& held = held_[adjacency];
    if (held.requested == 0 || now - held.requested > request_unresolved_every) {
        held.requested = now;
        wanted_.push_back(adjacencies_[adjacency].hop);
    }
    if (held.packets.size() >= held_max) {
        discard_(adjacency, waiting.packet, waiting.bill);
        return;
    }
    held.since = held.packets.empty() ? now : held.since;
    held.packets.push_back(waiting);
}

void NextHops::release() {
    for (auto at = held_.begin(); at != held_.end();) {
        if (!adjacencies_[at->first].usable) {
            ++at;
            continue;
        }
        const uint32_t adjacency = at->first;
        const auto packets = std::move(at->second.packets);
        at = held_.erase(at);
        for (const Waiting& waiting : packets) {
            waiting.unjudged ? judge_(*waiting.unjudged, waiting.packet)
                             : send_(adjacency, waiting.packet, waiting.bill);
        }
    }
}

void NextHops::tick(Micros now) {
    for (auto& [adjacency, held] : held_) {
        if (!held.packets.empty() && now - held.since >= held_for) {
            if (++held.in_vain >= in_vain_max) {
                adjacencies_.fail(adjacency);
            }
            for (const Waiting& waiting : std::exchange(held.packets, {})) {
                discard_(adjacency, waiting.packet, waiting.bill);
            }
        }
    }
    if (now < next_keep_) {
        return;
    }
    next_keep_ = now + request_used_every;
    for (uint32_t i = 0; i < adjacencies_.size(); ++i) {
        if (std::exchange(adjacencies_[i].used, false)) {
            wanted_.push_back(adjacencies_[i].hop);
        }
    }
}

std::vector<Hop> NextHops::take_wanted() {
    return std::exchange(wanted_, {});
}

}  // namespace rehome::vipd
