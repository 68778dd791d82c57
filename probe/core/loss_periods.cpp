// See loss_periods.h.
#include "probe/core/loss_periods.h"

#include <algorithm>

#include "probe/core/record.h"

namespace rehome::probe {

void LossPeriods::answered(Nanos left) {
    if (open_) {
        list_.back().good_after = left;
    }
    open_ = false;
    good_ = left;
    ++since_loss_;
}

void LossPeriods::lost(uint32_t index, Nanos left) {
    if (!open_) {
        const uint32_t distance = list_.empty() ? 0 : since_loss_ + 1;
        list_.push_back(
            {.first = index, .distance = distance, .begin = left, .good_before = good_});
        open_ = true;
    }
    LossPeriod& period = list_.back();
    period.last = index;
    period.end = left;
    ++period.lost;
    since_loss_ = 0;
}

uint32_t LossPeriods::longest() const {
    uint32_t longest = 0;
    for (const LossPeriod& period : list_) {
        longest = std::max(longest, period.lost);
    }
    return longest;
}

std::vector<LossPeriod> loss_periods_of(const std::vector<ProbeRow>& probes) {
    LossPeriods periods;
    for (const ProbeRow& probe : probes) {
        if (!is_counted(probe)) {
            continue;
        }
        if (probe.fate == Fate::received) {
            periods.answered(probe.sample.departed());
        } else {
            periods.lost(probe.index, probe.sample.departed());
        }
    }
    return periods.list();
}

Losses noticeable(const std::vector<LossPeriod>& periods, uint32_t constraint) {
    Losses losses;
    for (const LossPeriod& period : periods) {
        losses.count += period.lost;
        losses.noticeable += constraint >= 1 ? period.lost - 1 : 0;
        losses.noticeable += period.distance != 0 && period.distance <= constraint ? 1 : 0;
    }
    return losses;
}

}  // namespace rehome::probe
