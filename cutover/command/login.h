// `cutover login ...`: scripted clients that hold sessions on a pinned VIP, and what became of
// them. Commands of two words: login start, login status, login wait, login stop, login report (for
// the operator) and login run (one carrier's agent, on the vantage's host).
#pragma once

#include <vector>

#include "common/command.h"

namespace rehome::cutover {

std::vector<Command> login_commands();

}  // namespace rehome::cutover
