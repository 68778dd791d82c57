// Where a run stands, for `cutover status` and for the last lines of a run.  Nothing is cut: what
// is long goes on in the next line, so that it can be read on a terminal of 80 columns; what
// matters most stands last, where a terminal of 24 lines shows it.  Pure.
#pragma once

#include <string>
#include <vector>

#include "cutover/run/journal.h"
#include "cutover/run/now.h"
#include "cutover/run/progress.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

struct Standing {
    const Plan& plan;
    const Journal& journal;
    const Progress& progress;
    std::string file;                     // the journal's
    bool running = false;                 // a runner holds it
    std::vector<KeptSample> samples{};    // the newest
    UnixMicros at = 0;                    // now
    std::vector<std::string> concerns{};  // about the journal's file: a copy, or lines are missing
};

std::string standing_text(const Standing& standing, size_t width = 80);
std::string standing_json(const Standing& standing);

// One word: what a run is at.
std::string phase(const Progress& progress);

// How a run ended: what failed and was gone on from, what is left undone, and the command that goes
// on.
std::string ending_text(const Plan& plan, const Progress& progress, const std::string& file);
std::string ending_json(const Plan& plan, const Progress& progress, Exit code);

}  // namespace rehome::cutover
