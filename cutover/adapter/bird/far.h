// The far side of a line: a BIRD that hears this gateway, the carrier's router or one beside it.
#pragma once

#include "common/inventory.h"
#include "cutover/bird/view.h"

namespace rehome::cutover {

// Which of the prefixes, and what of their insides, it holds by this line; in bounded time.
FarView look_at_far(const FarBird& far, const std::vector<Prefix>& prefixes);

}  // namespace rehome::cutover
