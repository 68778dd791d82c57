// The words of keepalived.conf(5), by what they belong to.
#pragma once

#include <string>
#include <string_view>

namespace rehome::lbsync::services {

bool is_check(std::string_view name);  // a block in a real server

// What is compared in its own words: when and how to check, whom to tell, what a quorum is.
bool is_service_setting(std::string_view name);
bool is_server_setting(std::string_view name);

// A flag of a scheduler by ipvsadm's name for it; empty: it is none.
std::string scheduler_flag(std::string_view name);

// A block that decides nothing about services.
bool is_beside(std::string_view name);

}  // namespace rehome::lbsync::services
