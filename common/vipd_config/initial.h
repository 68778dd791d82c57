// A first vipd.json for a gateway, from what the inventory knows of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/inventory.h"

namespace rehome::vipd {

struct Beginning {
    std::string gateway;
    std::string inventory;           // as the file is to name it
    std::vector<std::string> ports;  // "NAME=DEVICE" each
    bool services = true;            // those that the inventory has servers for at its site
};

// The text of the file.  The inventory knows no devices: a port that the beginning does not name
// gets af_xdp:NAME0, and where it names none but the inventory's, servers are behind one called
// servers.  The lines of the site that takes over begin disabled, all others enabled.
//
// file: the name that stands in the errors, which are parse_config's, too.
Checked<std::string> initial_config(std::string_view file, const Inventory& inventory,
                                    const Beginning& beginning);

}  // namespace rehome::vipd
