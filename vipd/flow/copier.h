// Copies of datagrams' flows for the peers that may get their packets: which one is due, and when.
// (A peer that is given a TCP segment asks whose it is; any datagram may be a flow's first.)
//
//   first    once the flow's second exchange has passed (FlowTable::exchanged)
//   again    every quarter of its lifetime while it lives, so that a copy that was lost is made up
//            for and the others do not age; and at once when a peer has come that may lack it
//
// A first copy goes before one that is due again; each kind goes oldest first, both within a
// budget.  A flow that has ended meanwhile is found out when its turn comes.
//
// One worker's own.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "vipd/flow/flow_table.h"

namespace rehome::vipd {

// To each peer, of all workers together: some 10 Mbit/s of the link.
inline constexpr double copies_per_s = 10'000;

class Copier {
public:
    // Gives a flow to the peers that may get its packets; false: there is none.
    using Send = std::function<bool(const Flow&)>;

    struct Lag {
        uint64_t waiting = 0;  // flows that are due, as of the last tick
        Micros oldest = 0;     // for how long the first of them has been
    };

    explicit Copier(double rate_per_s) : rate_per_s_(rate_per_s) {}

    // Every flow is due.
    void again(Micros now) { all_due_ = now; }
    void tick(FlowTable& flows, Micros now, const Send& send);
    const Lag& lag() const { return lag_; }

private:
    Micros due(const FlowTable::Marked& copied, Micros period) const;
    const FlowTable::Marked* next(Micros now, Micros period) const;
    void note_lag(Micros now, Micros period);

    double rate_per_s_;
    double credit_ = 0;
    Micros last_tick_ = 0;
    Micros all_due_ = 0;                   // what was copied before it
    std::deque<FlowTable::Marked> first_;  // since when they are due
    std::deque<FlowTable::Marked> again_;  // when they were copied
    Lag lag_;
};

}  // namespace rehome::vipd
