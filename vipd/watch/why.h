// What the datapath would do with a packet, told decision by decision: the answer of `vipd why` and
// `vipctl why`.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "common/vipd_config/config.h"
#include "vipd/packet/packet_text.h"
#include "vipd/path/datapath.h"

namespace rehome::vipd {

// The port by which such a packet most likely comes in: a reply by the servers' port, a tunnelled
// one by the link, any other by the first line.
PortIndex likely_port(const Config& config, const Tables& tables, const TextPacket& packet);

// The number of the port of that name; empty: the likely one.
Result<PortIndex> port_for(const Config& config, const Tables& tables, const std::string& name,
                           const TextPacket& packet);

// Runs the packet, and gives the answer ("rehome/vipd-why/1"): the packet and its port, the steps,
// the way ("forward", "punt", "consumed", "drop") with what belongs to it, and the packets that
// leave, as text.
//
// offline: handle(), on a datapath that is nobody's; what it emits is told too.
nlohmann::json why_offline(Datapath& path, const Config& config, const TextPacket& packet,
                           PortIndex port, Micros now);
// live: explain(), which changes nothing.
nlohmann::json why_live(Datapath& path, const Config& config, const TextPacket& packet,
                        PortIndex port, Micros now);

}  // namespace rehome::vipd
