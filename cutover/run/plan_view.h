// The expanded plan as `cutover show` prints it: stages, steps, their commands as they would be
// run, and totals.  Pure.
#pragma once

#include <string>

#include "cutover/run/step.h"

namespace rehome::cutover {

std::string plan_text(const Plan& plan);
std::string plan_json(const Plan& plan);

}  // namespace rehome::cutover
