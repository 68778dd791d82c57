// What a run will measure, and what is refused before anything is touched; verified routes.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <cmath>

#include "probe/core/plan.h"

namespace rehome::probe {
namespace {

Inventory inventory() {
    Inventory inventory;
    inventory.carriers = {{.name = "red",
                           .vantage = Vantage{.host = "local",
                                              .source = *Address::parse("100.80.1.200"),
                                              .mark = 7,
                                              .interface = ""},
                           .clients = {}},
                          {.name = "bare", .vantage = {}, .clients = {}}};
    const auto service = [](const char* name, const char* vip, Protocol protocol, uint16_t port) {
        return Service{.name = name,
                       .vip = *Address::parse(vip),
                       .protocol = protocol,
                       .port = port,
                       .server_port = port,
                       .servers = {}};
    };
    inventory.services = {service("meters", "198.51.100.10", Protocol::tcp, 1883),
                          service("terminals", "203.0.113.5", Protocol::tcp, 14000),
                          service("reflect", "198.51.100.10", Protocol::udp, 862),
                          service("names", "198.51.100.53", Protocol::udp, 53),
                          service("six", "2001:db8::5", Protocol::tcp, 80)};
    return inventory;
}

std::string paths_of(const Plan& plan) {
    std::string text;
    for (const Path& path : plan.paths) {
        text +=
            fmt::format("{}{} {}", text.empty() ? "" : ", ", name(path.kind), path.target_text());
        for (const std::string& service : path.services) {
            text += "/" + service;
        }
    }
    return text;
}

TEST_CASE("paths") {
    const struct {
        const char* what;
        Asked asked;
        const char* paths;
    } cases[] = {
        {"everything that fits",
         {.carrier = "red"},
         "icmp 198.51.100.10/meters/reflect, tcp 198.51.100.10:1883/meters, "
         "icmp 203.0.113.5/terminals, tcp 203.0.113.5:14000/terminals, "
         "udp 198.51.100.10:862/reflect, icmp 198.51.100.53/names"},
        {"a service",
         {.carrier = "red", .services = {"meters"}},
         "icmp 198.51.100.10/meters, tcp 198.51.100.10:1883/meters"},
        {"two services, one kind",
         {.carrier = "red", .services = {"meters", "terminals"}, .tcp = true},
         "tcp 198.51.100.10:1883/meters, tcp 203.0.113.5:14000/terminals"},
        {"udp to a service of its own port, asked for",
         {.carrier = "red", .services = {"names"}, .udp = true},
         "udp 198.51.100.53:53/names"},
        {"one kind of all services",
         {.carrier = "red", .icmp = true},
         "icmp 198.51.100.10/meters/reflect, icmp 203.0.113.5/terminals, "
         "icmp 198.51.100.53/names"},
        {"an address", {.carrier = "red", .target = "192.0.2.9"}, "icmp 192.0.2.9"},
        {"an address and port",
         {.carrier = "red", .target = "192.0.2.9:80"},
         "icmp 192.0.2.9, tcp 192.0.2.9:80"},
        {"STAMP's port",
         {.carrier = "red", .target = "192.0.2.9:862"},
         "icmp 192.0.2.9, udp 192.0.2.9:862"},
        {"udp without a port",
         {.carrier = "red", .target = "192.0.2.9", .udp = true},
         "udp 192.0.2.9:862"},
        {"IPv6",
         {.carrier = "red", .target = "[2001:db8::9]:80", .source = "2001:db8::1"},
         "icmp 2001:db8::9, tcp [2001:db8::9]:80"},
    };
    const Inventory given = inventory();
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        const auto plan = make_plan(c.asked, &given);
        REQUIRE(plan.has_value());
        CHECK(paths_of(*plan) == c.paths);
    }
}

TEST_CASE("the vantage's binding, and the options that win over it") {
    const Inventory given = inventory();
    const auto plain = make_plan({.carrier = "red"}, &given);
    CHECK(text(plain->binding) == "from 100.80.1.200, mark 7");
    const auto bound = make_plan(
        {.carrier = "red", .source = "192.0.2.1", .mark = 0, .interface = "red0"}, &given);
    CHECK(text(bound->binding) == "from 192.0.2.1, interface red0");
    const auto bare = make_plan({.carrier = "bare", .source = "192.0.2.1"}, &given);
    REQUIRE(bare.has_value());
    CHECK(text(bare->binding) == "from 192.0.2.1");
    const auto alone =
        make_plan({.carrier = "x", .target = "192.0.2.9", .source = "192.0.2.1"}, nullptr);
    REQUIRE(alone.has_value());
    CHECK(text(alone->binding) == "from 192.0.2.1");
}

TEST_CASE("a vantage of both families measures both side by side; else what is left out is named") {
    Inventory given = inventory();
    const auto one = make_plan({.carrier = "red"}, &given);
    REQUIRE(one.has_value());
    CHECK(one->left_out == std::vector<std::string>{"six"});
    CHECK_FALSE(one->binding_for(Family::v6).has_value());

    given.carriers[0].vantage->source6 = *Address::parse("2001:db8::200");
    const auto both = make_plan({.carrier = "red", .services = {"meters", "six"}}, &given);
    REQUIRE(both.has_value());
    CHECK(paths_of(*both) ==
          "icmp 198.51.100.10/meters, tcp 198.51.100.10:1883/meters, "
          "icmp 2001:db8::5/six, tcp [2001:db8::5]:80/six");
    CHECK(text(*both->binding_for(Family::v4)) == "from 100.80.1.200, mark 7");
    CHECK(text(*both->binding_for(Family::v6)) == "from 2001:db8::200, mark 7");
    CHECK(make_plan({.carrier = "red"}, &given)->left_out.empty());

    // an own source stands for the whole vantage
    const auto six = make_plan({.carrier = "red", .source = "2001:db8::7"}, &given);
    REQUIRE(six.has_value());
    CHECK_FALSE(six->binding_for(Family::v4).has_value());
    CHECK(paths_of(*six) == "icmp 2001:db8::5/six, tcp [2001:db8::5]:80/six");
    CHECK(six->left_out.size() == 4);
}

TEST_CASE("what the kernel is asked: of a SYN from a raw socket it sees no ports") {
    const Path icmp{Kind::icmp, {}, {*Address::parse("2001:db8::5"), 0}};
    CHECK(probe_packet(icmp, 61000, 46).protocol == Protocol::icmp6);
    CHECK(probe_packet(icmp, 61000, 46).source_port == 0);
    CHECK(probe_packet(icmp, 61000, 46).dscp == 46);
    const Path tcp{Kind::tcp, {}, *Endpoint::parse("192.0.2.9:80")};
    CHECK(probe_packet(tcp, 61000, 46).protocol == Protocol::tcp);
    CHECK(probe_packet(tcp, 61000, 46).target_port == 0);
    CHECK(connection_packet(tcp, 61000, 46).source_port == 61000);
    CHECK(connection_packet(tcp, 61000, 46).target_port == 80);
    const Path udp{Kind::udp, {}, *Endpoint::parse("192.0.2.9:862")};
    CHECK(probe_packet(udp, 61000, 46).source_port == 61000);
    CHECK(probe_packet(udp, 61000, 46).target_port == 862);
}

TEST_CASE("refused, every mistake at once") {
    const struct {
        Asked asked;
        const char* mistakes;
    } cases[] = {
        {{}, "--carrier: is missing, expected a carrier's name\n"},
        {{.carrier = "pink"}, "--carrier: no carrier \"pink\" in the inventory\n"},
        {{.carrier = "pink", .services = {"a"}, .count = 0, .source = "here"},
         "--carrier: no carrier \"pink\" in the inventory\n"
         "--source: \"here\" is no IP address, expected one such as 192.0.2.1 or 2001:db8::1\n"
         "--count: is out of range, expected 1 to 10000000\n"
         "--service: no service \"a\" in the inventory\n"},
        {{.carrier = "bare", .services = {"meters"}},
         "--source: is missing, expected an address of this host, as carrier \"bare\" has no "
         "vantage in the inventory\n"},
        {{.carrier = "red", .services = {"a", "meters", "b"}},
         "--service: no service \"a\" in the inventory\n"
         "--service: no service \"b\" in the inventory\n"},
        {{.carrier = "red", .services = {"meters"}, .udp = true},
         "--service: meters is a tcp service, expected one of the kind asked for\n"},
        {{.carrier = "red", .services = {"six"}},
         "--service: six has VIP 2001:db8::5, expected the family of the source 100.80.1.200\n"},
        {{.carrier = "red", .services = {"meters"}, .source = "0.0.0.0"},
         "--source: 0.0.0.0 is no address to send from, expected one of this host\n"},
        {{.carrier = "red", .target = "2001:db8::9", .source = "::"},
         "--source: :: is no address to send from, expected one of this host\n"},
        {{.carrier = "red", .target = "example.org"},
         "--target: expected ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT (names are not looked up), "
         "not \"example.org\"\n"},
        {{.carrier = "red", .target = "2001:db8::1"},
         "--target: 2001:db8::1 is not of the family of the source 100.80.1.200\n"},
        {{.carrier = "red", .target = "192.0.2.9", .tcp = true},
         "--target: has no port, which --tcp needs: expected 192.0.2.9:PORT\n"},
        {{.carrier = "red", .services = {"meters"}, .target = "192.0.2.9"},
         "--target: was given with --service, expected one of them\n"},
        {{.carrier = "red", .count = 0, .rate_pps = 0, .wait_ms = 0},
         "--count: is out of range, expected 1 to 10000000\n"
         "--rate: is out of range, expected 0.01 to 100000\n"
         "--wait: is out of range, expected 1 to 60000\n"},
        {{.carrier = "red", .rate_pps = NAN, .mark = -1},
         "--mark: is out of range, expected 0 to 4294967295\n"
         "--rate: is out of range, expected 0.01 to 100000\n"},
        {{.carrier = "red", .count = 100'000, .rate_pps = 50'000},
         "--rate: times --wait takes 76098 source ports for tcp, expected at most 4000\n"},
    };
    const Inventory given = inventory();
    for (const auto& c : cases) {
        CAPTURE(std::string(c.mistakes));
        const auto plan = make_plan(c.asked, &given);
        REQUIRE_FALSE(plan.has_value());
        std::string lines;
        for (const Error& error : plan.error()) {
            CHECK(error.kind == Exit::usage);
            lines += error.text() + "\n";
        }
        CHECK(lines == c.mistakes);
    }
}

TEST_CASE("without an inventory a source and a target are needed") {
    CHECK_FALSE(make_plan({.carrier = "x", .target = "192.0.2.9"}, nullptr).has_value());
    CHECK_FALSE(make_plan({.carrier = "x", .source = "192.0.2.1"}, nullptr).has_value());
}

TEST_CASE("routes that would measure something else are refused") {
    const Address target = *Address::parse("198.51.100.10");
    const Binding plain{.source = *Address::parse("192.0.2.1"), .mark = 0, .interface = ""};
    const Binding bound{.source = *Address::parse("192.0.2.1"), .mark = 0, .interface = "red0"};
    const Route red{.type = Route::Type::unicast,
                    .interface = "red0",
                    .next_hop = *Address::parse("192.0.2.254"),
                    .table = 254};
    Route local = red;
    local.type = Route::Type::local;
    Route blackhole = red;
    blackhole.type = Route::Type::other;
    Route green = red;
    green.interface = "green0";
    CHECK(check_route(plain, target, red).has_value());
    CHECK(check_route(plain, target, green).has_value());
    CHECK(check_route(bound, target, red).has_value());
    CHECK(check_route(bound, target, green).error().kind == Exit::world);
    CHECK(check_route(bound, target, green).error().text() ==
          "route to 198.51.100.10 from 192.0.2.1, interface red0: the kernel takes dev green0 via "
          "192.0.2.254, table main, expected interface red0");
    CHECK_FALSE(check_route(plain, target, local).has_value());
    CHECK_FALSE(check_route(plain, target, blackhole).has_value());
    const Packet connection{
        .target = target, .protocol = Protocol::tcp, .source_port = 61000, .target_port = 1883};
    CHECK(check_connection(connection, red, red).has_value());
    const auto differ = check_connection(connection, red, green);
    REQUIRE_FALSE(differ.has_value());
    CHECK(differ.error().kind == Exit::world);
    CHECK(differ.error().text() ==
          "route to 198.51.100.10:1883: a connection from port 61000 goes dev green0 via "
          "192.0.2.254, table main, and a SYN probe dev red0 via 192.0.2.254, table main, as a "
          "rule looks at ports; expected one way: give --interface or --mark");
}

}  // namespace
}  // namespace rehome::probe
