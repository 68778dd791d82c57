// Reads the rule sets of the network namespace that this process is in, from the kernel itself.
//
// nf_tables over netlink (libmnl).  What was read belongs to one generation of the rule set: a
// reading during which it changed is done again, a bounded number of times.
#pragma once

#include "common/error.h"
#include "lbsync/kernel/ruleset.h"

namespace rehome::lbsync {

// Errors (Exit::world): the kernel does not answer, or its rule set never stands still.
Result<kernel::Ruleset> read_kernel();

// The count of changes that the kernel keeps of its rule sets.
Result<uint32_t> kernel_generation();

}  // namespace rehome::lbsync
