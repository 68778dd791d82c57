// The answer of why.h for people.  Without the datapath, so that vipctl prints it too.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace rehome {

std::string show_why(const nlohmann::json& answer);

}  // namespace rehome
