#include "vipd/core/tables.h"

#include <algorithm>

#include "vipd/core/bytes.h"
#include "vipd/core/gue.h"
#include "vipd/core/hash.h"

namespace rehome {

namespace {

uint64_t hash_endpoint(const Endpoint& endpoint, HashKey key) {
    std::array<uint8_t, 18> bytes{};
    std::copy(endpoint.address.bytes.begin(), endpoint.address.bytes.end(), bytes.begin());
    store16(&bytes[16], endpoint.port);
    return hash_bytes(bytes, key);
}

uint64_t hash_name(const std::string& name) {
    return hash_bytes({reinterpret_cast<const uint8_t*>(name.data()), name.size()}, HashKey::home);
}

ServiceTable make_service(const ServiceConfig& config) {
    std::vector<MaglevServer> servers;
    for (const auto& server : config.servers) {
        servers.push_back({server.name, server.weight, true});
    }
    const auto protocol = static_cast<uint8_t>(config.protocol);
    return {service_id(protocol, {config.vip, config.port}), config,
            make_maglev(servers, maglev_size(servers))};
}

}  // namespace

uint32_t service_id(uint8_t protocol, const Endpoint& vip) {
    return static_cast<uint32_t>(mix(hash_endpoint(vip, HashKey::maglev) ^ protocol));
}

bool ServiceTable::has_server(const Endpoint& server) const {
    return std::any_of(config.servers.begin(), config.servers.end(), [&](const ServerConfig& s) {
        return s.address == server.address && s.port == server.port;
    });
}

std::shared_ptr<const Tables> Tables::build(const Config& config) {
    auto tables = std::make_shared<Tables>();
    for (const auto& service : config.services) {
        tables->services_.push_back(make_service(service));
        tables->by_id_[tables->services_.back().id] = tables->services_.size() - 1;
    }
    tables->prefixes_ = config.prefixes;
    for (const auto& line : config.lines) {
        tables->lines_.push_back(
            {line.carrier, carrier_id(line.carrier), static_cast<uint16_t>(line.port), line.peer});
    }
    for (const auto& peer : config.peers) {
        tables->peers_.push_back({peer.gateway, peer.site, peer.tunnel, hash_name(peer.gateway),
                                  peer.site == config.site});
    }
    for (const auto& port : config.ports) {
        tables->ports_.push_back(port.role);
    }
    tables->tunnel_ = config.tunnel;
    tables->gateway_ = config.gateway;
    tables->own_name_hash_ = hash_name(config.gateway);
    return tables;
}

const ServiceTable* Tables::service(uint32_t id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &services_[found->second];
}

const ServiceTable* Tables::service(uint8_t protocol, const Endpoint& vip) const {
    const ServiceTable* found = service(service_id(protocol, vip));
    const bool same = found != nullptr && found->config.vip == vip.address &&
                      found->config.port == vip.port &&
                      static_cast<uint8_t>(found->config.protocol) == protocol;
    return same ? found : nullptr;
}

bool Tables::is_moved(const Address& address) const {
    return std::any_of(prefixes_.begin(), prefixes_.end(),
                       [&](const Prefix& prefix) { return prefix.contains(address); });
}

bool Tables::is_vip(const Address& address) const {
    return std::any_of(services_.begin(), services_.end(),
                       [&](const ServiceTable& service) { return service.config.vip == address; });
}

bool Tables::can_serve(const Prefix& prefix) const {
    return std::any_of(services_.begin(), services_.end(), [&](const ServiceTable& service) {
        return prefix.contains(service.config.vip) && !service.maglev.empty();
    });
}

const ServerConfig& choose_server(const ServiceTable& service, const Endpoint& client) {
    const auto slot = hash_endpoint(client, HashKey::maglev) % service.maglev.size();
    return service.config.servers[service.maglev[slot]];
}

}  // namespace rehome
