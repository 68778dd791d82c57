// The files of `vipd why --routes`, as iproute2 6.1 prints them, and mistakes in them.
#include "vipd/route/route_file.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/packets.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

const std::vector<std::string> ports{"red", "servers"};

std::string hop_text(const RouteFile& file, const char* address) {
    const auto hop = file.routes.build().lookup(ip(address));
    return hop ? ports[hop->port] + (hop->vlan == 0 ? "" : "." + std::to_string(hop->vlan)) + " " +
                     hop->address.text()
               : "none";
}

}  // namespace

TEST_CASE("ip -json route, ip -6 -json route and ip -json neighbour in one file") {
    const char* text =
        R"([{"dst":"default","gateway":"100.64.1.1","dev":"red","metric":20,"flags":[]},)"
        R"({"dst":"10.1.0.0/16","dev":"servers","protocol":"kernel","scope":"link","prefsrc":"10.1.0.1","flags":[]},)"
        R"({"type":"blackhole","dst":"198.51.100.0/24","protocol":"201","flags":[]},)"
        R"({"dst":"192.0.2.7","gateway":"10.1.0.9","dev":"servers","flags":["onlink"]},)"
        R"({"dst":"192.0.2.8","dev":"eth0","scope":"link","flags":[]},)"
        R"({"dst":"192.0.2.64/26","flags":[],"nexthops":[{"gateway":"10.1.0.7","dev":"servers","weight":1,"flags":[]},)"
        R"({"gateway":"10.1.0.8","dev":"servers","weight":1,"flags":[]}]},)"
        R"({"dst":"192.0.2.10","gateway":"10.3.0.1","dev":"servers.20","flags":[]},)"
        R"({"dst":"192.0.2.11","gateway":"10.3.0.1","dev":"servers.x","flags":[]},)"
        R"({"dst":"192.0.2.9","via":{"family":"inet6","host":"fe80::9"},"dev":"servers","flags":[]}])"
        "\n"
        R"([{"dst":"2001:db8:1::/64","dev":"servers","metric":256,"flags":[],"pref":"medium"},)"
        R"({"dst":"default","gateway":"fe80::1","dev":"red","metric":1024,"flags":[],"pref":"medium"}])"
        "\n"
        R"([{"dst":"10.1.0.2","dev":"servers","lladdr":"02:00:00:00:0a:ff","state":["REACHABLE"]},)"
        R"({"dst":"10.1.0.3","dev":"servers","state":["FAILED"]},)"
        R"({"dst":"10.1.0.2","dev":"eth0","lladdr":"02:00:00:00:00:01","state":["STALE"]}])"
        "\n";
    const auto file = parse_route_file("routes.json", text, ports);
    REQUIRE(file);
    const std::pair<const char*, const char*> rows[] = {
        {"8.8.8.8", "red 100.64.1.1"},
        {"10.1.7.7", "servers 10.1.7.7"},
        {"198.51.100.1", "none"},
        {"192.0.2.7", "servers 10.1.0.9"},
        {"192.0.2.8", "none"},
        {"192.0.2.65", "servers 10.1.0.7"},
        {"192.0.2.9", "servers fe80::9"},
        {"192.0.2.10", "servers.20 10.3.0.1"},
        {"192.0.2.11", "none"},
        {"2001:db8:1::5", "servers 2001:db8:1::5"},
        {"2001:db8:2::5", "red fe80::1"},
    };
    for (const auto& [address, hop] : rows) {
        CAPTURE(address);
        CHECK(hop_text(*file, address) == hop);
    }
    CHECK(file->neighbours.size() == 1);
    const Neighbour* neighbour = file->neighbours.find({1, ip("10.1.0.2")});
    REQUIRE(neighbour != nullptr);
    CHECK(neighbour->usable);
    CHECK(neighbour->mac == Mac{2, 0, 0, 0, 0x0a, 0xff});
}

TEST_CASE("an empty file has no routes") {
    for (const char* text : {"", "\n", "[]", "[ ]\n[]\n"}) {
        const auto file = parse_route_file("routes.json", text, ports);
        REQUIRE(file);
        CHECK(file->routes.size() == 0);
    }
}

TEST_CASE("all mistakes of a route file at once") {
    const auto file = parse_route_file(
        "r.json",
        R"([{"dst":"10.0.0.1/8","dev":"red"},{"dev":"red"},7,)"
        R"({"dst":"10.0.0.0/8","dev":"red","gateway":"here"},{"dst":"10.0.0.0/8","metric":-1}])"
        R"([{"dst":"x","state":[]},{"dst":"10.0.0.1","dev":"red","lladdr":"0:0","state":[]}] {} nonsense)",
        ports);
    REQUIRE(!file);
    const std::string expected[] = {
        "r.json: /0/0: \"10.0.0.1/8\" has host bits set, expected 10.0.0.0/8",
        "r.json: /0/1: expected an object with \"dst\", as ip -json prints routes and neighbours",
        "r.json: /0/2: expected an object with \"dst\", as ip -json prints routes and neighbours",
        "r.json: /0/3: \"here\" is no IP address, expected one such as 192.0.2.1 or 2001:db8::1",
        "r.json: /0/4: /metric is no number",
        "r.json: /1/0: \"x\" is no IP address, expected one such as 192.0.2.1 or 2001:db8::1",
        "r.json: /1/1: \"0:0\" is no address such as 02:00:00:00:00:01",
        "r.json: /2: expected a JSON list, as ip -json prints",
        "r.json: /3: expected a JSON list, as ip -json prints",
    };
    REQUIRE(file.error().size() == std::size(expected));
    for (size_t i = 0; i < std::size(expected); ++i) {
        CHECK(file.error()[i].text() == expected[i]);
    }
}
