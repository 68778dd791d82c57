// The checks of vipd's configuration that a schema cannot make, in three parts.  For config.cpp.
#pragma once

#include "common/inventory.h"
#include "common/json/file.h"
#include "common/vipd_config/config.h"

namespace rehome::vipd {

// What the file says about itself: names, devices, VIPs and servers are told apart, families alike.
void check_config(const Config& config, Mistakes& mistakes);

// Takes over what the inventory says of this gateway, and checks the file against it.
void resolve_config(Config& config, const Inventory& inventory, Mistakes& mistakes);

// Holds the file's services and servers against the inventory's.  vipd itself does not ask for it:
// a gateway runs before lbsync has carried its services there.
void hold_against(const Config& config, const Inventory& inventory, Mistakes& mistakes);

}  // namespace rehome::vipd
