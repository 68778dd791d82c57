// What who watches a run sees while it goes on: on a terminal one line a step, the current one with
// its time and a gate's figures as they come; elsewhere plain lines with UTC times; or one JSON
// object a line.  Nothing here fails: what cannot be written (a terminal that is gone) is lost.
#pragma once

#include <memory>
#include <string>

#include "cutover/run/gate.h"
#include "cutover/run/journal.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

class Watch {
public:
    virtual ~Watch() = default;
    virtual void record(const Record& record) = 0;
    virtual void reading(const Step& step, const Reading& reading, UnixMicros at) = 0;
    // Before a question is asked: leaves the cursor at the start of an empty line.
    virtual void pause() {}
};

// Chosen by --json and by whether standard output is a terminal.  The plan must outlive it.
std::unique_ptr<Watch> make_watch(const Plan& plan, bool json);

// To standard output; errors are passed over.
void put(std::string_view text);

}  // namespace rehome::cutover
