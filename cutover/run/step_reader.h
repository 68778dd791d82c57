// One step of a playbook, its variables already replaced, from JSON into a Step.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/inventory.h"
#include "common/json/file.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

// A part of a playbook, and the pointer to where it stands.
struct Placed {
    std::string at;
    nlohmann::json object;
};

// Reads the step with the figures of its gate or check; the schema has already been kept.  What is
// wrong is added to the mistakes, and the step is then not to be used.
Step read_step(const Placed& step, const std::vector<Placed>& figures, const std::string& stage,
               const Inventory& inventory, Mistakes& mistakes);

// A guard, without the step from which it guards.
Guard read_guard(const Placed& guard, const std::vector<Placed>& figures,
                 const Inventory& inventory, Mistakes& mistakes);

}  // namespace rehome::cutover
