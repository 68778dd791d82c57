// See words.h.
#include "probe/report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "probe/core/measurement_text.h"

namespace rehome::probe {

namespace {

constexpr size_t told_events = 20;

struct FigureName {
    std::string_view key;
    std::string_view text;
    std::string_view unit;
};

FigureName figure_name(std::string_view key) {
    constexpr FigureName names[] = {{"loss_pct", "the loss", "points"},
                                    {"refused_pct", "the share refused", "points"},
                                    {"duplicates_pct", "the share of duplicates", "points"},
                                    {"rtt_p50_ms", "the median delay", "ms"},
                                    {"rtt_p95_ms", "the 95th percentile of delay", "ms"},
                                    {"rtt_p99_ms", "the 99th percentile of delay", "ms"},
                                    {"ipdv_p95_ms", "the 95th percentile of jitter", "ms"}};
    for (const FigureName& name : names) {
        if (name.key == key) {
            return name;
        }
    }
    return {key, key, ""};
}

// "4 min 10 s", "4 min"
std::string two_parts(Nanos number, std::string_view big, std::string_view small) {
    const std::string text = fmt::format("{} {}", number / 60, big);
    return number % 60 == 0 ? text : fmt::format("{} {} {}", text, number % 60, small);
}

std::string end_text(double end) {
    return std::isinf(end) ? "unknown" : fmt::format("{:.3f}", end);
}

std::string finding_text(const Finding& finding) {
    const FigureName figure = figure_name(finding.figure);
    if (!finding.increase || !finding.base || !finding.now) {
        return fmt::format("{}: {}", finding.path, finding.why);
    }
    return fmt::format(
        "{}: {} went from {:.3f} to {:.3f}, an increase of {:.3f} {} ({} to {}; "
        "allowed {:g}){}",
        finding.path, figure.text, *finding.base, *finding.now, *finding.now - *finding.base,
        figure.unit, end_text(finding.increase->low), end_text(finding.increase->high),
        finding.allowed, finding.why.empty() ? "" : ", " + finding.why);
}

// What the verdict rests on: the obstacles, or the findings that say the same.
std::vector<std::string> reasons_of(const Comparison& comparison) {
    std::vector<std::string> reasons = comparison.obstacles;
    if (reasons.empty()) {
        for (const Finding& finding : comparison.findings) {
            if (finding.verdict == comparison.verdict) {
                reasons.push_back(finding_text(finding));
            }
        }
    }
    return reasons;
}

std::string first_reasons(const Comparison& comparison) {
    const size_t most = comparison.verdict == Verdict::worse ? 3 : 1;
    const std::vector<std::string> reasons = reasons_of(comparison);
    std::string text;
    for (size_t i = 0; i < std::min(most, reasons.size()); ++i) {
        text += (i == 0 ? "" : "; ") + reasons[i];
    }
    if (reasons.size() > most) {
        text += fmt::format("; and {} more, in report.json", reasons.size() - most);
    }
    return text;
}

std::string compared_text(const RunReport& run) {
    const Comparison& comparison = *run.comparison;
    const std::string base = utc(*run.base_at * 1000).substr(0, 19) + " UTC";
    switch (comparison.verdict) {
        case Verdict::worse:
            return fmt::format(
                "Worse than the baseline of {}, wrongly said in one of forty cases "
                "at most. {}.",
                base, first_reasons(comparison));
        case Verdict::no_worse:
            return fmt::format(
                "No worse than the baseline of {}: of each figure of each path it "
                "is shown that it rose by no more than is allowed, {:g} points of "
                "loss and {:g} ms of delay (wrongly in one of forty cases at most).",
                base, comparison.terms.loss_pct, comparison.terms.delay_ms);
        case Verdict::cannot_tell:
            break;
    }
    return fmt::format("Cannot tell whether it is worse than the baseline of {}. {}.", base,
                       first_reasons(comparison));
}

// Where one can be laid on the carrier, no other.
const PathReport* worst_path(const RunReport& run) {
    const auto rank = [](const PathReport& path) {
        return std::tuple(path.blames_none.empty() && path.loss.lost != 0, path.loss.pct);
    };
    const auto worst = std::max_element(
        run.paths.begin(), run.paths.end(),
        [&rank](const PathReport& a, const PathReport& b) { return rank(a) < rank(b); });
    return worst == run.paths.end() ? nullptr : &*worst;
}

std::string no_way_out_text(const PathReport& path) {
    return fmt::format("{} probes had no way out of this host ({}), which blames no carrier",
                       grouped(path.figures.counts.no_way_out), path.figures.no_way_out);
}

// What the loss must not be read without.
std::string notes_of(const RunReport& run) {
    std::string text;
    const auto note = [&text](const PathReport& path, const std::string& what) {
        text += fmt::format(" {}: {}.", path_name(path), what);
    };
    for (const PathReport& path : run.paths) {
        if (path.loss.probes == 0) {
            note(path, "there is no sample");
        }
        if (path.figures.counts.no_way_out != 0) {
            note(path, no_way_out_text(path));
        }
        if (!path.blames_none.empty()) {
            note(path,
                 (path.loss.lost != 0 ? "its losses blame no carrier; " : "") + path.blames_none);
        }
        if (path.figures.service == Service::resets) {
            note(path, "the path is whole, and the service resets each connection");
        }
    }
    return text;
}

// Without a baseline: what was seen, of the path that lost most.
std::string seen_text(const RunReport& run) {
    const PathReport& path = *worst_path(run);
    const size_t paths = run.paths.size();
    const std::string seen = fmt::format("{}: {}", path_name(path), loss_text(path));
    if (run.headline == Headline::no_loss) {
        return fmt::format("Every probe that counts was answered{}. {}{}",
                           paths == 1 ? "" : fmt::format(", on each of {} paths", paths), seen,
                           notes_of(run));
    }
    const std::string periods = periods_text(path);
    const std::string of_paths =
        paths == 1 ? "" : fmt::format(" Of {} paths this one lost most.", paths);
    return fmt::format("{}{}{}{} There is no baseline: nothing is said of better or worse.", seen,
                       periods.empty() ? "" : " " + periods,
                       run.headline == Headline::loss ? of_paths : "", notes_of(run));
}

std::string clock_text(const ClockState& clock) {
    std::string text = clock.synchronised
                           ? "synchronised, says the kernel"
                           : "NOT synchronised: times in UTC may be off, lengths are not";
    text += fmt::format("; resolution {:g} us", clock.resolution_ms * 1e3);
    if (clock.stepped_ms != 0) {
        text += fmt::format("; it was set by {:.3f} ms during the run", clock.stepped_ms);
    }
    return text;
}

std::string pacing_text(const Plan& plan) {
    return fmt::format("{:g} probes a second and path, {}; {} a path were planned", plan.rate_pps,
                       plan.sampling == Sampling::poisson
                           ? fmt::format("Poisson sampling (RFC 2330, seed {})", plan.seed)
                           : "periodic sampling (RFC 3432)",
                       grouped(plan.count));
}

std::string size_text(const PathRecord& path) {
    uint16_t least = UINT16_MAX;
    uint16_t most = 0;
    for (const ProbeRow& probe : path.probes) {
        if (probe.sample.size != 0) {
            least = std::min(least, probe.sample.size);
            most = std::max(most, probe.sample.size);
        }
    }
    if (most == 0) {
        return "size not recorded";
    }
    return least == most ? fmt::format("IP packets of {} bytes", most)
                         : fmt::format("IP packets of {} to {} bytes", least, most);
}

void tell(std::vector<std::string>& list, uint64_t number, std::string_view what) {
    if (number != 0) {
        list.push_back(fmt::format("{} {}", grouped(number), what));
    }
}

void tell_holes(const PathReport& path, std::vector<std::string>& list) {
    constexpr size_t most = 3;
    for (size_t i = 0; i < std::min(most, path.holes.size()); ++i) {
        const Hole& hole = path.holes[i];
        list.push_back(fmt::format("nothing was sent for {}, from {} to {} UTC",
                                   length_text(hole.end - hole.begin), utc(hole.begin),
                                   utc(hole.end)));
    }
    if (path.holes.size() > most) {
        list.push_back(fmt::format("and {} holes more", path.holes.size() - most));
    }
}

}  // namespace

std::string grouped(uint64_t number) {
    std::string text = std::to_string(number);
    for (size_t at = text.size(); at > 3; at -= 3) {
        text.insert(at - 3, ",");
    }
    return text;
}

std::string utc(Nanos time) {
    std::string text = iso8601(time / 1000).substr(0, 23);
    text[10] = ' ';
    return text;
}

std::string length_text(Nanos length) {
    const double s = static_cast<double>(length) / 1e9;
    if (s < 1) {
        return fmt::format("{:.0f} ms", s * 1e3);
    }
    if (s < 60) {
        return fmt::format("{:.1f} s", s);
    }
    const Nanos whole = length / 1'000'000'000;
    return whole < 3600 ? two_parts(whole, "min", "s") : two_parts(whole / 60, "h", "min");
}

std::string_view headline_text(Headline headline) {
    switch (headline) {
        case Headline::worse:
            return "WORSE";
        case Headline::no_worse:
            return "NO WORSE";
        case Headline::cannot_tell:
            return "CANNOT TELL";
        case Headline::loss:
            return "LOSS";
        case Headline::no_loss:
            return "NO LOSS SEEN";
    }
    return "";
}

std::string verdict_text(const RunReport& run) {
    if (run.comparison) {
        return compared_text(run);
    }
    return (run.headline == Headline::cannot_tell ? "Cannot tell of the carrier. " : "") +
           seen_text(run);
}

std::string control_text(const RunReport& run, const Report& report) {
    std::string text;
    for (const RunReport& other : report.runs) {
        if (!other.control || run.control) {
            continue;
        }
        const bool meanwhile = other.begin <= run.end && run.begin <= other.end;
        const PathReport* path = worst_path(other);
        text += fmt::format("{}{}, which did not move: {}", text.empty() ? "" : " ", other.label,
                            !meanwhile ? "not measured at the same time."
                                       : fmt::format("{}; {}: {}", headline_text(other.headline),
                                                     path_name(*path), loss_text(*path)));
    }
    return text;
}

Facts sent_facts(const RunReport& run) {
    const Record& record = *run.record;
    const Plan& plan = record.plan;
    Facts facts{
        {"run", record.id},
        {"begin, end", fmt::format("{} to {} UTC{}", utc(run.begin), utc(run.end),
                                   record.ended ? "" : " (cut short)")},
        {"clock", clock_text(run.measurement.clock)},
        {"host", fmt::format("{}, {}, kernel {}", record.host, record.program, record.kernel)},
        {"from", text(plan.binding).substr(5) +
                     (plan.other_source ? ", and from " + plan.other_source->text() : "")},
        {"pacing", pacing_text(plan)},
        {"waiting time",
         fmt::format("{} ms; an answer after that is a loss (RFC 7680)", plan.wait / 1'000'000)}};
    for (const PathReport& path : run.paths) {
        const PathRecord& of = *path.record;
        facts.emplace_back(path_name(path),
                           fmt::format("{} probes, {}, DSCP {}; {}; {}", grouped(of.probes.size()),
                                       size_text(of), of.dscp, of.flow, of.route.text()));
    }
    for (const std::string& service : plan.left_out) {
        facts.emplace_back("left out", service + ", as there is no source of its family");
    }
    facts.emplace_back("record", run.file);
    return facts;
}

std::vector<std::string> not_the_carriers(const RunReport& run) {
    std::vector<std::string> all;
    for (const PathReport& path : run.paths) {
        std::vector<std::string> list = own_losses(path.figures);
        tell(list, path.figures.counts.unreflected,
             "were not answered by the reflector, over its rate or without room");
        tell(list, path.figures.counts.too_big, "were larger than the way's MTU");
        tell(list, path.figures.counts.no_way_out,
             "had no way out of this host: " + path.figures.no_way_out);
        tell(list, path.under_way,
             "were under way when the record ended, and count neither as answered nor as lost");
        for (const std::string& way : other_interfaces(path.figures)) {
            list.push_back(way);
        }
        tell_holes(path, list);
        for (const RouteChange& change : path.figures.route_changes) {
            list.push_back(fmt::format("this host's way changed at {} UTC: the figures mix both",
                                       utc(change.at * 1000)));
        }
        for (const std::string& what : list) {
            all.push_back(fmt::format("{}: {}", path_name(path), what));
        }
    }
    for (const CounterRise& rise : run.measurement.host_counters) {
        all.push_back(fmt::format("this host counted meanwhile: {} {} ({})", grouped(rise.by),
                                  rise.meaning, rise.name));
    }
    return all;
}

std::vector<std::string> events_of(const RunReport& run) {
    const auto& events = run.record->events;
    std::vector<std::string> list;
    for (size_t i = 0; i < std::min(events.size(), told_events); ++i) {
        list.push_back(fmt::format("{} UTC {}: {}", utc(events[i].at * 1000), events[i].what,
                                   events[i].detail));
    }
    if (events.size() > told_events) {
        list.push_back(
            fmt::format("and {} more, in the raw data", grouped(events.size() - told_events)));
    }
    return list;
}

}  // namespace rehome::probe
