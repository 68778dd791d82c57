// One run of the runner on a journal: everything that `run`, `resume` and `undo` have in common.
#pragma once

#include <optional>
#include <string>

#include "common/inventory.h"
#include "cutover/adapter/journal_file.h"
#include "cutover/run/runner/runner.h"

namespace rehome::cutover {

// The plan that an opening describes; the inventory of its text is read anew.  begun: as in
// PlaybookInput.
Checked<Plan> plan_of(const Opening& opening, bool begun);

struct SessionOptions {
    RunnerOptions runner{};
    bool json = false;
    std::string group{};            // whose members may answer
    std::optional<Seconds> wait{};  // for an answer where there is no terminal
    bool goes_on = false;           // `resume` and `undo`
    bool accept_loss = false;       // lines that are missing at the journal's end
    bool back_out = false;          // `undo`
};

// Runs what the journal has left, or backs it out, and prints how that ended.
Result<Exit> run_session(JournalFile& journal, const std::string& path,
                         const SessionOptions& options);

}  // namespace rehome::cutover
