// How a packet comes in, when nobody says it: by the port and VLAN to which the kernel's route to
// its sender leads, from the next hop there.  Where no route says so, by the port where it would be
// more than the kernel's: a line before the link before the servers'.
#pragma once

#include <optional>
#include <string>

#include "common/vipd_config/config.h"
#include "vipd/packet/packet_text.h"
#include "vipd/route/fib.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

struct WayIn {
    PortIndex port = 0;
    std::optional<uint16_t> vlan{};
    std::optional<Mac> from{};  // nothing: nobody knows, and it says nothing
};

struct Senders {
    const Fib& routes;
    const Neighbours& neighbours;
};

// The number of the port of that name.
Result<PortIndex> port_named(const Config& config, const std::string& name);

// name: of the port that is said; empty: the likely one.
Result<WayIn> way_in(const Config& config, const Tables& tables, const Senders& senders,
                     const std::string& name, const TextPacket& packet);

}  // namespace rehome::vipd
