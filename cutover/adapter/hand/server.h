// A hand at work: one runner's, on its standard input and output, until that has gone.
//
//   greeting   waits for the hello, and for nothing else
//   waiting    has told the hand before to leave; waits until it and its commands are gone
//   mending    runs what commands had asked for that were cut with the hand before
//   serving    runs jobs, several at once
//   leaving    takes no more; ends what runs, or lets it run where it survives, and goes
//
// It leaves when its standard input ends, when nobody is heard any more (pulse.h), and at SIGTERM,
// which the next hand of the run sends.  Nothing of a command is left when its end is told.  One
// thread.
#pragma once

#include <string>

#include "common/error.h"

namespace rehome::cutover {

struct HandOptions {
    std::string base;
    std::string place;
    std::string as{};  // by what name the host was reached, where it has several
};

Result<Exit> serve_as_hand(const HandOptions& options);

}  // namespace rehome::cutover
