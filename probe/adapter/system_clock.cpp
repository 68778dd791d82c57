// See system_clock.h.
#include "probe/adapter/system_clock.h"

#include <sys/timex.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace rehome::probe {

namespace {

Nanos read(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Nanos realtime_now() {
    return read(CLOCK_REALTIME);
}
Nanos monotonic_now() {
    return read(CLOCK_MONOTONIC);
}

ClockQuality clock_quality() {
    ClockQuality quality;
    timespec resolution{};
    clock_getres(CLOCK_REALTIME, &resolution);
    quality.resolution = std::max<Nanos>(1, resolution.tv_nsec);
    timex state{};
    const int answer = ntp_adjtime(&state);
    quality.synchronised = answer >= 0 && answer != TIME_ERROR && !(state.status & STA_UNSYNC);
    quality.error = std::max<Nanos>(1, state.maxerror * 1000);
    if (answer >= 0 && state.tolerance > 0) {
        quality.tolerance = static_cast<double>(state.tolerance) / 65536 * 1e-6;
    }
    return quality;
}

// Of several tries the one that was disturbed the least.
Nanos ClockWatch::distance() {
    Nanos best = 0;
    Nanos shortest = std::numeric_limits<Nanos>::max();
    for (int attempt = 0; attempt < 5; ++attempt) {
        const Nanos before = monotonic_now();
        const Nanos real = realtime_now();
        const Nanos after = monotonic_now();
        if (after - before < shortest) {
            shortest = after - before;
            best = real - before - (after - before) / 2;
        }
    }
    return best;
}

Nanos ClockWatch::stepped() const {
    constexpr Nanos explained_by_reading = 100'000;
    const Nanos step = distance() - distance_;
    return std::abs(step) <= explained_by_reading ? 0 : step;
}

}  // namespace rehome::probe
