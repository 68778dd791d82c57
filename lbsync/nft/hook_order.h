// Where the order of two chains cannot be known from a listing.
//
// Chains of different tables at the same hook and priority run in the order in which they were
// registered, which nft does not print.  It matters as soon as one of them translates or marks
// packets; then nothing can be proven about the host.
#pragma once

#include <string>
#include <vector>

#include "lbsync/nft/model.h"
#include "lbsync/policy/doubt.h"

namespace rehome::lbsync {

std::vector<Doubt> unknown_order(const Ruleset& ruleset, const std::string& where);

}  // namespace rehome::lbsync
