// Reads the host that this process is on, for `lbsync read`: its kernel's rule sets, nft's two
// forms of the same generation, and what nft's text becomes when it is loaded again.
//
// The process ends up in an empty namespace: this is the last thing that it does.
#pragma once

#include <string>

#include "common/error.h"
#include "lbsync/kernel/json.h"

namespace rehome::lbsync {

Result<kernel::HostRead> read_this_host();

// Likewise what a file of rules (`nft -f`) becomes in an empty host, whose interfaces are those
// that the file names.  Errors: nft refuses the file (Exit::usage).
Result<kernel::HostRead> read_loaded(const std::string& path);

}  // namespace rehome::lbsync
