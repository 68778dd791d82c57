// The cross-checks of an inventory, which its schema cannot make.  For inventory.cpp.
#pragma once

#include "common/inventory.h"
#include "common/json/file.h"

namespace rehome {

// The inventory's lists stand in the order of the file's, so that their indexes make the pointers.
// What the mistakes already know to be wrong is passed over.
void check_inventory(const Inventory& inventory, Mistakes& mistakes);

}  // namespace rehome
