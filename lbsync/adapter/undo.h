// Puts back what an apply replaced.
#pragma once

#include <string>
#include <vector>

#include "common/error.h"
#include "lbsync/plan/saved.h"

namespace rehome::lbsync {

struct Undone {
    std::vector<std::string> done;   // what was put back
    std::vector<Error> left_undone;  // what was not, and why
};

// What is as it was is left alone; what is neither that nor what the apply made of it has been
// changed by somebody else since, and is put back only by force.
struct Force {
    bool tables = false;
    bool files = false;
};

// First files, then tables, many hosts at once.  What rules have added to sets stays in them.  Who
// calls holds the hosts.
Undone undo(const Saved& saved, Force force, unsigned at_once);

// The hosts that it names.
std::vector<std::string> hosts_of(const Saved& saved);

}  // namespace rehome::lbsync
