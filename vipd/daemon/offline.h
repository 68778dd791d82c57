// `vipd why`: packets through the stages of the datapath, with a configuration and no network.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/vipd_config/config.h"

namespace rehome::vipd {

struct OfflineQuestion {
    std::string routes;                // path of a route_file.h file; empty: no routes
    std::string port;                  // name; empty: for each packet the likely one
    std::vector<std::string> packets;  // packet_text.h; one after another, flows are kept
};

// An answer (why.h) for each packet.  Peers are not heard, so that nothing is relayed; lines are as
// the configuration has them.
Checked<std::vector<nlohmann::json>> why_offline(const Config& config,
                                                 const OfflineQuestion& question);

}  // namespace rehome::vipd
