// What of several records can stand in one report.  Pure.
#pragma once

#include "probe/report/report.h"

namespace rehome::probe {

// All that is wrong, kind Exit::usage: a run without a probe or given twice, two runs of a carrier
// at the same time, which would have measured each other.
std::vector<Error> check_inputs(const std::vector<RunInput>& inputs);

// What the reader has to know before holding the runs against each other, in sentences: other
// targets, another pace, another version of the program, other hours.
std::vector<std::string> differences_of(const std::vector<RunReport>& runs);

}  // namespace rehome::probe
