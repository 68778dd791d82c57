// What `probe report` says, before it is put into any form: per run a verdict with its error, loss
// and delay over time, loss periods, what the other carriers did meanwhile, what was sent, what was
// not the carrier's, and what all this cannot tell.
//
// Counts are those of the run's result (summary.h); the interval of the loss is by periods
// (bursts.h), those of delay by blocks (blocks.h), and what is worse is compare.h's to say.
// text.h, html.h and report_json.h show it, words.h words it.  Pure; a Report points into the
// records that it is made of.
#pragma once

#include "probe/core/blocks.h"
#include "probe/core/bursts.h"
#include "probe/core/compare.h"
#include "probe/core/loss_periods.h"
#include "probe/core/record.h"
#include "probe/report/timeline.h"

namespace rehome::probe {

// One record with what stands beside it.
struct RunInput {
    std::string file;
    const Record* record = nullptr;
    std::optional<Measurement> base{};  // of its carrier
    bool control = false;               // its carrier did not move
};

// A file beside the report.
struct RawFile {
    std::string name;  // "raw/1-red.csv"
    uint64_t bytes = 0;
    std::string sha256;
};

struct LossFigure {
    uint64_t probes = 0;  // answered or lost
    uint64_t lost = 0;
    double pct = 0;
    std::optional<Interval> interval_pct;  // empty: no probe
    double unseen_pct = 0;  // what bursts that the run did not meet may take, with 95 %
};

struct DelayFigure {
    double min_ms = 0;
    double max_ms = 0;
    QuantileEstimate p50;
    QuantileEstimate p95;
    QuantileEstimate p99;
    bool too_correlated = false;  // blocks.h
};

// What another run counted while a loss period lasted.
struct Meanwhile {
    std::string run;  // its label
    uint32_t probes = 0;
    uint32_t lost = 0;
};

struct TellingPeriod {
    LossPeriod period;
    std::vector<Meanwhile> others;
};

// Where nothing was sent for longer than the pace explains.
struct Hole {
    Nanos begin = 0;
    Nanos end = 0;
};

struct PathReport {
    const PathRecord* record = nullptr;
    Figures figures;
    LossFigure loss;
    std::optional<DelayFigure> delay;
    Timeline timeline;
    Timeline coarse;                     // for a table
    std::vector<LossPeriod> periods;     // all, in the order of time
    std::vector<TellingPeriod> longest;  // of these the longest, in the order of time
    std::vector<Hole> holes;
    uint32_t under_way = 0;  // when the record ended: neither answered nor lost
    // Why its losses cannot be laid on the carrier; empty: they can.
    std::string blames_none;
};

// The verdict in a word.  Without a baseline: loss where a path that can be laid on the carrier
// lost; cannot_tell where none did, and a path blames none, had no way out or has no sample.
enum class Headline { worse, no_worse, cannot_tell, loss, no_loss };

struct RunReport {
    std::string label;  // the carrier, with the run's number where it has several
    std::string file;
    const Record* record = nullptr;
    Measurement measurement;  // the record's result, or what its rows give
    bool control = false;
    Nanos begin = 0;  // the first probe, and the last
    Nanos end = 0;
    Headline headline = Headline::cannot_tell;
    std::optional<Comparison> comparison;
    std::optional<UnixMicros> base_at;
    std::vector<PathReport> paths;
    std::vector<RawFile> raw;
};

struct Report {
    UnixMicros made_at = 0;
    std::string program;
    Terms terms;
    std::vector<RunReport> runs;
};

// What a run says of itself alone; one may be made beside the other.
RunReport report_run(const RunInput& input, const Terms& terms);

// What they say together.  runs: of the inputs, in their order.  All that is wrong with the inputs
// at once, kind Exit::usage.
Checked<Report> make_report(const std::vector<RunInput>& inputs, std::vector<RunReport> runs,
                            const Terms& terms);

}  // namespace rehome::probe
