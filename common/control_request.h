// The requests that vipd's control socket takes ("rehome/vipd-request/1"): vipctl checks what it
// asks, and vipd what it is asked, by one schema, which has a definition for each command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"

namespace rehome {

// Where the socket is unless it is said.
inline constexpr std::string_view default_control_socket = "/run/vipd/vipd.sock";

std::vector<std::string> control_commands();

// What a request for one of the commands may say, beside the command.
std::vector<std::string> request_keys(const std::string& command);

// A request, or what one holds, bounded like files (json/file.h): what follows recurses.  Each
// mistake on a line of its own, where: what stands before it; expected: what the object was to be.
Result<nlohmann::json> parse_object(std::string_view where, std::string_view text,
                                    std::string_view expected);
Result<nlohmann::json> parse_request(std::string_view where, std::string_view text);

// Every mistake on a line of its own: no such command, a key too many or missing, a value that
// cannot be.  Empty: there is none.  where: what stands before each.
std::string wrong_request(std::string_view where, const nlohmann::json& request);

}  // namespace rehome
