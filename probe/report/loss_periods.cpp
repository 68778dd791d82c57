// See loss_periods.h.
#include "probe/report/loss_periods.h"

#include "probe/report/timeline.h"

namespace rehome::probe {

std::vector<LossPeriod> loss_periods_of(const std::vector<ProbeRow>& probes) {
    std::vector<LossPeriod> periods;
    std::optional<Nanos> good;  // when the latest that was answered left
    bool open = false;
    for (const ProbeRow& probe : probes) {
        if (!is_counted(probe)) {
            continue;
        }
        const Nanos left = probe.sample.departed();
        if (probe.fate == Fate::received) {
            if (open) {
                periods.back().good_after = left;
            }
            open = false;
            good = left;
            continue;
        }
        if (!open) {
            periods.push_back(
                {.first = probe.index, .begin = left, .good_before = good, .good_after = {}});
            open = true;
        }
        LossPeriod& period = periods.back();
        period.last = probe.index;
        period.end = left;
        ++period.lost;
    }
    return periods;
}

}  // namespace rehome::probe
