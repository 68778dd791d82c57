// The inventory is one of a move: so many of its things are there.
#include "cutover/run/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace rehome::cutover {

namespace {

using Elements = std::vector<Variables>;

void bind_gateway(Variables& into, const std::string& side, const Gateway& gateway) {
    into[side + "gateway"] = gateway.name;
    into[side + "vipd_socket"] = gateway.vipd_socket;
    into[side + "vipd_config"] = gateway.vipd_config;
    into[side + "bird_socket"] = gateway.bird_socket;
}

const Site& site_of(const Inventory& inventory, const std::string& side) {
    return side == "old_" ? inventory.old_site() : inventory.new_site();
}

Variables line_variables(const Inventory& inventory, const std::string& side, const Line& line) {
    Variables result{{"carrier", line.carrier}, {side + "port", line.port}};
    if (const Gateway* gateway = inventory.gateway(line.gateway)) {
        bind_gateway(result, side, *gateway);
    }
    return result;
}

bool has_line(const Site& site, std::string_view carrier) {
    return std::any_of(site.lines.begin(), site.lines.end(),
                       [carrier](const Line& line) { return line.carrier == carrier; });
}

std::string no_line(const Site& site, const std::string& carrier) {
    std::string gateways;
    for (const Gateway& gateway : site.gateways) {
        gateways += (gateways.empty() ? "" : ", ") + gateway.name;
    }
    return fmt::format("carrier {} has no line at site {} ({})", in_quotes(carrier),
                       in_quotes(site.name), gateways);
}

// The lines of the carrier that is bound, else of all; each of them ought to have one.
Walk lines(const Inventory& inventory, const Names& left, const std::string& side,
           const Variables& in_force) {
    const Site& site = site_of(inventory, side);
    const auto bound = in_force.find("carrier");
    const auto is_bound = [&](const std::string& carrier) {
        return bound == in_force.end() || bound->second == carrier;
    };
    Walk result;
    for (const Line& line : site.lines) {
        if (is_bound(line.carrier) && !left.contains(line.carrier)) {
            result.elements.push_back(line_variables(inventory, side, line));
        }
    }
    for (const Carrier& carrier : inventory.carriers) {
        if (is_bound(carrier.name) && !left.contains(carrier.name) &&
            !has_line(site, carrier.name)) {
            result.missing.push_back({no_line(site, carrier.name), carrier.name});
        }
    }
    if (bound != in_force.end() && left.contains(bound->second)) {
        result.missing.push_back({"carrier " + in_quotes(bound->second) + " is left", ""});
    }
    return result;
}

Elements gateways_of(const Inventory& inventory, const std::string& side) {
    Elements result;
    for (const Gateway& gateway : site_of(inventory, side).gateways) {
        bind_gateway(result.emplace_back(), side, gateway);
    }
    return result;
}

Elements all_gateways(const Inventory& inventory) {
    Elements result;
    for (const Site& site : inventory.sites) {
        for (const Gateway& gateway : site.gateways) {
            bind_gateway(result.emplace_back(), "", gateway);
            result.back()["site"] = site.name;
        }
    }
    return result;
}

// A carrier, and its line's variables at each site where it has one alone.
Variables carrier_variables(const Inventory& inventory, const std::string& carrier) {
    Variables result{{"carrier", carrier}};
    for (const std::string side : {"old_", "new_"}) {
        const Elements its = lines(inventory, {}, side, result).elements;
        if (its.size() == 1) {
            result.insert(its.front().begin(), its.front().end());
        }
    }
    return result;
}

Elements carriers(const Inventory& inventory, const Names& left) {
    Elements result;
    for (const Carrier& carrier : inventory.carriers) {
        if (!left.contains(carrier.name)) {
            result.push_back(carrier_variables(inventory, carrier.name));
        }
    }
    return result;
}

Elements prefixes(const Inventory& inventory) {
    Elements result;
    for (const Prefix& prefix : inventory.prefixes) {
        result.push_back({{"prefix", prefix.text()}});
    }
    return result;
}

Elements services(const Inventory& inventory) {
    Elements result;
    for (const Service& service : inventory.services) {
        result.push_back({{"service", service.name},
                          {"vip", service.vip.text()},
                          {"port", fmt::format("{}", service.port)},
                          {"protocol", std::string(name(service.protocol))}});
    }
    return result;
}

Elements servers(const Inventory& inventory) {
    std::set<std::string> seen;
    Elements result;
    for (const Service& service : inventory.services) {
        for (const Server& server : service.servers) {
            if (seen.insert(server.name).second) {
                result.push_back({{"server", server.name}});
            }
        }
    }
    return result;
}

Elements logins(const Inventory& inventory) {
    Elements result;
    for (const Login& login : inventory.logins) {
        result.push_back({{"login", login.name}, {"service", login.service}});
    }
    return result;
}

// A set by its name.
struct Set {
    std::string_view name;
    Walk (*make)(const Inventory&, const Names& left, const Variables& in_force);
};

using I = const Inventory&;
using N = const Names&;
using V = const Variables&;

constexpr std::array<Set, 10> sets{{
    {"carriers",
     [](I i, N left, V) {
         return Walk{carriers(i, left), {}};
     }},
    {"gateways",
     [](I i, N, V) {
         return Walk{all_gateways(i), {}};
     }},
    {"old_gateways",
     [](I i, N, V) {
         return Walk{gateways_of(i, "old_"), {}};
     }},
    {"new_gateways",
     [](I i, N, V) {
         return Walk{gateways_of(i, "new_"), {}};
     }},
    {"old_lines", [](I i, N left, V v) { return lines(i, left, "old_", v); }},
    {"new_lines", [](I i, N left, V v) { return lines(i, left, "new_", v); }},
    {"prefixes",
     [](I i, N, V) {
         return Walk{prefixes(i), {}};
     }},
    {"services",
     [](I i, N, V) {
         return Walk{services(i), {}};
     }},
    {"servers",
     [](I i, N, V) {
         return Walk{servers(i), {}};
     }},
    {"logins",
     [](I i, N, V) {
         return Walk{logins(i), {}};
     }},
}};

// The hosts of all placements of a server at a site.
void add_server_hosts(const Inventory& inventory, std::string_view name, std::string_view site,
                      std::set<std::string>& hosts) {
    for (const Service& service : inventory.services) {
        for (const Server& server : service.servers) {
            const Placement& placement = site == inventory.from ? server.from : server.to;
            if (server.name == name && !placement.host.empty()) {
                hosts.insert(placement.host);
            }
        }
    }
}

std::set<std::string> hosts_named(const Inventory& inventory, std::string_view name) {
    std::set<std::string> hosts;
    if (const Gateway* gateway = inventory.gateway(name)) {
        hosts.insert(gateway->host);
    }
    const Carrier* carrier = inventory.carrier(name);
    if (carrier != nullptr && carrier->vantage) {
        hosts.insert(carrier->vantage->host);
    }
    const size_t at = name.find('@');
    const std::string_view site = at == std::string_view::npos ? "" : name.substr(at + 1);
    if (!site.empty() && (site == inventory.from || site == inventory.to)) {
        add_server_hosts(inventory, name.substr(0, at), site, hosts);
    }
    return hosts;
}

}  // namespace

Variables inventory_variables(const Inventory& inventory) {
    Variables result{{"from", inventory.from}, {"to", inventory.to}};
    for (const std::string side : {"old_", "new_"}) {
        const Elements its = gateways_of(inventory, side);
        if (its.size() == 1) {
            result.insert(its.front().begin(), its.front().end());
        }
    }
    if (inventory.logins.size() == 1) {
        result["only_login"] = inventory.logins.front().name;
        result["only_service"] = inventory.logins.front().service;
    }
    return result;
}

Result<Walk> walk(const Inventory& inventory, const Names& left, std::string_view set,
                  const Variables& in_force) {
    const auto* found =
        std::find_if(sets.begin(), sets.end(), [set](const Set& s) { return s.name == set; });
    if (found != sets.end()) {
        Walk result = found->make(inventory, left, in_force);
        if (result.elements.empty() && result.missing.empty()) {
            result.missing.push_back({fmt::format("there are no {} to walk", set), ""});
        }
        return result;
    }
    std::string names;
    for (const Set& known : sets) {
        names += (names.empty() ? "" : ", ") + std::string(known.name);
    }
    return fail(Exit::usage, "",
                fmt::format("no set {} to walk, expected one of: {}", in_quotes(set), names));
}

std::vector<std::string> old_gateways_of(const Inventory& inventory, std::string_view carrier) {
    std::vector<std::string> result;
    for (const Line& line : inventory.old_site().lines) {
        if (line.carrier == carrier) {
            result.push_back(line.gateway);
        }
    }
    return result;
}

Result<Host> place(const Inventory& inventory, std::string_view name) {
    if (auto host = Host::parse(name)) {
        return host;
    }
    const std::set<std::string> hosts = hosts_named(inventory, name);
    if (hosts.size() == 1) {
        return Host::parse(*hosts.begin());
    }
    return fail(Exit::usage, "",
                fmt::format("{} names {}, expected a gateway, a carrier, SERVER@SITE, local, "
                            "netns:NAME or ssh:USER@HOST",
                            in_quotes(name), hosts.empty() ? "no host" : "several hosts"));
}

}  // namespace rehome::cutover
