// See report.h.
#include "probe/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/core/doubts.h"
#include "probe/report/inputs.h"

namespace rehome::probe {

namespace {

constexpr size_t told_periods = 12;  // of a path
constexpr double tail = (1 - confidence) / 2;

// ---- a path's figures ---------------------------------------------------------------------------

// The result knows of answers that our own side lost without a trace in the rows: some of those
// that look lost are ours, nobody knows which, so that the low end has to do without them.
LossFigure loss_of(const PathReport& path, const Plan& plan, const Terms& terms) {
    std::vector<bool> hits;
    for (const ProbeRow& probe : path.record->probes) {
        if (is_counted(probe)) {
            hits.push_back(probe.fate != Fate::received);
        }
    }
    LossFigure loss{.probes = hits.size(), .interval_pct = {}};
    if (hits.empty()) {
        return loss;
    }
    const Periods periods = periods_of(hits, 1 / plan.rate_pps, terms.burst_s);
    loss.lost = std::min<uint64_t>(periods.hits, path.figures.counts.lost);
    loss.probes -= periods.hits - loss.lost;
    loss.pct = 100.0 * static_cast<double>(loss.lost) / static_cast<double>(loss.probes);
    const Interval share = share_interval(periods, tail);
    const double sure =
        periods.hits == 0 ? 1 : static_cast<double>(loss.lost) / static_cast<double>(periods.hits);
    loss.interval_pct = Interval{100 * share.low * sure, 100 * share.high};
    loss.unseen_pct = 100 * share_unseen(periods, 1 - confidence);
    return loss;
}

// The figures are the summary's, of all probes; how far they are known, of those that stand in its
// outcomes, as compare.h judges by them.
std::optional<DelayFigure> delay_of(const Figures& figures) {
    std::vector<double> delays;
    for (const Outcome& outcome : figures.outcomes.list) {
        if (outcome.end == Outcome::End::answered && outcome.rtt_us >= 0) {
            delays.push_back(static_cast<double>(outcome.rtt_us) / 1e3);
        }
    }
    if (!figures.rtt || delays.empty()) {
        return std::nullopt;
    }
    const Blocks blocks(std::move(delays));
    const auto estimate = [&blocks](double p, double value) {
        QuantileEstimate known = blocks.estimate(p, {});
        known.value = value;
        return known;
    };
    return DelayFigure{.min_ms = figures.rtt->min_ms,
                       .max_ms = figures.rtt->max_ms,
                       .p50 = estimate(0.5, figures.rtt->p50_ms),
                       .p95 = estimate(0.95, figures.rtt->p95_ms),
                       .p99 = estimate(0.99, figures.rtt->p99_ms),
                       .too_correlated = blocks.too_correlated()};
}

// Ten intervals without a probe, and at least a second, are no accident of the schedule.
std::vector<Hole> holes_of(const std::vector<ProbeRow>& probes, double rate_pps) {
    const auto longest = static_cast<Nanos>(std::max(1.0, 10 / rate_pps) * 1e9);
    std::vector<Hole> holes;
    for (size_t i = 1; i < probes.size(); ++i) {
        const Hole hole{probes[i - 1].sample.sent, probes[i].sample.sent};
        if (hole.end - hole.begin > longest) {
            holes.push_back(hole);
        }
    }
    return holes;
}

uint32_t under_way(const std::vector<ProbeRow>& probes) {
    return static_cast<uint32_t>(std::count_if(probes.begin(), probes.end(), [](const ProbeRow& p) {
        return is_lost(p.fate) && !is_counted(p);
    }));
}

// A dead service, no reflector and two ways in one show in the figures as the carrier's loss.
std::string blames_none(const Figures& figures, const Plan& plan) {
    if (!figures.route_changes.empty()) {
        return "this host's way changed during the run, and the figures mix both ways";
    }
    if (figures.service == Service::dead) {
        return "the service answers nothing, while its address answers other probes: the service, "
               "or "
               "a filter before it";
    }
    return reflector_doubt(plan, figures);
}

PathReport report_path(const PathRecord& record, const Figures& figures, const Plan& plan,
                       const Terms& terms) {
    PathReport path;
    path.record = &record;
    path.figures = figures;
    path.loss = loss_of(path, plan, terms);
    path.delay = delay_of(figures);
    path.timeline = timeline_of(record.probes);
    path.coarse = timeline_of(record.probes, coarse_buckets);
    path.periods = loss_periods_of(record.probes);
    path.holes = holes_of(record.probes, plan.rate_pps);
    path.under_way = under_way(record.probes);
    path.blames_none = blames_none(figures, plan);
    return path;
}

// ---- the others meanwhile -----------------------------------------------------------------------

std::vector<LossPeriod> longest_of(std::vector<LossPeriod> periods) {
    if (periods.size() > told_periods) {
        std::stable_sort(periods.begin(), periods.end(),
                         [](const auto& a, const auto& b) { return a.lost > b.lost; });
        periods.resize(told_periods);
        std::sort(periods.begin(), periods.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    return periods;
}

// Probes stand in the order of sending.
void count_within(const PathRecord& path, Nanos begin, Nanos end, Meanwhile& meanwhile) {
    auto probe = std::lower_bound(
        path.probes.begin(), path.probes.end(), begin,
        [](const ProbeRow& row, Nanos when) { return row.sample.departed() < when; });
    for (; probe != path.probes.end() && probe->sample.departed() <= end; ++probe) {
        if (is_counted(*probe)) {
            ++meanwhile.probes;
            meanwhile.lost += probe->fate == Fate::received ? 0 : 1;
        }
    }
}

// As far as the period is known to be bad: a little before and behind it may belong to it too.
std::vector<Meanwhile> meanwhile_of(const LossPeriod& period, const RunReport& run,
                                    const std::vector<RunReport>& runs) {
    const Nanos begin = period.good_before.value_or(period.begin);
    const Nanos end = period.good_after.value_or(period.end);
    std::vector<Meanwhile> others;
    for (const RunReport& other : runs) {
        if (other.record->plan.carrier == run.record->plan.carrier) {
            continue;
        }
        Meanwhile meanwhile{.run = other.label};
        for (const PathReport& path : other.paths) {
            count_within(*path.record, begin, end, meanwhile);
        }
        if (meanwhile.probes != 0) {
            others.push_back(std::move(meanwhile));
        }
    }
    return others;
}

void tell_longest(std::vector<RunReport>& runs) {
    for (RunReport& run : runs) {
        for (PathReport& path : run.paths) {
            for (const LossPeriod& period : longest_of(path.periods)) {
                path.longest.push_back({period, meanwhile_of(period, run, runs)});
            }
        }
    }
}

// ---- the verdict --------------------------------------------------------------------------------

bool is_near(const Record& one, const Record& other) {
    return std::abs(one.started - other.started) <= control_near_us;
}

std::vector<Pair> controls_of(const RunInput& input, const std::vector<RunInput>& inputs) {
    std::vector<Pair> controls;
    for (const RunInput& other : inputs) {
        if (other.control && other.base &&
            other.record->plan.carrier != input.record->plan.carrier &&
            is_near(*other.record, *input.record)) {
            controls.push_back({*other.base, {measurement_of(*other.record)}});
        }
    }
    return controls;
}

// Each run of a carrier is another look at it.
uint32_t looks_of(const RunInput& input, const std::vector<RunInput>& inputs) {
    return static_cast<uint32_t>(
        std::count_if(inputs.begin(), inputs.end(), [&input](const RunInput& other) {
            return other.record->plan.carrier == input.record->plan.carrier;
        }));
}

Result<std::optional<Comparison>> compare_run(const RunInput& input, const RunReport& run,
                                              const std::vector<RunInput>& inputs, Terms terms) {
    if (!input.base) {
        return std::nullopt;
    }
    terms.looks = looks_of(input, inputs);
    const auto controls = input.control ? std::vector<Pair>{} : controls_of(input, inputs);
    const auto comparison = compare({*input.base, {run.measurement}}, controls, terms);
    if (!comparison) {
        return fail(Exit::usage, input.file, comparison.error().what);
    }
    return std::optional(*comparison);
}

Headline headline_of(const RunInput& input, const RunReport& run) {
    if (run.comparison) {
        switch (run.comparison->verdict) {
            case Verdict::worse:
                return Headline::worse;
            case Verdict::no_worse:
                return Headline::no_worse;
            case Verdict::cannot_tell:
                break;
        }
    }
    if (input.base || run.paths.empty()) {
        return Headline::cannot_tell;
    }
    const auto any = [&run](auto what) {
        return std::any_of(run.paths.begin(), run.paths.end(), what);
    };
    if (any([](const PathReport& p) { return p.loss.probes == 0; })) {
        return Headline::cannot_tell;
    }
    if (any([](const PathReport& p) { return p.loss.lost != 0 && p.blames_none.empty(); })) {
        return Headline::loss;
    }
    const bool doubtful = any([](const PathReport& p) {
        return !p.blames_none.empty() || p.figures.counts.no_way_out != 0;
    });
    return doubtful ? Headline::cannot_tell : Headline::no_loss;
}

Figures figures_for(const Measurement& measurement, const Path& path) {
    for (const Figures& figures : measurement.kinds) {
        if (figures.path.kind == path.kind && figures.path.target == path.target) {
            return figures;
        }
    }
    return {};
}

void number_runs(std::vector<RunReport>& runs) {
    std::map<std::string, int> of_carrier;
    for (const RunReport& run : runs) {
        ++of_carrier[run.record->plan.carrier];
    }
    std::map<std::string, int> number;
    for (RunReport& run : runs) {
        const std::string& carrier = run.record->plan.carrier;
        if (of_carrier[carrier] > 1) {
            run.label = fmt::format("{}, run {}", carrier, ++number[carrier]);
        }
    }
}

}  // namespace

RunReport report_run(const RunInput& input, const Terms& terms) {
    const Record& record = *input.record;
    RunReport run;
    run.label = record.plan.carrier;
    run.file = input.file;
    run.record = &record;
    run.measurement = measurement_of(record);
    run.control = input.control;
    run.begin = std::numeric_limits<Nanos>::max();
    for (const PathRecord& path : record.paths) {
        run.paths.push_back(
            report_path(path, figures_for(run.measurement, path.path), record.plan, terms));
        if (!path.probes.empty()) {
            run.begin = std::min(run.begin, path.probes.front().sample.sent);
            run.end = std::max(run.end, path.probes.back().sample.sent);
        }
    }
    if (input.base) {
        run.base_at = input.base->at;
    }
    return run;
}

Checked<Report> make_report(const std::vector<RunInput>& inputs, std::vector<RunReport> runs,
                            const Terms& terms) {
    std::vector<Error> mistakes = check_inputs(inputs);
    if (!mistakes.empty()) {
        return tl::unexpected(std::move(mistakes));
    }
    Report report{.made_at = 0, .program = {}, .terms = terms, .runs = {}};
    for (size_t i = 0; i < inputs.size(); ++i) {
        const RunInput& input = inputs[i];
        RunReport& run = runs[i];
        auto comparison = compare_run(input, run, inputs, terms);
        if (!comparison) {
            mistakes.push_back(comparison.error());
            continue;
        }
        run.comparison = std::move(*comparison);
        run.headline = headline_of(input, run);
        report.runs.push_back(std::move(run));
    }
    if (!mistakes.empty()) {
        return tl::unexpected(std::move(mistakes));
    }
    std::stable_sort(report.runs.begin(), report.runs.end(), [](const auto& a, const auto& b) {
        return std::tuple(a.control, a.record->plan.carrier, a.begin) <
               std::tuple(b.control, b.record->plan.carrier, b.begin);
    });
    number_runs(report.runs);
    tell_longest(report.runs);
    return report;
}

}  // namespace rehome::probe
