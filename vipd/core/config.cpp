// From the document to the types.  Reading goes on over mistakes, and lists keep their order and
// length, so that all mistakes are found in one run; what needs several values is in config_check.
#include "vipd/core/config.h"

#include <fmt/format.h>
#include <algorithm>

#include <nlohmann/json.hpp>

#include "common/json_view.h"
#include "vipd/core/config_check.h"

namespace rehome {

namespace {

using nlohmann::json;

constexpr std::string_view schema =
#include "vipd/core/config.schema.inc"
    ;

template <typename T>
std::vector<T> read_list(const JsonView& list, T (*read)(const JsonView&)) {
    std::vector<T> values;
    for (const JsonView& item : list.items()) {
        values.push_back(read(item));
    }
    return values;
}

PortConfig read_port(const JsonView& view) {
    return {view["name"].text(), view["device"].parsed(Device::parse), PortRole::servers};
}

LineConfig read_line(const JsonView& view) {
    LineConfig line;
    line.carrier = view["carrier"].text();
    line.enabled = view["enabled"].flag();
    return line;
}

ServerConfig read_server(const JsonView& view) {
    return {view["name"].text(), view["address"].parsed(Address::parse),
            static_cast<uint16_t>(view["port"].number()), view["weight"].number(1)};
}

ServiceConfig read_service(const JsonView& view) {
    ServiceConfig service;
    service.name = view["name"].text();
    service.vip = view["vip"].parsed(Address::parse);
    service.protocol = view["protocol"].parsed(parse_protocol, Protocol::tcp);
    service.port = static_cast<uint16_t>(view["port"].number());
    service.servers = read_list(view["servers"], read_server);
    return service;
}

Config read_config_document(const JsonView& view) {
    Config config;
    config.inventory = view["inventory"].text();
    config.gateway = view["gateway"].text();
    config.control = view["control"].text();
    config.reset_log = view["reset_log"].text();
    config.memory = {view["memory"]["mib"].number(config.memory.mib),
                     view["memory"]["hugepages"].flag(config.memory.hugepages)};
    config.ports = read_list(view["ports"], read_port);
    config.lines = read_list(view["lines"], read_line);
    config.services = read_list(view["services"], read_service);
    return config;
}

json service_json(const ServiceConfig& service) {
    json servers = json::array();
    for (const ServerConfig& server : service.servers) {
        servers.push_back({{"name", server.name},
                           {"address", server.address.text()},
                           {"port", server.port},
                           {"weight", server.weight}});
    }
    return {
        {"name", service.name}, {"vip", service.vip.text()}, {"protocol", name(service.protocol)},
        {"port", service.port}, {"forward", "nat"},          {"servers", servers}};
}

}  // namespace

Result<Device> Device::parse(std::string_view text) {
    const auto wrong = [&] {
        return fail(Exit::usage, "",
                    fmt::format("device \"{}\", expected af_xdp:INTERFACE, af_packet:INTERFACE or "
                                "pcap:RX_FILE[,TX_FILE]",
                                text));
    };
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
        return wrong();
    }
    const std::string_view driver = text.substr(0, colon);
    const std::string rest(text.substr(colon + 1));
    const size_t comma = rest.find(',');
    Device device;
    if (driver == "pcap") {
        device.driver = Driver::pcap;
        device.rx_file = rest.substr(0, comma);
        device.tx_file = comma == std::string::npos ? "" : rest.substr(comma + 1);
        const bool whole = !device.rx_file.empty() && !rest.ends_with(',') &&
                           device.tx_file.find(',') == std::string::npos;
        return whole ? Result<Device>(device) : wrong();
    }
    // 15 characters are the kernel's limit; a comma would become an option of DPDK's driver.
    if ((driver != "af_xdp" && driver != "af_packet") || rest.empty() || rest.size() > 15 ||
        rest.find_first_of(",/ \t\n=") != std::string::npos) {
        return wrong();
    }
    device.driver = driver == "af_xdp" ? Driver::af_xdp : Driver::af_packet;
    device.interface = rest;
    return device;
}

std::string Device::text() const {
    switch (driver) {
        case Driver::af_xdp:
            return "af_xdp:" + interface;
        case Driver::af_packet:
            return "af_packet:" + interface;
        case Driver::pcap:
            break;
    }
    return "pcap:" + rx_file + (tx_file.empty() ? "" : ",") + tx_file;
}

std::string_view name(PortRole role) {
    switch (role) {
        case PortRole::line:
            return "line";
        case PortRole::link:
            return "link";
        case PortRole::servers:
            break;
    }
    return "servers";
}

LineConfig* Config::line(std::string_view carrier) {
    const auto found = std::find_if(lines.begin(), lines.end(), [&](const LineConfig& line) {
        return line.carrier == carrier;
    });
    return found == lines.end() ? nullptr : &*found;
}

const LineConfig* Config::line(std::string_view carrier) const {
    return const_cast<Config*>(this)->line(carrier);
}

Checked<Config> parse_config(std::string_view file, std::string_view text,
                             const InventoryReader& inventory) {
    Mistakes mistakes{std::string(file)};
    const std::optional<json> document = parse_json(mistakes, text, schema);
    if (!document) {
        return tl::unexpected(mistakes.take());
    }
    Config config = read_config_document(JsonView(*document, mistakes));
    check_config(config, mistakes);
    std::vector<Error> theirs;  // the inventory's mistakes, which name its own file
    if (!config.inventory.empty()) {
        const Checked<Inventory> read = inventory(config.inventory);
        if (read) {
            resolve_config(config, *read, mistakes);
        } else {
            theirs = read.error();
        }
    }
    if (mistakes.none() && theirs.empty()) {
        return config;
    }
    std::vector<Error> all = mistakes.take();
    all.insert(all.end(), theirs.begin(), theirs.end());
    return tl::unexpected(std::move(all));
}

std::vector<Error> needs_restart(const Config& from, const Config& to) {
    std::vector<Error> errors;
    const auto same = [&](bool is_same, const char* pointer, const char* what) {
        if (!is_same) {
            errors.push_back(
                {Exit::no, pointer,
                 fmt::format("{} cannot change while vipd runs, expected a restart", what)});
        }
    };
    const auto place = [](const LineConfig& line) {
        return std::tuple(line.carrier, line.port, line.address, line.peer);
    };
    const bool same_lines =
        std::equal(from.lines.begin(), from.lines.end(), to.lines.begin(), to.lines.end(),
                   [&](const LineConfig& a, const LineConfig& b) { return place(a) == place(b); });
    same(from.gateway == to.gateway, "/gateway", "the gateway");
    same(from.control == to.control, "/control", "the control socket");
    same(from.reset_log == to.reset_log, "/reset_log", "the log of resets");
    same(from.memory == to.memory, "/memory", "the memory");
    same(from.ports == to.ports, "/ports", "a port");
    same(same_lines, "/lines", "a line, apart from \"enabled\",");
    same(from.tunnel == to.tunnel && from.link == to.link, "/inventory", "this gateway's tunnel");
    same(from.peers == to.peers, "/inventory", "the other gateways");
    return errors;
}

json to_json(const Config& config) {
    json document = {
        {"schema", "rehome/vipd/1"},
        {"inventory", config.inventory},
        {"gateway", config.gateway},
        {"control", config.control},
        {"memory", {{"mib", config.memory.mib}, {"hugepages", config.memory.hugepages}}},
        {"ports", json::array()},
        {"lines", json::array()},
        {"services", json::array()}};
    if (!config.reset_log.empty()) {
        document["reset_log"] = config.reset_log;
    }
    for (const PortConfig& port : config.ports) {
        document["ports"].push_back({{"name", port.name}, {"device", port.device.text()}});
    }
    for (const LineConfig& line : config.lines) {
        document["lines"].push_back({{"carrier", line.carrier}, {"enabled", line.enabled}});
    }
    for (const ServiceConfig& service : config.services) {
        document["services"].push_back(service_json(service));
    }
    return document;
}

}  // namespace rehome
