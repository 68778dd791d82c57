// Looks at many things at once, each in a thread of its own for as long as it takes.
#pragma once

#include <functional>

namespace rehome::cutover {

// Calls look(0) to look(count - 1), at most so many at once, and returns when all have returned.
void for_all(size_t count, size_t at_once, const std::function<void(size_t)>& look);

}  // namespace rehome::cutover
