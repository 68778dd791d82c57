#include "cutover/run/runner/guard_post.h"

#include <algorithm>

namespace rehome::cutover {

using State = GuardWatch::State;

void GuardPost::begin(size_t step) {
    for (size_t i = 0; i < plan_.guards.size(); ++i) {
        const Guard& guard = plan_.guards[i];
        if (step >= guard.from && !watches_.contains(i)) {
            GuardWatch watch(guard, world_.now(), world_.monotonic());
            watch.enter(plan_.steps[step].stage);
            watches_.emplace(i, std::move(watch));
            world_.begin_guard(i, guard);
        }
    }
}

void GuardPost::enter(const std::string& stage) {
    for (auto& [place, watch] : watches_) {
        watch.enter(stage);
    }
}

Result<> GuardPost::take_samples() {
    for (const GuardSample& sample : world_.guard_samples()) {
        GuardWatch& watch = watches_.at(sample.guard);
        const Reading reading = watch.take(sample);
        if (reading.seen_before) {
            continue;
        }
        if (auto kept = world_.keep(watch.guard().step, sample.answer, reading); !kept) {
            return kept;
        }
        if (reading.verdict != Reading::Verdict::good) {
            world_.show(watch.guard().step, reading);
        }
    }
    return {};
}

bool GuardPost::all_hold() const {
    return std::all_of(watches_.begin(), watches_.end(),
                       [this](const auto& one) { return state(one.second) == State::holds; });
}

bool GuardPost::any_broken() const {
    return std::any_of(watches_.begin(), watches_.end(),
                       [this](const auto& one) { return state(one.second) == State::broken; });
}

bool GuardPost::all_good_since(int64_t monotonic_us) const {
    return std::all_of(watches_.begin(), watches_.end(),
                       [=](const auto& one) { return one.second.good_since(monotonic_us); });
}

GuardWatch* GuardPost::first_in_trouble() {
    const auto found = std::find_if(watches_.begin(), watches_.end(), [this](const auto& one) {
        return state(one.second) != State::holds;
    });
    return found == watches_.end() ? nullptr : &found->second;
}

}  // namespace rehome::cutover
