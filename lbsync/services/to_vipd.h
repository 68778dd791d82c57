// Services of IPVS as vipd's (vipd.json(5)).
//
// vipd spreads flows by hash over servers with weights, each to its server by NAT or a tunnel. What
// has no counterpart there is refused in a sentence; what an operator can do without, and says so,
// is left out.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/vipd_config/config.h"
#include "lbsync/policy/services.h"

namespace rehome::lbsync::services {

// What can be left out: "checks", "persistence", "scheduler", "sorry", "thresholds".
using Without = std::set<std::string>;
bool can_be_left_out(const std::string& what);

// All that has no counterpart is told in one run (Exit::usage).
Checked<std::vector<vipd::ServiceConfig>> to_vipd(const policy::Services& services,
                                                  const Without& without);

}  // namespace rehome::lbsync::services
