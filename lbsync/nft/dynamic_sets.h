// Sets that rules add to, without the flag that says so.
//
// A set that was declared in an earlier transaction than the first rule that adds to it is listed
// without `flags dynamic`.  Loaded again, together with that rule, nft gives it the flag.  Both are
// the same policy: what is in such a set, rules have put there.
#pragma once

#include "lbsync/nft/model.h"

namespace rehome::lbsync {

// Gives them the flag, as nft would list them after a load, and takes their elements for state.
void mark_dynamic_sets(Ruleset& ruleset);

}  // namespace rehome::lbsync
