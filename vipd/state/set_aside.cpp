#include "vipd/state/set_aside.h"

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

}  // namespace

SetAside set_aside(const Known& known, const Tables& tables) {
    SetAside aside;
    add_disabled(aside, known.orders.disabled, tables);
    return aside;
}

}  // namespace rehome::vipd
