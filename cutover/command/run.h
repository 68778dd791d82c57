// `cutover run`, `resume`, `undo`, `show` and `status`.
#pragma once

#include <vector>

#include "common/command.h"

namespace rehome::cutover {

std::vector<Command> run_commands();

}  // namespace rehome::cutover
