// Forms that are equal exactly when two policies are, as far as this model compares structure.
//
// Not policy: handles, counters' values, the order of a set's elements, and how its intervals are
// cut.  Policy: the order of rules, comments, everything else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lbsync/nft/model.h"

namespace rehome::lbsync {

std::string canonical(const Rule& rule, std::string_view family);

// One line an element, in one order; neighbouring intervals of a set (not of a map) merged.
std::vector<std::string> canonical_elements(const Set& set);

// The whole rule set, tables and members sorted by name: what digests are taken of.
std::string canonical(const Ruleset& ruleset);

}  // namespace rehome::lbsync
