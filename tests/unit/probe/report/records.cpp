// See records.h.
#include "records.h"

#include "probe/core/summary.h"

namespace rehome::probe {

namespace {

Plan plan_of(const Made& made, const Path& path) {
    Plan plan;
    plan.carrier = made.carrier;
    plan.binding.source = Address::parse("100.80.1.200").value();
    plan.paths = {path};
    plan.count = made.count;
    plan.rate_pps = made.rate_pps;
    plan.wait = 1'000'000'000;
    return plan;
}

Path path_of(Kind kind) {
    return {.kind = kind,
            .services = {"meters"},
            .target = {.address = Address::parse("198.51.100.10").value(),
                       .port = static_cast<uint16_t>(kind == Kind::icmp ? 0 : 1883)}};
}

ProbeRow row_of(uint32_t index, Nanos sent, Nanos round_trip, uint32_t order) {
    ProbeRow row{.index = index, .settled = true};
    row.sample.size = 52;
    row.sample.size = 52;
    row.sample.sent = sent;
    row.sample.stamped = sent + 5'000;
    row.sample.out = 2;
    row.fate = round_trip == 0 ? Fate::on_path : Fate::received;
    if (round_trip != 0) {
        row.sample.received = row.sample.stamped + round_trip;
        row.sample.order = order;
        row.sample.in = 2;
        row.sample.ttl = 60;
    }
    return row;
}

Figures figures_of(const PathRecord& path, Nanos wait) {
    const OwnSide own{.interfaces = {{2, path.route.interface}}};
    Series series(static_cast<uint32_t>(path.probes.size()));
    for (const ProbeRow& row : path.probes) {
        series.sent(row.sample.sent, 0);
        series.stamped(row.index, row.sample.stamped, row.sample.out);
        if (row.sample.order != 0) {
            series.answered({.index = row.index}, row.sample.received, true, row.sample.in);
        }
    }
    Figures figures;
    summarise(series, wait, own, figures);
    figures.path = path.path;
    figures.route = path.route;
    figures.flow = path.flow;
    return figures;
}

}  // namespace

Record make_record(const Made& made, const std::function<Nanos(uint32_t)>& end_of) {
    Record record{.id = made.id,
                  .host = "vantage",
                  .program = "probe 0.1.0",
                  .kernel = "6.1.0",
                  .plan = plan_of(made, path_of(made.kind)),
                  .clock = {.resolution_ms = 1e-6, .stepped_ms = 0, .synchronised = true},
                  .started = made.begin / 1000,
                  .ended = {},
                  .result = {},
                  .paths = {},
                  .events = {},
                  .interfaces = {{2, made.carrier + "0"}}};
    PathRecord path{.path = path_of(made.kind),
                    .route = {.interface = made.carrier + "0", .next_hop = {}, .table = 254},
                    .flow = "one flow: id 29288, checksum 0x7062",
                    .source_ports = {},
                    .probes = {}};
    uint32_t order = 0;
    for (uint32_t i = 0; i < made.count; ++i) {
        const Nanos round_trip = end_of(i);
        const auto due = static_cast<Nanos>(i * 1e9 / made.rate_pps);
        path.probes.push_back(row_of(i, made.begin + due, round_trip, order + 1));
        order += round_trip == 0 ? 0 : 1;
    }
    record.ended = path.probes.empty() ? record.started : path.probes.back().sample.sent / 1000;
    Measurement result{.at = record.started,
                       .ended = *record.ended,
                       .plan = record.plan,
                       .clock = record.clock,
                       .host_counters = {},
                       .kinds = {figures_of(path, record.plan.wait)},
                       .record = {}};
    record.result = std::move(result);
    record.paths.push_back(std::move(path));
    return record;
}

}  // namespace rehome::probe
