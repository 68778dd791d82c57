// What a rule does, by the data flow of bytes: where each compared or used byte came from.
//
// Register numbers, and how loads were merged or cut, are gone: a rule that loads source and
// destination address at once equals one that loads them one after the other.  Tests between two
// acts have no order among them, as each only ends the rule; acts keep theirs.  A byte loaded after
// an act that may have changed it is another one than before.
//
// Pure.  A rule whose expressions are not all understood has no normal form, and says why.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "lbsync/kernel/normal_rule.h"

namespace rehome::lbsync::kernel {

tl::expected<NormalRule, std::string> normal_form(const Node& rule, const Sets& sets);

}  // namespace rehome::lbsync::kernel
