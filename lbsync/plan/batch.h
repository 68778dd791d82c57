// The one transaction that takes a host's rule set from one state to another, for `nft -f -`.
//
// Only what differs is touched: in a table whose own properties, base chains and set types stay,
// changed chains are flushed and filled, changed sets likewise, and the rest keeps its counters and
// its elements.  Any other table that differs is deleted and made anew within the transaction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lbsync/nft/learned.h"
#include "lbsync/nft/model.h"

namespace rehome::lbsync {

// Empty when there is nothing to do.
std::string batch(const Ruleset& current, const Ruleset& wanted);

// Whether the batch makes this table anew, so that its sets are empty.
bool remakes(std::string_view batch, const std::string& family, const std::string& name);

// What to add to a batch so that what rules have added to sets stays there: of sets of the same
// name and type in tables that it makes anew.
std::string kept(const std::string& batch, const Ruleset& wanted,
                 const std::vector<Learned>& learned);

// Puts back one table as its text form says, whatever stands there now; empty text: deletes it.
std::string restore_batch(const std::string& family, const std::string& name,
                          const std::string& text);

}  // namespace rehome::lbsync
