// `cutover approve`, `answer`, `retry` and `stop`: what another terminal says to a run.
#pragma once

#include <vector>

#include "common/command.h"

namespace rehome::cutover {

std::vector<Command> answer_commands();

}  // namespace rehome::cutover
