// The old site's policies as they must stand at the new site.
//
// Every address, prefix, range, interface, mark and zone in them goes through the mapping.  What
// has no counterpart is an error (Exit::usage) with where it stands and the rule's own words; all
// of them are told in one run.
#pragma once

#include <string>
#include <vector>

#include "common/error.h"
#include "lbsync/mapping/mapping.h"
#include "lbsync/nft/model.h"
#include "lbsync/policy/offer.h"

namespace rehome::lbsync {

// where: the old host, for the errors.
Ruleset translate(const Ruleset& ruleset, const Mapping& mapping, const Interfaces& interfaces,
                  const std::string& where, std::vector<Error>& errors);

// where: the old gateway's file.
// pools: the new gateway's, one of which must have the name that a service's source NAT asks for: a
// pool's addresses are its site's own.
Offer translate(const Offer& offer, const Mapping& mapping,
                const std::vector<vipd::PoolConfig>& pools, const std::string& where,
                std::vector<Error>& errors);

}  // namespace rehome::lbsync
