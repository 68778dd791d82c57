// The checks that need the inventory (check.h).
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "common/prefix_index.h"
#include "common/sha256.h"
#include "common/special_addresses.h"
#include "common/vipd_config/check.h"
#include "common/vipd_config/checker.h"

namespace rehome::vipd {

namespace {

bool overlap(const Prefix& a, const Prefix& b) {
    return a.contains(b) || b.contains(a);
}

struct Taken {
    Address address;
    std::string what;
};

// The addresses of gateways and routers, which nobody else may have.
std::vector<Taken> gateways_addresses(const Config& config) {
    std::vector<Taken> taken;
    if (config.tunnel) {
        taken.push_back({config.tunnel->address, "the tunnel's address"});
    }
    for (const PeerConfig& peer : config.peers) {
        taken.push_back({peer.tunnel, "the tunnel's address of " + peer.gateway});
    }
    for (const LineConfig& line : config.lines) {
        taken.push_back({line.address.address, "a line's address"});
        taken.push_back({line.peer, "the router's address of line " + line.carrier});
    }
    for (const Address& address : config.server_tunnels_from) {
        taken.push_back({address, "where tunnels to servers begin"});
    }
    return taken;
}

void check_server_addresses(const Config& config, const std::vector<Taken>& taken, Checker& check) {
    for (size_t i = 0; i < config.services.size(); ++i) {
        const auto& servers = config.services[i].servers;
        for (size_t k = 0; k < servers.size(); ++k) {
            if (!check.readable("services", i, "servers", k, "address")) {
                continue;
            }
            const Address& address = servers[k].address;
            const auto wrong = [&](const std::string& what) {
                check.wrong(fmt::format("{} is {}, expected a server's", address.text(), what),
                            "services", i, "servers", k, "address");
            };
            if (is_special(address)) {
                wrong("no address that a server can have");
            }
            for (const Taken& each : taken) {
                if (each.address == address) {
                    wrong(each.what);
                }
            }
        }
    }
}

// A server of a service in a map's prefix would answer as the map's VIP.
void check_mapped_servers(const Config& config, const std::vector<Taken>& taken, Checker& check) {
    std::vector<Prefix> prefixes;
    std::vector<size_t> places;
    for (size_t i = 0; i < config.maps.size(); ++i) {
        if (check.readable("maps", i, "server_prefix")) {
            prefixes.push_back(config.maps[i].server);
            places.push_back(i);
        }
    }
    const PrefixIndex maps(prefixes);
    const auto wrong = [&](uint32_t at, const std::string& what) {
        check.wrong(fmt::format("{} holds {}, expected servers of this map alone",
                                prefixes[at].text(), what),
                    "maps", places[at], "server_prefix");
    };
    for (uint32_t at = 0; at < prefixes.size(); ++at) {
        if (is_special(prefixes[at])) {
            wrong(at, "addresses that no server can have");
        }
    }
    for (const Taken& each : taken) {
        if (const uint32_t at = maps.find(each.address); at != PrefixIndex::none) {
            wrong(at, fmt::format("{} {}", each.what, each.address.text()));
        }
    }
    for (size_t i = 0; i < config.services.size(); ++i) {
        const auto& servers = config.services[i].servers;
        for (size_t k = 0; k < servers.size(); ++k) {
            const uint32_t at = check.readable("services", i, "servers", k, "address")
                                    ? maps.find(servers[k].address)
                                    : PrefixIndex::none;
            if (at != PrefixIndex::none) {
                check.wrong(fmt::format("server {} lies in {} of map \"{}\", expected one outside: "
                                        "its answers would leave as the map's",
                                        servers[k].address.text(), prefixes[at].text(),
                                        config.maps[places[at]].name),
                            "services", i, "servers", k, "address");
            }
        }
    }
}

// The gateway's own addresses stay where they are.
void check_own_stay(const Config& config, Checker& check) {
    const PrefixIndex moved(config.prefixes);
    if (config.tunnel && moved.find(config.tunnel->address) != PrefixIndex::none) {
        check.wrong(fmt::format("the tunnel's address {} lies in a prefix that moves, expected "
                                "another in the inventory",
                                config.tunnel->address.text()),
                    "gateway");
    }
    for (size_t i = 0; i < config.server_tunnels_from.size(); ++i) {
        const Address& address = config.server_tunnels_from[i];
        if (check.readable("server_tunnels_from", i) && moved.find(address) != PrefixIndex::none) {
            check.wrong(fmt::format("{} lies in a prefix that moves, expected an address of this "
                                    "gateway's own",
                                    address.text()),
                        "server_tunnels_from", i);
        }
    }
    for (size_t i = 0; i < config.lines.size(); ++i) {
        for (const Address& address : {config.lines[i].address.address, config.lines[i].peer}) {
            if (moved.find(address) != PrefixIndex::none) {
                check.wrong(fmt::format("the line's address {} lies in a prefix that moves, "
                                        "expected another in the inventory",
                                        address.text()),
                            "lines", i, "carrier");
            }
        }
    }
}

// Whose address lies in a pool, where it would be mistaken for a client's way back.
void check_pools_free(const Config& config, const std::vector<Taken>& taken, Checker& check) {
    std::vector<Prefix> prefixes;
    std::vector<std::pair<size_t, size_t>> places;
    for (size_t i = 0; i < config.pools.size(); ++i) {
        for (size_t k = 0; k < config.pools[i].addresses.size(); ++k) {
            if (check.readable("pools", i, "addresses", k)) {
                prefixes.push_back(config.pools[i].addresses[k]);
                places.emplace_back(i, k);
            }
        }
    }
    const PrefixIndex index(prefixes);
    const auto take = [&](size_t at, const std::string& what) {
        check.wrong(
            fmt::format("{} holds {}, expected addresses of nobody", prefixes[at].text(), what),
            "pools", places[at].first, "addresses", places[at].second);
    };
    for (const ServiceConfig& service : config.services) {
        for (const ServerConfig& server : service.servers) {
            if (const uint32_t at = index.find(server.address); at != PrefixIndex::none) {
                take(at, "a server's address " + server.address.text());
            }
        }
    }
    for (const Taken& each : taken) {
        if (const uint32_t at = index.find(each.address); at != PrefixIndex::none) {
            take(at, fmt::format("{} {}", each.what, each.address.text()));
        }
    }
    for (size_t at = 0; at < prefixes.size(); ++at) {
        if (is_special(prefixes[at])) {
            take(at, "addresses that no host can have");
        }
        for (const Prefix& moved : config.prefixes) {
            if (overlap(prefixes[at], moved)) {
                take(at, "addresses that move, of " + moved.text());
            }
        }
        for (const MapConfig& map : config.maps) {
            if (overlap(prefixes[at], map.server)) {
                take(at, fmt::format("servers of map \"{}\"", map.name));
            }
        }
    }
}

std::optional<size_t> port_named(const Config& config, std::string_view name) {
    for (size_t i = 0; i < config.ports.size(); ++i) {
        if (config.ports[i].name == name) {
            return i;
        }
    }
    return std::nullopt;
}

// The inventory's lines of this gateway, each of which the file must mention once.
void resolve_lines(Config& config, const Site& site, Checker& check) {
    std::set<std::string> mentioned;
    for (size_t i = 0; i < config.lines.size(); ++i) {
        LineConfig& line = config.lines[i];
        const auto known =
            std::find_if(site.lines.begin(), site.lines.end(), [&](const Line& each) {
                return each.gateway == config.gateway && each.carrier == line.carrier;
            });
        if (!mentioned.insert(line.carrier).second) {
            check.wrong(fmt::format("the line to {} is listed twice, expected once", line.carrier),
                        "lines", i, "carrier");
        } else if (known == site.lines.end()) {
            check.wrong(fmt::format("gateway {} has no line to \"{}\" in the inventory, expected "
                                    "one that it has",
                                    config.gateway, line.carrier),
                        "lines", i, "carrier");
        } else {
            line.address = known->address;
            line.peer = known->peer;
            line.vlan = known->vlan;
            line.port = port_named(config, known->port).value_or(0);
        }
    }
    for (const Line& line : site.lines) {
        if (line.gateway == config.gateway && !mentioned.contains(line.carrier)) {
            check.wrong(fmt::format("the line to {} is missing, expected it with \"enabled\" true "
                                    "or false",
                                    line.carrier),
                        "lines");
        }
    }
}

// Who has each VLAN of each port.
class PortRoles {
public:
    PortRoles(const Config& config, Checker& check) : config_(config), check_(check) {}

    void give(const std::string& port, uint16_t vlan, PortRole role, const std::string& what) {
        const auto index = port_named(config_, port);
        if (index) {
            take(*index, vlan, role, what, "name");
        } else {
            check_.wrong(
                fmt::format("port \"{}\" is missing, which the inventory names for {}", port, what),
                "ports");
        }
    }

    void give_servers() {
        for (size_t i = 0; i < config_.ports.size(); ++i) {
            if (const auto& vlans = config_.ports[i].server_vlans) {
                for (const uint16_t vlan : *vlans) {
                    take(i, vlan, PortRole::servers, "the servers'", "server_vlans");
                }
            }
        }
    }

private:
    // Several lines may share a VLAN: the inventory has told their peers apart.
    void take(size_t port, uint16_t vlan, PortRole role, const std::string& what, const char* key) {
        const auto [other, fresh] = taken_.try_emplace({port, vlan}, role);
        if (fresh || (role == PortRole::line && other->second == PortRole::line)) {
            return;
        }
        const std::string where = vlan == 0 ? "" : fmt::format(", VLAN {},", vlan);
        check_.wrong(fmt::format("port \"{}\"{} is {} and {} already, expected a port or VLAN of "
                                 "its own for each",
                                 config_.ports[port].name, where, what, owner(other->second)),
                     "ports", port, key);
    }

    static std::string_view owner(PortRole role) {
        return role == PortRole::line   ? "a line"
               : role == PortRole::link ? "the tunnel's"
                                        : "the servers'";
    }

    const Config& config_;
    Checker& check_;
    std::map<std::pair<size_t, uint16_t>, PortRole> taken_;
};

void resolve_ports(Config& config, const Site& site, const Gateway& gateway, Checker& check) {
    PortRoles roles(config, check);
    if (const auto& tunnel = gateway.tunnel) {
        roles.give(tunnel->port, tunnel->vlan, PortRole::link, "the tunnel");
        config.tunnel = {tunnel->address, port_named(config, tunnel->port).value_or(0),
                         tunnel->vlan};
    }
    for (const Line& line : site.lines) {
        if (line.gateway == config.gateway) {
            roles.give(line.port, line.vlan, PortRole::line, "the line to " + line.carrier);
        }
    }
    roles.give_servers();
}

// Each of several gateways has its tunnel's end: the inventory has seen to that.
void resolve_peers(Config& config, const Inventory& inventory, Checker& check) {
    for (const Site& site : inventory.sites) {
        for (const Gateway& gateway : site.gateways) {
            if (gateway.name == config.gateway) {
                continue;
            }
            const Address& peer = gateway.tunnel->address;
            const Family family = config.tunnel->address.family;
            config.peers.push_back(
                {gateway.name, site.name, peer, gateway.host, gateway.vipd_socket});
            if (peer.family != family) {
                check.wrong(
                    fmt::format("gateway {} has its tunnel at {}, expected {} as at {}",
                                gateway.name, peer.text(), family_name(family), config.gateway),
                    "inventory");
            }
        }
    }
}

// Checks through a tunnel come from where it begins, and are answered there by the VIP.
void check_source_of_checks(const Config& config, const ServiceConfig& service, size_t at,
                            Checker& check) {
    if (service.forward == Forward::tunnel && config.health_of(service) != nullptr &&
        check.readable("services", at, "vip") && !config.server_tunnel_from(service.vip.family)) {
        check.wrong(fmt::format("checks of an {} VIP through tunnels come from none of this "
                                "gateway's addresses, expected an {} address in "
                                "\"server_tunnels_from\"",
                                family_name(service.vip.family), family_name(service.vip.family)),
                    "services", at, "vip");
    }
}

void check_server_tunnels(const Config& config, Checker& check) {
    for (size_t i = 0; i < config.services.size(); ++i) {
        const ServiceConfig& service = config.services[i];
        for (size_t k = 0; k < service.servers.size() && service.forward == Forward::tunnel; ++k) {
            const Family family = service.servers[k].address.family;
            if (check.readable("services", i, "servers", k, "address") &&
                !config.server_tunnel_from(family)) {
                check.wrong(fmt::format("this gateway's tunnel address is {}, and a tunnel to {} "
                                        "comes from none, expected an {} address in "
                                        "\"server_tunnels_from\"",
                                        config.tunnel ? config.tunnel->address.text() : "none",
                                        service.servers[k].address.text(), family_name(family)),
                            "services", i, "servers", k, "address");
            }
        }
        check_source_of_checks(config, service, i, check);
    }
}

void check_map_addresses(const Config& config, const PrefixIndex& moved, Checker& check) {
    for (size_t i = 0; i < config.maps.size(); ++i) {
        const auto& [name, vip, server] = config.maps[i];
        const uint32_t outer = moved.find(vip.address);
        if (check.readable("maps", i, "vip_prefix") &&
            (outer == PrefixIndex::none || !config.prefixes[outer].contains(vip))) {
            check.wrong(fmt::format("{} lies in no prefix that moves, expected a part of a prefix "
                                    "of the inventory",
                                    vip.text()),
                        "maps", i, "vip_prefix");
        }
        if (!check.readable("maps", i, "server_prefix")) {
            continue;
        }
        for (const Prefix& prefix : config.prefixes) {
            if (overlap(prefix, server)) {
                check.wrong(fmt::format("{} overlaps {}, which moves, expected addresses of this "
                                        "site",
                                        server.text(), prefix.text()),
                            "maps", i, "server_prefix");
            }
        }
    }
}

void check_addresses(const Config& config, Checker& check) {
    const PrefixIndex moved(config.prefixes);
    std::vector<Prefix> mapped;
    for (const MapConfig& map : config.maps) {
        mapped.push_back(map.vip);
    }
    const PrefixIndex maps(mapped);
    check_map_addresses(config, moved, check);
    for (size_t i = 0; i < config.services.size(); ++i) {
        const ServiceConfig& service = config.services[i];
        if (check.readable("services", i, "vip")) {
            const uint32_t map = maps.find(service.vip);
            if (moved.find(service.vip) == PrefixIndex::none) {
                check.wrong(fmt::format("VIP {} lies in no prefix that moves, expected one in a "
                                        "prefix of the inventory",
                                        service.vip.text()),
                            "services", i, "vip");
            } else if (map != PrefixIndex::none && check.readable("maps", map, "vip_prefix")) {
                check.wrong(fmt::format("VIP {} lies in {} of map \"{}\", expected one outside: a "
                                        "fragment or ICMP packet has no port that would tell them "
                                        "apart",
                                        service.vip.text(), config.maps[map].vip.text(),
                                        config.maps[map].name),
                            "services", i, "vip");
            }
        }
        for (size_t k = 0; k < service.servers.size(); ++k) {
            const Address& address = service.servers[k].address;
            if (check.readable("services", i, "servers", k, "address") &&
                moved.find(address) != PrefixIndex::none) {
                check.wrong(
                    fmt::format("server {} lies in a prefix that moves, expected an address "
                                "of this site",
                                address.text()),
                    "services", i, "servers", k, "address");
            }
        }
    }
}

// The same in every version of vipd, as gateways compare it.
MoveConfig move_of(const Inventory& inventory) {
    if (!inventory.moves()) {
        return {};
    }
    std::string text = inventory.from + "\n" + inventory.to + "\n" + inventory.move;
    std::set<std::string> prefixes;
    for (const Prefix& prefix : inventory.prefixes) {
        prefixes.insert(prefix.text());
    }
    if (inventory.move.empty()) {
        text += fmt::format("\n{}", fmt::join(prefixes, "\n"));
    }
    return {inventory.move, inventory.from, inventory.to, short_sha256(text)};
}

}  // namespace

void resolve_config(Config& config, const Inventory& inventory, Mistakes& mistakes) {
    Checker check(mistakes);
    config.prefixes = inventory.prefixes;
    config.move = move_of(inventory);
    check_addresses(config, check);
    const Gateway* gateway = inventory.gateway(config.gateway);
    const Site* site = inventory.site_of_gateway(config.gateway);
    if (!gateway || !site) {
        check.wrong(fmt::format("no gateway \"{}\" in the inventory, expected one of {}",
                                config.gateway, inventory.gateway_names()),
                    "gateway");
        return;
    }
    config.site = site->name;
    config.networks = site->networks;
    for (const Carrier& carrier : inventory.carriers) {
        config.clients.insert(config.clients.end(), carrier.clients.begin(), carrier.clients.end());
    }
    resolve_ports(config, *site, *gateway, check);
    resolve_lines(config, *site, check);
    resolve_peers(config, inventory, check);
    const auto taken = gateways_addresses(config);
    check_pools_free(config, taken, check);
    check_server_addresses(config, taken, check);
    check_mapped_servers(config, taken, check);
    check_own_stay(config, check);
    check_server_tunnels(config, check);
}

}  // namespace rehome::vipd
