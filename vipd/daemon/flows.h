// The live flows, a piece of the table at a time: a worker is never kept from its packets for long.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"
#include "common/vipd_config/config.h"
#include "vipd/daemon/workers.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

// The answer to a request of the control socket; `place` in it is where the next one goes on.
Result<nlohmann::json> list_flows(const nlohmann::json& request, const Workers& workers,
                                  const Config& config, const Tables& tables);

}  // namespace rehome::vipd
