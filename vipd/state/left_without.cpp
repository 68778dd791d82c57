#include "vipd/state/left_without.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

// more: disabled beside what is.
bool taken_here(const Snapshot& snapshot, const ServiceTable& service, const Disabled& disabled,
                const DisableTarget* more) {
    if (!snapshot.served->can_serve(service) || disabled.masks(service.number)) {
        return false;
    }
    for (size_t i = 0; i < service.servers.size(); ++i) {
        const ServerConfig& server = service.servers[i];
        const bool meant = more != nullptr && more->means(service.config->name, server.name);
        if (service.takes_new_flows(i) && server.weight > 0 && !meant) {
            return true;
        }
    }
    return false;
}

bool taken_elsewhere(const Snapshot& snapshot, const ServiceTable& service,
                     const Disabled& disabled) {
    const uint64_t key = service_key(static_cast<uint8_t>(service.config->protocol),
                                     {service.config->vip, service.config->port});
    const auto& peers = snapshot.tables->peers();
    for (size_t i = 0; i < peers.size(); ++i) {
        const Snapshot::Peer& peer = snapshot.peers[i];
        if (peer.up && !peers[i].same_site && !disabled.masks_site(peers[i].site_number) &&
            !peer.narrow && snapshot.peer_serves(i, service.config->vip) &&
            (peer.services == nullptr || peer.services->has(key))) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::vector<std::string> left_without(const Snapshot& snapshot, const DisableTarget& target) {
    Disablings orders = snapshot.disabled->orders();
    orders[target] = {};
    const auto then = Disabled::make(orders, *snapshot.tables);
    std::vector<std::string> without;
    for (const ServiceTable& service : snapshot.tables->services()) {
        const Disabled& now = *snapshot.disabled;
        const bool taken =
            taken_here(snapshot, service, now, nullptr) || taken_elsewhere(snapshot, service, now);
        if (taken && !taken_here(snapshot, service, *then, &target) &&
            !taken_elsewhere(snapshot, service, *then)) {
            without.push_back(service.config->name);
        }
    }
    return without;
}

}  // namespace rehome::vipd
