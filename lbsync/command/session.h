// What several commands share: the options that name two sites, the plan made of them, and how it
// is shown.
#pragma once

#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>
#include <tl/expected.hpp>

#include "common/command.h"
#include "lbsync/adapter/undo.h"
#include "lbsync/plan/plan.h"

namespace rehome::lbsync {

Option json_option();
Option map_option();
std::vector<Option> site_options();

// The file of --map; nothing in it when it is not given.
Checked<MapFile> read_map(const Given& given);

// Reads the inventory and both sites; what is wrong is printed.
tl::expected<Plan, Exit> make_plan(const Given& given);

// On standard output.
void print(const nlohmann::ordered_json& report);
void show(const Plan& plan, std::string_view command, const Given& given);

// What was put back, and what is left undone: as JSON, and on standard error.
nlohmann::ordered_json to_json(const Undone& undone);
void tell(const Undone& undone);

}  // namespace rehome::lbsync
