// Whether a carrier is worse now than it was: a base measurement against a new one, three answers.
//
// The question is not whether anything changed but whether it got worse by more than is allowed
// (a test of non-inferiority).  For each figure of each path an interval is made that holds the
// true increase:
//
//   loss, refused,     the share of probes, in periods (bursts.h), joined by Newcombe's square and
//   duplicates         add; refused and duplicates where there are any
//   rtt p50, p95, p99, from the lowest to the highest difference between the ends of the two
//   ipdv p95           quantiles (blocks.h)
//
// Wholly above the allowance: worse.  Wholly at or below: no worse.  Across it: cannot tell.  The
// run that is too short to show that there are no bursts (bursts.h) can tell nothing of shares, and
// it says how many seconds would do.
//
// Error rates: "no worse" is said wrongly with 2.5 % at most, as it needs every figure of every
// path; "worse" needs one, so that 2.5 % are divided among the paths.  Both are divided among the
// looks: a comparison that cannot tell may be extended by another measurement, up to as many as
// were planned, and the samples of all are one.  Trying again instead would be another look that
// nobody counts.
//
// What was not measured alike (source, rate, waiting time), cut short, or missed by our own side
// cannot be told, nor a base that is too old, nor a path whose losses may be its reflector's
// (doubts.h).  A carrier that got worse while one that did not move
// got worse too cannot be told either: it was not the move.  Pure.
#pragma once

#include <string>
#include <vector>

#include "probe/core/measurement.h"

namespace rehome::probe {

enum class Verdict { no_worse, worse, cannot_tell };

std::string_view name(Verdict verdict);

struct Terms {
    double loss_pct = 3;        // allowed, in percentage points; of refused and duplicates too
    double delay_ms = 5;        // allowed, of each figure of delay
    double burst_s = 0.4;       // losses come in bursts of up to so long
    uint32_t looks = 1;         // how many measurements there may be, this one included
    double max_age_s = 86'400;  // of the base
};

struct Finding {
    std::string path{};    // "tcp 198.51.100.10:1883"
    std::string figure{};  // "loss_pct", "rtt_p50_ms", ...; "all": the path itself
    std::optional<double> base{};
    std::optional<double> now{};
    std::optional<Interval> increase{};  // an end that is not known is infinite
    double allowed = 0;
    Verdict verdict = Verdict::cannot_tell;
    std::string used{};  // which test
    std::string why{};   // when it cannot be told: what is missing
};

// What stands before and after of one carrier.
struct Pair {
    Measurement base;
    std::vector<Measurement> now;  // the first, then those that extend it; not empty
};

struct Comparison {
    std::string carrier;
    UnixMicros base_at = 0;
    UnixMicros now_at = 0;
    Terms terms;
    size_t look = 1;  // of terms.looks
    Verdict verdict = Verdict::cannot_tell;
    std::vector<std::string> obstacles;  // why nothing can be told, whatever the findings are
    std::vector<Finding> findings;
};

// How near in time a control must have begun.
constexpr UnixMicros control_near_us = 600'000'000;

// controls: carriers that did not move in those minutes.  An error (Exit::usage) when a pair is of
// different carriers, the base or what is extended had not ended when the next began (or is the
// same), or there are more measurements than looks.
Result<Comparison> compare(const Pair& pair, const std::vector<Pair>& controls, const Terms& terms);

std::string to_text(const Comparison& comparison);
std::string to_json(const Comparison& comparison);  // "rehome/probe-compare/1"

}  // namespace rehome::probe
