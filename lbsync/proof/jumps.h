// Jumps that lead back to where they come from, which no kernel accepts.
#pragma once

#include <vector>

#include "lbsync/policy/policy.h"

namespace rehome::lbsync::proof {

std::vector<Doubt> circles(const policy::Policy& policy);

}  // namespace rehome::lbsync::proof
