// One question to a running vipd over its control socket, and the answer.
#pragma once

#include <chrono>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"

namespace rehome::vipctl {

// Sends the request and waits for its one answer.  Exit::world: vipd cannot be reached or does not
// answer in time; Exit::no: it refused, with its reason.
Result<nlohmann::json> ask_vipd(const std::string& socket_path, const nlohmann::json& request,
                                std::chrono::milliseconds limit = std::chrono::seconds(5));

// A request as the line that vipd reads.  Exit::usage: it has a text that is no UTF-8.
Result<std::string> line_of(const nlohmann::json& request);

}  // namespace rehome::vipctl
