// A host's rule set as it is known at home: nft's text as the model, held against its kernel.
#pragma once

#include <string>

#include "common/error.h"
#include "lbsync/kernel/json.h"
#include "lbsync/nft/read.h"

namespace rehome::lbsync {

// where: the host.
Result<Reading> read_host(const kernel::HostRead& read, const std::string& where);

}  // namespace rehome::lbsync
