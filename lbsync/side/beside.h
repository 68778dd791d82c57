// Tables that are left alone stand beside those that are compared, and run in an order with them.
//
// Two sides are equal as if such tables were not there; that says something only where each of
// their chains runs before, or behind, the same compared chains at both sites.  It need not where
// the two do nothing but let packets through and drop them, by what they hold.
#pragma once

#include <vector>

#include "lbsync/mapping/map_file.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::side {

// Where the order differs, or is not known.  Both policies are whole, with what is left alone.  Of
// a chain that the new side has not yet (carried), what is at its very place is asked when it is
// carried (kernel/hook_order.h).
std::vector<Doubt> order_beside(const policy::Policy& old_one, const policy::Policy& new_one,
                                const MapFile& map, bool carried);

}  // namespace rehome::lbsync::side
