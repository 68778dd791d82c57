// The record of a run: what was asked, what the host was, and one row a probe.
//
// On disk it is a SQLite database (application_id 0x72686f70, user_version 1; probe-record(5)):
//
//   run     one row: id, schema "rehome/probe-record/1", host, program, kernel, plan (JSON as in a
//           result), clock, started, ended (empty: cut short), result (JSON of "rehome/probe/2")
//   path    id, kind, target, services, route, flow, size, dscp, source_ports, secret
//   probe   path, idx, due, sent, stamped, received, captured, fate, refused, duplicated, ...
//   event   at, path (empty: all), what, detail: route changes, ICMP errors, clock steps, pauses
//
// A probe's row is written when it was sent and again when its end is known, so that a record that
// was cut short says of its last second what was known then.  Pure values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probe/core/fate.h"
#include "probe/core/measurement.h"

namespace rehome::probe {

struct ProbeRow {
    uint32_t index = 0;
    Sample sample{};
    Fate fate = Fate::on_path;
    bool settled = false;  // false: the record ends before the waiting time did
    uint8_t ttl = 0;       // of the answer; 0: not known
    uint16_t size = 0;     // of the IP packet that was sent
};

struct PathRecord {
    Path path;
    Route route;
    std::string flow;
    uint8_t dscp = 0;
    // What makes its packets again, byte for byte (flow.h), once the run is over; no key of HMAC.
    std::vector<uint16_t> source_ports;  // tcp and udp, in the order of rotation
    uint64_t secret = 0;
    std::vector<ProbeRow> probes;  // by index
};

struct RecordEvent {
    UnixMicros at = 0;
    std::optional<uint32_t> path;  // empty: of the whole host
    std::string what;              // "route", "icmp", "clock", "pause", "records"
    std::string detail;
};

struct Record {
    std::string id;       // random, names the run in reports and raw data
    std::string host;     // its name
    std::string program;  // "probe 0.1"
    std::string kernel;
    Plan plan;
    ClockState clock;
    UnixMicros started = 0;
    std::optional<UnixMicros> ended;    // empty: cut short (killed, power, full disk)
    std::optional<Measurement> result;  // as `probe run` printed it; empty: cut short
    std::vector<PathRecord> paths;
    std::vector<RecordEvent> events;
    std::map<uint32_t, std::string> interfaces;  // names by index
};

}  // namespace rehome::probe
