// When each probe is due.
//
// Periodic (RFC 3432): every 1/rate seconds, counted from the start, so that no rounding adds up.
// Poisson (RFC 2330 section 11.1.1): exponential gaps with the same mean, which cannot fall into
// step with something periodic on the path.  The seed gives the same times again.
//
// Times are of the monotonic clock.  Pure; not thread-safe.
#pragma once

#include <random>

#include "probe/core/flow.h"

namespace rehome::probe {

enum class Sampling { periodic, poisson };

std::string_view name(Sampling sampling);

class Schedule {
public:
    Schedule(Sampling sampling, double rate_pps, uint64_t seed, Nanos start);

    Nanos due() const { return due_; }
    void advance();

    // Leaves out what is missed, so that it does not go out as a burst; returns how many.  Missed
    // are the slots before the latest that is due, once the first of them is this late.  Less is
    // how a host with other work to do wakes up; what is due then is still sent.
    uint32_t skip_missed(Nanos now);
    static constexpr Nanos missed_after = 10'000'000;

private:
    Sampling sampling_;
    double interval_;
    Nanos start_;
    Nanos due_;
    double index_ = 0;
    std::mt19937_64 random_;
};

}  // namespace rehome::probe
