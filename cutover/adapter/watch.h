// What who watches a run sees while it goes on: on a terminal one line a step, the current one with
// its time and a gate's figures as they come; elsewhere plain lines with UTC times; or one JSON
// object a line.  Nothing here fails or waits: what cannot be written is lost (see outlet.h).
#pragma once

#include <memory>
#include <string>

#include "cutover/adapter/outlet.h"
#include "cutover/run/gate.h"
#include "cutover/run/journal.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

class Watch {
public:
    virtual ~Watch() = default;
    virtual void record(const Record& record) = 0;
    virtual void reading(const Step& step, const Reading& reading, UnixMicros at) = 0;
    // What is neither of the run nor of a gate: what a hand waits for, or has ended.  May be called
    // by any thread.
    virtual void notice(const std::string& text, UnixMicros at) = 0;
    // Before a question is asked: leaves the cursor at the start of an empty line.
    virtual void pause() {}
};

// Chosen by --json and by whether standard output, where the outlet leads, is a terminal.  Plan and
// outlet must outlive it.
std::unique_ptr<Watch> make_watch(const Plan& plan, bool json, Outlet& out);

// What stands on standard output in place of lines that were dropped.
std::string dropped_text(size_t lines);
std::string dropped_json(size_t lines);

}  // namespace rehome::cutover
