// Plans and runs as text and JSON, for `cutover show`, `cutover status` and the end of a run. Pure.
#pragma once

#include <string>

#include "cutover/core/journal.h"
#include "cutover/core/progress.h"
#include "cutover/core/step.h"

namespace rehome {

// The expanded plan: stages, steps, their commands as they would be run, and totals.
std::string plan_text(const Plan& plan);
std::string plan_json(const Plan& plan);

// Where a run stands.
struct Standing {
    const Plan& plan;
    const Journal& journal;
    const Progress& progress;
    std::string file;      // the journal's
    bool running = false;  // a runner holds it
};

std::string standing_text(const Standing& standing);
std::string standing_json(const Standing& standing);

// How a run ended, for its last lines: what is left undone, and the command that goes on.
std::string ending_text(const Plan& plan, const Progress& progress, const std::string& file);

}  // namespace rehome
