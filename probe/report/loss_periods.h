// Loss periods (RFC 3357 section 5.2): probes of one path that were lost one after the other.
//
// A period began after the probe before it, which was answered, had left, and ended before the one
// behind it did: so far its begin and its end are known.  Probes that say nothing of the path
// neither begin, nor end, nor join a period.  Pure.
#pragma once

#include <optional>
#include <vector>

#include "probe/core/record.h"

namespace rehome::probe {

struct LossPeriod {
    uint32_t first = 0;  // index of the first and the last probe that was lost
    uint32_t last = 0;
    uint32_t lost = 0;
    Nanos begin = 0;  // when they left
    Nanos end = 0;
    std::optional<Nanos> good_before;  // when the last one that was answered left; empty: none
    std::optional<Nanos> good_after;   // the same of the next one
};

std::vector<LossPeriod> loss_periods_of(const std::vector<ProbeRow>& probes);

}  // namespace rehome::probe
