// What a gateway can serve when the link of a port is down.
#include "vipd/state/served.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

Prefix prefix(const char* text) {
    return *Prefix::parse(text);
}

// Servers behind two ports, and a default route behind a third, as towards a carrier.
std::shared_ptr<const Fib> fib() {
    RouteTable routes;
    routes.set({prefix("10.1.1.0/24"), 0}, {servers_port, std::nullopt, 0});
    routes.set({prefix("10.1.2.0/24"), 0}, {vlan_port, std::nullopt, 0});
    routes.set({prefix("0.0.0.0/0"), 0}, {red, Address::v4(0x64400101), 0});
    return std::make_shared<const Fib>(routes.build());
}

std::vector<PortLink> down(std::vector<PortIndex> ports) {
    std::vector<PortLink> all(6);
    for (const PortIndex port : ports) {
        all[port].up = false;
    }
    return all;
}

ServiceConfig service(const char* vip, std::vector<const char*> servers) {
    ServiceConfig made;
    made.name = vip;
    made.vip = *Address::parse(vip);
    made.port = 80;
    for (const char* server : servers) {
        made.servers.push_back({server, *Address::parse(server), 80, 1});
    }
    return made;
}

std::string text(const Served& served) {
    std::string out;
    for (const Prefix& one : served.prefixes()) {
        out += (out.empty() ? "" : " ") + one.text();
    }
    return out + " / " + std::to_string(served.ready()->keys().size());
}

}  // namespace

namespace {

const Disabled none;

}  // namespace

TEST_CASE("a service is served while a route leads to one of its servers by a port that is up") {
    Config config = lab_config("old", {"old", "new"});
    config.services = {service("198.51.100.1", {"10.1.1.1"}),
                       service("198.51.100.2", {"10.1.1.2", "10.1.2.2"}),
                       service("203.0.113.1", {"10.1.2.1"})};
    config.maps = {{"map", prefix("203.0.113.128/25"), prefix("10.1.1.128/25")}};
    const auto tables = Tables::build(config);
    struct Row {
        const char* what;
        std::vector<PortIndex> down;
        std::string served;
    };
    const std::string both = "198.51.100.0/24 203.0.113.0/24 / ";
    const std::vector<Row> rows{
        {"all up", {}, both + "3"},
        {"another port", {red}, both + "3"},
        {"one of two", {servers_port}, both + "2"},
        {"the other", {vlan_port}, both + "2"},
        {"both: no default route stands in", {servers_port, vlan_port}, " / 0"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(text(*Served::make(*tables, fib(), down(row.down), none)) == row.served);
    }
    const auto cut = Served::make(*tables, fib(), down({servers_port}), none);
    CHECK_FALSE(cut->can_serve(tables->services()[0]));
    CHECK(cut->can_serve(tables->services()[1]));
    // Nothing is known of routes yet, and what has none at all is not reached by what is up.
    CHECK(text(*Served::make(*tables, nullptr, down({servers_port}), none)) == both + "3");
    CHECK(text(*Served::make(*tables, std::make_shared<const Fib>(), down({red}), none)) == " / 0");
}

TEST_CASE("a masked server does not keep its service") {
    Config config = lab_config("old", {"old", "new"});
    config.services = {service("198.51.100.2", {"10.1.1.2", "10.1.2.2"})};
    config.services[0].servers[1].masked = true;
    const auto tables = Tables::build(config);
    CHECK(text(*Served::make(*tables, fib(), down({vlan_port}), none)) == "198.51.100.0/24 / 1");
    CHECK(text(*Served::make(*tables, fib(), down({servers_port}), none)) == " / 0");
}

}  // namespace rehome::vipd::testing
