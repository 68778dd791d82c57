// The file from which a target loads its rule set at boot: lbsync's own, to be included from what
// the host loads anyway.  It makes anew the tables that were carried, and removes those that have
// gone; what else the host loads stays.
//
// Form: two lines of comment, then for each table `add table`, `delete table` and, where it is not
// gone, the table.  Elements that rules have added are state and do not stand in it.
#pragma once

#include <string>
#include <string_view>

#include "lbsync/nft/model.h"

namespace rehome::lbsync {

// Whether lbsync may replace it: it has written it, or there is nothing in it.
bool is_our_boot_file(std::string_view text);

// text: as it is, from which it keeps what has gone earlier.
std::string boot_file(std::string_view text, const Ruleset& current, const Ruleset& wanted);

}  // namespace rehome::lbsync
