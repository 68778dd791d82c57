// See measurement_json.h.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "probe/core/measurement_json.h"
#include "probe/core/service.h"

namespace rehome::probe {

namespace {

constexpr char schema[] =
#include "common/formats/probe.schema.inc"
    ;

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

std::string text_from(const nlohmann::json& json) {
    return json.is_null() ? std::string() : json.get<std::string>();
}

Address address_from(const nlohmann::json& json, const std::string& at, Mistakes& mistakes) {
    const auto address = Address::parse(json.get_ref<const std::string&>());
    if (!address) {
        mistakes.add(at, address.error().what);
    }
    return address.value_or(Address{});
}

Route route_from(const nlohmann::json& json, const std::string& at, Mistakes& mistakes) {
    Route route{.interface = json["interface"], .next_hop = {}, .table = json["table"]};
    if (const auto& hop = json["next_hop"]; !hop.is_null()) {
        route.next_hop = address_from(hop, at + "/next_hop", mistakes);
    }
    return route;
}

void read_changes(const nlohmann::json& json, const std::string& at,
                  std::vector<RouteChange>& changes, Mistakes& mistakes) {
    for (size_t i = 0; i < json.size(); ++i) {
        const std::string here = fmt::format("{}/{}", at, i);
        RouteChange change{.at = time_from(json[i], here, "at", mistakes), .to = std::nullopt};
        if (const auto& to = json[i]["to"]; !to.is_null()) {
            change.to = route_from(to, here + "/to", mistakes);
        }
        changes.push_back(std::move(change));
    }
}

Counts counts_from(const nlohmann::json& json) {
    return {.sent = json["sent"],
            .received = json["received"],
            .lost = json["lost"],
            .on_path = json["on_path"],
            .late = json["late"],
            .first_lost = json["first_lost"],
            .duplicates = json["duplicates"],
            .reordered = json["reordered"],
            .refused = json["refused"],
            .half_open = json["half_open"],
            .damaged = json["damaged"],
            .elsewhere = json["elsewhere"],
            .unreflected = json.value("unreflected", 0U),
            .unauthentic = json.value("unauthentic", 0U),
            .too_big = json.contains("too_big") ? json["too_big"]["count"].get<uint32_t>() : 0,
            .no_way_out = json["no_way_out"]["count"],
            .loss_runs = json["loss_runs"]["count"],
            .longest_loss_run = json["loss_runs"]["longest"]};
}

OwnLoss own_from(const nlohmann::json& json) {
    return {.not_sent = json["not_sent"],
            .filtered_out = json["filtered_out"],
            .filtered_in = json["filtered_in"],
            .receive_dropped = json["receive_dropped"],
            .skipped = json["skipped"],
            .longest_pause_ms = json["longest_pause_ms"],
            .send_error = text_from(json["send_error"])};
}

Delay delay_from(const nlohmann::json& json) {
    return {.min_ms = json["min"],
            .p50_ms = json["p50"],
            .p95_ms = json["p95"],
            .p99_ms = json["p99"],
            .max_ms = json["max"],
            .mean_ms = json["mean"],
            .p50_interval = interval_from(json["p50_interval"]),
            .p95_interval = interval_from(json["p95_interval"]),
            .error_ms = json["error"]};
}

Jitter jitter_from(const nlohmann::json& json) {
    return {.ipdv_mean_ms = json["ipdv_mean"],
            .ipdv_p95_ms = json["ipdv_p95"],
            .ipdv_p99_ms = json["ipdv_p99"],
            .pdv_p95_ms = json["pdv_p95"],
            .pdv_p99_ms = json["pdv_p99"]};
}

Timing timing_from(const nlohmann::json& json) {
    return {.sent_unstamped = json["sent_unstamped"],
            .received_unstamped = json["received_unstamped"],
            .behind_p99_ms = json["behind_p99_ms"],
            .behind_max_ms = json["behind_max_ms"]};
}

OneWay one_way_from(const nlohmann::json& json) {
    return {.sent = json["sent"],
            .lost = json["lost"],
            .loss_pct = json["loss_pct"],
            .loss_pct_interval = interval_from(json["loss_pct_interval"]).value_or(Interval{})};
}

Directions directions_from(const nlohmann::json& json) {
    Directions directions{.why = text_from(json["why"])};
    directions.unknown = json["unknown"];
    if (!json["forward"].is_null() && !json["backward"].is_null()) {
        directions.forward = one_way_from(json["forward"]);
        directions.backward = one_way_from(json["backward"]);
    }
    return directions;
}

// The sum that holds in every result.
void check_counts(const Figures& figures, const std::string& at, Mistakes& mistakes) {
    const Counts& counts = figures.counts;
    const uint64_t accounted = uint64_t{counts.received} + counts.lost +
                               figures.own.receive_dropped + figures.own.filtered_in +
                               counts.elsewhere + counts.unreflected;
    if (counts.sent != accounted) {
        mistakes.add(at + "/sent", fmt::format("is {}, expected received + lost + receive_dropped "
                                               "+ filtered_in + elsewhere + unreflected, {}",
                                               counts.sent, accounted));
    }
    const uint64_t parts = uint64_t{counts.on_path} + counts.late + counts.first_lost;
    if (parts > counts.lost) {
        mistakes.add(at + "/lost", fmt::format("is {}, expected on_path + late + first_lost, {}, "
                                               "or more",
                                               counts.lost, parts));
    }
}

void read_delays(const nlohmann::json& json, Figures& figures) {
    if (!json["loss_pct"].is_null()) {
        figures.loss_pct = json["loss_pct"];
    }
    figures.loss_interval_pct = interval_from(json["loss_pct_interval"]);
    if (const auto& rtt = json["rtt_ms"]; !rtt.is_null()) {
        figures.rtt = delay_from(rtt);
    }
    if (const auto& jitter = json["jitter_ms"]; !jitter.is_null()) {
        figures.jitter = jitter_from(jitter);
    }
    if (const auto& reflector = json["reflector_ms"]; !reflector.is_null()) {
        figures.reflector_p50_ms = reflector.get<double>();
    }
    figures.timing = timing_from(json["timing"]);
}

void read_path(const nlohmann::json& json, const std::string& at, Figures& figures,
               Mistakes& mistakes) {
    figures.path.kind = kind_from(json["kind"]);
    figures.path.services = json["services"].get<std::vector<std::string>>();
    if (!read_target(json, figures.path)) {
        mistakes.add(at + "/target",
                     "is no target of its kind, expected an IP address, with a port "
                     "unless it is icmp");
    }
    figures.route = route_from(json["route"], at + "/route", mistakes);
    read_changes(json["route_changes"], at + "/route_changes", figures.route_changes, mistakes);
    figures.sent_by = json["sent_by"].get<std::map<std::string, uint32_t>>();
    figures.answered_by = json["answered_by"].get<std::map<std::string, uint32_t>>();
    figures.flow = json["flow"];
    figures.size = json.value("size", uint16_t{0});
    if (const auto& service = json["service"]; !service.is_null()) {
        figures.service = service_from(service["state"]);
        figures.path_whole = service["path_whole"];
    }
}

Figures figures_from(const nlohmann::json& json, const std::string& at, Mistakes& mistakes) {
    Figures figures;
    read_path(json, at, figures, mistakes);
    figures.counts = counts_from(json);
    if (json.contains("directions")) {
        figures.directions = directions_from(json["directions"]);
    }
    if (json.contains("too_big")) {
        figures.too_big = text_from(json["too_big"]["why"]);
    }
    figures.no_way_out = text_from(json["no_way_out"]["why"]);
    figures.own = own_from(json["own"]);
    figures.icmp_errors = json["icmp_errors"]["count"];
    figures.icmp_error = text_from(json["icmp_errors"]["last"]);
    figures.outcomes = outcomes_from(json, at, mistakes);
    read_delays(json, figures);
    check_counts(figures, at, mistakes);
    return figures;
}

Plan plan_from(const nlohmann::json& json, Mistakes& mistakes) {
    const auto& vantage = json["vantage"];
    const auto& pace = json["plan"];
    Plan plan;
    plan.carrier = json["carrier"];
    plan.binding.source = address_from(vantage["source"], "/vantage/source", mistakes);
    if (const auto& other = vantage["other_source"]; !other.is_null()) {
        plan.other_source = address_from(other, "/vantage/other_source", mistakes);
    }
    plan.binding.mark = vantage["mark"];
    plan.binding.interface = vantage["interface"].is_null() ? "" : vantage["interface"];
    plan.count = pace["count"];
    plan.rate_pps = pace["rate_pps"];
    plan.wait = pace["wait_ms"].get<Nanos>() * 1'000'000;
    plan.sampling = pace["sampling"] == "poisson" ? Sampling::poisson : Sampling::periodic;
    plan.seed = pace["seed"].is_null() ? 0 : pace["seed"].get<uint64_t>();
    plan.size = pace.contains("size") && !pace["size"].is_null() ? pace["size"].get<uint16_t>() : 0;
    plan.dscp = pace.value("dscp", uint8_t{0});
    plan.authenticated = pace.value("authenticated", false);
    plan.left_out = json["left_out"].get<std::vector<std::string>>();
    return plan;
}

void read_world(const nlohmann::json& json, Measurement& measurement) {
    const auto& clock = json["clock"];
    measurement.clock = {.resolution_ms = clock["resolution_ms"],
                         .stepped_ms = clock["stepped_ms"],
                         .synchronised = clock["synchronised"]};
    HostCounters none;
    const auto counters = json["host_counters"].get<HostCounters>();
    for (const auto& [name, by] : counters) {
        none[name] = 0;
    }
    measurement.host_counters = rises(none, counters);
    if (json.contains("record")) {
        const auto& record = json["record"];
        measurement.record = RecordKept{.file = record["file"],
                                        .rows = record["rows"],
                                        .dropped = record["dropped"],
                                        .error = text_from(record["error"])};
    }
}

bool has_control(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool c1 =
            byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (byte < ' ' || byte == 0x7f || c1) {
            return true;
        }
    }
    return false;
}

// Texts go to terminals; no probe writes one that would do more there than be read.
void refuse_controls(const nlohmann::json& json, const std::string& at, Mistakes& mistakes) {
    if (json.is_string() && has_control(json.get_ref<const std::string&>())) {
        mistakes.add(at, "has a control character, expected none");
    }
    if (json.is_structured()) {
        for (const auto& [key, value] : json.items()) {
            refuse_controls(value, pointer_to(at, key), mistakes);
            if (has_control(key)) {
                mistakes.add(at, "has a key with a control character, expected none");
            }
        }
    }
}

}  // namespace

Checked<Measurement> parse_measurement(std::string_view file, std::string_view text) {
    const auto parsed = parse_json(file, text, schema);
    if (!parsed) {
        return tl::unexpected(parsed.error());
    }
    const nlohmann::json& json = *parsed;
    Mistakes mistakes{std::string(file)};
    refuse_controls(json, "", mistakes);
    Measurement measurement;
    measurement.at = time_from(json, "", "at", mistakes);
    measurement.ended = time_from(json, "", "ended", mistakes);
    measurement.interrupted = json["interrupted"];
    measurement.plan = plan_from(json, mistakes);
    read_world(json, measurement);
    size_t index = 0;
    for (const auto& kind : json["kinds"]) {
        measurement.kinds.push_back(
            figures_from(kind, fmt::format("/kinds/{}", index++), mistakes));
        measurement.plan.paths.push_back(measurement.kinds.back().path);
    }
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    return measurement;
}

}  // namespace rehome::probe
