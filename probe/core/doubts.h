// Why a run says nothing, or less than its figures seem to, where that does not show in them.
//
// What a reflector does not answer is the path's loss only while a reflector that may answer is
// there.  Without one answer nobody can tell the path from a reflector that is not there, or has
// another key; when it was away or began anew in mid-run, what was lost then may be its own.  Pure.
#pragma once

#include <string>
#include <vector>

#include "probe/core/measurement.h"

namespace rehome::probe {

// Of a path by udp with losses; empty: none.
std::string reflector_doubt(const Plan& plan, const Figures& figures);

// Of all paths, and of a clock that was set; one line each.
std::vector<std::string> doubts_of(const Measurement& measurement);

}  // namespace rehome::probe
