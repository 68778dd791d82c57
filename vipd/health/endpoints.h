// What is checked: the endpoints of all services' servers, each once for all services that use it
// with the same words.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/vipd_config/config.h"

namespace rehome::vipd {

// Through a tunnel the VIP is checked, at the server where the tunnel ends.
struct CheckTunnel {
    Address server;
    Encapsulation encapsulation = Encapsulation::ipip;
    Address local;  // where it begins
    Address from;   // of the VIP's family: whom the VIP answers

    bool operator==(const CheckTunnel&) const = default;
};

struct CheckedEndpoint {
    uint32_t id = 0;  // stays over reloads as long as the rest does, and is nobody else's
    Endpoint at;      // port 0 with ICMP
    std::optional<CheckTunnel> tunnel;
    HealthConfig how;  // all_down is each service's own, and left out

    std::string text() const;  // as the log names it
};

struct CheckPlan {
    std::vector<CheckedEndpoint> endpoints;  // by id, ascending
    // By the services' names, the endpoints' ids in the order of their servers; services that are
    // not checked are not there.
    std::map<std::string, std::vector<uint32_t>> services;
};

// Endpoints that the plan before has, too, keep their ids.
CheckPlan plan_checks(const Config& config, const CheckPlan& before);

}  // namespace rehome::vipd
