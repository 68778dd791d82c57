// Paced resets of TCP clients whose flows a peer has that is lost: who says something is told by
// the reset that answers it, who waits for the server's word would wait for ever.  So each gets a
// reset with the number that it expects next, as a re-login's do (resets.h), and connects again to
// where somebody serves it.
//
// One worker's own.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "vipd/flow/flow_table.h"
#include "vipd/flow/resets.h"

namespace rehome::vipd {

class IdleReset {
public:
    struct Says {
        // Whether a client that connects again to the flow's VIP is served by somebody who lives.
        std::function<bool(const Flow&)> can_serve;
        std::function<void(const Flow&)> reset;  // to its client
        std::function<void(const Flow&)> log;
    };

    explicit IdleReset(const InTurn& turn = {}) : turn_(turn) {}

    // Which peers are lost, by number, and how many resets a second all workers together send.
    // Called again with whatever may have changed what can be served, it begins a round of the
    // table.
    void follow(const std::vector<bool>& lost, double rate_per_s, Micros now);

    bool running() const { return running_; }  // a round is not at its end
    uint64_t flows_reset() const { return flows_reset_; }

    void tick(FlowTable& flows, Micros now, const Says& says);

private:
    const InTurn turn_;
    std::vector<bool> lost_;
    double rate_per_s_ = 0;
    bool running_ = false;
    uint64_t flows_reset_ = 0;
    Pacing pace_;
    uint64_t place_ = 0;
    Repeats repeats_;
};

}  // namespace rehome::vipd
