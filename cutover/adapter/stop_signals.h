// SIGINT and SIGTERM ask the runner to stop where that is safe; a second SIGINT leaves at once, as
// SIGKILL would, which the journal stands.  SIGHUP is taken and ignored: a terminal may vanish.
//
// One object a process; its handlers last as long as the process.
#pragma once

#include "cutover/run/step.h"

namespace rehome::cutover {

class StopSignals {
public:
    StopSignals();

    bool wanted() const;

    // Returns after the time, or when a stop is asked for.
    void wait(Seconds time) const;

    // Returns whether the descriptor can be read; false when a stop is asked for first.
    bool wait_readable(int fd) const;
};

}  // namespace rehome::cutover
