// Reads both sites, many hosts at once, and makes the plan.
#pragma once

#include <string>

#include "common/error.h"
#include "common/inventory.h"
#include "lbsync/plan/plan.h"

namespace rehome::lbsync {

// What an operator asks for, whatever the command.
struct Request {
    std::string inventory;
    std::string from;  // site; empty: as the inventory says
    std::string to;
    bool reload = true;     // the target's vipd runs: what it has in force counts too
    unsigned at_once = 32;  // calls of hosts
    std::string boot_file;  // on each target; empty: none
    MapFile map{};          // in the inventory's direction
};

// Reads everything that the inventory names, changing nothing.  A host or a vipd that cannot be
// read stands in the plan, beside what the others say.  Errors: wrong input, objects without a
// counterpart (usage), and then what could not be read too.
Checked<Plan> gather(const Inventory& inventory, const Request& request);

}  // namespace rehome::lbsync
