// Changes what a gateway announces to carriers: wholly and confirmed, or not at all.
//
// The order, which BIRD's dead man's switch dictates: wait until no other configuration is
// unconfirmed (any `configure` disarms its timer silently); write the include file; `configure
// timeout N`; see in the tables that every prefix stands as asked; `configure confirm`, which must
// answer 0018.  When anything fails, the include file is put back first, since BIRD reads it at its
// next start, and then the configuration is undone; if we die in between, the timer undoes it.
#pragma once

#include <chrono>

#include "cutover/adapter/bird/view.h"

namespace rehome::cutover {

// An error of kind world when it could not be done; all is then as it was, unless it says
// otherwise. announced and drained need an established session.
Result<> announce(const BirdTarget& target, Announce state, std::chrono::milliseconds limit);

}  // namespace rehome::cutover
