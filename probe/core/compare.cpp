// See compare.h.
#include "probe/core/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/core/compare_path.h"
#include "probe/core/doubts.h"

namespace rehome::probe {

namespace {

constexpr double error_rate = 1 - confidence;

std::string path_text(const Path& path) {
    return fmt::format("{} {}", name(path.kind), path.target_text());
}

// ---- what must be alike -------------------------------------------------------------------------

std::string vantage_of(const Measurement& measurement) {
    const Binding& binding = measurement.plan.binding;
    const auto& other = measurement.plan.other_source;
    return fmt::format("{}{} mark {} interface {}", binding.source.text(),
                       other ? " and " + other->text() : "", binding.mark,
                       binding.interface.empty() ? "any" : binding.interface);
}

std::string pace_of(const Measurement& measurement) {
    const Plan& plan = measurement.plan;
    return fmt::format("{} a second, {}, waiting time {} ms", plan.rate_pps, name(plan.sampling),
                       plan.wait / 1'000'000);
}

bool same(const Path& one, const Path& other) {
    return one.kind == other.kind && one.target == other.target;
}

const Figures* find(const Measurement& measurement, const Path& path) {
    const auto found = std::find_if(measurement.kinds.begin(), measurement.kinds.end(),
                                    [&path](const Figures& f) { return same(f.path, path); });
    return found == measurement.kinds.end() ? nullptr : &*found;
}

// Of what it is known; an earlier probe said nothing of sizes.
std::string packets_of(const Plan& plan, const Figures& figures) {
    return fmt::format("{}, DSCP {}{}",
                       figures.size != 0 ? fmt::format("{} bytes", figures.size) : "any size",
                       plan.dscp, plan.authenticated ? ", authenticated" : "");
}

bool same_packets(const Plan& plan, const Figures& figures, const Plan& other_plan,
                  const Figures& other) {
    const bool same_size = figures.size == other.size || figures.size == 0 || other.size == 0;
    return same_size && plan.dscp == other_plan.dscp &&
           (figures.path.kind != Kind::udp || plan.authenticated == other_plan.authenticated);
}

void add_other_packets(const Measurement& base, const Measurement& now,
                       std::vector<std::string>& obstacles) {
    for (const Figures& after : now.kinds) {
        const Figures* before = find(base, after.path);
        if (before != nullptr && !same_packets(base.plan, *before, now.plan, after)) {
            obstacles.push_back(fmt::format("{}: other packets: {}, and {} in the base",
                                            path_text(after.path), packets_of(now.plan, after),
                                            packets_of(base.plan, *before)));
        }
    }
}

// Of the probes that were due, those that this host did not send, or whose answers it took, say
// nothing; too many of them could hide what is asked for.
constexpr double a_third = 1.0 / 3;

std::string own_loss_in(const Figures& figures, const Terms& terms) {
    const OwnLoss& own = figures.own;
    const uint64_t unsent = uint64_t{own.not_sent} + own.filtered_out + own.skipped;
    const uint64_t lost = unsent + own.filtered_in + own.receive_dropped;
    const uint64_t due = unsent + figures.counts.sent;
    if (static_cast<double>(lost) <= static_cast<double>(due) * terms.loss_pct / 100 * a_third) {
        return "";
    }
    return fmt::format("our own side lost or left out {} of {} probes", lost, due);
}

std::vector<std::string> faults_of(const Figures& figures, const Terms& terms) {
    std::vector<std::string> faults;
    if (figures.counts.no_way_out != 0) {
        faults.push_back(fmt::format("no way out for {} probes, which is no carrier's loss",
                                     figures.counts.no_way_out));
    }
    if (std::string own = own_loss_in(figures, terms); !own.empty()) {
        faults.push_back(std::move(own));
    }
    if (figures.counts.too_big != 0) {
        faults.push_back(fmt::format("{} probes were {}", figures.counts.too_big, figures.too_big));
    }
    const double refused_pct =
        100.0 * figures.counts.unreflected / std::max(1U, figures.counts.sent);
    if (refused_pct > terms.loss_pct * a_third) {
        faults.push_back(fmt::format("the reflector refused {} of {} probes, over its rate",
                                     figures.counts.unreflected, figures.counts.sent));
    }
    if (figures.counts.elsewhere != 0) {
        faults.push_back(fmt::format("{} answers came by another carrier's interface",
                                     figures.counts.elsewhere));
    }
    if (!figures.route_changes.empty()) {
        faults.emplace_back("the way out changed within the run");
    }
    return faults;
}

void add_faults(const Measurement& measurement, std::string_view which, const Terms& terms,
                std::vector<std::string>& obstacles) {
    if (measurement.interrupted) {
        obstacles.push_back(fmt::format("{}: was interrupted", which));
    }
    if (measurement.clock.stepped_ms != 0) {
        obstacles.push_back(fmt::format("{}: the clock was set by {:.3f} ms within the run", which,
                                        measurement.clock.stepped_ms));
    }
    for (const Figures& figures : measurement.kinds) {
        for (const std::string& fault : faults_of(figures, terms)) {
            obstacles.push_back(fmt::format("{}: {}: {}", which, path_text(figures.path), fault));
        }
    }
}

std::vector<std::string> obstacles_of(const Pair& pair, const Terms& terms) {
    std::vector<std::string> obstacles;
    add_faults(pair.base, "base", terms, obstacles);
    const double age_s = static_cast<double>(pair.now.front().at - pair.base.ended) / 1e6;
    if (age_s > terms.max_age_s) {
        obstacles.push_back(
            fmt::format("base: is {:.0f} s old, expected at most {:.0f}", age_s, terms.max_age_s));
    }
    for (const Measurement& now : pair.now) {
        add_faults(now, "now", terms, obstacles);
        if (vantage_of(now) != vantage_of(pair.base)) {
            obstacles.push_back(fmt::format("another vantage: {}, and {} in the base",
                                            vantage_of(now), vantage_of(pair.base)));
        }
        add_other_packets(pair.base, now, obstacles);
        if (pace_of(now) != pace_of(pair.base)) {
            obstacles.push_back(fmt::format("another pace: {}, and {} in the base", pace_of(now),
                                            pace_of(pair.base)));
        }
    }
    return obstacles;
}

// ---- paths --------------------------------------------------------------------------------------

void append(Run& run, const Figures& figures, const Plan& plan) {
    const Outcomes& outcomes = figures.outcomes;
    run.spacing_s = outcomes.every / plan.rate_pps;
    run.outcomes.insert(run.outcomes.end(), outcomes.list.begin(), outcomes.list.end());
}

// Why the losses of a path need not be its own; empty: they are, or there are too few to matter.
std::string doubt_in(const Measurement& measurement, const Figures& figures, const Terms& terms) {
    const double lost = figures.counts.lost;
    const double sent = figures.counts.sent;
    return lost <= sent * terms.loss_pct / 100 * a_third
               ? ""
               : reflector_doubt(measurement.plan, figures);
}

std::vector<Finding> findings_of(const Path& path, const Pair& pair, const Terms& terms,
                                 const Risk& risk) {
    const auto no_answer = [](std::string why) {
        return std::vector{Finding{.figure = "all", .why = std::move(why)}};
    };
    const Figures* before = find(pair.base, path);
    if (before == nullptr) {
        return no_answer("was not measured in the base");
    }
    if (const std::string doubt = doubt_in(pair.base, *before, terms); !doubt.empty()) {
        return no_answer("base: " + doubt);
    }
    Run base;
    append(base, *before, pair.base.plan);
    Run now;
    for (const Measurement& measurement : pair.now) {
        const Figures* after = find(measurement, path);
        if (after == nullptr) {
            return no_answer("was not measured now");
        }
        if (const std::string doubt = doubt_in(measurement, *after, terms); !doubt.empty()) {
            return no_answer("now: " + doubt);
        }
        append(now, *after, measurement.plan);
    }
    if (base.outcomes.empty() || now.outcomes.empty()) {
        return no_answer(
            "the result keeps no samples: it is of an earlier probe, or nothing was "
            "sent");
    }
    return compare_path(base, now, terms, risk);
}

std::vector<Path> paths_of(const Pair& pair) {
    std::vector<Path> paths;
    const auto add = [&paths](const Measurement& measurement) {
        for (const Figures& figures : measurement.kinds) {
            const auto known = [&figures](const Path& path) { return same(path, figures.path); };
            if (std::none_of(paths.begin(), paths.end(), known)) {
                paths.push_back(figures.path);
            }
        }
    };
    add(pair.base);
    std::for_each(pair.now.begin(), pair.now.end(), add);
    return paths;
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

// ---- the pair -----------------------------------------------------------------------------------

std::string mistake_in(const Pair& pair, const Terms& terms) {
    if (pair.now.size() > terms.looks) {
        return fmt::format("there are {} measurements now, expected at most the {} of --looks",
                           pair.now.size(), terms.looks);
    }
    UnixMicros at_least = pair.base.ended;
    for (const Measurement& now : pair.now) {
        if (now.plan.carrier != pair.base.plan.carrier) {
            return fmt::format("the base is of carrier {}, expected {} as the other",
                               in_quotes(pair.base.plan.carrier), in_quotes(now.plan.carrier));
        }
        if (now.at < at_least) {
            return fmt::format(
                "of {} is older than what it is compared with or extends, which ended {}, or is "
                "the same",
                iso8601(now.at), iso8601(at_least));
        }
        at_least = now.ended;
    }
    return "";
}

// What a control tells is of its minutes alone.
std::string mistake_in_control(const Pair& control, const Pair& pair, const Terms& terms) {
    const Measurement& now = control.now.back();
    if (now.plan.carrier == pair.base.plan.carrier) {
        return fmt::format("the control is of carrier {} itself, expected one that did not move",
                           in_quotes(now.plan.carrier));
    }
    if (std::abs(now.at - pair.now.back().at) > control_near_us) {
        return fmt::format("the control is of {}, expected one within 10 minutes of {}",
                           iso8601(now.at), iso8601(pair.now.back().at));
    }
    return mistake_in(control, terms);
}

Comparison compare_alone(const Pair& pair, const Terms& terms) {
    Comparison comparison{
        pair.base.plan.carrier, pair.base.at,         pair.now.back().at,        terms,
        pair.now.size(),        Verdict::cannot_tell, obstacles_of(pair, terms), {}};
    const std::vector<Path> paths = paths_of(pair);
    const double a_look = error_rate / 2 / terms.looks;
    const Risk risk{a_look / static_cast<double>(std::max<size_t>(1, paths.size())), a_look};
    for (const Path& path : paths) {
        for (Finding& finding : findings_of(path, pair, terms, risk)) {
            finding.path = path_text(path);
            comparison.findings.push_back(std::move(finding));
        }
    }
    if (comparison.obstacles.empty()) {
        comparison.verdict = overall(comparison.findings);
    }
    return comparison;
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

Result<Comparison> compare(const Pair& pair, const std::vector<Pair>& controls,
                           const Terms& terms) {
    std::string mistake = mistake_in(pair, terms);
    for (const Pair& control : controls) {
        mistake = mistake.empty() ? mistake_in_control(control, pair, terms) : mistake;
    }
    if (!mistake.empty()) {
        return fail(Exit::usage, "", mistake);
    }
    Comparison comparison = compare_alone(pair, terms);
    for (const Pair& control : controls) {
        if (comparison.verdict == Verdict::worse &&
            compare_alone(control, terms).verdict == Verdict::worse) {
            comparison.verdict = Verdict::cannot_tell;
            comparison.obstacles.push_back(
                fmt::format("control: carrier {}, which did not move, got worse too",
                            in_quotes(control.base.plan.carrier)));
        }
    }
    return comparison;
}

}  // namespace rehome::probe
