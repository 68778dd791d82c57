#include "vipd/core/config_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace rehome {

namespace {

// A value that the reader could not make sense of is a mistake already; more must not follow from
// it.
class Checker {
public:
    explicit Checker(Mistakes& mistakes) : mistakes_(mistakes) {}

    template <typename... Parts>
    void wrong(std::string what, const Parts&... parts) {
        std::string pointer;
        ((pointer = pointer_to(pointer, parts)), ...);
        if (!mistakes_.has(pointer)) {
            mistakes_.add(pointer, std::move(what));
        }
    }

    template <typename... Parts>
    bool readable(const Parts&... parts) const {
        std::string pointer;
        ((pointer = pointer_to(pointer, parts)), ...);
        return !mistakes_.has(pointer);
    }

private:
    Mistakes& mistakes_;
};

std::string_view family_name(Family family) {
    return family == Family::v4 ? "IPv4" : "IPv6";
}

void check_ports(const Config& config, Checker& check) {
    std::set<std::string> names;
    for (const PortConfig& port : config.ports) {
        names.insert(port.name);
    }
    std::set<std::string> seen;
    std::set<std::string> interfaces;
    for (size_t i = 0; i < config.ports.size(); ++i) {
        const auto& [name, device, role] = config.ports[i];
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
        if (check.readable("services", at, "vip") && server.address.family != service.vip.family) {
            check.wrong(fmt::format("{} is not {}, expected the family of the VIP {}",
                                    server.address.text(), family_name(service.vip.family),
                                    service.vip.text()),
                        "services", at, "servers", i, "address");
        }
        const Endpoint endpoint{server.address, server.port};
        if (!endpoints.insert(endpoint).second) {
            check.wrong(fmt::format("{} is another server of this service already, expected each "
                                    "once",
                                    endpoint.text()),
                        "services", at, "servers", i, "address");
        }
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
        check_servers(service, i, check);
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

void resolve_ports(Config& config, const Site& site, const Gateway& gateway, Checker& check) {
    const auto give_role = [&](const std::string& port, PortRole role, const std::string& what) {
        const auto index = port_named(config, port);
        if (!index) {
            check.wrong(
                fmt::format("port \"{}\" is missing, which the inventory names for {}", port, what),
                "ports");
        } else if (config.ports[*index].role != PortRole::servers) {
            check.wrong(
                fmt::format("port \"{}\" is {} and a {} already, expected a port of its own "
                            "for each",
                            port, what, name(config.ports[*index].role)),
                "ports", *index, "name");
        } else {
            config.ports[*index].role = role;
        }
    };
    give_role(gateway.tunnel.port, PortRole::link, "the tunnel");
    config.link = port_named(config, gateway.tunnel.port).value_or(0);
    for (const Line& line : site.lines) {
        if (line.gateway == config.gateway) {
            give_role(line.port, PortRole::line, "the line to " + line.carrier);
        }
    }
}

void resolve_peers(Config& config, const Inventory& inventory, Checker& check) {
    for (const Site& site : inventory.sites) {
        for (const Gateway& gateway : site.gateways) {
            if (gateway.name == config.gateway) {
                continue;
            }
            config.peers.push_back({gateway.name, site.name, gateway.tunnel.address});
            if (gateway.tunnel.address.family != config.tunnel.family) {
                check.wrong(fmt::format("gateway {} has its tunnel at {}, expected {} as at {}",
                                        gateway.name, gateway.tunnel.address.text(),
                                        family_name(config.tunnel.family), config.gateway),
                            "inventory");
            }
        }
    }
}

void check_addresses(const Config& config, Checker& check) {
    const auto moves = [&](const Address& address) {
        return std::any_of(config.prefixes.begin(), config.prefixes.end(),
                           [&](const Prefix& prefix) { return prefix.contains(address); });
    };
    for (size_t i = 0; i < config.services.size(); ++i) {
        const ServiceConfig& service = config.services[i];
        if (check.readable("services", i, "vip") && !moves(service.vip)) {
            check.wrong(fmt::format("VIP {} lies in no prefix that moves, expected one in a prefix "
                                    "of the inventory",
                                    service.vip.text()),
                        "services", i, "vip");
        }
        for (size_t k = 0; k < service.servers.size(); ++k) {
            const Address& address = service.servers[k].address;
            if (check.readable("services", i, "servers", k, "address") && moves(address)) {
                check.wrong(
                    fmt::format("server {} lies in a prefix that moves, expected an address "
                                "of this site",
                                address.text()),
                    "services", i, "servers", k, "address");
            }
        }
    }
}

std::string gateway_names(const Inventory& inventory) {
    std::string names;
    for (const Site& site : inventory.sites) {
        for (const Gateway& gateway : site.gateways) {
            names += (names.empty() ? "" : ", ") + gateway.name;
        }
    }
    return names;
}

}  // namespace

void check_config(const Config& config, Mistakes& mistakes) {
    Checker check(mistakes);
    check_ports(config, check);
    check_services(config, check);
}

void resolve_config(Config& config, const Inventory& inventory, Mistakes& mistakes) {
    Checker check(mistakes);
    config.prefixes = inventory.prefixes;
    check_addresses(config, check);
    const Gateway* gateway = inventory.gateway(config.gateway);
    const Site* site = inventory.site_of_gateway(config.gateway);
    if (!gateway || !site) {
        check.wrong(fmt::format("no gateway \"{}\" in the inventory, expected one of {}",
                                config.gateway, gateway_names(inventory)),
                    "gateway");
        return;
    }
    config.site = site->name;
    config.tunnel = gateway->tunnel.address;
    resolve_ports(config, *site, *gateway, check);
    resolve_lines(config, *site, check);
    resolve_peers(config, inventory, check);
}

}  // namespace rehome
