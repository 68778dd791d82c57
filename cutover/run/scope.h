// What an inventory lends to a playbook: its variables, the sets that for_each walks, and the hosts
// that `on` names.
//
// Everywhere: ${from} ${to}, and ${old_gateway} ${old_vipd_socket} ${old_vipd_config}
// ${old_bird_socket} where the old site has one gateway, likewise ${new_...};
// ${only_login} and ${only_service} (its service) where there is one login.
// Sets and what each element binds:
//   carriers                    carrier, and old_... and new_... of its only line at that site
//   gateways                    gateway, site, vipd_socket, vipd_config, bird_socket
//   old_gateways, new_gateways  old_gateway, old_vipd_socket, ... or new_...
//   old_lines, new_lines        carrier, old_port, old_gateway, ... or new_...; where ${carrier} is
//                               bound already, that carrier's alone
//   prefixes                    prefix
//   services                    service, vip, port, protocol
//   servers                     server (each name once)
//   logins                      login, service
// Carriers that are left as they are stand in none of the sets, nor do their lines.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/host.h"
#include "common/inventory.h"
#include "cutover/run/variables.h"

namespace rehome::cutover {

Variables inventory_variables(const Inventory& inventory);

using Names = std::set<std::string, std::less<>>;

// What for_each walks: what each element adds to the variables in force, and what ought to be among
// them and is not.
struct Walk {
    struct Missing {
        std::string what;     // "carrier "blue" has no line at site "new" (new-gw)"
        std::string carrier;  // which is to be left for it not to be missed; empty: none
    };
    std::vector<Variables> elements;
    std::vector<Missing> missing;
};

// A set by its name.  left: the carriers that are left as they are.
Result<Walk> walk(const Inventory& inventory, const Names& left, std::string_view set,
                  const Variables& in_force);

// The gateways of the old site that have lines of this carrier.
std::vector<std::string> old_gateways_of(const Inventory& inventory, std::string_view carrier);

// The host that `on` names: a gateway, a carrier (its vantage), SERVER@SITE, or a host's own name
// (local, netns:NAME, ssh:USER@HOST).
Result<Host> place(const Inventory& inventory, std::string_view name);

}  // namespace rehome::cutover
