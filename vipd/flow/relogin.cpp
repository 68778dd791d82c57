#include "vipd/flow/relogin.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t looks_a_tick = 1U << 16;  // so that a large table does not stop the traffic

// Says once more what was said of the flow; false: there is no need to.
bool repeat(FlowTable& flows, const FlowKey& key, const Relogin::Says& says) {
    const Flow* flow = flows.find(key);
    if (key.protocol != static_cast<uint8_t>(Protocol::tcp)) {
        if (flow == nullptr) {
            says.gone(key);
        }
        return flow == nullptr;
    }
    if (flow == nullptr || flow->stage != Flow::Stage::reset) {
        return false;
    }
    says.reset(*flow);
    return true;
}

}  // namespace

void Relogin::start(const Order& order, FlowTable& flows, Micros now) {
    flows.begin_generation();
    generation_ = flows.generation();
    order_ = order;
    before_ = done_;
    done_ = {order.id, 0, 0};
    pace_.start(order.rate_per_s, now);
    left_at_ = now;
}

bool Relogin::applies(const Flow& flow) const {
    const bool lives = flow.tcp() ? flow.stage == Flow::Stage::established : !flow.over();
    return flow.served && lives && flow.born != generation_ &&
           (!order_->service || *order_->service == flow.service);
}

Generations::Older Relogin::remaining(const FlowTable& flows) const {
    return order_ ? flows.older(order_->service) : Generations::Older{};
}

// The next flow to end; null when the looks are used up.
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

void Relogin::finish(FlowTable& flows, Flow& flow, Micros now, const Says& says) {
    says.log(flow);
    const FlowKey key = flow.key();
    repeats_.add(key, now);
    if (flow.tcp()) {
        says.reset(flow);
        flows.change(flow, flow.kind, Flow::Stage::reset);
        flows.seen(flow, now);
        ++done_.reset;
    } else {
        flows.erase(flow);
        says.gone(key);
        ++done_.forgotten;
    }
}

void Relogin::tick(FlowTable& flows, Micros now, const Says& says) {
    repeats_.tick(now, [&](const FlowKey& key) { return repeat(flows, key, says); });
    if (!order_) {
        return;
    }
    pace_.pass(now);
    uint32_t looks = looks_a_tick;
    for (; pace_.due(); pace_.take()) {
        if (remaining(flows).all() == 0) {
            if (now - left_at_ >= order_->quiet) {
                order_.reset();
            }
            return;
        }
        left_at_ = now;
        Flow* flow = next(flows, looks);
        if (flow == nullptr) {
            return;
        }
        finish(flows, *flow, now, says);
    }
}

}  // namespace rehome::vipd
