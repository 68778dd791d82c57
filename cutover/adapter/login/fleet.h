// All carriers' login agents of one folder: started on their vantage hosts, read, and ended.
//
// DIR/agents.json ("rehome/login-agents/1") says which carriers' agents were started on which
// hosts. Without it, every folder in DIR with an agent.pid is an agent of this host (`login run` by
// hand). Each agent's folder lies on its vantage's host: DIR/CARRIER, or, where that is reached by
// ssh and has nothing of this host's, CARRIER in a folder that is named there.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/host.h"
#include "cutover/login/plan.h"
#include "cutover/login/report.h"
#include "cutover/login/status.h"

namespace rehome::cutover {

struct LoginPlace {
    std::string carrier;
    Host host;
    std::string dir;  // on that host: the agent's folder is CARRIER in it
};

struct LoginFleet {
    std::string dir;
    std::string login;
    std::vector<LoginPlace> places;
};

struct LoginStart {
    std::string inventory;
    std::string login;
    std::vector<std::string> carriers;  // empty: all of the inventory's
    std::string dir;
    std::vector<std::string> pace;  // options for `login run`, as they were given
    // Of vantages that are reached by ssh; empty: the same as here.
    std::string far_inventory{};
    std::string far_dir{};
};

// Starts the agents and waits for their first status.  All or none: when one cannot start, those
// that this call has started are ended.  Kind no when one runs already.
Result<LoginFleet> start_logins(const LoginStart& wanted);

// carriers: only these; empty: all.  Kind unknown when there is no agent's folder.
Result<LoginFleet> read_fleet(const std::string& dir, const std::vector<std::string>& carriers);

// Every agent's status, however old; an error when one has none.
Result<std::vector<LoginStatus>> read_statuses(const LoginFleet& fleet);

Result<std::vector<CarrierReport>> read_reports(const LoginFleet& fleet, UnixMicros since);

// Asks every agent to end and waits for it; what does not end in time is named.  Agents that do not
// run are no error.
Result<> stop_logins(const LoginFleet& fleet, std::chrono::milliseconds limit);

}  // namespace rehome::cutover
