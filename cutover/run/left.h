// The steps that are not known to be put back: why, and what is to be done about each.  Pure.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cutover/run/progress.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

struct Left {
    size_t step = 0;
    std::string why;
    std::string todo;
};

// In the order of their undoing.
std::vector<Left> left_undone(const Plan& plan, const Progress& progress);

std::string left_text(const Plan& plan, const std::vector<Left>& list);
nlohmann::ordered_json left_json(const Plan& plan, const Progress& progress);

// A step's undo as it would be run now.
std::string undo_line(const Plan& plan, const Progress& progress, size_t step);

}  // namespace rehome::cutover
