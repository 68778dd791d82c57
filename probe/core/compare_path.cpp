// See compare_path.h.
#include "probe/core/compare_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "probe/core/blocks.h"
#include "probe/core/bursts.h"

namespace rehome::probe {

namespace {

using End = Outcome::End;

constexpr char in_periods[] =
    "periods, Poisson, from their lengths; Newcombe's difference of two shares";
constexpr char in_blocks[] =
    "order-statistic intervals, by as many independent values as 24 blocks of the run show";

Verdict judge(const Interval& increase, double allowed) {
    if (increase.low > allowed) {
        return Verdict::worse;
    }
    return increase.high <= allowed ? Verdict::no_worse : Verdict::cannot_tell;
}

// ---- shares -------------------------------------------------------------------------------------

struct Share {
    const char* figure;
    bool (*counts)(const Outcome&);  // among the trials
    bool (*hit)(const Outcome&);
};

constexpr Share loss{"loss_pct", [](const Outcome& o) { return o.end != End::ours; },
                     [](const Outcome& o) { return o.end == End::lost; }};
constexpr Share refused{"refused_pct", [](const Outcome& o) { return o.end == End::answered; },
                        [](const Outcome& o) { return o.refused; }};
constexpr Share duplicates{"duplicates_pct",
                           [](const Outcome& o) { return o.end == End::answered; },
                           [](const Outcome& o) { return o.duplicated; }};

std::vector<bool> hits_of(const Run& run, const Share& share) {
    std::vector<bool> hits;
    hits.reserve(run.outcomes.size());
    for (const Outcome& outcome : run.outcomes) {
        if (share.counts(outcome)) {
            hits.push_back(share.hit(outcome));
        }
    }
    return hits;
}

double share_of(const Periods& periods) {
    return static_cast<double>(periods.hits) / static_cast<double>(periods.trials);
}

// The low end of the increase from the risk of a wrong "worse", the high one from that of a wrong
// "no worse", which reckons with bursts that the run did not meet.  In percentage points.
Interval increase_of(const Periods& base, const Periods& now, const Risk& risk) {
    const auto seen = [](const Periods& periods, double tail) {
        return Estimate{share_of(periods), share_interval(periods, tail)};
    };
    Estimate reckoned = seen(now, risk.no_worse);
    reckoned.interval.high = std::max(reckoned.interval.high, share_unseen(now, risk.no_worse));
    return {100 * increase(seen(base, risk.worse), seen(now, risk.worse)).low,
            100 * increase(seen(base, risk.no_worse), reckoned).high};
}

// The seconds that a run lacks for what is allowed; empty: none.
std::string too_short(double run_s, const Terms& terms, const Risk& risk) {
    const double needed = seconds_for(terms.loss_pct / 100, terms.burst_s, risk.no_worse);
    return run_s >= needed ? ""
                           : fmt::format(
                                 "a run of {:.1f} s is too short: {:.3g} points, with bursts "
                                 "of {:.3g} s, take {:.0f} s",
                                 run_s, terms.loss_pct, terms.burst_s, std::ceil(needed));
}

// What the interval spans shrinks with the square root of the run's length.
std::string longer_to_tell(const Finding& finding, double run_s) {
    const double increase = *finding.now - *finding.base;
    const Interval& interval = *finding.increase;
    const double reach =
        increase > finding.allowed ? increase - interval.low : interval.high - increase;
    const double room = std::abs(finding.allowed - increase);
    const double times = room > 0 ? (reach / room) * (reach / room) : 1e9;
    if (times > 1000) {
        return "the increase is too close to what is allowed";
    }
    return fmt::format("losses in periods; about {:.0f} s a path would tell",
                       std::ceil(run_s * times));
}

Finding compare_share(const Run& base, const Run& now, const Share& share, const Terms& terms,
                      const Risk& risk) {
    Finding finding{.figure = share.figure, .allowed = terms.loss_pct, .used = in_periods};
    const Periods before = periods_of(hits_of(base, share), base.spacing_s, terms.burst_s);
    const Periods after = periods_of(hits_of(now, share), now.spacing_s, terms.burst_s);
    if (before.trials == 0 || after.trials == 0) {
        finding.why = before.trials == 0 ? "the base has no samples" : "there are no samples now";
        return finding;
    }
    finding.base = 100 * share_of(before);
    finding.now = 100 * share_of(after);
    finding.increase = increase_of(before, after, risk);
    const double run_s = std::min(static_cast<double>(before.trials) * base.spacing_s,
                                  static_cast<double>(after.trials) * now.spacing_s);
    finding.why = too_short(run_s, terms, risk);
    if (!finding.why.empty()) {
        return finding;
    }
    finding.verdict = judge(*finding.increase, finding.allowed);
    if (finding.verdict == Verdict::cannot_tell) {
        finding.why = longer_to_tell(finding, run_s);
    }
    return finding;
}

bool any(const Run& run, const Share& share) {
    const std::vector<bool> hits = hits_of(run, share);
    return std::find(hits.begin(), hits.end(), true) != hits.end();
}

// ---- delay --------------------------------------------------------------------------------------

bool has_delay(const Outcome& outcome) {
    return outcome.end == End::answered && outcome.rtt_us >= 0;
}

double ms(int64_t us) {
    return static_cast<double>(us) / 1e3;
}

std::vector<double> delays_of(const Run& run) {
    std::vector<double> delays;
    for (const Outcome& outcome : run.outcomes) {
        if (has_delay(outcome)) {
            delays.push_back(ms(outcome.rtt_us));
        }
    }
    return delays;
}

// RFC 3393, of consecutive probes, as absolute values.
std::vector<double> variations_of(const Run& run) {
    std::vector<double> differences;
    for (size_t i = 1; i < run.outcomes.size(); ++i) {
        const Outcome& one = run.outcomes[i - 1];
        const Outcome& next = run.outcomes[i];
        if (has_delay(one) && has_delay(next)) {
            differences.push_back(std::abs(ms(next.rtt_us - one.rtt_us)));
        }
    }
    return differences;
}

struct Quantile {
    const char* figure;
    double p;
};

// An end that is not known is infinite.
Interval difference(const QuantileEstimate& base, const QuantileEstimate& now) {
    constexpr double unknown = std::numeric_limits<double>::infinity();
    return {.low = now.low && base.high ? *now.low - *base.high : -unknown,
            .high = now.high && base.low ? *now.high - *base.low : unknown};
}

std::string why_untold(const Blocks& base, const Blocks& now, const Interval& increase) {
    if (std::isinf(increase.high) || std::isinf(increase.low)) {
        return "too few answers for an interval";
    }
    return base.too_correlated() || now.too_correlated()
               ? "the delay stays high or low for long, a longer run would tell"
               : "the intervals are too wide, a longer run would narrow them";
}

Finding compare_delay(const Blocks& base, const Blocks& now, const Quantile& quantile,
                      double allowed, const Risk& risk) {
    Finding finding{.figure = quantile.figure, .allowed = allowed, .used = in_blocks};
    if (base.empty() || now.empty()) {
        finding.why = base.empty() ? "no answer in the base" : "no answer now";
        return finding;
    }
    const auto before = base.estimate(quantile.p, {risk.no_worse, risk.worse});
    const auto after = now.estimate(quantile.p, {risk.worse, risk.no_worse});
    finding.base = before.value;
    finding.now = after.value;
    const Interval increase = difference(before, after);
    finding.verdict = judge(increase, allowed);
    const bool none = std::isinf(increase.low) && std::isinf(increase.high);
    finding.increase = none ? std::nullopt : std::optional(increase);
    if (finding.verdict == Verdict::cannot_tell) {
        finding.why = why_untold(base, now, increase);
    }
    return finding;
}

}  // namespace

std::vector<Finding> compare_path(const Run& base, const Run& now, const Terms& terms,
                                  const Risk& risk) {
    std::vector<Finding> findings{compare_share(base, now, loss, terms, risk)};
    for (const Share& share : {refused, duplicates}) {
        if (any(base, share) || any(now, share)) {
            findings.push_back(compare_share(base, now, share, terms, risk));
        }
    }
    const Blocks before(delays_of(base));
    const Blocks after(delays_of(now));
    for (const Quantile& quantile : {Quantile{"rtt_p50_ms", 0.5}, Quantile{"rtt_p95_ms", 0.95},
                                     Quantile{"rtt_p99_ms", 0.99}}) {
        findings.push_back(compare_delay(before, after, quantile, terms.delay_ms, risk));
    }
    findings.push_back(compare_delay(Blocks(variations_of(base)), Blocks(variations_of(now)),
                                     {"ipdv_p95_ms", 0.95}, terms.delay_ms, risk));
    return findings;
}

}  // namespace rehome::probe
