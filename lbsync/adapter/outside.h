// Reads what of this host stands outside its rule sets: settings below /proc/sys, and what ip(8)
// and tc(8) tell.  Of the network namespace that the process is in; changes nothing.
#pragma once

#include <string_view>

#include "common/child.h"
#include "lbsync/outside/told.h"

namespace rehome::lbsync {

// What cannot be read is told in it.
outside::Told read_outside();

// A command whose words stand between blanks.
Argv words_of(std::string_view command);

}  // namespace rehome::lbsync
