// From the document to the types; the cross-checks are in inventory_check.cpp.  Reading goes on
// over mistakes, and lists keep their order and length, so that all mistakes are found in one run.
#include "common/inventory.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/host.h"
#include "common/inventory_check.h"
#include "common/json/view.h"

namespace rehome {

namespace {

constexpr std::string_view schema =
#include "common/formats/inventory.schema.inc"
    ;

constexpr size_t longest_file = 16u << 20;

template <typename Read>
auto read_list(const JsonView& list, Read read) {
    std::vector<decltype(read(list))> values;
    for (const JsonView& item : list.items()) {
        values.push_back(read(item));
    }
    return values;
}

Address read_address(const JsonView& view) {
    return view.parsed(Address::parse);
}

Prefix read_prefix(const JsonView& view) {
    return view.parsed(Prefix::parse);
}

// Kept as text, checked here so that nobody meets a bad one in mid-move.
std::string read_host(const JsonView& view) {
    view.parsed(Host::parse);
    return view.text();
}

Gateway read_gateway(const JsonView& view) {
    Gateway gateway;
    gateway.name = view["name"].text();
    gateway.host = read_host(view["host"]);
    if (const JsonView tunnel = view["tunnel"]; tunnel.exists()) {
        gateway.tunnel = {read_address(tunnel["address"]), tunnel["port"].text(),
                          static_cast<uint16_t>(tunnel["vlan"].number())};
    }
    gateway.vipd_config = view["vipd"]["config"].text();
    gateway.vipd_socket = view["vipd"]["socket"].text();
    gateway.bird_socket = view["bird"]["socket"].text();
    gateway.bird_announce = view["bird"]["announce"].text();
    return gateway;
}

std::string read_text(const JsonView& view) {
    return view.text();
}

std::optional<FarBird> read_far_bird(const JsonView& view) {
    if (!view.exists()) {
        return std::nullopt;
    }
    return FarBird{read_host(view["host"]), view["socket"].text(),
                   read_list(view["sessions"], read_text)};
}

Line read_line(const JsonView& view) {
    Line line;
    line.carrier = view["carrier"].text();
    line.gateway = view["gateway"].text();
    line.port = view["port"].text();
    line.address = view["address"].parsed(InterfaceAddress::parse);
    line.peer = read_address(view["peer"]);
    line.peer_asn = view["peer_asn"].number();
    line.vlan = static_cast<uint16_t>(view["vlan"].number());
    const JsonView bird = view["bird"];
    line.bird_sessions = read_list(bird["sessions"], read_text);
    if (line.bird_sessions.empty()) {
        line.bird_sessions = {line.carrier};
    }
    line.far_bird = read_far_bird(bird["far"]);
    return line;
}

Site read_site(const JsonView& view) {
    return {view["name"].text(), view["asn"].number(), read_list(view["networks"], read_prefix),
            read_list(view["gateways"], read_gateway), read_list(view["lines"], read_line)};
}

Vantage read_vantage(const JsonView& view) {
    const JsonView source6 = view["source6"];
    return {read_host(view["host"]), read_address(view["source"]),
            source6.exists() ? std::optional(read_address(source6)) : std::nullopt,
            view["mark"].number(), view["interface"].text()};
}

Carrier read_carrier(const JsonView& view) {
    const JsonView vantage = view["vantage"];
    return {view["name"].text(),
            vantage.exists() ? std::optional(read_vantage(vantage)) : std::nullopt,
            read_list(view["clients"], read_prefix)};
}

Placement read_placement(const JsonView& view) {
    return {read_address(view["address"]), read_host(view["host"])};
}

Server read_server(const JsonView& view, bool moves) {
    const JsonView counterpart = view["new"];
    if (moves && !counterpart.exists() && !counterpart.is_wrong()) {
        counterpart.wrong("is missing, expected the server's counterpart at the new site");
    }
    return {view["name"].text(), view["weight"].number(1), read_placement(view["old"]),
            read_placement(counterpart)};
}

Service read_service(const JsonView& view, bool moves) {
    const auto port = static_cast<uint16_t>(view["port"].number());
    return {view["name"].text(), read_address(view["vip"]),
            // Anything else has been refused by the schema.
            view["protocol"].text() == "udp" ? Protocol::udp : Protocol::tcp, port,
            static_cast<uint16_t>(view["server_port"].number(port)),
            read_list(view["servers"],
                      [moves](const JsonView& server) { return read_server(server, moves); })};
}

Login read_login(const JsonView& view) {
    const JsonView heartbeat = view["heartbeat"];
    Login login;
    login.name = view["name"].text();
    login.service = view["service"].text();
    login.sessions_per_carrier = view["sessions_per_carrier"].number();
    login.shared_source_sessions = view["shared_source_sessions"].number();
    login.sources_per_carrier = view["sources_per_carrier"].number(login.sources_per_carrier);
    login.timeout_ms = view["timeout_ms"].number(login.timeout_ms);
    login.steps = read_list(view["steps"], read_step);
    login.heartbeat_every_ms = heartbeat["every_ms"].number(login.heartbeat_every_ms);
    login.heartbeat_send = read_bytes(heartbeat["send"]);
    login.heartbeat_expect = read_bytes(heartbeat["expect"]);
    return login;
}

Inventory read_document(const JsonView& view) {
    const bool moves = view["move"].exists();
    return {view["move"]["name"].text(),
            view["move"]["from"].text(),
            view["move"]["to"].text(),
            read_list(view["sites"], read_site),
            read_list(view["carriers"], read_carrier),
            read_list(view["prefixes"], read_prefix),
            read_list(view["services"],
                      [moves](const JsonView& service) { return read_service(service, moves); }),
            read_list(view["logins"], read_login)};
}

template <typename T>
const T* find_named(const std::vector<T>& things, std::string_view name) {
    const auto found = std::find_if(things.begin(), things.end(),
                                    [name](const T& thing) { return thing.name == name; });
    return found == things.end() ? nullptr : &*found;
}

}  // namespace

const Site* Inventory::site(std::string_view name) const {
    return find_named(sites, name);
}

const Carrier* Inventory::carrier(std::string_view name) const {
    return find_named(carriers, name);
}

const Service* Inventory::service(std::string_view name) const {
    return find_named(services, name);
}

const Login* Inventory::login(std::string_view name) const {
    return find_named(logins, name);
}

const Gateway* Inventory::gateway(std::string_view name) const {
    const Site* site = site_of_gateway(name);
    return site == nullptr ? nullptr : find_named(site->gateways, name);
}

const Site* Inventory::site_of_gateway(std::string_view name) const {
    for (const Site& site : sites) {
        if (find_named(site.gateways, name) != nullptr) {
            return &site;
        }
    }
    return nullptr;
}

std::string Inventory::gateway_names() const {
    std::string names;
    for (const Site& site : sites) {
        for (const Gateway& gateway : site.gateways) {
            names += (names.empty() ? "" : ", ") + gateway.name;
        }
    }
    return names;
}

Checked<Inventory> parse_inventory(std::string_view file, std::string_view text,
                                   std::string_view under) {
    Mistakes mistakes{std::string(file), std::string(under)};
    const auto document = parse_json(mistakes, text, schema);
    if (!document) {
        return tl::unexpected(mistakes.take());
    }
    Inventory inventory = read_document(JsonView(*document, mistakes));
    check_inventory(inventory, mistakes);
    if (!mistakes.none()) {
        return tl::unexpected(mistakes.take());
    }
    return inventory;
}

Checked<Inventory> read_inventory(const std::string& path) {
    const auto text = read_file(path, longest_file);
    if (!text) {
        return tl::unexpected(std::vector<Error>{text.error()});
    }
    return parse_inventory(path, *text);
}

Checked<Inventory> expect_move(std::string_view file, Checked<Inventory> inventory) {
    if (inventory && !inventory->moves()) {
        Mistakes mistakes{std::string(file)};
        mistakes.add("/move",
                     "is missing, expected the site that is left and the one that takes "
                     "over: nothing moves");
        return tl::unexpected(mistakes.take());
    }
    return inventory;
}

}  // namespace rehome
