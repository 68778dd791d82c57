#include "common/vipd_config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/special_addresses.h"
#include "common/vipd_config/checker.h"

namespace rehome::vipd {

namespace {

void check_ports(const Config& config, Checker& check) {
    std::set<std::string> names;
    for (const PortConfig& port : config.ports) {
        names.insert(port.name);
    }
    std::set<std::string> seen;
    std::set<std::string> interfaces;
    for (size_t i = 0; i < config.ports.size(); ++i) {
        const auto& [name, device, server_vlans] = config.ports[i];
        if (!seen.insert(name).second) {
            check.wrong(fmt::format("port name \"{}\" is used twice, expected another", name),
                        "ports", i, "name");
        }
        if (device.interface.empty()) {
            continue;
        }
        if (!interfaces.insert(device.interface).second) {
            check.wrong(fmt::format("interface {} is the device of another port already, expected "
                                    "one of its own",
                                    device.interface),
                        "ports", i, "device");
        }
        if (names.contains(device.interface)) {
            check.wrong(fmt::format("interface {} has the name of a port, which is that of its TAP "
                                    "twin, expected another interface",
                                    device.interface),
                        "ports", i, "device");
        }
    }
}

// A prefix of the file and where it stands.
struct Placed {
    Prefix prefix;
    std::string pointer;
    std::string owner;
};

// Sorted by address, then length, what overlaps a prefix follows it directly: two prefixes either
// lie one in the other or have nothing in common.
void check_apart(std::vector<Placed> prefixes, std::string_view expected, Checker& check) {
    std::stable_sort(prefixes.begin(), prefixes.end(),
                     [](const Placed& a, const Placed& b) { return a.prefix < b.prefix; });
    const Placed* outer = nullptr;
    for (const Placed& each : prefixes) {
        if (outer != nullptr && outer->prefix.contains(each.prefix)) {
            check.wrong_at(each.pointer,
                           fmt::format("{} overlaps {} of {}, expected {}", each.prefix.text(),
                                       outer->prefix.text(), outer->owner, expected));
        } else {
            outer = &each;
        }
    }
}

void check_maps(const Config& config, Checker& check) {
    std::set<std::string> names;
    std::vector<Placed> vips;
    std::vector<Placed> servers;
    for (size_t i = 0; i < config.maps.size(); ++i) {
        const MapConfig& map = config.maps[i];
        const std::string at = pointer_to("/maps", i);
        if (!names.insert(map.name).second) {
            check.wrong(fmt::format("map name \"{}\" is used twice, expected another", map.name),
                        "maps", i, "name");
        }
        const bool vip = check.readable("maps", i, "vip_prefix");
        const bool server = check.readable("maps", i, "server_prefix");
        if (vip) {
            vips.push_back({map.vip, at + "/vip_prefix", "map \"" + map.name + "\""});
        }
        if (server) {
            servers.push_back({map.server, at + "/server_prefix", "map \"" + map.name + "\""});
        }
        if (vip && server &&
            (map.vip.length != map.server.length ||
             map.vip.address.family != map.server.address.family)) {
            check.wrong(fmt::format("{} does not match {}, expected a prefix of {} with length {}",
                                    map.server.text(), map.vip.text(),
                                    family_name(map.vip.address.family), map.vip.length),
                        "maps", i, "server_prefix");
        }
    }
    check_apart(std::move(vips), "VIPs of one map each", check);
    check_apart(std::move(servers), "servers of one map each", check);
}

void check_pools(const Config& config, Checker& check) {
    std::set<std::string> names;
    std::vector<Placed> all;
    for (size_t i = 0; i < config.pools.size(); ++i) {
        const PoolConfig& pool = config.pools[i];
        if (!names.insert(pool.name).second) {
            check.wrong(fmt::format("pool name \"{}\" is used twice, expected another", pool.name),
                        "pools", i, "name");
        }
        bool readable = true;
        for (size_t k = 0; k < pool.addresses.size(); ++k) {
            const Prefix& prefix = pool.addresses[k];
            if (!check.readable("pools", i, "addresses", k)) {
                readable = false;
                continue;
            }
            const std::string at = pointer_to(pointer_to("/pools", i) + "/addresses", k);
            all.push_back({prefix, at, "pool \"" + pool.name + "\""});
            const Family family = pool.addresses[0].address.family;
            if (readable && prefix.address.family != family) {
                check.wrong(fmt::format("{} is not {}, expected the family of the pool's first",
                                        prefix.text(), family_name(family)),
                            "pools", i, "addresses", k);
            }
        }
        if (pool.first_port > pool.last_port && check.readable("pools", i, "ports")) {
            check.wrong(
                fmt::format("the first port, {}, is above the last, {}, expected it not to be",
                            pool.first_port, pool.last_port),
                "pools", i, "ports");
        }
        const uint32_t ports = pool.first_port > pool.last_port
                                   ? config.workers
                                   : pool.last_port - pool.first_port + 1U;
        if (ports < config.workers && check.readable("pools", i, "ports")) {
            check.wrong(
                fmt::format("there are {}, expected one for each of the {} workers at least", ports,
                            config.workers),
                "pools", i, "ports");
        }
        if (readable && pool.size() > PoolConfig::most_addresses) {
            check.wrong(fmt::format("holds more than {0} addresses, expected at most {0}",
                                    PoolConfig::most_addresses),
                        "pools", i, "addresses");
        }
    }
    uint64_t together = 0;
    for (const PoolConfig& pool : config.pools) {
        together += std::min(pool.size(), PoolConfig::most_together + 1);
    }
    if (together > PoolConfig::most_together) {
        check.wrong(fmt::format("hold more than {} addresses together, expected at most that many",
                                PoolConfig::most_together),
                    "pools");
    }
    check_apart(std::move(all), "addresses of one pool each", check);
}

void check_server_tunnels_from(const Config& config, Checker& check) {
    const auto& from = config.server_tunnels_from;
    for (size_t i = 0; i < from.size(); ++i) {
        if (check.readable("server_tunnels_from", i) && is_special(from[i])) {
            check.wrong(fmt::format("{} is no address that a gateway can have, expected one of its "
                                    "own",
                                    from[i].text()),
                        "server_tunnels_from", i);
        }
    }
    if (from.size() == 2 && check.readable("server_tunnels_from", 0) &&
        check.readable("server_tunnels_from", 1) && from[0].family == from[1].family) {
        check.wrong(fmt::format("{} is {} as the other, expected one of a family", from[1].text(),
                                family_name(from[1].family)),
                    "server_tunnels_from", 1);
    }
}

void check_servers(const ServiceConfig& service, size_t at, Checker& check) {
    std::set<std::string> names;
    std::set<Endpoint> endpoints;
    for (size_t i = 0; i < service.servers.size(); ++i) {
        const ServerConfig& server = service.servers[i];
        if (!names.insert(server.name).second) {
            check.wrong(fmt::format("server name \"{}\" is used twice in this service, expected "
                                    "another",
                                    server.name),
                        "services", at, "servers", i, "name");
        }
        if (!check.readable("services", at, "servers", i, "address")) {
            continue;
        }
        const bool to_v4 =
            service.forward == Forward::tunnel && server.address.family == Family::v4;
        if (check.readable("services", at, "vip") && !to_v4 &&
            server.address.family != service.vip.family) {
            check.wrong(fmt::format("{} is not {}, expected the family of the VIP {}",
                                    server.address.text(), family_name(service.vip.family),
                                    service.vip.text()),
                        "services", at, "servers", i, "address");
        }
        const Endpoint endpoint = server.endpoint();
        if (!endpoints.insert(endpoint).second) {
            check.wrong(fmt::format("{} is another server of this service already, expected each "
                                    "once",
                                    service.forward == Forward::tunnel ? server.address.text()
                                                                       : endpoint.text()),
                        "services", at, "servers", i, "address");
        }
    }
}

void check_source_nat(const Config& config, const ServiceConfig& service, size_t at,
                      Checker& check) {
    if (!service.pool || !check.readable("services", at, "vip") ||
        !check.readable("pools", *service.pool)) {
        return;
    }
    const PoolConfig& pool = config.pools[*service.pool];
    if (!pool.addresses.empty() && check.readable("pools", *service.pool, "addresses", 0) &&
        pool.addresses[0].address.family != service.vip.family) {
        check.wrong(fmt::format("pool \"{}\" is not {}, expected the family of the VIP {}",
                                pool.name, family_name(service.vip.family), service.vip.text()),
                    "services", at, "source_nat");
    }
}

// Something must be at the port that is checked.
void check_port_of_health(const Config& config, const ServiceConfig& service, size_t at,
                          Checker& check) {
    const HealthConfig* health = config.health_of(service);
    if (health == nullptr || health->port != 0 || health->kind == HealthConfig::Kind::icmp) {
        return;
    }
    const bool by_udp = health->kind == HealthConfig::Kind::udp;
    if (by_udp != (service.protocol == Protocol::udp)) {
        const std::string what = fmt::format(
            "a check by \"{}\" reaches no port of {}, expected its \"port\", another kind or "
            "\"none\"",
            name(health->kind), name(service.protocol));
        service.health ? check.wrong(what, "services", at, "health", "port")
                       : check.wrong(what, "services", at);
    }
}

void check_services(const Config& config, Checker& check) {
    std::set<std::string> names;
    std::map<std::pair<Protocol, Endpoint>, std::string> taken;
    for (size_t i = 0; i < config.services.size(); ++i) {
        const ServiceConfig& service = config.services[i];
        if (!names.insert(service.name).second) {
            check.wrong(
                fmt::format("service name \"{}\" is used twice, expected another", service.name),
                "services", i, "name");
        }
        if (check.readable("services", i, "vip")) {
            const Endpoint vip{service.vip, service.port};
            const auto [other, is_new] = taken.try_emplace({service.protocol, vip}, service.name);
            if (!is_new) {
                check.wrong(fmt::format("{} {} belongs to service \"{}\" already, expected one "
                                        "service for each",
                                        name(service.protocol), vip.text(), other->second),
                            "services", i, "vip");
            }
        }
        check_source_nat(config, service, i, check);
        check_servers(service, i, check);
        if (service.health) {
            check_health(*service.health, pointer_to(pointer_to("/services", i), "health"), check);
        }
        check_port_of_health(config, service, i, check);
    }
}

}  // namespace

void check_config(const Config& config, Mistakes& mistakes) {
    Checker check(mistakes);
    check_ports(config, check);
    check_maps(config, check);
    check_pools(config, check);
    check_server_tunnels_from(config, check);
    check_services(config, check);
    if (config.health) {
        check_health(*config.health, "/health", check);
    }
}

}  // namespace rehome::vipd
