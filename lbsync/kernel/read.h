// A host's rule set as it is known at home: nft's text as the model, held against its kernel.
#pragma once

#include <string>

#include "common/error.h"
#include "lbsync/kernel/json.h"
#include "lbsync/kernel/to_policy.h"
#include "lbsync/nft/read.h"

namespace rehome::lbsync {

// where: the host.
Result<Reading> read_host(kernel::HostRead read, const std::string& where);

// What its kernel runs, as a policy; rules are named by nft's words for them.
// Without a kernel's telling: a doubt.
policy::Policy policy_of(const Reading& reading, const std::string& where);

}  // namespace rehome::lbsync
