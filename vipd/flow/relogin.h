// Paced re-login: the flows that are served here end, N per second, so that their clients are
// placed anew (`weak`).  Established TCP flows are reset, at both ends (resets.h): their clients
// connect again at once.  UDP's clients cannot be told: their flows are forgotten, here and, as
// these are told, at the peers, so that their next packets are placed.  Flows that are closing, or
// were reset, have ended without it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "vipd/flow/flow_table.h"
#include "vipd/flow/resets.h"

namespace rehome::vipd {

class Relogin {
public:
    struct Order {
        double rate_per_s = 0;
        std::optional<uint32_t> service;  // its number; nothing: all services
        uint64_t id = 0;
        Micros quiet = 0;  // it ends once nothing was left to end for so long
    };
    // What an order has done.
    struct Done {
        uint64_t id = 0;  // its
        uint64_t reset = 0, forgotten = 0;

        bool operator==(const Done&) const = default;
    };
    struct Says {
        // Sends the ends of a flow their resets, with the numbers that it holds.
        std::function<void(const Flow&)> reset;
        // Tells the peers of a flow that is here no more.
        std::function<void(const FlowKey&)> gone;
        // Once for each flow that is reset or forgotten.
        std::function<void(const Flow&)> log;
    };

    // Flows that exist now are to end, those too that are seen in mid-flow only later; one order at
    // a time, a new one takes the old one's place.
    void start(const Order& order, FlowTable& flows, Micros now);
    void stop() { order_.reset(); }

    bool running() const { return order_.has_value(); }
    const Done& done() const { return done_; }      // by the order that was started last
    const Done& before() const { return before_; }  // by the one before it, when it was replaced
    Generations::Older remaining(const FlowTable& flows) const;

    // Ends as many flows as are due; ends by itself when none has been left for long enough.
    void tick(FlowTable& flows, Micros now, const Says& says);

private:
    bool applies(const Flow& flow) const;
    Flow* next(FlowTable& flows, uint32_t& looks);
    void finish(FlowTable& flows, Flow& flow, Micros now, const Says& says);

    std::optional<Order> order_;
    Done done_, before_;
    uint16_t generation_ = 0;  // flows that were born in it came later
    Pacing pace_;
    Micros left_at_ = 0;  // when there was something to end last
    uint64_t place_ = 0;
    Repeats repeats_;
};

}  // namespace rehome::vipd
