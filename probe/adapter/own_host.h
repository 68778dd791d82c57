// What this host knows of itself: its links, its addresses, its counters.  None of it needs a
// privilege.
#pragma once

#include "common/address.h"
#include "probe/core/host_counters.h"

namespace rehome::probe {

// Up, and with a carrier; false too when there is none of that name.
bool link_is_up(const std::string& interface);

// Whether packets may leave from it: an address of this host, or of a local route.
bool is_here(const Address& address);

// Whether the kernel asked for that neighbour's link address and got no answer, or has none yet.
bool is_silent(const std::string& interface, const Address& neighbour);

// By index.
std::map<uint32_t, std::string> interface_names();

// Empty where /proc is not to be had.
HostCounters host_counters();

}  // namespace rehome::probe
