// A proof in an operator's words, and as JSON.  Every text that comes from a rule set is in one
// line, with escapes shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lbsync/proof/prove.h"

namespace rehome::lbsync::proof {

// The example packets with what both sides do, then what cannot be proven, then up to 20 rules that
// no packet comes to.
std::vector<std::string> lines(const Proof& proof, std::string_view old_name,
                               std::string_view new_name);

// "differences", "more", "not_provable", "unreachable".
nlohmann::ordered_json to_json(const Proof& proof);

}  // namespace rehome::lbsync::proof
