// Calls of hosts side by side, so many at once: most of their time is waiting.
//
// Each task writes to a place of its own.  On a terminal a line on standard error counts what has
// ended; it is wiped at the end.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

namespace rehome::lbsync {

using Task = std::function<void()>;

// Returns when all have ended.  what: "reading", for the line.
void run_at_once(const std::vector<Task>& tasks, unsigned limit, std::string_view what);

}  // namespace rehome::lbsync
