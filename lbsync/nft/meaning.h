// What nftables' syntax trees mean, in the policy's typed fields.
//
// Not policy: counters, comments, tables that are dormant.  What has no meaning as a set of packets
// is a named field (field.h): limits and numgen are drawn, routes and the members of sets that age
// or that rules fill are opaque, by the set's name and what it is declared with.
//
// What is not translated is a Doubt with the rule's words, and nothing is proven about its host.
#pragma once

#include <string>

#include "lbsync/nft/model.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::nft {

// where: the host, for places and doubts.
policy::Policy meaning(const Ruleset& ruleset, const std::string& where);

}  // namespace rehome::lbsync::nft
