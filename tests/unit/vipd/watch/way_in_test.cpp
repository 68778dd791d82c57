// By which port and VLAN a packet comes in, when nobody says it.
#include "vipd/watch/way_in.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

TEST_CASE("a packet comes in as the route to its sender says") {
    Config config = every_forwarding();
    config.lines[blue].vlan = 7;
    const auto tables = Tables::build(config);
    RouteTable table;
    table.set({*Prefix::parse("100.80.0.0/16"), 0}, {green, config.lines[green].peer});
    table.set({*Prefix::parse("100.81.0.0/16"), 0}, {blue, config.lines[blue].peer, 7});
    table.set({*Prefix::parse("100.82.0.0/16"), 0}, {blue, ip("100.64.9.9")});  // untagged
    table.set({*Prefix::parse("10.1.0.0/16"), 0}, {servers_port, {}});
    table.set({*Prefix::parse("10.1.9.0/24"), 0}, {vlan_port, {}, 300});
    const Fib routes = table.build();
    const Mac mac{2, 0, 0, 0, 1, 1};
    Neighbours neighbours;
    neighbours.set({green, config.lines[green].peer}, {mac, true});
    const struct {
        const char* packet;
        WayIn way;
    } rows[] = {
        {"udp 100.80.0.1:5 > 198.51.100.10:862 len 5", {green, {}, mac}},
        {"udp 100.81.0.1:5 > 198.51.100.10:862 len 5", {blue, 7, {}}},
        {"udp 100.80.0.1:5 > 198.51.100.10:862 len 5 vlan 7", {blue, 7, {}}},
        {"udp 100.82.0.1:5 > 198.51.100.10:862 len 5", {blue, {}, {}}},
        {"udp 100.83.0.1:5 > 198.51.100.10:862 len 5", {red, {}, {}}},  // no route
        {"udp 10.1.1.11:862 > 100.80.0.1:5 len 5", {servers_port, {}, {}}},
        {"udp 10.1.9.1:862 > 100.80.0.1:5 len 5", {vlan_port, 300, {}}},
        {"udp 10.1.1.11:862 > 100.80.0.1:5 len 5 vlan 300", {vlan_port, 300, {}}},
        {"udp 10.99.0.2:50000 > 10.99.0.1:6080 data 2000000072686b61", {link_port, {}, {}}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.packet);
        const auto packet = parse_packet_text(row.packet);
        REQUIRE(packet);
        const auto way = way_in(config, *tables, {routes, neighbours}, "", *packet);
        REQUIRE(way);
        CHECK(way->port == row.way.port);
        CHECK(way->vlan == row.way.vlan);
        CHECK(way->from == row.way.from);
        const auto said = way_in(config, *tables, {routes, neighbours}, "red", *packet);
        REQUIRE(said);
        CHECK(said->port == red);
        CHECK(said->vlan == packet->vlan);
    }
}

}  // namespace rehome::vipd::testing
