// Giving up every privilege, once the sockets are open and before a packet is parsed.
//
// Afterwards the process is nobody (if it was root), has no capabilities, and cannot get any again.
// What was opened before stays usable.
#pragma once

#include "common/error.h"

namespace rehome::probe {

Result<> drop_privileges();

// Ahead of the host's other programs from here on, where that is allowed: slots that we miss, as
// others hold the processor, leave a hole in what is measured.
void go_first();
void go_as_others();  // once nothing is sent any more

}  // namespace rehome::probe
