// Flows that end by order, so many a second, so that their clients are placed anew (`weak`).
//
// Established TCP flows are reset, at both ends (resets.h): their clients connect again at once.
// UDP's clients cannot be told by UDP: their flows are forgotten, here and, as these are told, at
// the peers, so that their next packets are placed; or they get an ICMP error.  Flows that are
// closing, or were reset, have ended without it.
//
// Several orders at once, each at its own pace, about the flows that were there when it came, those
// too that are seen in mid-flow only later.  What is left of each is counted by going round the
// table, a piece at a time; an order is done when a whole round has found nothing left, for long
// enough.  Orders without a pace end nothing: what is left of all that they are about is counted.
//
// One worker's own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "vipd/flow/flow_table.h"
#include "vipd/flow/resets.h"
#include "vipd/flow/scope.h"

namespace rehome::vipd {

class Endings {
public:
    struct Order {
        uint64_t id = 0;  // each has its own; 0: none
        double rate_per_s =
            0;  // of all workers together; 0: none, or no more, and flows are counted alone
        Micros quiet = 0;   // it ends once nothing was left to end for so long
        bool icmp = false;  // UDP's clients are told that the port is unreachable
        Scope scope;
    };
    struct Left {
        uint32_t tcp = 0, udp = 0;

        uint32_t all() const { return tcp + udp; }
        bool operator==(const Left&) const = default;
    };
    // How far an order is.
    struct Course {
        uint64_t id = 0;
        bool running = false;
        uint64_t reset = 0, forgotten = 0;
        std::optional<Left> left{};  // nothing: not counted yet

        bool operator==(const Course&) const = default;
    };
    struct Says {
        // Sends the ends of a flow their resets, with the numbers that it holds.
        std::function<void(const Flow&)> reset;
        // Tells a client of UDP that its port is unreachable.
        std::function<void(const Flow&)> unreachable;
        // Tells the peers of a flow that was served here and is no more.
        std::function<void(const FlowKey&)> gone;
        // Once for each flow that is reset or forgotten.
        std::function<void(const Flow&)> log;
    };

    explicit Endings(const InTurn& turn = {}) : turn_(turn) {}

    // These orders hold from now on: one whose id is new begins, one that is missing is forgotten,
    // the others go on, at another pace or about other flows if they say so.
    void follow(const std::vector<Order>& orders, FlowTable& flows, Micros now);

    bool running() const { return running_; }
    const std::vector<Course>& courses() const { return courses_; }  // in the order of follow()

    // Ends as many flows as are due.
    void tick(FlowTable& flows, Micros now, const Says& says);

private:
    struct Work {
        Order order;
        std::optional<uint16_t> generation;  // flows that were born in it came later
        Pacing pace;
        Micros left_at = 0;  // when there was something to end last
        uint64_t place = 0;  // where the next flow is looked for
        Left counted{};      // in the round under way
    };

    bool applies(const Work& work, const Flow& flow) const;
    void count(FlowTable& flows, Micros now);
    void end_round(Micros now);
    void end_due(Work& work, Course& course, FlowTable& flows, Micros now, uint32_t& looks,
                 const Says& says);
    void finish(Work& work, Course& course, FlowTable& flows, Flow& flow, Micros now,
                const Says& says);
    void settle(FlowTable& flows);

    const InTurn turn_;
    std::vector<Work> work_;
    std::vector<Course> courses_;  // of the same
    bool running_ = false;
    uint64_t round_ = 0;  // where the count is
    Micros next_round_ = 0;
    bool counts_ = false;  // a round is under way
    Repeats repeats_;
};

}  // namespace rehome::vipd
