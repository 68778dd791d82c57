#include "vipd/health/wheel.h"

#include <algorithm>
#include <limits>

namespace rehome::vipd {

void TimerWheel::set(Micros when, uint32_t id, uint32_t stamp) {
    const uint64_t due = std::max(ticks(when), at_);
    slots_[due % slots].push_back({due, id, stamp});
    ++count_;
}

// What lies a round or more ahead stays in its slot.
void TimerWheel::take_due(Micros now, std::vector<Alarm>& due) {
    const uint64_t until = static_cast<uint64_t>(now / tick);
    // Of a long absence each slot is looked at once.
    const uint64_t first = until >= at_ + slots ? until - slots + 1 : at_;
    const size_t before = due.size();
    for (uint64_t at = first; at <= until; ++at) {
        auto& slot = slots_[at % slots];
        const auto later = std::stable_partition(
            slot.begin(), slot.end(), [&](const Alarm& alarm) { return alarm.tick > until; });
        due.insert(due.end(), later, slot.end());
        slot.erase(later, slot.end());
    }
    at_ = std::max(at_, until + 1);
    count_ -= due.size() - before;
    std::stable_sort(due.begin() + static_cast<std::ptrdiff_t>(before), due.end(),
                     [](const Alarm& a, const Alarm& b) { return a.tick < b.tick; });
}

Micros TimerWheel::next() const {
    if (count_ == 0) {
        return std::numeric_limits<Micros>::max();
    }
    uint64_t at = at_;
    while (at < at_ + slots && slots_[at % slots].empty()) {
        ++at;
    }
    return static_cast<Micros>(at) * tick;
}

}  // namespace rehome::vipd
