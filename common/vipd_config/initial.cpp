#include "common/vipd_config/initial.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "common/vipd_config/config.h"

namespace rehome::vipd {

namespace {

using nlohmann::ordered_json;

// The inventory's ports of this gateway, each once, in its order.
std::vector<std::string> ports_of(const Site& site, const Gateway& gateway) {
    std::vector<std::string> ports;
    const auto add = [&](const std::string& port) {
        if (std::find(ports.begin(), ports.end(), port) == ports.end()) {
            ports.push_back(port);
        }
    };
    for (const Line& line : site.lines) {
        if (line.gateway == gateway.name) {
            add(line.port);
        }
    }
    if (gateway.tunnel) {
        add(gateway.tunnel->port);
    }
    return ports;
}

Checked<ordered_json> ports_json(const std::vector<std::string>& known,
                                 const std::vector<std::string>& given) {
    std::vector<Error> errors;
    std::set<std::string> named;
    ordered_json ports = ordered_json::array();
    bool servers = false;
    for (const std::string& each : given) {
        const size_t equals = each.find('=');
        const std::string name = each.substr(0, equals);
        if (equals == std::string::npos || name.empty()) {
            errors.push_back({Exit::usage, "--port",
                              "is " + in_quotes(each) +
                                  ", expected NAME=DEVICE, such as "
                                  "red=af_xdp:eth1"});
        } else if (!named.insert(name).second) {
            errors.push_back(
                {Exit::usage, "--port", in_quotes(name) + " is given twice, expected once"});
        } else {
            servers = servers || std::find(known.begin(), known.end(), name) == known.end();
            ports.push_back({{"name", name}, {"device", each.substr(equals + 1)}});
        }
    }
    std::vector<std::string> others = known;
    if (!servers) {
        others.emplace_back("servers");
    }
    for (const std::string& name : others) {
        if (!named.contains(name)) {
            ports.push_back({{"name", name}, {"device", "af_xdp:" + name + "0"}});
        }
    }
    return errors.empty() ? Checked<ordered_json>(ports) : tl::unexpected(errors);
}

// Without its servers where the inventory has none for this site.
ordered_json services_json(const Inventory& inventory, const std::string& site) {
    ordered_json services = ordered_json::array();
    for (const Service& service : inventory.services) {
        ServiceConfig made;
        made.name = service.name;
        made.vip = service.vip;
        made.protocol = service.protocol;
        made.port = service.port;
        for (const Server& server : service.servers) {
            if (const Placement* here = inventory.placement(server, site)) {
                made.servers.push_back(
                    {server.name, here->address, service.server_port, server.weight});
            }
        }
        if (!made.servers.empty()) {
            services.push_back(to_json(made, {}));
        }
    }
    return services;
}

// As a person writes it: an entry of a list on a line of its own.
std::string text_of(const ordered_json& document) {
    std::string text = "{";
    const char* comma = "";
    for (const auto& [key, value] : document.items()) {
        text += fmt::format("{}\n  {}: ", comma, ordered_json(key).dump());
        comma = ",";
        if (!value.is_array() || value.empty()) {
            text += value.dump();
            continue;
        }
        for (size_t i = 0; i < value.size(); ++i) {
            text += fmt::format("{}\n    {}", i == 0 ? "[" : ",", value[i].dump());
        }
        text += "\n  ]";
    }
    return text + "\n}\n";
}

}  // namespace

Checked<std::string> initial_config(std::string_view file, const Inventory& inventory,
                                    const Beginning& beginning) {
    const Site* site = inventory.site_of_gateway(beginning.gateway);
    const Gateway* gateway = inventory.gateway(beginning.gateway);
    ordered_json document = {{"schema", "rehome/vipd/1"},
                             {"inventory", beginning.inventory},
                             {"gateway", beginning.gateway}};
    if (site == nullptr || gateway == nullptr) {
        return tl::unexpected(std::vector<Error>{{Exit::usage, "--gateway",
                                                  "no gateway " + in_quotes(beginning.gateway) +
                                                      " in the inventory, expected one of " +
                                                      inventory.gateway_names()}});
    }
    const auto ports = ports_json(ports_of(*site, *gateway), beginning.ports);
    if (!ports) {
        return tl::unexpected(ports.error());
    }
    if (!gateway->vipd_socket.empty()) {
        document["control"] = gateway->vipd_socket;
    }
    document["ports"] = *ports;
    document["lines"] = ordered_json::array();
    for (const Line& line : site->lines) {
        if (line.gateway == beginning.gateway) {
            document["lines"].push_back(
                {{"carrier", line.carrier}, {"enabled", site->name != inventory.to}});
        }
    }
    document["services"] =
        beginning.services ? services_json(inventory, site->name) : ordered_json::array();
    std::string text = text_of(document);
    const auto again =
        parse_config(file, text, [&](const std::string&) { return Checked<Inventory>(inventory); });
    return again ? Checked<std::string>(std::move(text)) : tl::unexpected(again.error());
}

}  // namespace rehome::vipd
