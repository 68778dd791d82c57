// What is in force at a gateway, and from where each thing is: an order, the configuration's file,
// or nobody's word ("rehome/vipd-origins/1").
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "vipd/state/state.h"

namespace rehome::vipd {

// in_force: the configuration as to_json tells it; file: the document that it was read from.
nlohmann::json origins_json(const State& state, const nlohmann::json& in_force,
                            const nlohmann::json& file);

}  // namespace rehome::vipd
