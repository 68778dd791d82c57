// See compare.h.
#include "probe/core/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rehome::probe {

namespace {

constexpr char proportions[] = "difference of two proportions, Newcombe from Clopper-Pearson, 95 %";
constexpr char order_statistics[] = "order-statistic intervals of the quantile, 95 % each";

struct Losses {
    uint64_t lost = 0;
    uint64_t trials = 0;
};

Losses losses_of(const Figures& figures) {
    return {figures.counts.lost, uint64_t{figures.counts.lost} + figures.counts.received};
}

// Newcombe 1998, method 10, with exact limits for the single proportions.  In percentage points.
Interval loss_increase(const Losses& base, const Losses& now) {
    const double p = static_cast<double>(base.lost) / static_cast<double>(base.trials);
    const double q = static_cast<double>(now.lost) / static_cast<double>(now.trials);
    const Interval at_base = binomial_interval(base.lost, base.trials);
    const Interval at_now = binomial_interval(now.lost, now.trials);
    const double middle = q - p;
    return {.low = 100 * (middle - std::hypot(q - at_now.low, at_base.high - p)),
            .high = 100 * (middle + std::hypot(at_now.high - q, p - at_base.low))};
}

Verdict judge(const Interval& increase, double allowed) {
    if (increase.low > allowed) {
        return Verdict::worse;
    }
    return increase.high <= allowed ? Verdict::no_worse : Verdict::cannot_tell;
}

// By trying: with the same shares of loss, how many times as many samples would give an answer.
std::string samples_to_tell(const Losses& base, const Losses& now, double allowed) {
    double times = 1;
    while (times < 2000) {
        times *= 1.25;
        const auto scaled = [times](const Losses& losses) {
            return Losses{static_cast<uint64_t>(static_cast<double>(losses.lost) * times),
                          static_cast<uint64_t>(static_cast<double>(losses.trials) * times)};
        };
        if (judge(loss_increase(scaled(base), scaled(now)), allowed) != Verdict::cannot_tell) {
            return fmt::format("too few samples, about {} and {} would do", scaled(base).trials,
                               scaled(now).trials);
        }
    }
    return "the increase is too close to what is allowed";
}

Finding compare_loss(const Figures& base, const Figures& now, double allowed) {
    Finding finding{.figure = "loss_pct", .allowed = allowed, .used = proportions};
    const Losses before = losses_of(base);
    const Losses after = losses_of(now);
    if (before.trials == 0 || after.trials == 0) {
        finding.why = before.trials == 0 ? "the base has no samples" : "there are no samples now";
        return finding;
    }
    finding.base = base.loss_pct;
    finding.now = now.loss_pct;
    finding.increase = loss_increase(before, after);
    finding.verdict = judge(*finding.increase, allowed);
    if (finding.verdict == Verdict::cannot_tell) {
        finding.why = samples_to_tell(before, after, allowed);
    }
    return finding;
}

struct Quantile {
    const char* figure;
    double Delay::*value;
    std::optional<Interval> Delay::*interval;
};

Finding compare_delay(const Figures& base, const Figures& now, const Quantile& quantile,
                      double allowed) {
    Finding finding{.figure = quantile.figure, .allowed = allowed, .used = order_statistics};
    if (!base.rtt || !now.rtt) {
        finding.why = base.rtt ? "no answer now" : "no answer in the base";
        return finding;
    }
    finding.base = (*base.rtt).*quantile.value;
    finding.now = (*now.rtt).*quantile.value;
    const auto& before = (*base.rtt).*quantile.interval;
    const auto& after = (*now.rtt).*quantile.interval;
    if (!before || !after) {
        finding.why = fmt::format("too few answers {} for an interval", before ? "now"
                                                                               : "in the "
                                                                                 "base");
        return finding;
    }
    finding.increase = Interval{after->low - before->high, after->high - before->low};
    finding.verdict = judge(*finding.increase, allowed);
    if (finding.verdict == Verdict::cannot_tell) {
        finding.why = "the intervals are too wide, more samples would narrow them";
    }
    return finding;
}

std::string path_text(const Path& path) {
    return fmt::format("{} {}", name(path.kind), path.target_text());
}

std::vector<Finding> compare_path(const Figures& base, const Figures& now,
                                  const Allowance& allowance) {
    constexpr Quantile median{"rtt_p50_ms", &Delay::p50_ms, &Delay::p50_interval};
    constexpr Quantile high{"rtt_p95_ms", &Delay::p95_ms, &Delay::p95_interval};
    return {compare_loss(base, now, allowance.loss_pct),
            compare_delay(base, now, median, allowance.delay_ms),
            compare_delay(base, now, high, allowance.delay_ms)};
}

Verdict overall(const std::vector<Finding>& findings) {
    const auto has = [&findings](Verdict verdict) {
        return std::any_of(findings.begin(), findings.end(),
                           [verdict](const Finding& f) { return f.verdict == verdict; });
    };
    if (has(Verdict::worse)) {
        return Verdict::worse;
    }
    return findings.empty() || has(Verdict::cannot_tell) ? Verdict::cannot_tell : Verdict::no_worse;
}

}  // namespace

std::string_view name(Verdict verdict) {
    switch (verdict) {
        case Verdict::no_worse:
            return "no worse";
        case Verdict::worse:
            return "worse";
        case Verdict::cannot_tell:
            return "cannot tell";
    }
    return "";
}

Result<Comparison> compare(const Measurement& base, const Measurement& now,
                           const Allowance& allowance) {
    if (base.plan.carrier != now.plan.carrier) {
        return fail(Exit::usage, "",
                    fmt::format("the base is of carrier {}, expected {} as the other",
                                in_quotes(base.plan.carrier), in_quotes(now.plan.carrier)));
    }
    Comparison comparison{now.plan.carrier, base.at, now.at, Verdict::cannot_tell, {}};
    for (const Figures& before : base.kinds) {
        const auto after =
            std::find_if(now.kinds.begin(), now.kinds.end(), [&before](const Figures& figures) {
                return figures.path.kind == before.path.kind &&
                       figures.path.target == before.path.target;
            });
        std::vector<Finding> findings{Finding{.figure = "all", .why = "was not measured now"}};
        if (after != now.kinds.end()) {
            findings = compare_path(before, *after, allowance);
        }
        for (Finding& finding : findings) {
            finding.path = path_text(before.path);
            comparison.findings.push_back(std::move(finding));
        }
    }
    comparison.verdict = overall(comparison.findings);
    return comparison;
}

}  // namespace rehome::probe
