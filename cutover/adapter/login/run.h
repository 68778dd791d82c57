// `cutover login run`: one carrier's agent, in the foreground or detached.
//
// An agent that is to outlive a command is left behind (common/hand_door.h, under the name "login
// agent"), with standard output for the one thing that it has to tell: "+" once it has started, or
// why it cannot.  Detached, the command returns once the agent's first status stands in its folder,
// and what stops the agent from starting (an address that is not this host's, another agent in the
// folder) is still the command's own error.  From then on the agent belongs to nobody and says
// things in agent.log.
#pragma once

#include <string>

#include "common/child.h"
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
    bool ready = false;  // says on standard output when it has started, or why it cannot
};

// Leaves an agent behind that this command starts, one that has `ready`, and waits until it has
// started.  The folder is the agent's.
Result<> leave_agent(const Argv& command, const std::string& folder);

Result<Exit> run_login(const LoginRun& wanted);

// A login of the inventory by name that an agent can run; an error that lists those that there are.
Result<const Login*> find_login(const Inventory& inventory, const std::string& name);
Result<const Carrier*> find_carrier(const Inventory& inventory, const std::string& name);
// From where its logins are made.
Result<const Vantage*> find_vantage(const Carrier& carrier);

}  // namespace rehome::cutover
