// Reads both sites, host by host, and makes the plan.
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
    bool reload = true;  // the target's vipd runs: what it has in force counts too
};

// Reads everything that the inventory names, changing nothing.  Errors: wrong input (usage), a host
// or a vipd that cannot be reached (world), objects without a counterpart (usage).
Checked<Plan> gather(const Inventory& inventory, const Request& request);

}  // namespace rehome::lbsync
