// What checks have found: observed like the peers' keepalives, and compiled into the snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vipd/packet/micros.h"

namespace rehome::vipd {

// Checks' source ports: above those that Linux gives to others unless told otherwise
// (ip_local_port_range).
inline constexpr uint16_t check_ports_first = 61'000;
inline constexpr uint32_t check_ports = 65'536 - check_ports_first;

struct EndpointHealth {
    enum class State : uint8_t { unknown, up, down } state = State::unknown;
    bool kept_up = false;   // looks down, and so does more than half of all
    Micros since = 0;       // of the state; 0: ever since
    Micros held_until = 0;  // down, though it may look up again; 0: not held
    std::string why;        // what the last check found that failed, while it looks down
    Micros why_since = 0;   // for how long it has been that; 0: there is none

    bool down() const { return state == State::down; }
    bool operator==(const EndpointHealth&) const = default;
};

constexpr std::string_view name(EndpointHealth::State state) {
    return state == EndpointHealth::State::up     ? "up"
           : state == EndpointHealth::State::down ? "down"
                                                  : "unknown";
}

// Of all services that are checked.  Immutable once made.
struct ServersHealth {
    // By the services' names, in the order of their servers.
    std::map<std::string, std::vector<EndpointHealth>, std::less<>> services;
    bool keeps = false;  // more than half of the endpoints look down: kept as they were
    size_t look_down = 0, endpoints = 0;

    // Null: not checked.
    const EndpointHealth* of(std::string_view service, size_t server) const {
        const auto found = services.find(service);
        return found == services.end() || server >= found->second.size() ? nullptr
                                                                         : &found->second[server];
    }
};

}  // namespace rehome::vipd
