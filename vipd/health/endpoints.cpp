#include "vipd/health/endpoints.h"

#include <fmt/format.h>

#include <algorithm>

namespace rehome::vipd {

namespace {

// Equal for what is checked in the same way, and for nothing else.
std::string key_of(const CheckedEndpoint& endpoint) {
    const HealthConfig& how = endpoint.how;
    std::string key = fmt::format("{} {} {} {} {} {} {} {}", endpoint.at.text(),
                                  static_cast<int>(how.kind), how.interval_ms, how.jitter_percent,
                                  how.timeout_ms, how.rise, how.fall, how.steps.size());
    for (const ScriptStep& step : how.steps) {
        key += fmt::format(" {}:{}", static_cast<int>(step.kind), hex(step.bytes.value));
    }
    if (const auto& tunnel = endpoint.tunnel) {
        key += fmt::format(" {} {} {} {}", tunnel->server.text(), name(tunnel->encapsulation),
                           tunnel->local.text(), tunnel->from.text());
    }
    return key;
}

CheckedEndpoint endpoint_of(const Config& config, const ServiceConfig& service,
                            const ServerConfig& server, const HealthConfig& how) {
    CheckedEndpoint endpoint;
    endpoint.how = how;
    endpoint.how.all_down = HealthConfig::AllDown::keep;
    const bool tunnelled = service.forward == Forward::tunnel;
    const uint16_t served = tunnelled ? service.port : server.port;
    endpoint.at = {tunnelled ? service.vip : server.address, how.port != 0 ? how.port : served};
    if (how.kind == HealthConfig::Kind::icmp) {
        endpoint.at.port = 0;
    }
    const auto local = config.server_tunnel_from(server.address.family);
    const auto from = config.server_tunnel_from(service.vip.family);
    if (tunnelled && local && from) {
        endpoint.tunnel = {server.address, service.encapsulation, *local, *from};
    }
    return endpoint;
}

}  // namespace

std::string CheckedEndpoint::text() const {
    const std::string where = at.port == 0 ? at.address.text() : at.text();
    return tunnel ? fmt::format("{} through {}", where, tunnel->server.text()) : where;
}

CheckPlan plan_checks(const Config& config, const CheckPlan& before) {
    std::map<std::string, uint32_t> ids;
    uint32_t next = 1;
    for (const CheckedEndpoint& endpoint : before.endpoints) {
        ids[key_of(endpoint)] = endpoint.id;
        next = endpoint.id + 1;
    }
    CheckPlan plan;
    std::map<uint32_t, CheckedEndpoint> used;
    for (const ServiceConfig& service : config.services) {
        const HealthConfig* how = config.health_of(service);
        if (how == nullptr) {
            continue;
        }
        auto& servers = plan.services[service.name];
        for (const ServerConfig& server : service.servers) {
            CheckedEndpoint endpoint = endpoint_of(config, service, server, *how);
            const auto [known, fresh] = ids.try_emplace(key_of(endpoint), next);
            next += fresh ? 1 : 0;
            endpoint.id = known->second;
            servers.push_back(endpoint.id);
            used.try_emplace(endpoint.id, std::move(endpoint));
        }
    }
    for (auto& [id, endpoint] : used) {
        plan.endpoints.push_back(std::move(endpoint));
    }
    return plan;
}

}  // namespace rehome::vipd
