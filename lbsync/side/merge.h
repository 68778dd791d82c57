// Policies of one host from several readers, as one.
#pragma once

#include "lbsync/policy/policy.h"

namespace rehome::lbsync::side {

// The chains of `more` behind those of `into`, and its doubts.
void append(policy::Policy& into, policy::Policy more);

}  // namespace rehome::lbsync::side
