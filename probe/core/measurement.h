// The result of a run: what `probe run` prints and `probe compare` reads ("rehome/probe/2").
//
// Plain values; measurement_json.h and measurement_text.h show them, summary.h computes them.
// Milliseconds end in _ms, shares of a hundred in _pct.  An optional that is empty means: not
// enough samples to say.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "probe/core/directions.h"
#include "probe/core/host_counters.h"
#include "probe/core/outcomes.h"
#include "probe/core/plan.h"
#include "probe/core/route.h"
#include "probe/core/statistics.h"

namespace rehome::probe {

struct Counts {
    uint32_t sent = 0;  // left this host
    uint32_t received = 0;
    uint32_t lost = 0;        // sent = received + lost + receive_dropped + filtered_in + elsewhere
                              // + unreflected
    uint32_t on_path = 0;     // of the lost: neither late, nor lost at first, nor damaged
    uint32_t late = 0;        // of the lost: answered after the waiting time
    uint32_t first_lost = 0;  // of the lost, TCP: answered only when the target repeated itself
    uint32_t duplicates = 0;
    uint32_t reordered = 0;
    uint32_t refused = 0;    // of the received: resets
    uint32_t half_open = 0;  // of the received, TCP: bare ACKs, which tell of the path alone
    uint32_t damaged = 0;    // packets that came with a wrong checksum or cut short: lost, but for
                             // those whose probe was answered besides
    uint32_t elsewhere = 0;  // answered by another interface than the one that was bound to
    uint32_t unreflected = 0;  // STAMP: the reflector told that it did not answer so many
    uint32_t unauthentic = 0;  // STAMP: answers without the right HMAC
    uint32_t too_big = 0;      // larger than the way's MTU, and sent whole: no loss
    uint32_t no_way_out = 0;   // never left: no link, route or neighbour.  Not sent, no carrier's
                               // loss, and no good end of a run
    uint32_t loss_runs = 0;
    uint32_t longest_loss_run = 0;
};

// What our own side lost.  Never blamed on the carrier: taken out of sent, or out of the lost.
struct OwnLoss {
    uint32_t not_sent = 0;      // no room in a queue or in memory
    uint32_t filtered_out = 0;  // a packet filter of this host took the probe
    uint32_t filtered_in = 0;  // the answer came to an interface, and a filter of this host took it
    uint32_t receive_dropped = 0;  // the socket's buffer was full
    uint32_t skipped = 0;          // slots of the schedule that nothing was sent in
    double longest_pause_ms = 0;   // how late this host came to the first of them
    std::string send_error;        // the last one
};

struct Delay {
    double min_ms = 0;
    double p50_ms = 0;
    double p95_ms = 0;
    double p99_ms = 0;
    double max_ms = 0;
    double mean_ms = 0;
    std::optional<Interval> p50_interval;
    std::optional<Interval> p95_interval;
    double error_ms = 0;  // of one sample
};

struct Jitter {
    // RFC 3393: differences between the delays of consecutive probes, as absolute values
    double ipdv_mean_ms = 0;
    double ipdv_p95_ms = 0;
    double ipdv_p99_ms = 0;
    // RFC 5481: delays above the lowest one
    double pdv_p95_ms = 0;
    double pdv_p99_ms = 0;
};

// Where the times come from, and how well the schedule was kept.
struct Timing {
    uint32_t sent_unstamped = 0;      // of the received: sending time read by the program
    uint32_t received_unstamped = 0;  // the same for the receiving time
    double behind_p99_ms = 0;         // sent after it was due
    double behind_max_ms = 0;
};

enum class Service { up, resets, up_resets, half_open, dead, unknown };  // service.h

struct RouteChange {
    UnixMicros at = 0;
    std::optional<Route> to;  // empty: the kernel had none
};

struct Figures {
    Path path;
    Route route;
    std::vector<RouteChange> route_changes;       // the figures mix what they lead by; at most 100
    std::map<std::string, uint32_t> sent_by;      // how many probes left by which interface, as far
    std::map<std::string, uint32_t> answered_by;  // as the kernel told; the same of answers
    std::string flow;
    uint16_t size = 0;  // of a probe's IP packet; 0: an earlier probe did not say
    Counts counts;
    std::optional<Service> service;  // TCP
    bool path_whole = false;         // TCP: by any kind to the address
    std::string too_big;             // what was told of those
    std::string no_way_out;          // why the first of them could not leave
    OwnLoss own;
    double loss_pct = 0;
    std::optional<Interval> loss_interval_pct;
    std::optional<Delay> rtt;
    std::optional<Jitter> jitter;
    std::optional<Directions> directions;    // UDP: of the probes that are missing
    std::optional<double> reflector_p50_ms;  // UDP: how long the reflector held a probe
    Timing timing;
    uint32_t icmp_errors = 0;
    std::string icmp_error;  // the last one
    Outcomes outcomes;       // none: an earlier probe kept none
};

struct ClockState {
    double resolution_ms = 0;
    double stepped_ms = 0;  // set back or forth during the run
    bool synchronised = false;
};

// What became of the record that was asked for (record.h).  The measurement does not depend on it.
struct RecordKept {
    std::string file;
    uint64_t rows = 0;     // probes that are on the disk for certain
    uint64_t dropped = 0;  // the others
    std::string error;     // why it ends early; empty: it does not
};

struct Measurement {
    UnixMicros at = 0;
    UnixMicros ended = 0;
    bool interrupted = false;
    Plan plan;
    ClockState clock;
    std::vector<CounterRise> host_counters;  // of the whole host, during the run
    std::vector<Figures> kinds;
    std::optional<RecordKept> record;
};

}  // namespace rehome::probe
