// What of ipset's sets is policy, and what is state.
//
// State are elements that age, and all elements of a set that rules fill; sizes, hashes and
// counters decide nothing.  Pure.
#pragma once

#include <set>
#include <string>

#include "lbsync/iptables/syntax.h"

namespace rehome::lbsync::iptables {

// The sets that rules add to or delete from, and those that rules name at all, with the members of
// lists.
std::set<std::string> filled_sets(const Dump& dump);
std::set<std::string> named_sets(const Dump& dump);

bool ages(const IpSet& set);  // its elements have timeouts
bool is_permanent(const SetElement& element);

// The set without state, in one form; filled: by rules.
IpSet policy_of(const IpSet& set, bool filled);

}  // namespace rehome::lbsync::iptables
