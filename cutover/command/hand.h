// `cutover hand serve`, `status` and `release`.
#pragma once

#include <vector>

#include "common/command.h"

namespace rehome::cutover {

std::vector<Command> hand_commands();

}  // namespace rehome::cutover
