// Reads what iptables of both backends and ipset print here, in the network namespace that the
// process is in.  Programs that are not there are passed over: their tables are not either, or the
// kernel tells of them.
#pragma once

#include "lbsync/iptables/told.h"

namespace rehome::lbsync {

// What cannot be read is told in it.
iptables::Told read_tables();

}  // namespace rehome::lbsync
