// See record.h.
#include "probe/core/record.h"

#include "probe/core/service.h"

namespace rehome::probe {

namespace {

// What became of the last probes is not known where the record ends before their waiting time did.
std::vector<Sample> settled_samples(const PathRecord& path) {
    std::vector<Sample> samples;
    samples.reserve(path.probes.size());
    for (const ProbeRow& row : path.probes) {
        if (row.settled) {
            samples.push_back(row.sample);
        }
    }
    return samples;
}

Figures figures_of(const Record& record, const PathRecord& path) {
    Figures figures;
    figures.path = path.path;
    figures.route = path.route;
    figures.route_changes = path.route_changes;
    figures.flow = path.flow;
    figures.size = path.probes.empty() ? uint16_t{0} : path.probes.front().sample.size;
    OwnSide own = path.own;
    own.interfaces = record.interfaces;
    summarise(
        Series::restored(settled_samples(path), path.tally, path.bound_to, path.repeats_after),
        record.plan.wait, own, figures);
    return figures;
}

}  // namespace

Measurement measurement_of(const Record& record) {
    if (record.result) {
        return *record.result;
    }
    Measurement measurement{.at = record.started,
                            .ended = record.seen,
                            .interrupted = true,
                            .plan = record.plan,
                            .clock = record.clock,
                            .host_counters = {},
                            .kinds = {},
                            .record = {}};
    for (const PathRecord& path : record.paths) {
        measurement.kinds.push_back(figures_of(record, path));
    }
    judge_services(measurement.kinds);
    return measurement;
}

}  // namespace rehome::probe
