// A gateway's BIRD as it stands before a move, for `cutover preflight-host`.  Changes nothing.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace rehome::cutover {

// ask: an element of "bird" in "rehome/preflight-ask/1"; the answer: of "rehome/preflight-host/1".
nlohmann::ordered_json look_at_bird_of(const nlohmann::json& ask);

}  // namespace rehome::cutover
