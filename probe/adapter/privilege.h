// Giving up every privilege, once the sockets are open and before a packet is parsed.
//
// Afterwards the process is nobody (if it was root), has no capabilities, and cannot get any again.
// What was opened before stays usable.
#pragma once

#include "common/error.h"

namespace rehome::probe {

Result<> drop_privileges();

}  // namespace rehome::probe
