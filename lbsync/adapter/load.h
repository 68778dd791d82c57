// `lbsync load`: the far end of an nftables transaction.
//
// Becomes `nft -f -` once all of what was sent has come: a line that is cut ends it early, and half
// of a batch may be one too.  Of an apply that waits to be confirmed the transaction begins only
// while it waits, and the undo waits for its end (lbsync/adapter/armed_undo.h).
#pragma once

#include <string>

#include "common/error.h"

namespace rehome::lbsync {

// Returns errors alone.  armed: the apply's id; empty: none waits.
Error load(const std::string& sha256, const std::string& armed);

}  // namespace rehome::lbsync
