// Playbooks ("rehome/playbook/1"): from a file, an inventory and the operator's settings to a Plan.
//
// Schema: playbook.schema.json beside this file; rehome-playbook(5) explains it.  for_each is
// expanded from the outside in (stage, then step), then variables are replaced, then the step is
// read, so that a number or a name may come from a variable.  All mistakes are told in one run,
// each once however often its step is repeated.  Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/inventory.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

// NAME=VALUE of --set.
using Settings = std::map<std::string, std::string>;

struct PlaybookInput {
    std::string file;  // the name that stands in mistakes
    std::string_view text;
    const Inventory& inventory;
    const Settings& settings;
    std::string inventory_path;  // ${inventory}
    std::string run_dir;         // ${run_dir}
};

Checked<Plan> read_plan(const PlaybookInput& input);

}  // namespace rehome::cutover
