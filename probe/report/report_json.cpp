// See report_json.h.
#include "probe/report/report_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "probe/report/escape.h"
#include "probe/report/words.h"

namespace rehome::probe {

namespace {

using Json = nlohmann::ordered_json;

// Nanoseconds are as fine as the clock.
double rounded(double value) {
    return std::round(value * 1e6) / 1e6;
}

Json number(const std::optional<double>& value) {
    return value ? Json(rounded(*value)) : Json(nullptr);
}

Json time(Nanos time) {
    return iso8601(time / 1000);
}

Json list(const std::vector<std::string>& texts) {
    Json list = Json::array();
    for (const std::string& text : texts) {
        list.push_back(plain(text));
    }
    return list;
}

Json to_json(const QuantileEstimate& estimate) {
    return {{"value", rounded(estimate.value)},
            {"low", number(estimate.low)},
            {"high", number(estimate.high)}};
}

Json to_json(const std::optional<DelayFigure>& delay) {
    if (!delay) {
        return nullptr;
    }
    return {{"min", rounded(delay->min_ms)}, {"p50", to_json(delay->p50)},
            {"p95", to_json(delay->p95)},    {"p99", to_json(delay->p99)},
            {"max", rounded(delay->max_ms)}, {"too_correlated", delay->too_correlated}};
}

Json to_json(const TellingPeriod& telling) {
    const LossPeriod& period = telling.period;
    Json others = Json::array();
    for (const Meanwhile& other : telling.others) {
        others.push_back(
            {{"run", plain(other.run)}, {"probes", other.probes}, {"lost", other.lost}});
    }
    return {{"begin", time(period.begin)},
            {"end", time(period.end)},
            {"good_before", period.good_before ? time(*period.good_before) : Json(nullptr)},
            {"good_after", period.good_after ? time(*period.good_after) : Json(nullptr)},
            {"lost", period.lost},
            {"meanwhile", others}};
}

Json to_json(const Bucket& bucket) {
    const auto& rtt = bucket.rtt;
    return {time(bucket.begin),
            bucket.probes,
            bucket.lost,
            bucket.ours,
            rounded(bucket.worst_second_pct),
            rtt ? Json(rounded(rtt->min_ms)) : Json(nullptr),
            rtt ? Json(rounded(rtt->p50_ms)) : Json(nullptr),
            rtt ? Json(rounded(rtt->p95_ms)) : Json(nullptr),
            rtt ? Json(rounded(rtt->max_ms)) : Json(nullptr)};
}

Json to_json(const Timeline& timeline) {
    Json buckets = Json::array();
    for (const Bucket& bucket : timeline.buckets) {
        buckets.push_back(to_json(bucket));
    }
    return {{"width_s", timeline.width / 1'000'000'000},
            {"columns",
             {"begin", "probes", "lost", "ours", "worst_second_pct", "min_ms", "p50_ms", "p95_ms",
              "max_ms"}},
            {"buckets", buckets}};
}

Json to_json(const PathReport& path) {
    const LossFigure& loss = path.loss;
    const auto& interval = loss.interval_pct;
    Json periods = Json::array();
    for (const TellingPeriod& telling : path.longest) {
        periods.push_back(to_json(telling));
    }
    return {{"kind", name(path.record->path.kind)},
            {"target", path.record->path.target_text()},
            {"services", list(path.record->path.services)},
            {"loss",
             {{"probes", loss.probes},
              {"lost", loss.lost},
              {"pct", rounded(loss.pct)},
              {"interval_pct",
               interval ? Json{rounded(interval->low), rounded(interval->high)} : Json(nullptr)},
              {"unseen_pct", rounded(loss.unseen_pct)}}},
            {"says", list(path_words(path))},
            {"blames_none", plain(path.blames_none)},
            {"no_way_out", path.figures.counts.no_way_out},
            {"rtt_ms", to_json(path.delay)},
            {"under_way", path.under_way},
            {"loss_periods", {{"count", path.periods.size()}, {"longest", periods}}},
            {"timeline", to_json(path.timeline)}};
}

Json to_json(const RunReport& run, const Report& report) {
    Json paths = Json::array();
    for (const PathReport& path : run.paths) {
        paths.push_back(to_json(path));
    }
    Json facts = Json::array();
    for (const auto& [what, value] : sent_facts(run)) {
        facts.push_back({{"what", plain(what)}, {"value", plain(value)}});
    }
    Json raw = Json::array();
    for (const RawFile& file : run.raw) {
        raw.push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
    }
    return {{"carrier", plain(run.record->plan.carrier)},
            {"label", plain(run.label)},
            {"control", run.control},
            {"id", plain(run.record->id)},
            {"begin", time(run.begin)},
            {"end", time(run.end)},
            {"cut_short", !run.record->ended.has_value()},
            {"base_at", run.base_at ? Json(iso8601(*run.base_at)) : Json(nullptr)},
            {"verdict", headline_text(run.headline)},
            {"why", plain(verdict_text(run))},
            {"control_says", plain(control_text(run, report))},
            {"comparison", run.comparison ? Json::parse(to_json(*run.comparison)) : Json(nullptr)},
            {"paths", paths},
            {"not_the_carriers", list(not_the_carriers(run))},
            {"events", list(events_of(run))},
            {"sent", facts},
            {"raw", raw}};
}

}  // namespace

std::string to_json(const Report& report) {
    Json runs = Json::array();
    for (const RunReport& run : report.runs) {
        runs.push_back(to_json(run, report));
    }
    const Json json = {{"schema", "rehome/probe-report/1"},
                       {"made_at", iso8601(report.made_at)},
                       {"program", plain(report.program)},
                       {"burst_s", report.terms.burst_s},
                       {"runs", runs},
                       {"limits", list(limits_of(report))}};
    return json.dump(1) + "\n";
}

}  // namespace rehome::probe
