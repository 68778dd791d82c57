#include "vipd/core/relogin.h"

#include <algorithm>

namespace rehome {

namespace {

constexpr Micros first_repeat = 250'000;
constexpr Micros second_repeat = 750'000;

}  // namespace

void Relogin::start(const ReloginOrder& order, Micros now) {
    order_ = order;
    started_ = last_tick_ = now;
    credit_ = 1;
    flows_reset_ = 0;
}

bool Relogin::applies(const Flow& flow) const {
    return flow.in_use && flow.kind == Flow::Kind::here && flow.made <= started_ &&
           flow.key.protocol == static_cast<uint8_t>(Protocol::tcp) &&
           flow.stage == Flow::Stage::established &&
           (!order_->service || *order_->service == flow.service);
}

uint32_t Relogin::remaining(FlowTable& flows) const {
    if (!order_) {
        return 0;
    }
    const auto entries = flows.entries();
    return static_cast<uint32_t>(std::count_if(entries.begin(), entries.end(),
                                               [&](const Flow& flow) { return applies(flow); }));
}

Flow* Relogin::next(FlowTable& flows) {
    const auto entries = flows.entries();
    for (size_t i = 0; i < entries.size(); ++i) {
        cursor_ = cursor_ + 1 < entries.size() ? cursor_ + 1 : 0;
        if (applies(entries[cursor_])) {
            return &entries[cursor_];
        }
    }
    return nullptr;
}

void Relogin::reset(Flow& flow, const Send& send) {
    const auto& numbers = flow.numbers;
    send(flow, {flow.key.vip, flow.key.client, numbers.server_next, numbers.client_next}, true);
    send(flow, {flow.key.client, flow.server, numbers.client_next, numbers.server_next}, false);
}

void Relogin::repeat(FlowTable& flows, Micros now, const Send& send) {
    for (auto* queue : {&repeats_, &last_repeats_}) {
        while (!queue->empty() && queue->front().due <= now) {
            const Repeat due = queue->front();
            queue->pop_front();
            Flow* flow = flows.find(due.key);
            if (flow == nullptr || flow->stage != Flow::Stage::reset) {
                continue;
            }
            reset(*flow, send);
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
    for (; credit_ >= 1; credit_ -= 1) {
        Flow* flow = next(flows);
        if (flow == nullptr) {
            order_.reset();
            return;
        }
        reset(*flow, send);
        flow->stage = Flow::Stage::reset;
        flow->last_seen = now;
        ++flows_reset_;
        repeats_.push_back({now + first_repeat, flow->key});
        log(*flow);
    }
}

}  // namespace rehome
