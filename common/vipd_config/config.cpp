// From the document to the types.  Reading goes on over mistakes, and lists keep their order and
// length, so that all mistakes are found in one run; what needs several values is in check.h.
#include "common/vipd_config/config.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/control_request.h"
#include "common/json/view.h"
#include "common/vipd_config/check.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// The parts between separators, empty ones too.
std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    size_t from = 0;
    for (size_t at = 0; (at = text.find(separator, from)) != std::string::npos; from = at + 1) {
        parts.push_back(text.substr(from, at - from));
    }
    parts.push_back(text.substr(from));
    return parts;
}

constexpr std::string_view schema_text =
#include "common/formats/vipd.schema.inc"
    ;

template <typename T>
std::vector<T> read_list(const JsonView& list, T (*read)(const JsonView&)) {
    std::vector<T> values;
    for (const JsonView& item : list.items()) {
        values.push_back(read(item));
    }
    return values;
}

Prefix read_prefix(const JsonView& view) {
    return view.parsed(Prefix::parse);
}

uint16_t read_vlan(const JsonView& view) {
    return static_cast<uint16_t>(view.number());
}

PortConfig read_port(const JsonView& view) {
    PortConfig port{view["name"].text(), view["device"].parsed(Device::parse), {}};
    if (const JsonView vlans = view["server_vlans"]; vlans.exists()) {
        port.server_vlans = read_list(vlans, read_vlan);
    }
    return port;
}

LineConfig read_line(const JsonView& view) {
    LineConfig line;
    line.carrier = view["carrier"].text();
    line.enabled = view["enabled"].flag();
    return line;
}

FlowsConfig read_flows(const JsonView& view) {
    FlowsConfig flows;
    const JsonView times = view["lifetimes_s"];
    Lifetimes& to = flows.lifetimes;
    flows.capacity = view["capacity"].number(flows.capacity);
    flows.half_open = view["half_open"].number(flows.half_open);
    to.tcp_half_open = times["tcp_half_open"].number(to.tcp_half_open);
    to.tcp_established = times["tcp_established"].number(to.tcp_established);
    to.tcp_closing = times["tcp_closing"].number(to.tcp_closing);
    to.tcp_reset = times["tcp_reset"].number(to.tcp_reset);
    to.udp = times["udp"].number(to.udp);
    to.udp_once = times["udp_once"].number(to.udp_once);
    to.provisional = times["provisional"].number(to.provisional);
    flows.idle_reset_s = view["idle_reset_s"].number(flows.idle_reset_s);
    return flows;
}

MapConfig read_map(const JsonView& view) {
    return {view["name"].text(), read_prefix(view["vip_prefix"]),
            read_prefix(view["server_prefix"])};
}

PoolConfig read_pool(const JsonView& view) {
    PoolConfig pool{view["name"].text(), read_list(view["addresses"], read_prefix)};
    const JsonView ports = view["ports"];
    pool.first_port = static_cast<uint16_t>(ports["first"].number(pool.first_port));
    pool.last_port = static_cast<uint16_t>(ports["last"].number(pool.last_port));
    pool.half_open_percent = view["half_open_percent"].number(pool.half_open_percent);
    return pool;
}

// A key that one way of forwarding needs and the other has no use for.
void expect_key(const JsonView& key, bool needed, std::string_view why) {
    if (key.exists() != needed && !key.is_wrong()) {
        key.wrong(fmt::format("is {}, expected {} {}", needed ? "missing" : "given",
                              needed ? "it" : "none", why));
    }
}

// forward: nothing if it could not be read.
ServerConfig read_server(const JsonView& view, std::optional<Forward> forward) {
    const JsonView port = view["port"];
    if (forward == Forward::nat) {
        expect_key(port, true, "with \"nat\"");
    } else if (forward == Forward::tunnel) {
        expect_key(port, false, "with \"tunnel\", which keeps the VIP's port");
    }
    return {view["name"].text(), view["address"].parsed(Address::parse),
            static_cast<uint16_t>(port.number()), view["weight"].number(1), view["masked"].flag()};
}

std::optional<uint32_t> read_pool_name(const JsonView& view, const std::vector<PoolConfig>& pools) {
    if (!view.exists() || view.is_wrong()) {
        return std::nullopt;
    }
    const std::string wanted = view.text();
    for (size_t i = 0; i < pools.size(); ++i) {
        if (pools[i].name == wanted) {
            return static_cast<uint32_t>(i);
        }
    }
    view.wrong(fmt::format("no pool \"{}\", expected the name of one in /pools", wanted));
    return std::nullopt;
}

ServiceConfig read_service(const JsonView& view, const std::vector<PoolConfig>& pools) {
    ServiceConfig service;
    service.name = view["name"].text();
    service.vip = view["vip"].parsed(Address::parse);
    service.protocol = view["protocol"].parsed(parse_protocol, Protocol::tcp);
    service.port = static_cast<uint16_t>(view["port"].number());
    const JsonView encapsulation = view["encapsulation"];
    service.encapsulation =
        encapsulation.text() == "gue" ? Encapsulation::gue : Encapsulation::ipip;
    const JsonView source_nat = view["source_nat"];
    service.pool = read_pool_name(source_nat, pools);
    const JsonView forward = view["forward"];
    std::optional<Forward> known;
    if (!forward.is_wrong()) {
        const bool tunnel = forward.text() == "tunnel";
        service.forward = tunnel ? Forward::tunnel : Forward::nat;
        known = service.forward;
        expect_key(encapsulation, tunnel,
                   tunnel ? "with \"tunnel\", one of \"ipip\", \"gue\"" : "with \"nat\"");
        if (tunnel) {
            expect_key(source_nat, false, "with \"tunnel\", whose packets stay as they are");
        }
    }
    for (const JsonView& server : view["servers"].items()) {
        service.servers.push_back(read_server(server, known));
    }
    service.health = read_health(view["health"]);
    return service;
}

// Beside the control socket and named after it, so that no two vipds share one; but what lies in
// /run does not outlive the host.
std::string orders_path(const std::string& control) {
    std::string path = control.starts_with("/run/") ? "/var/lib/" + control.substr(5) : control;
    path.resize(path.ends_with(".sock") ? path.size() - 5 : path.size());
    return path + ".orders.json";
}

// The members by their keys, for reading and writing.
constexpr std::array<std::pair<const char*, uint32_t PuntConfig::*>, 9> punt_keys{{
    {"arp", &PuntConfig::arp},
    {"nd", &PuntConfig::nd},
    {"bgp", &PuntConfig::bgp},
    {"bfd", &PuntConfig::bfd},
    {"session", &PuntConfig::session},
    {"icmp", &PuntConfig::icmp},
    {"servers", &PuntConfig::servers},
    {"check", &PuntConfig::check},
    {"other", &PuntConfig::other},
}};

PuntConfig read_punt(const JsonView& view) {
    PuntConfig punt;
    for (const auto& [key, at] : punt_keys) {
        punt.*at = view[key].number(punt.*at);
    }
    return punt;
}

json punt_json(const PuntConfig& punt) {
    json object = json::object();
    for (const auto& [key, at] : punt_keys) {
        object[key] = punt.*at;
    }
    return object;
}

Address read_address(const JsonView& view) {
    return view.parsed(Address::parse);
}

Config read_config_document(const JsonView& view) {
    Config config;
    const JsonView inventory = view["inventory"];
    config.inventory_path = inventory.text();
    config.inventory_here = inventory.is_object() ? inventory.dump() : "";
    config.gateway = view["gateway"].text();
    config.control = view["control"].text(default_control_socket);
    config.reset_log = view["reset_log"].text();
    config.orders = {view["orders"]["path"].text(orders_path(config.control)),
                     view["orders"]["absence_s"].number(config.orders.absence_s)};
    config.keys = {view["keys"]["path"].text(), view["keys"]["untagged"].flag()};
    config.workers = view["workers"].number(config.workers);
    config.link_mbit_s = view["link_mbit_s"].number(config.link_mbit_s);
    config.memory = {view["memory"]["mib"].number(config.memory.mib),
                     view["memory"]["hugepages"].flag(config.memory.hugepages)};
    config.flows = read_flows(view["flows"]);
    config.fragments = {view["fragments"]["memory_kib"].number(config.fragments.memory_kib),
                        view["fragments"]["wait_ms"].number(config.fragments.wait_ms)};
    config.punt_per_s = read_punt(view["punt_per_s"]);
    config.ports = read_list(view["ports"], read_port);
    config.lines = read_list(view["lines"], read_line);
    config.maps = read_list(view["maps"], read_map);
    config.pools = read_list(view["pools"], read_pool);
    config.server_tunnels_from = read_list(view["server_tunnels_from"], read_address);
    for (const JsonView& service : view["services"].items()) {
        config.services.push_back(read_service(service, config.pools));
    }
    config.health = read_health(view["health"]);
    return config;
}

ordered_json server_json(const ServerConfig& server, Forward forward) {
    ordered_json object = {{"name", server.name}, {"address", server.address.text()}};
    if (forward == Forward::nat) {
        object["port"] = server.port;
    }
    object["weight"] = server.weight;
    if (server.masked) {
        object["masked"] = true;
    }
    return object;
}

json flows_json(const FlowsConfig& flows) {
    const Lifetimes& times = flows.lifetimes;
    return {{"capacity", flows.capacity},
            {"half_open", flows.half_open},
            {"idle_reset_s", flows.idle_reset_s},
            {"lifetimes_s",
             {{"tcp_half_open", times.tcp_half_open},
              {"tcp_established", times.tcp_established},
              {"tcp_closing", times.tcp_closing},
              {"tcp_reset", times.tcp_reset},
              {"udp", times.udp},
              {"udp_once", times.udp_once},
              {"provisional", times.provisional}}}};
}

json port_json(const PortConfig& port) {
    json object = {{"name", port.name}, {"device", port.device.text()}};
    if (port.server_vlans) {
        object["server_vlans"] = *port.server_vlans;
    }
    return object;
}

json pool_json(const PoolConfig& pool) {
    json addresses = json::array();
    for (const Prefix& prefix : pool.addresses) {
        addresses.push_back(prefix.text());
    }
    return {{"name", pool.name},
            {"addresses", addresses},
            {"ports", {{"first", pool.first_port}, {"last", pool.last_port}}},
            {"half_open_percent", pool.half_open_percent}};
}

std::vector<std::string> names_of(const std::vector<ServiceConfig>& services) {
    std::vector<std::string> names;
    names.reserve(services.size());
    for (const ServiceConfig& service : services) {
        names.push_back(service.name);
    }
    return names;
}

// What the file says by itself; nothing if it is no JSON.  more: mistakes of documents in it.
std::optional<Config> read_alone(std::string_view file, std::string_view text, Mistakes& mistakes,
                                 std::vector<Error>& more) {
    const std::optional<json> document = parse_json(mistakes, text, schema_text);
    if (!document) {
        return std::nullopt;
    }
    Config config = read_config_document(JsonView(*document, mistakes));
    check_config(config, mistakes);
    if (const auto access = document->find("access");
        access != document->end() && access->is_object()) {
        const auto names = names_of(config.services);
        auto rules = read_access(file, "/access", *access, &names);
        if (rules) {
            config.access.rules = std::move(*rules);
        } else {
            more = rules.error();
        }
    }
    return config;
}

std::vector<Error> together(Mistakes& mistakes, const std::vector<Error>& more) {
    std::vector<Error> all = mistakes.take();
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

// expected: null where nobody asks for more than vipd does.
Checked<Config> read_whole(std::string_view file, std::string_view text,
                           const InventoryReader& inventory, const Expected* expected) {
    Mistakes mistakes{std::string(file)};
    std::vector<Error> theirs;  // of the documents in it, and the inventory's, which name its file
    auto config = read_alone(file, text, mistakes, theirs);
    if (!config) {
        return tl::unexpected(mistakes.take());
    }
    const bool other = expected != nullptr && !expected->inventory.empty();
    const std::string path = other ? expected->inventory : config->inventory_path;
    if (expected != nullptr && !expected->gateway.empty() && expected->gateway != config->gateway &&
        !mistakes.has("/gateway")) {
        mistakes.add("/gateway", fmt::format("is {}, expected {}", in_quotes(config->gateway),
                                             in_quotes(expected->gateway)));
    }
    if (!path.empty() || !config->inventory_here.empty()) {
        const Checked<Inventory> read =
            other || config->inventory_here.empty()
                ? inventory(path)
                : parse_inventory(file, config->inventory_here, "/inventory");
        if (read) {
            resolve_config(*config, *read, mistakes);
        } else {
            theirs.insert(theirs.end(), read.error().begin(), read.error().end());
        }
        if (read && expected != nullptr) {
            hold_against(*config, *read, mistakes);
        }
    }
    if (mistakes.none() && theirs.empty()) {
        return std::move(*config);
    }
    return tl::unexpected(together(mistakes, theirs));
}

}  // namespace

const json& config_schema() {
    static const json schema = json::parse(schema_text);
    return schema;
}

Result<Device> Device::parse(std::string_view text) {
    const auto wrong = [&] {
        return fail(Exit::usage, "",
                    fmt::format("device \"{}\", expected af_xdp:INTERFACE, af_packet:INTERFACE, "
                                "pcap:RX_FILE[,TX_FILE], replay:FILE[+FILE...] or null:",
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
    if (driver == "replay") {
        device.driver = Driver::replay;
        device.replayed = split(rest, '+');
        const bool whole =
            comma == std::string::npos &&
            std::find(device.replayed.begin(), device.replayed.end(), "") == device.replayed.end();
        return whole ? Result<Device>(device) : wrong();
    }
    if (driver == "null") {
        device.driver = Driver::null;
        return rest.empty() ? Result<Device>(device) : wrong();
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

Checked<Config> parse_config_alone(std::string_view file, std::string_view text) {
    Mistakes mistakes{std::string(file)};
    std::vector<Error> more;
    auto config = read_alone(file, text, mistakes, more);
    if (mistakes.none() && more.empty()) {
        return std::move(*config);
    }
    return tl::unexpected(together(mistakes, more));
}

Checked<Config> parse_config(std::string_view file, std::string_view text,
                             const InventoryReader& inventory) {
    return read_whole(file, text, inventory, nullptr);
}

Checked<Config> check_config_file(std::string_view file, std::string_view text,
                                  const InventoryReader& inventory, const Expected& expected) {
    return read_whole(file, text, inventory, &expected);
}

ordered_json to_json(const MapConfig& map) {
    return {
        {"name", map.name}, {"vip_prefix", map.vip.text()}, {"server_prefix", map.server.text()}};
}

ordered_json to_json(const ServiceConfig& service, const std::vector<PoolConfig>& pools) {
    ordered_json object = {{"name", service.name},
                           {"vip", service.vip.text()},
                           {"protocol", name(service.protocol)},
                           {"port", service.port},
                           {"forward", name(service.forward)}};
    if (service.forward == Forward::tunnel) {
        object["encapsulation"] = name(service.encapsulation);
    }
    if (service.pool) {
        object["source_nat"] = pools[*service.pool].name;
    }
    object["servers"] = ordered_json::array();
    for (const ServerConfig& server : service.servers) {
        object["servers"].push_back(server_json(server, service.forward));
    }
    if (service.health) {
        object["health"] = to_json(*service.health);
    }
    return object;
}

json to_json(const Config& config) {
    json document = {
        {"schema", "rehome/vipd/1"},
        {"inventory", config.inventory_here.empty() ? json(config.inventory_path)
                                                    : json::parse(config.inventory_here)},
        {"gateway", config.gateway},
        {"control", config.control},
        {"workers", config.workers},
        {"link_mbit_s", config.link_mbit_s},
        {"memory", {{"mib", config.memory.mib}, {"hugepages", config.memory.hugepages}}},
        {"flows", flows_json(config.flows)},
        {"fragments",
         {{"memory_kib", config.fragments.memory_kib}, {"wait_ms", config.fragments.wait_ms}}},
        {"punt_per_s", punt_json(config.punt_per_s)},
        {"ports", json::array()},
        {"lines", json::array()},
        {"maps", json::array()},
        {"pools", json::array()},
        {"services", json::array()}};
    document["orders"] = {{"path", config.orders.path}, {"absence_s", config.orders.absence_s}};
    if (!config.keys.path.empty()) {
        document["keys"] = {{"path", config.keys.path}, {"untagged", config.keys.untagged}};
    }
    if (config.health) {
        document["health"] = json(to_json(*config.health));
    }
    if (!config.reset_log.empty()) {
        document["reset_log"] = config.reset_log;
    }
    for (const PortConfig& port : config.ports) {
        document["ports"].push_back(port_json(port));
    }
    for (const LineConfig& line : config.lines) {
        document["lines"].push_back({{"carrier", line.carrier}, {"enabled", line.enabled}});
    }
    for (const Address& address : config.server_tunnels_from) {
        document["server_tunnels_from"].push_back(address.text());
    }
    for (const MapConfig& map : config.maps) {
        document["maps"].push_back(json(to_json(map)));
    }
    for (const PoolConfig& pool : config.pools) {
        document["pools"].push_back(pool_json(pool));
    }
    for (const ServiceConfig& service : config.services) {
        document["services"].push_back(json(to_json(service, config.pools)));
    }
    if (config.access.rules != nullptr) {
        document["access"] = *config.access.rules->document;
    }
    return document;
}

}  // namespace rehome::vipd
