// See schedule.h.
#include "probe/core/schedule.h"

#include <cmath>

namespace rehome::probe {

std::string_view name(Sampling sampling) {
    return sampling == Sampling::periodic ? "periodic" : "poisson";
}

Schedule::Schedule(Sampling sampling, double rate_pps, uint64_t seed, Nanos start)
    : sampling_(sampling), interval_(1e9 / rate_pps), start_(start), due_(start), random_(seed) {}

void Schedule::advance() {
    index_ += 1;
    if (sampling_ == Sampling::periodic) {
        due_ = start_ + std::llround(index_ * interval_);
        return;
    }
    // 53 random bits, never 1, so that the logarithm exists.  Not std::exponential_distribution,
    // whose numbers differ between libraries.
    const double uniform = static_cast<double>(random_() >> 11) * 0x1p-53;
    due_ += std::llround(-std::log1p(-uniform) * interval_);
}

uint32_t Schedule::skip_missed(Nanos now) {
    uint32_t skipped = 0;
    if (now - due_ <= missed_after) {
        return skipped;
    }
    Schedule next = *this;
    for (next.advance(); next.due() <= now; next.advance()) {
        advance();
        ++skipped;
    }
    return skipped;
}

}  // namespace rehome::probe
