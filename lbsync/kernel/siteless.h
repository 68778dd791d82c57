// Whether a rule holds anything that belongs to a site: an address, an interface, hardware.
//
// Told by what the kernel runs, not by words, so that a rule whose words have no model can be
// carried as it stands if there is nothing in it to map.  In doubt it does.
#pragma once

#include "lbsync/kernel/normal_rule.h"

namespace rehome::lbsync::kernel {

// sets: of the rule's table.
bool is_siteless(const NormalRule& rule, const Sets& sets);

}  // namespace rehome::lbsync::kernel
