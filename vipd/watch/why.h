// What the datapath would do with a packet, told decision by decision: the answer of `vipd why` and
// `vipctl why`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "common/vipd_config/config.h"
#include "vipd/packet/packet_text.h"
#include "vipd/path/datapath.h"
#include "vipd/watch/way_in.h"

namespace rehome::vipd {

// Runs the packet, and gives the answer ("rehome/vipd-why/1"): the packet and its port, the steps,
// the way ("forward", "wait", "punt", "consumed", "drop") with what belongs to it, and the packets
// that leave, as text.
//
// offline: handle(), on a datapath that is nobody's; what it emits is told too.
nlohmann::json why_offline(Datapath& path, const Config& config, const TextPacket& packet,
                           const WayIn& way, Micros now);
// live: explain(), which changes nothing.
nlohmann::json why_live(Datapath& path, const Config& config, const TextPacket& packet,
                        const WayIn& way, Micros now);
// The same of a client's packet and of what a server would say to it.
struct BothWays {
    nlohmann::json in;
    std::optional<nlohmann::json> back;  // nothing: no server of this site answers by this gateway
};
BothWays why_both(Datapath& path, const Config& config, const TextPacket& packet, const WayIn& way,
                  Micros now);

}  // namespace rehome::vipd
