// What vipd has seen of the others: its peers' keepalives, and which lines peers act on.  Times are
// those of a monotonic clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/vipd_config/config.h"
#include "vipd/health/health.h"
#include "vipd/packet/micros.h"
#include "vipd/route/adjacency.h"
#include "vipd/state/agreement.h"
#include "vipd/state/keepalive.h"
#include "vipd/state/known_flows.h"
#include "vipd/state/ready_services.h"

namespace rehome::vipd {

inline constexpr Micros peer_gone_after = 3'000'000;
inline constexpr Micros told_mtu_kept = 600'000'000;  // RFC 1191 6.3
// Of resets to idle clients, where no re-login was ordered that says what the login service bears.
inline constexpr double idle_resets_per_s = 100;
// After vipd's start: within so long a peer that lives has been heard, and has said that it hears,
// even where both machines are busy.
inline constexpr Micros first_word_within = 10 * keepalive_every;

struct ObservedPeer {
    Micros heard = 0;     // the last keepalive; 0: never
    Micros heard_us = 0;  // the last one that said that it hears this gateway, or nothing of it
    Keepalive last;
    uint32_t arrivals = 0;   // how often it was heard after a silence: it may have begun anew
    FlowsPages flows;        // that it knows
    HeardServices services;  // that it can serve
    // The version of its lines that every worker of this gateway acts on: what it is told back.
    uint32_t acted_on = 0;
    // The longest packet that gets there, as probes have found (link_size.h); 0: not known.
    uint16_t link_mtu = 0;
    // The same as a router has told by an ICMP error, and until when it is believed.
    uint16_t told_mtu = 0;
    Micros told_at = 0;
    Agreement agreement;  // on a key epoch

    // True: what a router has told is too old.
    bool forget_told(Micros now) {
        const bool forgets = told_mtu != 0 && now - told_at > told_mtu_kept;
        told_mtu = forgets ? uint16_t{0} : told_mtu;
        return forgets;
    }
    bool heard_of(Micros now) const { return heard != 0 && now - heard <= keepalive_missed; }
    // It is heard, and hears us.
    bool up(Micros now) const { return heard_of(now) && last.hears_you.value_or(true); }
};

// A link that comes up may be going up and down: it counts as up after so long.
inline constexpr Micros up_after = 1'000'000;

// A port's device and its twin, as the kernel tells of them.
struct ObservedPort {
    PortLink link;           // `up` is left to whoever compiles it
    bool there = true;       // the device; a port without one (a file) always is
    bool carrier = true;     // and is set up
    bool twin = true;        // the twin is there
    Micros whole_since = 0;  // all of these; 0: ever since it was opened

    bool whole() const { return there && carrier && twin; }
    bool up(Micros now) const {
        return whole() && (whole_since == 0 || now - whole_since >= up_after);
    }
    bool same_state(const ObservedPort& other) const {
        return link == other.link && there == other.there && carrier == other.carrier &&
               twin == other.twin;
    }
};

struct Observed {
    Micros started = 0;                           // vipd's workers
    bool ran_before = false;                      // vipd: peers may have flows of that run
    std::vector<ObservedPeer> peers;              // as in Config::peers
    std::vector<ObservedPort> ports;              // as in Config::ports; empty: not known yet
    std::shared_ptr<const Fib> routes;            // null: likewise
    std::shared_ptr<const ServersHealth> health;  // null: nobody is checked

    bool up(size_t peer, Micros now) const { return peers[peer].up(now); }
    // Since when it is down, if it is.
    Micros down_since(size_t peer) const { return std::max(peers[peer].heard_us, started); }
    // Down for so long that its flows are lost.
    bool gone(size_t peer, Micros now) const { return now - down_since(peer) > peer_gone_after; }
    // And that clients of these are told who ask for nothing: after so long, if ever.
    bool resets_idle(size_t peer, Micros now, const FlowsConfig& flows) const {
        return flows.idle_reset_s != 0 && peers[peer].heard_us != 0 && gone(peer, now) &&
               now - down_since(peer) > Micros{flows.idle_reset_s} * 1'000'000;
    }
    // Not up, and it may know flows of ours: it was heard before, or could not be heard yet by a
    // vipd that has run before.
    bool silent(size_t peer, Micros now) const {
        const bool too_early = ran_before && now - started <= first_word_within;
        return !up(peer, now) && !gone(peer, now) && (peers[peer].heard != 0 || too_early);
    }
};

}  // namespace rehome::vipd
