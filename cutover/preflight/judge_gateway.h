// What a gateway's vipd and BIRD say, held against how a move begins.  Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cutover/preflight/findings.h"

namespace rehome::cutover {

// answer: an element of "vipd" in "rehome/preflight-host/1".  What concerns the link between the
// sites goes to Area::paths.
void judge_vipd(const VipdAsk& ask, const nlohmann::json& answer, const Yardstick& yardstick,
                Findings& findings);

// answer: an element of "bird".
void judge_bird(const BirdAsk& ask, const nlohmann::json& answer, Findings& findings);

}  // namespace rehome::cutover
