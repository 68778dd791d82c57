#include "vipd/flow/copier.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

constexpr uint32_t looks_a_tick = 1U << 14;  // at flows that have ended, or that no peer may get
constexpr double burst_s = 0.02;             // of the budget, so that the link sees no burst

}  // namespace

Micros Copier::due(const FlowTable::Marked& copied, Micros period) const {
    return copied.at < all_due_ ? std::min(all_due_, copied.at + period) : copied.at + period;
}

const FlowTable::Marked* Copier::next(Micros now, Micros period) const {
    if (!first_.empty()) {
        return &first_.front();
    }
    return !again_.empty() && due(again_.front(), period) <= now ? &again_.front() : nullptr;
}

void Copier::tick(FlowTable& flows, Micros now, const Send& send) {
    const Micros period = Micros{flows.lifetimes().udp} * 1'000'000 / 4;
    for (const auto& marked : flows.take_exchanged()) {
        first_.push_back(marked);
    }
    credit_ += rate_per_s_ * static_cast<double>(now - last_tick_) / 1e6;
    credit_ = std::min(credit_, 1 + rate_per_s_ * burst_s);
    last_tick_ = now;
    uint32_t looks = looks_a_tick;
    while (credit_ >= 1 && looks > 0) {
        --looks;
        const FlowTable::Marked* waiting = next(now, period);
        if (waiting == nullptr) {
            break;
        }
        FlowTable::Marked marked = *waiting;
        (first_.empty() ? again_ : first_).pop_front();
        const Flow* flow = flows.at(marked);
        if (flow == nullptr) {
            continue;
        }
        credit_ -= send(*flow) ? 1 : 0;
        marked.at = now;
        again_.push_back(marked);
    }
    note_lag(now, period);
}

void Copier::note_lag(Micros now, Micros period) {
    const auto is_due = [&](const auto& copied) { return due(copied, period) <= now; };
    const auto rest = std::partition_point(again_.begin(), again_.end(), is_due);
    lag_.waiting = first_.size() + static_cast<uint64_t>(rest - again_.begin());
    lag_.oldest = 0;
    if (!first_.empty()) {
        lag_.oldest = now - first_.front().at;
    }
    if (rest != again_.begin()) {
        lag_.oldest = std::max(lag_.oldest, now - due(again_.front(), period));
    }
}

}  // namespace rehome::vipd
