// What a gateway offers on the VIPs, as its configuration says it.
#pragma once

#include <vector>

#include "common/vipd_config/config.h"

namespace rehome::lbsync {

struct Offer {
    std::vector<vipd::ServiceConfig> services;
    std::vector<vipd::MapConfig> maps;
    std::vector<vipd::PoolConfig> pools;  // named by services; their addresses are the site's own
    vipd::AccessConfig access;            // as a whole: clients and VIPs stay the same

    bool operator==(const Offer&) const = default;
};

}  // namespace rehome::lbsync
