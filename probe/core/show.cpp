// See show.h.
#include "probe/core/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "probe/core/measurement_json.h"
#include "probe/core/measurement_text.h"

namespace rehome::probe {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t most_periods = 50;  // as text, the longest
constexpr size_t most_events = 100;

std::string time_text(Nanos time) {
    return iso8601(time / 1000);
}

// Of a result: each probe stands in it, in the order of sending, without its time.
Periods periods_of(const Outcomes& outcomes) {
    if (outcomes.every != 1 || outcomes.list.empty()) {
        return std::nullopt;
    }
    LossPeriods periods;
    for (uint32_t i = 0; i < outcomes.list.size(); ++i) {
        if (outcomes.list[i].end == Outcome::End::lost) {
            periods.lost(i, never);
        } else if (outcomes.list[i].end == Outcome::End::answered) {
            periods.answered(never);
        }
    }
    return periods.list();
}

// At least from the first to the last of the lost; at most between the answered ones around them.
std::string length_text(const LossPeriod& period) {
    const double least = static_cast<double>(period.end - period.begin) / 1e9;
    if (!period.good_before || !period.good_after) {
        return fmt::format("{:.3f} s or more", least);
    }
    const double most = static_cast<double>(*period.good_after - *period.good_before) / 1e9;
    return fmt::format("{:.3f} to {:.3f} s", least, most);
}

std::string period_line(const LossPeriod& period) {
    const std::string probes =
        period.first == period.last
            ? fmt::format("probe {}", period.first)
            : fmt::format("probes {} to {}, {} lost", period.first, period.last, period.lost);
    if (period.begin == never) {
        return "    " + probes + "\n";
    }
    return fmt::format("    {}  {}; {}\n", time_text(period.begin), length_text(period), probes);
}

// The longest, in the order of time.
std::vector<LossPeriod> longest_of(std::vector<LossPeriod> periods) {
    if (periods.size() > most_periods) {
        std::stable_sort(periods.begin(), periods.end(),
                         [](const auto& a, const auto& b) { return a.lost > b.lost; });
        periods.resize(most_periods);
        std::sort(periods.begin(), periods.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    return periods;
}

std::string periods_text(const Figures& figures, const Periods& periods, uint32_t constraint) {
    const std::string head =
        fmt::format("  {} {}: ", name(figures.path.kind), figures.path.target_text());
    if (!periods) {
        return head + "cannot tell, as the file does not hold each probe\n";
    }
    if (periods->empty()) {
        return head + "none\n";
    }
    const Losses losses = noticeable(*periods, constraint);
    std::string text = head + fmt::format("{}, with {} losses; {:.1f} % of these are noticeable\n",
                                          periods->size(), losses.count,
                                          100.0 * static_cast<double>(losses.noticeable) /
                                              static_cast<double>(losses.count));
    for (const LossPeriod& period : longest_of(*periods)) {
        text += period_line(period);
    }
    if (periods->size() > most_periods) {
        text += fmt::format("    and {} that are no longer; --json has all\n",
                            periods->size() - most_periods);
    }
    return text;
}

std::string of_path(const Shown& shown, const std::optional<uint32_t>& path) {
    if (!path || *path >= shown.measurement.kinds.size()) {
        return "";
    }
    const Path& one = shown.measurement.kinds[*path].path;
    return fmt::format(" {} {}", name(one.kind), one.target_text());
}

std::string record_text(const Shown& shown) {
    const Record& record = *shown.record;
    std::string text = fmt::format("\nrecord {} of host {} ({}), by {}\n", record.id, record.host,
                                   record.kernel, record.program);
    for (size_t i = 0; i < record.events.size() && i < most_events; ++i) {
        const RecordEvent& event = record.events[i];
        text += fmt::format("  {}  {}{}: {}\n", iso8601(event.at), event.what,
                            of_path(shown, event.path), event.detail);
    }
    if (record.events.size() > most_events) {
        text += fmt::format("  and {} more events; --json has all\n",
                            record.events.size() - most_events);
    }
    return text;
}

std::string cut_short_text(const Shown& shown) {
    if (!shown.record || shown.record->result) {
        return "";
    }
    return fmt::format(
        "{}: CUT SHORT, or not over yet: what follows is of the probes until {}, but for {} whose "
        "waiting time was not over\n\n",
        shown.file, iso8601(shown.record->seen), shown.under_way);
}

Json time_or_null(const std::optional<Nanos>& time) {
    return time && *time != never ? Json(time_text(*time)) : Json(nullptr);
}

Json to_json(const LossPeriod& period) {
    return {{"first", period.first},
            {"last", period.last},
            {"lost", period.lost},
            {"distance", period.distance != 0 ? Json(period.distance) : Json(nullptr)},
            {"begin", time_or_null(period.begin)},
            {"end", time_or_null(period.end)},
            {"good_before", time_or_null(period.good_before)},
            {"good_after", time_or_null(period.good_after)}};
}

Json to_json(const Figures& figures, const Periods& periods, uint32_t constraint) {
    Json json = {{"kind", name(figures.path.kind)}, {"target", figures.path.target_text()}};
    json["losses"] = nullptr;
    json["noticeable"] = nullptr;
    json["periods"] = nullptr;
    if (periods) {
        const Losses losses = noticeable(*periods, constraint);
        json["losses"] = losses.count;
        json["noticeable"] = losses.noticeable;
        json["periods"] = Json::array();
        for (const LossPeriod& period : *periods) {
            json["periods"].push_back(to_json(period));
        }
    }
    return json;
}

Json to_json(const Record& record) {
    Json events = Json::array();
    for (const RecordEvent& event : record.events) {
        events.push_back({{"at", iso8601(event.at)},
                          {"path", event.path ? Json(*event.path) : Json(nullptr)},
                          {"what", event.what},
                          {"detail", event.detail}});
    }
    return {{"id", record.id},
            {"host", record.host},
            {"program", record.program},
            {"kernel", record.kernel},
            {"started", iso8601(record.started)},
            {"seen", iso8601(record.seen)},
            {"ended", record.ended ? Json(iso8601(*record.ended)) : Json(nullptr)},
            {"events", events}};
}

}  // namespace

Shown show(const std::string& file, Record record) {
    Shown shown{.file = file, .measurement = measurement_of(record)};
    for (PathRecord& path : record.paths) {
        shown.periods.emplace_back(loss_periods_of(path.probes));
        shown.under_way += static_cast<size_t>(
            std::count_if(path.probes.begin(), path.probes.end(),
                          [](const ProbeRow& probe) { return !probe.settled; }));
        path.probes.clear();
    }
    shown.record = std::move(record);
    return shown;
}

Shown show(const std::string& file, Measurement result) {
    Shown shown{.file = file, .measurement = std::move(result)};
    for (const Figures& figures : shown.measurement.kinds) {
        shown.periods.push_back(periods_of(figures.outcomes));
    }
    return shown;
}

std::string to_text(const Shown& shown) {
    const Measurement& measurement = shown.measurement;
    std::string text = cut_short_text(shown) + heading(measurement.plan);
    for (const Figures& figures : measurement.kinds) {
        text += route_line(figures.path, figures.route);
    }
    text += to_text(measurement);
    text += fmt::format("\nloss periods (RFC 3357; noticeable: at most {} probes behind a loss)\n",
                        shown.constraint);
    for (size_t i = 0; i < shown.periods.size(); ++i) {
        text += periods_text(measurement.kinds[i], shown.periods[i], shown.constraint);
    }
    return shown.record ? text + record_text(shown) : text;
}

std::string to_json(const Shown& shown) {
    Json json = {{"schema", "rehome/probe-show/1"},
                 {"file", shown.file},
                 {"cut_short", shown.record && !shown.record->result},
                 {"record", shown.record ? to_json(*shown.record) : Json(nullptr)},
                 {"constraint", shown.constraint},
                 {"paths", Json::array()},
                 {"result", Json::parse(to_json(shown.measurement))}};
    for (size_t i = 0; i < shown.periods.size(); ++i) {
        json["paths"].push_back(
            to_json(shown.measurement.kinds[i], shown.periods[i], shown.constraint));
    }
    return json.dump(2) + "\n";
}

}  // namespace rehome::probe
