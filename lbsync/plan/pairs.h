// Which host of the old site corresponds to which host of the new one, by the inventory.
//
// Gateways are paired in the inventory's order; servers by the services that name them.  A server
// without a host at either site is not ours to touch: it is told in `skipped`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/inventory.h"
#include "lbsync/mapping/interfaces.h"

namespace rehome::lbsync {

// The direction of the carry.  The inventory must outlive it.
struct Move {
    const Site* from = nullptr;
    const Site* to = nullptr;
    bool back = false;  // from the site that takes over to the one that is left

    const Placement& old_place(const Server& server) const;
    const Placement& new_place(const Server& server) const;
};

// from, to: names of sites; empty: as the inventory says.  The two that move, in either direction.
Checked<Move> choose_move(const Inventory& inventory, std::string_view from, std::string_view to);

struct GatewayPair {
    const Gateway* from = nullptr;
    const Gateway* to = nullptr;
};

struct HostPair {
    std::string from;  // local | netns:NAME | ssh:USER@HOST
    std::string to;
    Interfaces
        interfaces;  // of gateways: the ports of lines to the same carrier, and of the tunnel
};

struct Pairs {
    std::vector<GatewayPair> gateways;
    std::vector<HostPair> hosts;       // each pair once
    std::vector<std::string> skipped;  // what is not carried, and why
};

Checked<Pairs> make_pairs(const Inventory& inventory, const Move& move);

// The line of the other site's gateway to the same carrier; null when there is none.
const Line* counterpart(const Line& line, const GatewayPair& pair, const Site& other);

}  // namespace rehome::lbsync
