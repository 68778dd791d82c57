// Which services nobody would take new flows of, if one more thing were disabled: who asks may not
// have meant that.
#pragma once

#include <string>
#include <vector>

#include "vipd/state/snapshot.h"

namespace rehome::vipd {

// Names of services that this gateway, or one of another site, takes new flows of now, and that
// neither would with that target disabled, too.  A line takes nobody's.
std::vector<std::string> left_without(const Snapshot& snapshot, const DisableTarget& target);

}  // namespace rehome::vipd
