// Reads the host that this process is on, for `lbsync read`: its kernel's rule sets, nft's two
// forms of the same generation, and what nft's text becomes when it is loaded again.
//
// The process ends up in an empty namespace: this is the last thing that it does.
#pragma once

#include "common/error.h"
#include "lbsync/kernel/json.h"

namespace rehome::lbsync {

Result<kernel::HostRead> read_this_host();

}  // namespace rehome::lbsync
