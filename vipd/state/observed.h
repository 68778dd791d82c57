// What vipd has seen of the others: its peers' keepalives, and which lines peers act on.  Times are
// those of a monotonic clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "vipd/packet/micros.h"
#include "vipd/state/keepalive.h"

namespace rehome::vipd {

inline constexpr Micros peer_gone_after = 3'000'000;

struct ObservedPeer {
    Micros heard = 0;     // the last keepalive; 0: never
    Micros heard_us = 0;  // the last one that said that it hears this gateway, or nothing of it
    Keepalive last;
    // The version of its lines that every worker of this gateway acts on: what it is told back.
    uint32_t acted_on = 0;

    bool heard_of(Micros now) const { return heard != 0 && now - heard <= keepalive_missed; }
    // It is heard, and hears us.
    bool up(Micros now) const { return heard_of(now) && last.hears_you.value_or(true); }
};

struct Observed {
    Micros started = 0;               // vipd
    std::vector<ObservedPeer> peers;  // as in Config::peers

    bool up(size_t peer, Micros now) const { return peers[peer].up(now); }
    // Down for so long that its flows are lost.
    bool gone(size_t peer, Micros now) const {
        return now - std::max(peers[peer].heard_us, started) > peer_gone_after;
    }
};

}  // namespace rehome::vipd
