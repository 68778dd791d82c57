#include "vipd/flow/idle_reset.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

constexpr uint64_t places_a_tick = 1U << 14;  // so that a large table does not stop the traffic

bool waits_for(const Flow& flow, const std::vector<bool>& lost) {
    return flow.tcp() && flow.kind == Flow::Kind::relayed &&
           flow.stage == Flow::Stage::established && flow.client_known && flow.server_known &&
           flow.peer < lost.size() && lost[flow.peer];
}

}  // namespace

void IdleReset::follow(const std::vector<bool>& lost, double rate_per_s, Micros now) {
    const bool some = std::find(lost.begin(), lost.end(), true) != lost.end();
    if (some && (!running_ || rate_per_s != rate_per_s_)) {
        pace_.start(rate_per_s, now, turn_);
    }
    lost_ = lost;
    rate_per_s_ = rate_per_s;
    running_ = some;
    place_ = 0;
}

void IdleReset::tick(FlowTable& flows, Micros now, const Says& says) {
    repeats_.tick(now, [&](const FlowKey& key) {
        const Flow* flow = flows.find(key);
        const bool again = flow != nullptr && flow->stage == Flow::Stage::reset && !flow->served;
        if (again) {
            says.reset(*flow);
        }
        return again;
    });
    if (!running_) {
        return;
    }
    pace_.pass(now);
    const uint64_t until = place_ + places_a_tick;
    while (pace_.due()) {
        Flow* flow = flows.next(place_, until);
        if (flow == nullptr) {
            running_ = place_ >= until;  // else that was the table's end
            return;
        }
        if (!waits_for(*flow, lost_) || !says.can_serve(*flow)) {
            continue;
        }
        pace_.take();
        says.log(*flow);
        says.reset(*flow);
        flows.change(*flow, flow->kind, Flow::Stage::reset);
        flows.seen(*flow, now);
        repeats_.add(flow->key(), now);
        ++flows_reset_;
    }
}

}  // namespace rehome::vipd
