// Flows that are cut at once, by order (`strong`): their entries are marked as reset, so that the
// fast path follows them no more, and the stages drop what they meet.  Nobody is told.  Until all
// are marked the fast path asks of each (Hands::severing).
//
// One worker's own.
#pragma once

#include <cstdint>

#include "vipd/flow/flow_table.h"

namespace rehome::vipd {

class Severing {
public:
    // There is another order: all flows are looked at, a piece at each tick.
    void begin() {
        running_ = true;
        place_ = 0;
    }
    bool running() const { return running_; }
    uint64_t severed() const { return severed_; }  // flows, since vipd began

    // cut: whether a flow is.
    template <typename Cut>
    void tick(FlowTable& flows, Cut cut) {
        if (!running_) {
            return;
        }
        const uint64_t until = place_ + places_a_tick;
        while (Flow* flow = flows.next(place_, until)) {
            if (!flow->over() && cut(*flow)) {
                flows.change(*flow, flow->kind, Flow::Stage::reset);
                ++severed_;
            }
        }
        running_ = place_ >= until;
    }

private:
    static constexpr uint64_t places_a_tick = 1U << 14;

    bool running_ = false;
    uint64_t place_ = 0;
    uint64_t severed_ = 0;
};

}  // namespace rehome::vipd
