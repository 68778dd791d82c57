// A policy in typed fields, and services, as they must stand at the new site.
//
// Every address, interface, mark, conntrack zone and VLAN goes through the mapping: in tests, sets,
// maps, translations, what is stored, and in the words of what has no fields.  What has no
// counterpart is an error (Exit::usage) with its place and the rule's words; all of them are told.
#pragma once

#include <vector>

#include "common/error.h"
#include "lbsync/mapping/interfaces.h"
#include "lbsync/mapping/mapping.h"
#include "lbsync/policy/policy.h"
#include "lbsync/policy/services.h"

namespace rehome::lbsync {

policy::Policy image(policy::Policy policy, const Mapping& mapping, const Interfaces& interfaces,
                     std::vector<Error>& errors);

policy::Services image(policy::Services services, const Mapping& mapping,
                       const Interfaces& interfaces, std::vector<Error>& errors);

}  // namespace rehome::lbsync
