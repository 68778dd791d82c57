// What chains do, as far as it decides whether their order matters.
#pragma once

#include <functional>

#include "lbsync/policy/policy.h"

namespace rehome::lbsync::proof {

// Whether a chain, with all that it leads to, only lets packets through or drops them, by what they
// hold: two such chains do the same in either order.
bool commutes(const policy::Policy& policy, size_t chain);

// Whether a base chain lets everything through without a rule.
bool is_idle(const policy::Chain& chain);

// Whether it looks at, or writes, one of these fields.
bool asks(const policy::Policy& policy, size_t chain,
          const std::function<bool(const policy::Field&)>& field);

}  // namespace rehome::lbsync::proof
