// See measurement_json.h.
#include "probe/core/measurement_json.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "probe/core/service.h"

namespace rehome::probe {

namespace {

using Json = nlohmann::ordered_json;

// Nanoseconds are as fine as the clock; more digits would only be noise of the division.
double rounded(double value) {
    return std::round(value * 1e6) / 1e6;
}

Json to_json(const std::optional<Interval>& interval) {
    return interval ? Json{rounded(interval->low), rounded(interval->high)} : Json(nullptr);
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json to_json(const std::optional<Delay>& delay) {
    if (!delay) {
        return nullptr;
    }
    return {{"min", rounded(delay->min_ms)},
            {"p50", rounded(delay->p50_ms)},
            {"p95", rounded(delay->p95_ms)},
            {"p99", rounded(delay->p99_ms)},
            {"max", rounded(delay->max_ms)},
            {"mean", rounded(delay->mean_ms)},
            {"p50_interval", to_json(delay->p50_interval)},
            {"p95_interval", to_json(delay->p95_interval)},
            {"error", rounded(delay->error_ms)}};
}

Json to_json(const std::optional<Jitter>& jitter) {
    if (!jitter) {
        return nullptr;
    }
    return {{"ipdv_mean", rounded(jitter->ipdv_mean_ms)},
            {"ipdv_p95", rounded(jitter->ipdv_p95_ms)},
            {"ipdv_p99", rounded(jitter->ipdv_p99_ms)},
            {"pdv_p95", rounded(jitter->pdv_p95_ms)},
            {"pdv_p99", rounded(jitter->pdv_p99_ms)}};
}

Json to_json(const Route& route) {
    return {{"interface", route.interface},
            {"next_hop", route.next_hop ? Json(route.next_hop->text()) : Json(nullptr)},
            {"table", route.table}};
}

Json to_json(const std::vector<RouteChange>& changes) {
    Json list = Json::array();
    for (const RouteChange& change : changes) {
        list.push_back(
            {{"at", iso8601(change.at)}, {"to", change.to ? to_json(*change.to) : Json(nullptr)}});
    }
    return list;
}

Json to_json(const Timing& timing) {
    return {{"sent_unstamped", timing.sent_unstamped},
            {"received_unstamped", timing.received_unstamped},
            {"behind_p99_ms", rounded(timing.behind_p99_ms)},
            {"behind_max_ms", rounded(timing.behind_max_ms)}};
}

Json to_json(const std::optional<Service>& service, bool path_whole) {
    if (!service) {
        return nullptr;
    }
    return {{"state", name(*service)}, {"path_whole", path_whole}};
}

Json to_json(const OwnLoss& own) {
    return {{"not_sent", own.not_sent},
            {"filtered_out", own.filtered_out},
            {"filtered_in", own.filtered_in},
            {"receive_dropped", own.receive_dropped},
            {"skipped", own.skipped},
            {"longest_pause_ms", rounded(own.longest_pause_ms)},
            {"send_error", text_or_null(own.send_error)}};
}

Json to_json(const std::vector<CounterRise>& rises) {
    Json counters = Json::object();
    for (const CounterRise& rise : rises) {
        counters[rise.name] = rise.by;
    }
    return counters;
}

Json to_json(const RecordKept& record) {
    return {{"file", record.file},
            {"rows", record.rows},
            {"dropped", record.dropped},
            {"error", text_or_null(record.error)}};
}

Json to_json(const OneWay& way) {
    return {{"sent", way.sent},
            {"lost", way.lost},
            {"loss_pct", rounded(way.loss_pct)},
            {"loss_pct_interval", to_json(std::optional(way.loss_pct_interval))}};
}

Json to_json(const Directions& directions) {
    if (!directions.why.empty()) {
        return {{"why", directions.why},
                {"forward", nullptr},
                {"backward", nullptr},
                {"unknown", directions.unknown}};
    }
    return {{"why", nullptr},
            {"forward", to_json(directions.forward)},
            {"backward", to_json(directions.backward)},
            {"unknown", directions.unknown}};
}

// What a STAMP reflector makes known besides.
void add_reflected(const Figures& figures, Json& json) {
    if (figures.directions) {
        json["unreflected"] = figures.counts.unreflected;
        json["unauthentic"] = figures.counts.unauthentic;
        json["directions"] = to_json(*figures.directions);
    }
}

Json to_json(const Figures& figures) {
    const Counts& counts = figures.counts;
    const bool some = figures.loss_interval_pct.has_value();
    Json json = {
        {"kind", name(figures.path.kind)},
        {"services", figures.path.services},
        {"target", figures.path.target_text()},
        {"route", to_json(figures.route)},
        {"route_changes", to_json(figures.route_changes)},
        {"sent_by", figures.sent_by},
        {"answered_by", figures.answered_by},
        {"flow", figures.flow},
        {"size", figures.size},
        {"sent", counts.sent},
        {"received", counts.received},
        {"lost", counts.lost},
        {"on_path", counts.on_path},
        {"late", counts.late},
        {"first_lost", counts.first_lost},
        {"duplicates", counts.duplicates},
        {"reordered", counts.reordered},
        {"refused", counts.refused},
        {"half_open", counts.half_open},
        {"service", to_json(figures.service, figures.path_whole)},
        {"damaged", counts.damaged},
        {"elsewhere", counts.elsewhere},
        {"too_big", {{"count", counts.too_big}, {"why", text_or_null(figures.too_big)}}},
        {"no_way_out", {{"count", counts.no_way_out}, {"why", text_or_null(figures.no_way_out)}}},
        {"own", to_json(figures.own)},
        {"loss_pct", some ? Json(rounded(figures.loss_pct)) : Json(nullptr)},
        {"loss_pct_interval", to_json(figures.loss_interval_pct)},
        {"loss_runs", {{"count", counts.loss_runs}, {"longest", counts.longest_loss_run}}},
        {"icmp_errors",
         {{"count", figures.icmp_errors}, {"last", text_or_null(figures.icmp_error)}}},
        {"rtt_ms", to_json(figures.rtt)},
        {"jitter_ms", to_json(figures.jitter)},
        {"reflector_ms",
         figures.reflector_p50_ms ? Json(rounded(*figures.reflector_p50_ms)) : Json(nullptr)},
        {"timing", to_json(figures.timing)},
        {"samples", {{"every", figures.outcomes.every}, {"rows", to_rows(figures.outcomes)}}}};
    add_reflected(figures, json);
    return json;
}

}  // namespace

std::string to_json(const Measurement& measurement) {
    const Plan& plan = measurement.plan;
    const bool poisson = plan.sampling == Sampling::poisson;
    Json json = {
        {"schema", "rehome/probe/2"},
        {"at", iso8601(measurement.at)},
        {"ended", iso8601(measurement.ended)},
        {"interrupted", measurement.interrupted},
        {"carrier", plan.carrier},
        {"vantage",
         {{"source", plan.binding.source.text()},
          {"other_source", plan.other_source ? Json(plan.other_source->text()) : Json(nullptr)},
          {"mark", plan.binding.mark},
          {"interface", text_or_null(plan.binding.interface)}}},
        {"plan",
         {{"count", plan.count},
          {"rate_pps", plan.rate_pps},
          {"sampling", name(plan.sampling)},
          {"seed", poisson ? Json(plan.seed) : Json(nullptr)},
          {"wait_ms", plan.wait / 1'000'000},
          {"size", plan.size != 0 ? Json(plan.size) : Json(nullptr)},
          {"dscp", plan.dscp},
          {"authenticated", plan.authenticated}}},
        {"left_out", plan.left_out},
        {"clock",
         {{"resolution_ms", rounded(measurement.clock.resolution_ms)},
          {"stepped_ms", rounded(measurement.clock.stepped_ms)},
          {"synchronised", measurement.clock.synchronised}}},
        {"host_counters", to_json(measurement.host_counters)},
        {"kinds", Json::array()}};
    for (const Figures& figures : measurement.kinds) {
        json["kinds"].push_back(to_json(figures));
    }
    if (measurement.record) {
        json["record"] = to_json(*measurement.record);
    }
    return json.dump(2) + "\n";
}

}  // namespace rehome::probe
