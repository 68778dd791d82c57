#include "vipd/flow/relogin.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

constexpr Micros first_repeat = 250'000;
constexpr Micros second_repeat = 750'000;
constexpr uint32_t looks_a_tick = 1U << 16;  // so that a large table does not stop the traffic

}  // namespace

void Relogin::start(const Order& order, FlowTable& flows, Micros now) {
    flows.begin_generation();
    generation_ = flows.generation();
    order_ = order;
    last_tick_ = now;
    credit_ = 1;
    flows_reset_ = 0;
}

bool Relogin::applies(const Flow& flow) const {
    return flow.served && flow.tcp() && flow.stage == Flow::Stage::established &&
           flow.born != generation_ && (!order_->service || *order_->service == flow.service);
}

uint32_t Relogin::remaining(const FlowTable& flows) const {
    return order_ ? flows.established_before(order_->service) : 0;
}

// The next flow to reset; null when the looks are used up.
Flow* Relogin::next(FlowTable& flows, uint32_t& looks) {
    while (looks > 0) {
        --looks;
        Flow* flow = flows.next(place_);
        if (flow == nullptr) {
            place_ = 0;
        } else if (applies(*flow)) {
            return flow;
        }
    }
    return nullptr;
}

void Relogin::repeat(FlowTable& flows, Micros now, const Send& send) {
    for (auto* queue : {&repeats_, &last_repeats_}) {
        while (!queue->empty() && queue->front().due <= now) {
            const Repeat due = queue->front();
            queue->pop_front();
            const Flow* flow = flows.find(due.key);
            if (flow == nullptr || flow->stage != Flow::Stage::reset) {
                continue;
            }
            send(*flow, Side::client);
            send(*flow, Side::server);
            if (queue == &repeats_) {
                last_repeats_.push_back({now + second_repeat, due.key});
            }
        }
    }
}

void Relogin::tick(FlowTable& flows, Micros now, const Send& send, const Log& log) {
    repeat(flows, now, send);
    if (!order_) {
        return;
    }
    credit_ += order_->rate_per_s * static_cast<double>(now - last_tick_) / 1e6;
    credit_ = std::min(credit_, std::max(1.0, order_->rate_per_s / 10));  // no burst after a pause
    last_tick_ = now;
    uint32_t looks = looks_a_tick;
    for (; credit_ >= 1; credit_ -= 1) {
        if (remaining(flows) == 0) {
            order_.reset();
            return;
        }
        Flow* flow = next(flows, looks);
        if (flow == nullptr) {
            return;
        }
        send(*flow, Side::client);
        send(*flow, Side::server);
        flows.change(*flow, flow->kind, Flow::Stage::reset);
        flows.seen(*flow, now);
        ++flows_reset_;
        repeats_.push_back({now + first_repeat, flow->key()});
        log(*flow);
    }
}

}  // namespace rehome::vipd
