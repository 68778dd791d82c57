// What the commands of vipctl share, and those that have a file of their own.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/command.h"

namespace rehome::vipctl {

// The request for that command, with the options given, or by default, that are keys of it.
nlohmann::json request_for(const std::string& command, const Given& given);

// Asks the vipd whose socket is given.  A request that its schema refuses is not sent: Exit::usage.
Result<nlohmann::json> ask(const Given& given, const nlohmann::json& request);

// The answer as JSON where that is asked for, else as show puts it.
Result<Exit> print(const Given& given, const Result<nlohmann::json>& answer,
                   const std::function<std::string(const nlohmann::json&)>& show);

// The same for an order: Exit::world, and a line about each, where a worker is late or something
// about it failed though it is in force.
Result<Exit> print_order(const Given& given, const Result<nlohmann::json>& answer,
                         const std::function<std::string(const nlohmann::json&)>& show);

Command mask_command();
Command weak_command();
Command strong_command();
Command enable_command();
Command status_command();
Command weights_command();
Command set_command();
Command list_command();
Command access_command();
Command limit_command();
Command admission_command();
Command tell_command();
Command why_command();
Command explain_command();
Command capture_command();
Command flows_command();
Command top_command();
Command metrics_command();

}  // namespace rehome::vipctl
