#include "vipd/state/set_aside.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

// What the operator has disabled, in whatever way.
void add_disabled(SetAside& aside, const Disablings& orders, const Tables& tables) {
    for (const auto& [target, order] : orders) {
        if (target.level != Level::server) {
            continue;
        }
        for (const ServiceTable& service : tables.services()) {
            for (size_t i = 0; i < service.servers.size(); ++i) {
                if (target.means(service.config->name, service.servers[i].name)) {
                    auto& servers = aside[service.number];
                    servers.resize(service.servers.size());
                    servers[i] = true;
                }
            }
        }
    }
}

// What checks have found down.  Where nobody is left it is as the service says: the last that were
// up may be kept, the others stay aside.
void add_down(SetAside& aside, const Known& known, const Tables& tables) {
    const auto& health = known.observed.health;
    if (health == nullptr) {
        return;
    }
    for (const ServiceTable& service : tables.services()) {
        const HealthConfig* how = known.config->health_of(*service.config);
        const auto seen = health->services.find(service.config->name);
        if (how == nullptr || seen == health->services.end() ||
            seen->second.size() != service.servers.size()) {
            continue;
        }
        const auto said = aside.find(service.number);
        std::vector<bool> servers =
            said == aside.end() ? std::vector<bool>(service.servers.size()) : said->second;
        bool some_up = false, some_down = false;
        Micros last = 0;
        for (size_t i = 0; i < servers.size(); ++i) {
            const EndpointHealth& server = seen->second[i];
            if (!service.servers[i].masked && !servers[i]) {
                some_up = some_up || !server.down();
                some_down = some_down || server.down();
                last = server.down() ? std::max(last, server.since) : last;
            }
        }
        const bool keeps = !some_up && how->all_down == HealthConfig::AllDown::keep;
        for (size_t i = 0; i < servers.size(); ++i) {
            const EndpointHealth& server = seen->second[i];
            servers[i] = servers[i] || (server.down() && !(keeps && server.since == last));
        }
        if (some_down) {
            aside[service.number] = std::move(servers);
        }
    }
}

}  // namespace

SetAside set_aside(const Known& known, const Tables& tables) {
    SetAside aside;
    add_disabled(aside, known.orders.disabled, tables);
    add_down(aside, known, tables);
    return aside;
}

}  // namespace rehome::vipd
