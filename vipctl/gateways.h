// An order to all gateways in two steps, so that nothing is half done: each holds the rules ready,
// and only when all do are they told, one after the other, that these are in force.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace rehome::vipctl {

// A gateway as vipd names it: {"gateway", "here"} and, elsewhere, "host" and "socket".
using Gateways = std::vector<nlohmann::json>;

// rules: what all get; base: the digest of those that they were made from.  The answer of the one
// that is here, with the gateways that were told.
// Exit::no, Exit::usage: somebody refused, and nothing is changed.  Exit::world: somebody was not
// reached, and nothing is changed, or was not told in the end: the error says who has what.
Result<nlohmann::json> place_at_all(const std::string& socket, const Gateways& gateways,
                                    const nlohmann::json& rules, const std::string& base,
                                    bool break_maps);

}  // namespace rehome::vipctl
