// `cutover login ACTION`: scripted clients that hold sessions on a pinned VIP, and what became of
// them.  One command whose first positional argument is the action: start, status, wait, stop,
// report, or run (one carrier's agent in the foreground).
#pragma once

#include "common/command.h"

namespace rehome {

Command login_command();

}  // namespace rehome
