// The answer of why.h for people.  Without the datapath, so that vipctl prints it too.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/error.h"

namespace rehome {

std::string show_why(const nlohmann::json& answer);

// no: it is dropped.  unknown: it has to wait first, and may be dropped then.
Exit exit_of_why(const nlohmann::json& answer);

}  // namespace rehome
