// What the log says of what changes: each order, and each change of what is observed, is one line
// with what was before and what is now.  Pure: differences of two states.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "vipd/state/snapshot.h"

namespace rehome::vipd {

using LogLines = std::vector<std::string>;  // without a time, and without an end of line

// Orders as orders_json() has them: whatever has a time and a uid is one.  by: who says something
// now; an order that is gone was taken back by them, and nothing: it has ended.
LogLines order_changes(const nlohmann::json& before, const nlohmann::json& after,
                       std::optional<uint32_t> by);

// Configurations as to_json() has them: one line, as a reload is one order.
std::string reload_change(const nlohmann::json& before, const nlohmann::json& after, uint32_t by);

// Peers, links to them, lines and prefixes.  What an order does to a line its own line says; ports
// are said with what the kernel tells of them (daemon/port_states.h).
LogLines observed_changes(const Snapshot& before, const Snapshot& after);

}  // namespace rehome::vipd
