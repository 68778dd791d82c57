// Playbooks ("rehome/playbook/1"): from a file, an inventory and the operator's settings to a Plan.
//
// Schema: common/formats/playbook.schema.json; rehome-playbook(5) explains it.  for_each is
// expanded from the outside in (stage, step, figure), then variables are replaced, then the step is
// read, so that a number or a name may come from a variable.  All mistakes are told in one run,
// each once however often its step is repeated.  Pure.
//
// Nothing vanishes in silence: a for_each that walks nothing, or that lacks a line of a carrier, is
// a mistake unless it says may_be_empty.  A carrier is left as it is by the parameter `leave`.
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
    // A run of it is under way: nothing that an earlier cutover let it begin with keeps it from
    // being resumed or undone.
    bool begun = false;
};

Checked<Plan> read_plan(const PlaybookInput& input);

}  // namespace rehome::cutover
