// `cutover login run`: one carrier's agent, in the foreground or detached.
//
// Detached, the command returns once the agent's first status stands in its folder, and what stops
// the agent from starting (an address that is not this host's, another agent in the folder) is
// still the command's own error.  From then on the agent belongs to nobody and says things in
// agent.log.
#pragma once

#include <string>

#include "common/error.h"
#include "common/inventory.h"
#include "cutover/login/plan.h"

namespace rehome::cutover {

struct LoginRun {
    std::string inventory;
    std::string login;
    std::string carrier;
    std::string dir;
    LoginPace pace;
    bool detach = false;
};

Result<Exit> run_login(const LoginRun& wanted);

// A login of the inventory by name that an agent can run; an error that lists those that there are.
Result<const Login*> find_login(const Inventory& inventory, const std::string& name);
Result<const Carrier*> find_carrier(const Inventory& inventory, const std::string& name);
// From where its logins are made.
Result<const Vantage*> find_vantage(const Carrier& carrier);

}  // namespace rehome::cutover
