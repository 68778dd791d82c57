// `cutover bird announce`, `check` and `show`: what this gateway tells its carriers.  They run on
// the gateway's host, where its BIRD and its include file are.
#pragma once

#include <vector>

#include "common/command.h"

namespace rehome::cutover {

std::vector<Command> bird_commands();

}  // namespace rehome::cutover
