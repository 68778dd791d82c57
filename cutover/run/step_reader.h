// One step of a playbook, its variables already replaced, from JSON into a Step.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/inventory.h"
#include "common/json_file.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

// Reads the step at the pointer `at`; the schema has already been kept.  What is wrong is added to
// the mistakes, and the step is then not to be used.
Step read_step(const nlohmann::json& json, const std::string& at, const std::string& stage,
               const Inventory& inventory, Mistakes& mistakes);

}  // namespace rehome::cutover
