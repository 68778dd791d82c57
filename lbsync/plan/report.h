// A plan in an operator's words, and as JSON ("rehome/lbsync-plan/1").
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbsync/plan/plan.h"

namespace rehome::lbsync {

// Changes grouped by host and object, "-" goes and "+" comes; then doubts and what is skipped.
std::string text_report(const Plan& plan, bool colour);

// command: plan, apply, verify, undo.  at: the time.
nlohmann::ordered_json json_report(const Plan& plan, std::string_view command, std::string_view at);

// One line: what the verdict means.
std::string summary(const Plan& plan);

}  // namespace rehome::lbsync
