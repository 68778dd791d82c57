// How large a share of probes is hit where the hits come in bursts: losses above all.  Pure.
//
// Hits are counted as periods (RFC 3357): hits that are no further apart than a gap are one.  The
// gap is a tenth of the mean distance between hits, so that chance joins few of them, and at most
// a burst.  Periods come independently of each other (Poisson) and have n hits each, so that k
// hits tell as much as k / d independent ones, d = sum of n^2 / sum of n: the interval is the
// exact binomial one of k / d among trials / d.  What is dark for ten bursts is an outage, and
// counts as several periods of that length.
//
// What was not seen may be there: a run that meets no burst shows no more than that their share is
// at most -ln(tail) x burst / run.
#pragma once

#include <cstdint>
#include <vector>

#include "probe/core/statistics.h"

namespace rehome::probe {

struct Periods {
    uint64_t trials = 0;
    uint64_t hits = 0;
    uint64_t count = 0;      // periods
    double design = 1;       // how many hits tell as much as one independent hit
    double burst_share = 0;  // of the run, that one burst takes
};

// spacing_s: between two trials.
Periods periods_of(const std::vector<bool>& hits, double spacing_s, double burst_s);

// Its ends are missed with probability `tail` each.  trials > 0.
Interval share_interval(const Periods& periods, double tail);

// What bursts that the run did not meet may take, but with probability `tail`.
double share_unseen(const Periods& periods, double tail);

// The seconds that a run takes to show that no more than this share (> 0) is hit.
double seconds_for(double share, double burst_s, double tail);

// Newcombe 1998, method 10 (square and add): of b - a, where each has its interval.
struct Estimate {
    double value = 0;
    Interval interval;
};
Interval increase(const Estimate& a, const Estimate& b);

}  // namespace rehome::probe
