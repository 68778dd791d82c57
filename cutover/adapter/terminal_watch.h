// The live view on a terminal.  A thread of its own redraws the current line each second.
#pragma once

#include <memory>

#include "cutover/adapter/watch.h"

namespace rehome::cutover {

std::unique_ptr<Watch> make_terminal_watch(const Plan& plan, Outlet& out);

}  // namespace rehome::cutover
