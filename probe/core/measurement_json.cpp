// See measurement_json.h.
#include "probe/core/measurement_json.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "probe/core/service.h"

namespace rehome::probe {

namespace {

using Json = nlohmann::ordered_json;

constexpr char schema[] =
#include "common/formats/probe.schema.inc"
    ;

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

Json to_json(const Figures& figures) {
    const Counts& counts = figures.counts;
    const bool some = figures.loss_interval_pct.has_value();
    return {
        {"kind", name(figures.path.kind)},
        {"services", figures.path.services},
        {"target", figures.path.target_text()},
        {"route", to_json(figures.route)},
        {"route_changes", to_json(figures.route_changes)},
        {"sent_by", figures.sent_by},
        {"answered_by", figures.answered_by},
        {"flow", figures.flow},
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
}

std::optional<Interval> interval_from(const nlohmann::json& json) {
    if (json.is_null()) {
        return std::nullopt;
    }
    return Interval{.low = json[0], .high = json[1]};
}

// Optional: an earlier probe kept none.
Outcomes outcomes_from(const nlohmann::json& json, const std::string& at, Mistakes& mistakes) {
    Outcomes outcomes;
    if (!json.contains("samples")) {
        return outcomes;
    }
    const auto& samples = json["samples"];
    outcomes.every = samples["every"];
    size_t index = 0;
    for (const auto& row : samples["rows"]) {
        if (!parse_row(row.get_ref<const std::string&>(), outcomes.list)) {
            mistakes.add(fmt::format("{}/samples/rows/{}", at, index),
                         "has a word that is no sample, expected microseconds, \"-\" or \"=\"");
        }
        ++index;
    }
    return outcomes;
}

Kind kind_from(const std::string& text) {
    return text == "icmp" ? Kind::icmp : text == "tcp" ? Kind::tcp : Kind::udp;
}

Service service_from(const std::string& text) {
    for (const Service service :
         {Service::up, Service::resets, Service::up_resets, Service::half_open, Service::dead}) {
        if (text == name(service)) {
            return service;
        }
    }
    return Service::unknown;
}

// The target stands as an address for icmp, with a port for the others.
bool read_target(const nlohmann::json& json, Path& path) {
    const std::string text = json["target"];
    if (path.kind == Kind::icmp) {
        const auto address = Address::parse(text);
        path.target.address = address.value_or(Address{});
        return address.has_value();
    }
    const auto endpoint = Endpoint::parse(text);
    path.target = endpoint.value_or(Endpoint{});
    return endpoint.has_value();
}

UnixMicros time_from(const nlohmann::json& json, const std::string& at, const std::string& key,
                     Mistakes& mistakes) {
    const auto time = parse_iso8601(json[key].get<std::string>());
    if (!time) {
        mistakes.add(at + "/" + key, time.error().what);
    }
    return time.value_or(0);
}

// That there were any, and when, is all that is read back.
void read_changes(const nlohmann::json& json, const std::string& at,
                  std::vector<RouteChange>& changes, Mistakes& mistakes) {
    for (size_t i = 0; i < json.size(); ++i) {
        changes.push_back({.at = time_from(json[i], fmt::format("{}/{}", at, i), "at", mistakes),
                           .to = std::nullopt});
    }
}

Figures figures_from(const nlohmann::json& json, const std::string& at, Mistakes& mistakes) {
    Figures figures;
    figures.path.kind = kind_from(json["kind"]);
    figures.path.services = json["services"].get<std::vector<std::string>>();
    figures.counts.sent = json["sent"];
    figures.counts.received = json["received"];
    figures.counts.lost = json["lost"];
    figures.counts.refused = json["refused"];
    if (const auto& service = json["service"]; !service.is_null()) {
        figures.service = service_from(service["state"]);
        figures.path_whole = service["path_whole"];
    }
    figures.counts.elsewhere = json["elsewhere"];
    figures.counts.no_way_out = json["no_way_out"]["count"];
    figures.own.receive_dropped = json["own"]["receive_dropped"];
    figures.own.filtered_in = json["own"]["filtered_in"];
    figures.own.filtered_out = json["own"]["filtered_out"];
    figures.own.skipped = json["own"]["skipped"];
    figures.own.not_sent = json["own"]["not_sent"];
    figures.outcomes = outcomes_from(json, at, mistakes);
    figures.loss_interval_pct = interval_from(json["loss_pct_interval"]);
    read_changes(json["route_changes"], at + "/route_changes", figures.route_changes, mistakes);
    if (!read_target(json, figures.path)) {
        mistakes.add(at + "/target",
                     "is no target of its kind, expected an IP address, with a port "
                     "unless it is icmp");
    }
    const uint64_t accounted = uint64_t{figures.counts.received} + figures.counts.lost +
                               figures.own.receive_dropped + figures.own.filtered_in +
                               figures.counts.elsewhere;
    if (figures.counts.sent != accounted) {
        mistakes.add(at + "/sent", fmt::format("is {}, expected received + lost + receive_dropped "
                                               "+ filtered_in + elsewhere, {}",
                                               figures.counts.sent, accounted));
    }
    if (!json["loss_pct"].is_null()) {
        figures.loss_pct = json["loss_pct"];
    }
    if (const auto& rtt = json["rtt_ms"]; !rtt.is_null()) {
        figures.rtt = Delay{.min_ms = rtt["min"],
                            .p50_ms = rtt["p50"],
                            .p95_ms = rtt["p95"],
                            .p99_ms = rtt["p99"],
                            .max_ms = rtt["max"],
                            .mean_ms = rtt["mean"],
                            .p50_interval = interval_from(rtt["p50_interval"]),
                            .p95_interval = interval_from(rtt["p95_interval"]),
                            .error_ms = rtt["error"]};
    }
    return figures;
}

// As far as a comparison asks for it.
Plan plan_from(const nlohmann::json& json, Mistakes& mistakes) {
    const auto& vantage = json["vantage"];
    const auto& pace = json["plan"];
    Plan plan;
    plan.carrier = json["carrier"];
    const auto source = Address::parse(vantage["source"].get<std::string>());
    if (!source) {
        mistakes.add("/vantage/source", source.error().what);
    }
    plan.binding.source = source.value_or(Address{});
    if (const auto& other = vantage["other_source"]; !other.is_null()) {
        const auto address = Address::parse(other.get<std::string>());
        if (!address) {
            mistakes.add("/vantage/other_source", address.error().what);
        }
        plan.other_source = address.value_or(Address{});
    }
    plan.binding.mark = vantage["mark"];
    plan.binding.interface = vantage["interface"].is_null() ? "" : vantage["interface"];
    plan.count = pace["count"];
    plan.rate_pps = pace["rate_pps"];
    plan.wait = pace["wait_ms"].get<Nanos>() * 1'000'000;
    plan.sampling = pace["sampling"] == "poisson" ? Sampling::poisson : Sampling::periodic;
    return plan;
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
          {"wait_ms", plan.wait / 1'000'000}}},
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
    return json.dump(2) + "\n";
}

Checked<Measurement> parse_measurement(std::string_view file, std::string_view text) {
    const auto parsed = parse_json(file, text, schema);
    if (!parsed) {
        return tl::unexpected(parsed.error());
    }
    const nlohmann::json& json = *parsed;
    Mistakes mistakes{std::string(file)};
    Measurement measurement;
    measurement.at = time_from(json, "", "at", mistakes);
    measurement.ended = time_from(json, "", "ended", mistakes);
    measurement.interrupted = json["interrupted"];
    measurement.plan = plan_from(json, mistakes);
    size_t index = 0;
    for (const auto& kind : json["kinds"]) {
        measurement.kinds.push_back(
            figures_from(kind, fmt::format("/kinds/{}", index++), mistakes));
    }
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    return measurement;
}

}  // namespace rehome::probe
