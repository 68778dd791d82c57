// Where a run stands, for `cutover status` and for the last lines of a run.  Pure.
#pragma once

#include <string>

#include "cutover/run/journal.h"
#include "cutover/run/progress.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

struct Standing {
    const Plan& plan;
    const Journal& journal;
    const Progress& progress;
    std::string file;      // the journal's
    bool running = false;  // a runner holds it
};

std::string standing_text(const Standing& standing);
std::string standing_json(const Standing& standing);

// How a run ended: what is left undone, and the command that goes on.
std::string ending_text(const Plan& plan, const Progress& progress, const std::string& file);
std::string ending_json(const Plan& plan, const Progress& progress, Exit code);

}  // namespace rehome::cutover
