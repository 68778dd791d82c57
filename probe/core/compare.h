// Whether a carrier is worse now than it was: a base measurement against a new one, three answers.
//
// The question is not whether anything changed but whether it got worse by more than is allowed
// (a test of non-inferiority).  For each figure an interval is made that holds the true increase
// with 95 % confidence:
//
//   loss      the difference of two proportions, from both exact binomial intervals
//             (Clopper-Pearson), joined by Newcombe's square-and-add
//   rtt p50,  from the lowest to the highest difference between the two order-statistic intervals
//   rtt p95   of the quantile (wider than 95 %, so on the safe side)
//
// Wholly above the allowance: worse.  Wholly at or below: no worse.  Across it: too few samples to
// tell, and how many would do.  The overall answer is worse if any figure is, else cannot tell if
// any figure cannot.  A path of the base that the new measurement lacks cannot be told.
//
// Samples count as independent; a test over blocks of time, for losses in bursts, has its place
// here as another way to make the interval.  Pure.
#pragma once

#include <string>
#include <vector>

#include "probe/core/measurement.h"

namespace rehome::probe {

enum class Verdict { no_worse, worse, cannot_tell };

std::string_view name(Verdict verdict);

struct Allowance {
    double loss_pct = 1;  // percentage points
    double delay_ms = 5;
};

struct Finding {
    std::string path{};    // "tcp 198.51.100.10:1883"
    std::string figure{};  // "loss_pct", "rtt_p50_ms", "rtt_p95_ms"
    std::optional<double> base{};
    std::optional<double> now{};
    std::optional<Interval> increase{};  // with 95 % confidence
    double allowed = 0;
    Verdict verdict = Verdict::cannot_tell;
    std::string used{};  // which test
    std::string why{};   // when it cannot be told: what is missing
};

struct Comparison {
    std::string carrier;
    UnixMicros base_at = 0;
    UnixMicros now_at = 0;
    Verdict verdict = Verdict::cannot_tell;
    std::vector<Finding> findings;
};

// An error (Exit::usage) when the two are of different carriers.
Result<Comparison> compare(const Measurement& base, const Measurement& now,
                           const Allowance& allowance);

std::string to_text(const Comparison& comparison);
std::string to_json(const Comparison& comparison);  // "rehome/probe-compare/1"

}  // namespace rehome::probe
