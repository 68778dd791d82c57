// Where the meanings of two policies are not the same.
#pragma once

#include <string>
#include <vector>

#include "lbsync/proof/meaning.h"

namespace rehome::lbsync::proof {

// The packets that do not meet the same on one way.
PacketSet differing(const Outcome& a, const Outcome& b, Space& space);

// Limits and other things that keep count, one of which serves several places in one policy, and
// not the same places in the other.
std::vector<Doubt> unlike_instances(const Meaning& a, const Meaning& b, const Space& space);

// The unknowns that only one of the two asks: what they say may have to do with anything.  As the
// intersection of their variables; all packets when there are none.
PacketSet asked_by_one(const Meaning& a, const Meaning& b, Space& space);
std::vector<std::string> names_asked_by_one(const Meaning& a, const Meaning& b, const Space& space);

// Appends the places of rules that do something, and that no packet comes to.
void unreachable(const policy::Policy& policy, const Meaning& meaning,
                 std::vector<std::string>& places);

}  // namespace rehome::lbsync::proof
