// What a gate's or check's command said when it was tried: not whether it is good, which only the
// night can tell, but whether it can be asked, and whether its figures are there.  Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cutover/preflight/findings.h"

namespace rehome::cutover {

// answer: an element of "samples" in "rehome/preflight-host/1".
void judge_tried(const Tried& tried, const nlohmann::json& answer, Findings& findings);

}  // namespace rehome::cutover
