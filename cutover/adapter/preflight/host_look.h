// `cutover preflight-host`: what this host has of what a playbook needs.  Changes nothing.
//
// Commands are run as the steps would run them, a few at once, each for a bounded time.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/child.h"
#include "common/error.h"
#include "common/host.h"

namespace rehome::cutover {

// ask: "rehome/preflight-ask/1".  The answer: "rehome/preflight-host/1", on one line.
Checked<std::string> look_at_this_host(const std::string& ask);

// One command that only looks, on a host, as it stands in an answer.
nlohmann::ordered_json tried_on(const Host& host, const Argv& command);

// The version in what one of our programs prints of it ("lbsync 0.1.0"); null: there is none.
nlohmann::ordered_json version_in(const std::string& printed);

}  // namespace rehome::cutover
