// The record of a run: what was asked, what the host was, and one row a probe.
//
// On disk it is a SQLite database (probe-record(5), record_schema.h), which is added to while the
// run lasts: a probe's row is written within a tenth of a second of its sending, and again when
// more is known of it.  So a record that was cut short, or is still written, says what was known at
// the time `seen`, up to which it is whole.  Pure values; those of a record that was read are
// within bounds and fit each other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probe/core/fate.h"
#include "probe/core/measurement.h"
#include "probe/core/summary.h"

namespace rehome::probe {

struct ProbeRow {
    uint32_t index = 0;
    Sample sample{};
    Fate fate = Fate::on_path;  // computed from the samples that the record holds
    bool settled = false;       // false: the record ends before the waiting time did
};

// Whether it counts, as answered or as lost: what was still under way at the record's end does not.
inline bool is_counted(const ProbeRow& probe) {
    return probe.fate == Fate::received || (probe.settled && is_lost(probe.fate));
}

struct PathRecord {
    Path path{};
    Route route{};  // before the first probe
    std::vector<RouteChange> route_changes{};
    std::string flow{};
    uint8_t dscp = 0;
    // What makes its packets again, byte for byte (flow.h), once the run is over; no key of HMAC.
    std::vector<uint16_t> source_ports{};  // tcp and udp, in the order of rotation
    uint64_t secret = 0;
    uint32_t bound_to = 0;        // Series' own, as its tally is
    Nanos repeats_after = never;  //
    Tally tally{};
    OwnSide own{};
    std::vector<ProbeRow> probes{};  // by index, ascending; what is missing was dropped
};

struct RecordEvent {
    UnixMicros at = 0;
    std::optional<uint32_t> path{};  // empty: of the whole host
    std::string what{};              // "route", "icmp", "clock", "pause"
    std::string detail{};
};

struct Record {
    std::string id{};       // random, names the run in reports and raw data
    std::string host{};     // its name
    std::string program{};  // "probe 0.1.0"
    std::string kernel{};
    Plan plan{};
    ClockState clock{};  // as the run began
    UnixMicros started = 0;
    UnixMicros seen = 0;                // what happened until then stands here
    std::optional<UnixMicros> ended{};  // empty: cut short (killed, power, full disk), or not over
    std::optional<Measurement> result{};  // as `probe run` printed it; empty with `ended`
    std::vector<PathRecord> paths{};
    std::vector<RecordEvent> events{};             // by time
    std::map<uint32_t, std::string> interfaces{};  // names by index
};

// The result, or where there is none yet what the rows give, as of a run that was interrupted.
Measurement measurement_of(const Record& record);

}  // namespace rehome::probe
