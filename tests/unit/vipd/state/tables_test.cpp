// The tables that a reload replaces: what is found in them, and what a reload leaves alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "common/special_addresses.h"
#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

Endpoint client(uint32_t n) {
    return {Address::v4(0x64500001 + n / 50), static_cast<uint16_t>(40000 + n % 50)};
}

// Where a segment of that client ends up: the server, or the outcome.
std::string served_by(Lab& lab, const Endpoint& from, uint8_t flags, const char* vip) {
    const uint32_t seq = flags == flag::R ? 1001 : 1000;  // what follows the SYN
    const auto outcome = lab.enter(0, red, Say{from, end(vip), 6, flags, seq});
    return outcome.end == "servers" ? outcome.packet().destination.text() : outcome.text();
}

const char* const meters = "198.51.100.10:1883";
const char* const terminals = "203.0.113.5:14000";

void remove_server(Lab& lab, LabGateway& gateway, const std::string& name) {
    auto& servers = gateway.config.services[0].servers;
    std::erase_if(servers, [&](const ServerConfig& server) { return server.name == name; });
    lab.reload(gateway);
}

}  // namespace

// The quick no of the fast path: it may not say so of any address that the whole of the rule finds.
TEST_CASE("an ordinary address is nobody's, nor special") {
    Config config = lab_config("old", {"old", "new"});
    config.pools.push_back({"pool", {*Prefix::parse("100.90.3.0/30")}});
    const auto tables = Tables::build(config);
    std::set<uint32_t> addresses;
    for (uint32_t upper = 0; upper < 65536; ++upper) {
        addresses.insert({upper << 16, upper << 16 | 0xffff});
    }
    const auto add = [&](const Address& address) {
        if (address.family == Family::v4) {
            addresses.insert(address.v4_host_order());
        }
    };
    add(config.tunnel->address);
    add(ip("100.90.3.2"));
    for (const auto& line : config.lines) {
        add(line.address.address);
    }
    for (const Prefix& prefix : config.prefixes) {
        add(prefix.address);
    }
    uint32_t ordinary = 0;
    for (const uint32_t address : addresses) {
        const bool somebodys = tables->is_moved(address) || tables->is_own(address) ||
                               tables->pool_address(address) || is_special(address);
        INFO(Address::v4(address).text());
        REQUIRE(!(somebodys && tables->ordinary(address)));
        REQUIRE(tables->ordinary(Address::v4(address)) == tables->ordinary(address));
        ordinary += tables->ordinary(address) ? 1U : 0U;
    }
    CHECK(ordinary > addresses.size() / 2);
}

TEST_CASE("services are found by protocol, address and port") {
    const auto tables = Tables::build(lab_config("old", {"old", "new"}));
    struct Row {
        uint8_t protocol;
        const char* vip;
        const char* name;  // null: none
    };
    const Row rows[] = {
        {6, "198.51.100.10:1883", "meters"},   {17, "198.51.100.10:862", "reflect"},
        {6, "203.0.113.5:14000", "terminals"}, {17, "198.51.100.10:1883", nullptr},
        {6, "198.51.100.10:862", nullptr},     {6, "198.51.100.10:1884", nullptr},
        {6, "198.51.100.11:1883", nullptr},    {1, "198.51.100.10:0", nullptr},
        {6, "[2001:db8::1]:1883", nullptr},
    };
    for (const Row& row : rows) {
        INFO(int{row.protocol}, " ", std::string(row.vip));
        const auto* service = tables->service(row.protocol, end(row.vip));
        REQUIRE((service != nullptr) == (row.name != nullptr));
        if (service != nullptr) {
            CHECK(service->config->name == row.name);
            CHECK(tables->service_by_number(service->number) == service);
        }
    }
    CHECK(tables->is_moved(ip("203.0.113.255")));
    CHECK_FALSE(tables->is_moved(ip("203.0.114.0")));
    CHECK(tables->is_vip(ip("203.0.113.5")));
    CHECK_FALSE(tables->is_vip(ip("203.0.113.6")));
}

TEST_CASE("a service keeps its number while VIP, protocol and port stay; none is used again") {
    Config config = lab_config("old", {"old", "new"});
    const auto first = Tables::build(config);
    const auto number = first->service(6, end(meters))->number;
    std::reverse(config.services.begin(), config.services.end());
    config.services[2].servers.pop_back();
    const auto second = Tables::build(config, first.get());
    CHECK(second->service(6, end(meters))->number == number);
    CHECK(second->service_numbers() == 3);
    config.services.pop_back();
    const auto third = Tables::build(config, second.get());
    CHECK(third->service_by_number(number) == nullptr);
    config.services.push_back(lab_config("old", {"old"}).services[0]);
    const auto fourth = Tables::build(config, third.get());
    CHECK(fourth->service(6, end(meters))->number == 3);
    CHECK(fourth->service_by_number(3) == fourth->service(6, end(meters)));
    CHECK(fourth->service_by_number(number) == nullptr);
    CHECK(fourth->service_by_number(4) == nullptr);
}

TEST_CASE("a service shares its Maglev table while its servers stay") {
    Config config = lab_config("old", {"old", "new"});
    const auto before = Tables::build(config);
    config.services[1].servers[0].masked = true;
    config.services[2].servers[0].port = 9;
    const auto after = Tables::build(config, before.get());
    for (size_t i = 0; i < 3; ++i) {
        CHECK((after->services()[i].maglev == before->services()[i].maglev) == (i != 1));
    }
}

TEST_CASE("a server that is set aside gives its own slots away, and has them again") {
    const auto whole = Tables::build(lab_config("old", {"old", "new"}));
    const ServiceTable& service = *whole->service(6, end(meters));
    SetAside aside{{service.number, std::vector<bool>(service.servers.size())}};
    aside[service.number][0] = true;
    const auto some = Tables::with(whole, aside);
    const ServiceTable& less = *some->service(6, end(meters));
    CHECK_FALSE(less.takes_new_flows(0));
    CHECK(less.has_server(less.servers[0].endpoint()));
    for (uint32_t n = 0; n < 1000; ++n) {
        const auto was = choose_server(service, client(n));
        const auto is = choose_server(less, client(n));
        CHECK(is.index != 0);
        CHECK((is.index == was.index || was.index == 0));
    }
    for (const ServiceTable& other : some->services()) {
        const ServiceTable& before = *whole->service_by_number(other.number);
        CHECK((other.maglev == before.maglev) == (other.number != service.number));
    }
    CHECK(some->parts() == whole->parts());  // no flow is judged again
    CHECK(Tables::with(some, aside) == some);
    CHECK(*Tables::with(some, {})->service(6, end(meters))->maglev == *service.maglev);

    aside[service.number].assign(service.servers.size(), true);
    CHECK_FALSE(Tables::with(some, aside)->service(6, end(meters))->has_live_server());
    const SetAside wrong{{service.number, {true}}, {999, {true}}};
    CHECK(Tables::with(whole, wrong)->services()[0].maglev == whole->services()[0].maglev);

    Config config = lab_config("old", {"old", "new"});
    config.services.erase(config.services.begin() + 1);
    const auto reloaded = Tables::build(config, some.get());
    CHECK(*reloaded->service(6, end(meters))->maglev == *service.maglev);
    CHECK_FALSE(Tables::with(reloaded, some->aside())->service(6, end(meters))->takes_new_flows(0));
}

TEST_CASE("a masked server gets no new flows and is there") {
    Config config = lab_config("old", {"old", "new"});
    config.services[0].servers[0].masked = true;
    const auto before = Tables::build(lab_config("old", {"old", "new"}));
    const auto after = Tables::build(config);
    const ServiceTable& service = *after->service(6, end(meters));
    for (uint32_t n = 0; n < 1000; ++n) {
        const auto [server, index] = choose_server(service, client(n));
        CHECK(&server == &service.servers[index]);
        CHECK_FALSE(server.masked);
        const auto old = choose_server(*before->service(6, end(meters)), client(n));
        CHECK((index == old.index || old.index == 0));
    }
    CHECK(service.has_server(end("10.1.1.11:1883")));
    CHECK(service.server(end("10.1.1.11:1883"))->masked);
    CHECK_FALSE(service.has_server(end("10.1.1.11:1884")));
    CHECK_FALSE(service.has_server(end("10.1.1.13:1883")));
    for (auto& server : config.services[0].servers) {
        server.masked = true;
    }
    CHECK_FALSE(Tables::build(config)->service(6, end(meters))->has_live_server());
}

TEST_CASE("many services of both families, each found under its own number") {
    Config config = lab_config("old", {"old"});
    const auto some = config.services[0].servers;
    config.services.clear();
    config.prefixes = {*Prefix::parse("10.0.0.0/8"), *Prefix::parse("2001:db8::/32")};
    for (uint32_t i = 0; i < 600; ++i) {
        ServiceConfig service;
        service.vip = i % 2 == 0 ? Address::v4(0x0a000000 + i / 8)
                                 : ip("2001:db8::" + std::to_string(1 + i / 8));
        service.port = static_cast<uint16_t>(1000 + i % 8);
        service.protocol = i % 3 == 0 ? Protocol::udp : Protocol::tcp;
        service.servers = some;
        config.services.push_back(service);
    }
    const auto tables = Tables::build(config);
    for (uint32_t i = 0; i < 600; ++i) {
        const auto& service = config.services[i];
        const auto protocol = static_cast<uint8_t>(service.protocol);
        const Endpoint vip{service.vip, service.port};
        const ServiceTable* found = tables->service(protocol, vip);
        REQUIRE(found != nullptr);
        CHECK(found->number == i);
        CHECK(*found->config == service);
        CHECK(tables->service(protocol == 6 ? 17 : 6, vip) == nullptr);
        CHECK(tables->is_vip(service.vip));
        if (service.vip.family == Family::v4) {
            CHECK(tables->service(protocol, service.vip.v4_host_order(), service.port) == found);
            CHECK(tables->is_vip(service.vip.v4_host_order()));
        }
    }
    CHECK_FALSE(tables->is_vip(ip("2001:db8::")));
    CHECK_FALSE(tables->is_vip(0x0a000100));
    CHECK(tables->is_moved(0x0affffff));
    CHECK(tables->is_moved(ip("2001:db8:ffff::1")));
    CHECK_FALSE(tables->is_moved(ip("2001:db9::1")));
}

TEST_CASE("an address lies in the longest prefix that contains it") {
    const char* const texts[] = {"0.0.0.0/0",         "10.0.0.0/8",        "10.1.0.0/16",
                                 "10.1.1.1/32",       "10.0.0.0/8",        "2001:db8::/32",
                                 "2001:db8:0:1::/64", "2001:db8:0:1::/65", "2001:db8::7/128"};
    std::vector<Prefix> prefixes;
    for (const char* text : texts) {
        prefixes.push_back(*Prefix::parse(text));
    }
    const PrefixIndex index(prefixes);
    struct Row {
        const char* address;
        uint32_t found;
    };
    const Row rows[] = {{"192.0.2.1", 0},
                        {"10.2.0.0", 1},
                        {"10.1.255.255", 2},
                        {"10.1.1.1", 3},
                        {"2001:db8:1::", 5},
                        {"2001:db8:0:1:8000::", 6},
                        {"2001:db8:0:1:7fff::", 7},
                        {"2001:db8::7", 8},
                        {"2001:db9::", PrefixIndex::none}};
    for (const Row& row : rows) {
        INFO(std::string(row.address));
        CHECK(index.find(ip(row.address)) == row.found);
    }
    CHECK(PrefixIndex().find(ip("10.0.0.1")) == PrefixIndex::none);
    CHECK(PrefixIndex().find(ip("::")) == PrefixIndex::none);
}

TEST_CASE("maps rewrite an address to its counterpart and back") {
    Config config = lab_config("old", {"old"});
    config.services.clear();
    struct Row {
        const char* vips;
        const char* servers;
        const char* vip;
        const char* server;
    };
    const Row rows[] = {
        {"203.0.113.0/25", "10.5.6.128/25", "203.0.113.127", "10.5.6.255"},
        {"203.0.113.128/31", "10.7.0.0/31", "203.0.113.129", "10.7.0.1"},
        {"203.0.113.200/32", "10.7.0.9/32", "203.0.113.200", "10.7.0.9"},
        {"2001:db8:1::/48", "fd00:9:8::/48", "2001:db8:1:2:3:4:5:6", "fd00:9:8:2:3:4:5:6"},
        {"2001:db8:2::80/121", "fd00::/121", "2001:db8:2::ff", "fd00::7f"},
    };
    config.prefixes.push_back(*Prefix::parse("2001:db8::/32"));
    for (const Row& row : rows) {
        config.maps.push_back({row.vips, *Prefix::parse(row.vips), *Prefix::parse(row.servers)});
    }
    const auto tables = Tables::build(config);
    for (uint32_t i = 0; i < std::size(rows); ++i) {
        const Row& row = rows[i];
        INFO(std::string(row.vips));
        const MapRule* rule = tables->map_of_vip(ip(row.vip));
        REQUIRE(rule != nullptr);
        CHECK(rule->number == i);
        CHECK(rule == tables->map_of_server(ip(row.server)));
        CHECK(rule->to_server(ip(row.vip)).text() == row.server);
        CHECK(rule->to_vip(ip(row.server)).text() == row.vip);
        if (ip(row.vip).family == Family::v4) {
            const uint32_t vip = ip(row.vip).v4_host_order();
            const uint32_t server = ip(row.server).v4_host_order();
            CHECK(tables->map_of_vip(vip) == rule);
            CHECK(tables->map_of_server(server) == rule);
            CHECK(rule->to_server(vip) == server);
            CHECK(rule->to_vip(server) == vip);
        }
    }
    for (const char* other : {"203.0.113.130", "203.0.113.201", "2001:db8:2::7f", "10.5.6.127"}) {
        CHECK(tables->map_of_vip(ip(other)) == nullptr);
        CHECK(tables->map_of_server(ip(other)) == nullptr);
    }
    // A map needs no server that lives; the other prefix has neither map nor service.
    const auto served = Served::make(*tables, nullptr, {}, {});
    CHECK(served->has(*Prefix::parse("203.0.113.0/24")));
    CHECK_FALSE(served->has(*Prefix::parse("198.51.100.0/24")));
    CHECK_FALSE(served->has(*Prefix::parse("203.0.113.0/25")));
    std::swap(config.maps[0], config.maps[1]);
    config.maps[2].vip = *Prefix::parse("203.0.113.201/32");
    const auto after = Tables::build(config, tables.get());
    CHECK(after->map_of_vip(ip("203.0.113.127"))->number == 0);
    CHECK(after->map_of_vip(ip("203.0.113.129"))->number == 1);
    CHECK(after->map_of_vip(ip("203.0.113.201"))->number == 5);
    CHECK(after->map_numbers() == 6);
}

TEST_CASE("the addresses of pools") {
    Config config = lab_config("old", {"old"});
    config.pools = {{"one", {*Prefix::parse("192.0.2.8/30"), *Prefix::parse("192.0.2.1/32")}},
                    {"six", {*Prefix::parse("fd00::ff00/127"), *Prefix::parse("fd00::/116")}}};
    const auto tables = Tables::build(config);
    REQUIRE(tables->pools().size() == 2);
    CHECK(tables->pools()[0].addresses.size() == 5);
    CHECK(tables->pools()[1].addresses.size() == 4098);
    CHECK(tables->pools()[1].family == Family::v6);
    CHECK(tables->pools()[1].addresses[4097].text() == "fd00::fff");
    for (uint32_t pool = 0; pool < 2; ++pool) {
        const auto& addresses = tables->pools()[pool].addresses;
        for (uint32_t i = 0; i < addresses.size(); ++i) {
            REQUIRE(tables->pool_address(addresses[i]) == PoolAddress{pool, i});
        }
    }
    CHECK(tables->pool_address(0xc000020b) == PoolAddress{0, 3});
    CHECK_FALSE(tables->pool_address(0xc000020c));
    CHECK_FALSE(tables->pool_address(ip("fd00::1000")));
}

TEST_CASE("the role of each VLAN of a port") {
    Config config = lab_config("old", {"old"});
    const auto add_line = [&](const char* carrier, size_t port, uint16_t vlan) {
        LineConfig line;
        line.carrier = carrier;
        line.port = port;
        line.vlan = vlan;
        config.lines.push_back(line);
    };
    add_line("violet", red, 0);  // shares the line of red
    add_line("amber", servers_port, 100);
    add_line("ochre", servers_port, 100);
    config.ports[link_port].server_vlans = {{7, 8}};
    config.ports.push_back({"trunk", {}, {{9}}});
    const auto trunk = static_cast<PortIndex>(config.ports.size() - 1);
    const auto tables = Tables::build(config);
    struct Row {
        PortIndex port;
        uint16_t vlan;
        PortRole role;
        std::vector<uint16_t> lines;
    };
    const Row rows[] = {{red, 0, PortRole::line, {0, 3}},
                        {red, 5, PortRole::other, {}},
                        {1, 0, PortRole::line, {1}},
                        {servers_port, 0, PortRole::servers, {}},
                        {servers_port, 100, PortRole::line, {4, 5}},
                        {servers_port, 101, PortRole::other, {}},
                        {link_port, 0, PortRole::link, {}},
                        {link_port, 7, PortRole::servers, {}},
                        {trunk, 9, PortRole::servers, {}},
                        {trunk, 0, PortRole::other, {}},
                        {63, 0, PortRole::other, {}}};
    for (const Row& row : rows) {
        INFO("port ", row.port, " VLAN ", row.vlan);
        CHECK(tables->role(row.port, row.vlan) == row.role);
        const auto lines = tables->lines_at(row.port, row.vlan);
        CHECK(std::vector<uint16_t>(lines.begin(), lines.end()) == row.lines);
    }
}

TEST_CASE("both sites choose the counterpart of the same server") {
    Config reordered = lab_config("new", {"old", "new"});
    std::reverse(reordered.services[0].servers.begin(), reordered.services[0].servers.end());
    const auto old_tables = Tables::build(lab_config("old", {"old", "new"}));
    const auto new_tables = Tables::build(reordered);
    for (uint32_t n = 0; n < 1000; ++n) {
        CHECK(choose_server(*old_tables->service(6, end(meters)), client(n)).server.name ==
              choose_server(*new_tables->service(6, end(meters)), client(n)).server.name);
    }
}

TEST_CASE("a reload that removes a server") {
    Lab lab;
    std::vector<std::string> before;
    for (uint32_t n = 0; n < 100; ++n) {
        before.push_back(served_by(lab, client(n), flag::S, meters));
        const auto reply =
            lab.enter(0, servers_port,
                      Say{{ip(before.back()), 1883}, client(n), 6, flag::S | flag::A, 1999, 1001});
        REQUIRE(reply.end == "red");
        served_by(lab, client(n), flag::A, meters);
    }
    remove_server(lab, lab.gateways[0], "s1");
    for (uint32_t n = 0; n < 100; ++n) {
        INFO("client ", n);
        // What is established stays; what is new goes to who is left, and so does what logs in
        // again on an entry whose server is gone.
        CHECK(served_by(lab, client(n), flag::A, meters) == before[n]);
        CHECK(served_by(lab, client(n), flag::S, meters) == "10.1.1.12");
        CHECK(served_by(lab, client(1000 + n), flag::S, meters) == "10.1.1.12");
    }
}

TEST_CASE("a reload that removes a service") {
    Lab lab;
    served_by(lab, client(0), flag::S, meters);
    lab.gateways[0].config.services.erase(lab.gateways[0].config.services.begin());
    lab.reload(lab.gateways[0]);
    CHECK(served_by(lab, client(0), flag::A, meters) == "old drop no_service");
    CHECK(lab.wrong.empty());
}

TEST_CASE("what a reload changes for whom: the flows of servers that go, or all") {
    const Config config = every_forwarding();
    struct Row {
        const char* what;
        std::vector<const char*> servers;  // whose flows' decisions may be others
        std::function<void(Config&)> change;
        bool all = false;
    };
    const auto service = [](Config& of, const char* name) -> ServiceConfig& {
        return *std::find_if(of.services.begin(), of.services.end(),
                             [&](const auto& s) { return s.name == name; });
    };
    const Row rows[] = {
        {"nothing", {}, [](Config&) {}},
        {"a server comes",
         {},
         [&](Config& c) {
             service(c, "meters").servers.push_back({"s9", ip("10.1.1.99"), 1883, 1});
         }},
        {"another weight, and one is masked",
         {},
         [&](Config& c) {
             service(c, "meters").servers[0].weight = 5;
             service(c, "meters").servers[1].masked = true;
         }},
        {"another order",
         {},
         [&](Config& c) { std::swap(service(c, "six").servers[0], service(c, "six").servers[1]); }},
        {"a server goes",
         {"10.1.1.12"},
         [&](Config& c) { service(c, "meters").servers.pop_back(); }},
        {"another port",
         {"10.1.1.11"},
         [&](Config& c) { service(c, "meters").servers[0].port = 9; }},
        {"one of IPv6 goes",
         {"2001:db8:a::11"},
         [&](Config& c) { service(c, "six").servers.erase(service(c, "six").servers.begin()); }},
        {"a service goes",
         {"10.1.1.31", "10.1.1.32"},
         [&](Config& c) {
             std::erase_if(c.services, [](const auto& s) { return s.name == "pooled"; });
         }},
        {"a prefix", {}, [](Config& c) { c.prefixes.pop_back(); }, true},
        {"a map", {}, [](Config& c) { c.maps.pop_back(); }, true},
        {"a pool",
         {},
         [](Config& c) {
             c.pools.push_back({"more", {*Prefix::parse("10.1.201.0/31")}});
         },
         true},
        {"whose sources are wrong",
         {},
         [](Config& c) { c.networks.push_back(*Prefix::parse("100.80.7.0/24")); },
         true},
        {"who may be a client all the same",
         {},
         [](Config& c) { c.clients.push_back(*Prefix::parse("10.1.77.0/24")); },
         true},
    };
    const auto before = Tables::build(config);
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Config changed = config;
        row.change(changed);
        const auto after = Tables::build(changed, before.get());
        PartVersions expected = *before->parts();
        for (const char* server : row.servers) {
            ++expected[part_slot(ip(server))];
        }
        for (uint32_t slot = 0; row.all && slot < part_slots; ++slot) {
            ++expected[slot];
        }
        CHECK(*after->parts() == expected);
        CHECK((after->parts() == before->parts()) == (row.servers.empty() && !row.all));
    }
}

TEST_CASE("two VIPs in front of one server and port") {
    Lab lab;
    auto& config = lab.gateways[0].config;
    for (auto& server : config.services[1].servers) {
        server.port = 1883;
    }
    lab.reload(lab.gateways[0]);
    uint32_t shared = 0;
    for (uint32_t n = 0; n < 100; ++n) {
        // What the server sees, and its answer, which is the client's from the VIP that it asked.
        const auto at_server = [&](const Endpoint& vip, uint8_t flags, uint8_t answers) {
            const auto there = lab.enter(0, red, Say{client(n), vip, 6, flags});
            REQUIRE(there.end == "servers");
            const auto back = lab.enter(0, servers_port, answer(there.packet(), answers));
            CHECK(back.end == "red");
            CHECK(Endpoint{back.packet().source, back.packet().source_port} == vip);
            CHECK(Endpoint{back.packet().destination, back.packet().destination_port} == client(n));
            return there.packet();
        };
        const Endpoint one = end(meters), other = end(terminals);
        const Packet first = at_server(one, flag::S, flag::S | flag::A);
        const Packet second = at_server(other, flag::S, flag::S | flag::A);
        CHECK(first.source_port == client(n).port);
        CHECK(second.source == client(n).address);
        if (first.destination == second.destination) {
            ++shared;
            CHECK(second.source_port != client(n).port);
        }
        // Both go on side by side, and one ends alone.
        CHECK(at_server(one, flag::A, flag::A).source_port == first.source_port);
        CHECK(at_server(other, flag::A, flag::A).source_port == second.source_port);
        CHECK(lab.enter(0, red, Say{client(n), one, 6, flag::R}).end == "servers");
        CHECK(at_server(other, flag::A, flag::A).source_port == second.source_port);
    }
    CHECK(shared > 0);
    CHECK(lab.wrong.empty());
}

}  // namespace rehome::vipd::testing
