// The inventory: the lab's own file is taken; changed by a JSON Patch (RFC 6902) in one place, each
// mistake is told at its pointer, and all of them in one run.
#include "common/inventory.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>

#include "common/json/file.h"

namespace rehome {
namespace {

using nlohmann::json;

const json& lab() {
    static const json document =
        json::parse(read_file("tests/lab/inventory.json").value_or("null"));
    return document;
}

json patched(const std::string& operations) {
    return lab().patch(json::parse("[" + operations + "]"));
}

std::string mistakes_of(const json& document) {
    std::string lines;
    const auto inventory = parse_inventory("f", document.dump());
    if (!inventory) {
        REQUIRE_FALSE(inventory.error().empty());
        for (const Error& error : inventory.error()) {
            CHECK(error.kind == Exit::usage);
            lines += error.text() + "\n";
        }
    }
    return lines;
}

TEST_CASE("the lab's inventory, read into types") {
    const auto read = read_inventory("tests/lab/inventory.json");
    REQUIRE(read.has_value());
    const Inventory& inventory = *read;
    CHECK(inventory.old_site().name == "old");
    CHECK(inventory.new_site().asn == 64700);
    CHECK(inventory.prefixes.at(1).text() == "203.0.113.0/24");

    const Gateway* gateway = inventory.gateway("new-gw");
    REQUIRE(gateway != nullptr);
    CHECK(inventory.site_of_gateway("new-gw") == &inventory.new_site());
    CHECK(gateway->host == "netns:new-gw");
    REQUIRE(gateway->tunnel.has_value());
    CHECK(gateway->tunnel->address.text() == "10.99.0.2");
    CHECK(gateway->tunnel->port == "link");
    CHECK(gateway->vipd_config == "/run/rehome/new-gw/vipd.json");
    CHECK(gateway->vipd_socket == "/run/rehome/new-gw/vipd.sock");
    CHECK(gateway->bird_socket == "/run/rehome/new-gw/bird.ctl");
    CHECK(gateway->bird_announce == "/run/rehome/new-gw/announce.conf");

    const Line& line = inventory.old_site().lines.at(1);
    CHECK(line.carrier == "green");
    CHECK(line.gateway == "old-gw");
    CHECK(line.port == "green");
    CHECK(line.address.text() == "100.64.11.2/30");
    CHECK(line.peer.text() == "100.64.11.1");
    CHECK(line.peer_asn == 64502);

    const Carrier* carrier = inventory.carrier("blue");
    REQUIRE(carrier != nullptr);
    REQUIRE(carrier->vantage.has_value());
    CHECK(carrier->vantage->host == "netns:blue-clients");
    CHECK(carrier->vantage->source.text() == "100.88.1.200");
    CHECK(carrier->vantage->mark == 0);
    CHECK(carrier->vantage->interface.empty());
    CHECK(carrier->clients.at(0).text() == "100.88.0.0/23");

    const Service* service = inventory.service("terminals");
    REQUIRE(service != nullptr);
    CHECK(service->vip.text() == "203.0.113.5");
    CHECK(service->protocol == Protocol::tcp);
    CHECK(service->port == 14000);
    CHECK(service->server_port == 1883);
    CHECK(service->servers.at(1).weight == 2);
    CHECK(service->servers.at(1).from.address.text() == "10.1.1.12");
    CHECK(service->servers.at(1).to.host == "netns:new-s2");
    CHECK(inventory.service("reflect")->protocol == Protocol::udp);
    CHECK(inventory.service("meters")->server_port == 1883);
}

TEST_CASE("a carrier's name makes names for BIRD, where there is one") {
    const auto told = [](const std::string& name, bool with_bird) {
        json document = json::parse(read_file("tests/lab/inventory.json").value());
        document["carriers"][0]["name"] = name;
        for (json& site : document["sites"]) {
            site["lines"][0]["carrier"] = name;
            if (!with_bird) {
                site["gateways"][0].erase("bird");
            }
        }
        const auto inventory = parse_inventory("f", document.dump());
        return inventory ? "" : inventory.error().front().text();
    };
    CHECK(told("red_4", true) == "");
    CHECK(told("acme-net", false) == "");
    CHECK(told("acme-net", true) ==
          "f: /sites/0/lines/0/carrier: \"acme-net\" makes no name for BIRD (state_acme-net): "
          "expected letters, digits and _, a letter or _ first");
    CHECK(told("4red", true) ==
          "f: /sites/0/lines/0/carrier: \"4red\" is no name of a session for BIRD: expected "
          "letters, digits and _, a letter or _ first");
    CHECK(told("gw", true) ==
          "f: /sites/0/lines/0/carrier: \"gw\" is no name of a session for BIRD: it is a word of "
          "BIRD's own, expected another");
}

TEST_CASE("the lab's login, read into bytes") {
    const auto inventory = read_inventory("tests/lab/inventory.json");
    REQUIRE(inventory.has_value());
    const Login* login = inventory->login("meter");
    REQUIRE(login != nullptr);
    CHECK(login->service == "meters");
    CHECK(login->sessions_per_carrier == 1000);
    CHECK(login->sources_per_carrier == 300);
    CHECK(login->shared_source_sessions == 200);
    REQUIRE(login->steps.size() == 2);
    CHECK(login->steps[0].kind == LoginStep::Kind::send);
    CHECK(login->steps[0].bytes.value ==
          std::string("\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0arh{session}", 25));
    CHECK(login->steps[1].kind == LoginStep::Kind::expect);
    CHECK(login->steps[1].bytes.value == std::string("\x20\x02\x00\x00", 4));
    CHECK(login->heartbeat_send.value == std::string("\xc0\x00", 2));
    CHECK(login->heartbeat_expect.value == std::string("\xd0\x00", 2));
}

TEST_CASE("names that are not there") {
    const auto inventory = read_inventory("tests/lab/inventory.json");
    REQUIRE(inventory.has_value());
    CHECK(inventory->site("none") == nullptr);
    CHECK(inventory->carrier("") == nullptr);
    CHECK(inventory->service("METERS") == nullptr);
    CHECK(inventory->login("x") == nullptr);
    CHECK(inventory->gateway("old") == nullptr);
    CHECK(inventory->site_of_gateway("x") == nullptr);
}

TEST_CASE("changes that are taken") {
    for (const char* operations : {
             R"({"op": "remove", "path": "/logins"})",
             R"({"op": "remove", "path": "/sites/0/gateways/0/bird"})",
             R"({"op": "remove", "path": "/services/0/servers/0/weight"})",
             R"({"op": "remove", "path": "/services/0/servers/0/new/host"})",
             R"({"op": "remove", "path": "/logins/0/timeout_ms"})",
             R"({"op": "remove", "path": "/logins/0/shared_source_sessions"})",
             R"({"op": "add", "path": "/carriers/0/vantage/mark", "value": 7})",
             R"({"op": "add", "path": "/carriers/0/vantage/interface", "value": "eth0"})",
             R"({"op": "add", "path": "/services/2/port", "value": 1883})",
             R"({"op": "add", "path": "/prefixes/-", "value": "2001:db8::/32"})",
             R"({"op": "replace", "path": "/sites/0/gateways/0/host", "value": "ssh:root@gw1"})",
             R"({"op": "add", "path": "/logins/0/steps/0/send/-", "value": "hex:aAfF"})",
             R"({"op": "add", "path": "/sites/0/lines/0/vlan", "value": 4094})",
             R"({"op": "add", "path": "/sites/0/gateways/0/tunnel/vlan", "value": 1})",
             R"({"op": "replace", "path": "/sites/0/lines/1/port", "value": "red"})",
             R"({"op": "replace", "path": "/logins/0/sources_per_carrier", "value": 510})",
         }) {
        CAPTURE(operations);
        CHECK(mistakes_of(patched(operations)) == "");
    }
}

struct Refused {
    std::string operations;
    std::string lines;
};

void check_refused(std::initializer_list<Refused> cases) {
    for (const Refused& row : cases) {
        CAPTURE(row.operations);
        CHECK(mistakes_of(patched(row.operations)) == row.lines);
    }
}

TEST_CASE("what the schema refuses") {
    check_refused({
        {R"({"op": "replace", "path": "/schema", "value": "rehome/inventory/2"})",
         "f: /schema: is \"rehome/inventory/2\", expected \"rehome/inventory/1\"\n"},
        {R"({"op": "replace", "path": "/services/0/port", "value": 70000})",
         "f: /services/0/port: is 70000, expected an integer from 1 to 65535\n"},
        {R"({"op": "replace", "path": "/services/0/protocol", "value": "sctp"})",
         "f: /services/0/protocol: is \"sctp\", expected one of \"tcp\", \"udp\"\n"},
        {R"({"op": "remove", "path": "/services/0/vip"})",
         "f: /services/0/vip: is missing, expected a string of at most 45 characters such as "
         "\"192.0.2.1\"\n"},
        {R"({"op": "add", "path": "/services/0/servers/1/weigth", "value": 2})",
         "f: /services/0/servers/1/weigth: unknown key, expected one of name, new, old, weight\n"},
        {R"({"op": "add", "path": "/sites/0/gateways/0/bird/sock", "value": "/x"})",
         "f: /sites/0/gateways/0/bird/sock: unknown key, expected one of announce, socket\n"},
        {R"({"op": "replace", "path": "/services/1/servers", "value": []})",
         "f: /services/1/servers: is a list of 0 items, expected a list of 1 to 4096 items\n"},
        {R"({"op": "replace", "path": "/logins/0/steps/1", "value": {}})",
         "f: /logins/0/steps/1: is an object, expected an object with one of the keys expect, "
         "send\n"},
        {R"({"op": "add", "path": "/logins/0/steps/1/send", "value": ["hex:00"]})",
         "f: /logins/0/steps/1: is an object, expected an object with one of the keys expect, "
         "send\n"},
        {R"({"op": "replace", "path": "/sites/0/asn", "value": 4294967296})",
         "f: /sites/0/asn: is 4294967296, expected an integer from 1 to 4294967295\n"},
    });
}

TEST_CASE("values that cannot be parsed") {
    check_refused({
        {R"({"op": "replace", "path": "/prefixes/0", "value": "198.51.100.1/24"})",
         "f: /prefixes/0: \"198.51.100.1/24\" has host bits set, expected 198.51.100.0/24\n"},
        {R"({"op": "replace", "path": "/services/2/vip", "value": "198.51.100.300"})",
         "f: /services/2/vip: \"198.51.100.300\" is no IP address, expected one such as 192.0.2.1 "
         "or "
         "2001:db8::1\n"},
        {R"({"op": "replace", "path": "/sites/1/lines/2/address", "value": "100.64.22.2/x"})",
         "f: /sites/1/lines/2/address: \"100.64.22.2/x\" is no interface address, expected one "
         "such "
         "as 192.0.2.1/24\n"},
        {R"({"op": "replace", "path": "/sites/0/gateways/0/host", "value": "gw1"})",
         "f: /sites/0/gateways/0/host: \"gw1\" names no host, expected local, netns:NAME or "
         "ssh:USER@HOST\n"},
        {R"({"op": "replace", "path": "/logins/0/heartbeat/send/0", "value": "hex:c0f"})",
         "f: /logins/0/heartbeat/send/0: \"hex:c0f\" is no hex, expected pairs of digits such as "
         "hex:c000\n"},
        {R"({"op": "replace", "path": "/logins/0/steps/0/send/2", "value": "hex:zz"})",
         "f: /logins/0/steps/0/send/2: \"hex:zz\" is no hex, expected pairs of digits such as "
         "hex:c000\n"},
        {R"({"op": "replace", "path": "/logins/0/steps/1/expect", "value": ["text:", "hex:"]})",
         "f: /logins/0/steps/1/expect: gives no bytes, expected at least one\n"},
    });
}

TEST_CASE("the move and the prefixes") {
    check_refused({
        {R"({"op": "replace", "path": "/move/to", "value": "west"})",
         "f: /move/to: \"west\" is no site, expected one of old, new\n"},
        {R"({"op": "replace", "path": "/move/from", "value": "east"})",
         "f: /move/from: \"east\" is no site, expected one of old, new\n"},
        {R"({"op": "add", "path": "/prefixes/-", "value": "203.0.113.128/25"})",
         "f: /prefixes/2: 203.0.113.128/25 overlaps 203.0.113.0/24, expected prefixes apart\n"},
        {R"({"op": "add", "path": "/prefixes/0", "value": "203.0.113.0/24"})",
         "f: /prefixes/2: 203.0.113.0/24 overlaps 203.0.113.0/24, expected prefixes apart\n"},
    });
}

TEST_CASE("sites, gateways and lines") {
    check_refused({
        {R"({"op": "replace", "path": "/sites/1/gateways/0/name", "value": "old-gw"})",
         "f: /sites/1/gateways/0/name: \"old-gw\" stands at /sites/0/gateways/0/name already, "
         "expected another\n"
         "f: /sites/1/lines/0/gateway: \"new-gw\" is no gateway of this site, expected one of "
         "old-gw\n"
         "f: /sites/1/lines/1/gateway: \"new-gw\" is no gateway of this site, expected one of "
         "old-gw\n"
         "f: /sites/1/lines/2/gateway: \"new-gw\" is no gateway of this site, expected one of "
         "old-gw\n"},
        {R"({"op": "replace", "path": "/sites/1/gateways/0/tunnel/address", "value": "10.99.0.1"})",
         "f: /sites/1/gateways/0/tunnel/address: 10.99.0.1 stands at "
         "/sites/0/gateways/0/tunnel/address already, expected another\n"},
        {R"({"op": "replace", "path": "/sites/0/lines/0/carrier", "value": "rde"})",
         "f: /sites/0/lines/0/carrier: \"rde\" is no carrier, expected one of red, green, blue\n"},
        {R"({"op": "add", "path": "/sites/0/lines/0/bird", "value": {"sessions": ["red4", "gw"]}})",
         "f: /sites/0/lines/0/bird/sessions/1: \"gw\" is no name of a session for BIRD: it is a "
         "word "
         "of "
         "BIRD's own, expected another\n"},
        {R"({"op": "add", "path": "/sites/0/lines/0/bird", "value": {"sessions": ["red-4"]}})",
         "f: /sites/0/lines/0/bird/sessions/0: is \"red-4\", expected a string of at most 63 "
         "characters that matches ^[A-Za-z_][A-Za-z0-9_]*$\n"},
        {R"({"op": "replace", "path": "/sites/0/lines/0/gateway", "value": "new-gw"})",
         "f: /sites/0/lines/0/gateway: \"new-gw\" is no gateway of this site, expected one of "
         "old-gw\n"},
        {R"({"op": "replace", "path": "/sites/0/lines/1/carrier", "value": "red"})",
         "f: /sites/0/lines/1/carrier: \"red\" on this gateway stands at /sites/0/lines/0/carrier "
         "already, expected another\n"},
        {R"({"op": "replace", "path": "/sites/0/lines/1", "value": {
            "carrier": "green", "gateway": "old-gw", "port": "red", "address": "100.64.1.2/30",
            "peer": "100.64.1.1", "peer_asn": 64502}})",
         "f: /sites/0/lines/1/peer: 100.64.1.1 on port \"red\" of this gateway stands at "
         "/sites/0/lines/0/peer already, expected another\n"},
        {R"({"op": "add", "path": "/sites/0/lines/0/vlan", "value": 0})",
         "f: /sites/0/lines/0/vlan: is 0, expected an integer from 1 to 4094\n"},
        {R"({"op": "add", "path": "/sites/0/gateways/0/tunnel/vlan", "value": 4095})",
         "f: /sites/0/gateways/0/tunnel/vlan: is 4095, expected an integer from 1 to 4094\n"},
        {R"({"op": "replace", "path": "/sites/0/lines/0/peer", "value": "100.64.1.5"})",
         "f: /sites/0/lines/0/peer: 100.64.1.5 is outside the line's subnet, expected one in "
         "100.64.1.0/30\n"},
        {R"({"op": "replace", "path": "/sites/0/lines/0/peer", "value": "2001:db8::1"})",
         "f: /sites/0/lines/0/peer: 2001:db8::1 is outside the line's subnet, expected one in "
         "100.64.1.0/30\n"},
        {R"({"op": "replace", "path": "/sites/0/lines/0/peer", "value": "100.64.1.2"})",
         "f: /sites/0/lines/0/peer: is this gateway's own address, expected the carrier's\n"},
        {R"({"op": "replace", "path": "/carriers/1/name", "value": "red"})",
         "f: /sites/0/lines/1/carrier: \"green\" is no carrier, expected one of red, red, blue\n"
         "f: /sites/1/lines/1/carrier: \"green\" is no carrier, expected one of red, red, blue\n"
         "f: /carriers/1/name: \"red\" stands at /carriers/0/name already, expected another\n"},
        {R"({"op": "add", "path": "/carriers/0/vantage/source6", "value": "2001:db8::1"})",
         "f: /carriers/0/vantage/source6: 2001:db8::1 is outside the carrier's clients, expected "
         "one in 100.80.0.0/23\n"},
        {R"({"op": "add", "path": "/carriers/0/vantage/source6", "value": "100.80.1.201"})",
         "f: /carriers/0/vantage/source6: is 100.80.1.201 beside the source 100.80.1.200, expected "
         "an IPv6 address beside an IPv4 one\n"},
        {R"({"op": "replace", "path": "/carriers/0/vantage/source", "value": "100.80.2.1"})",
         "f: /carriers/0/vantage/source: 100.80.2.1 is outside the carrier's clients, expected one "
         "in 100.80.0.0/23\n"},
    });
}

TEST_CASE("services and servers") {
    check_refused({
        {R"({"op": "replace", "path": "/services/1/vip", "value": "192.0.2.5"})",
         "f: /services/1/vip: 192.0.2.5 is outside every prefix that moves, expected one in "
         "198.51.100.0/24, 203.0.113.0/24\n"},
        {R"({"op": "remove", "path": "/services/1/servers/1/new"})",
         "f: /services/1/servers/1/new: is missing, expected the server's counterpart at the new "
         "site\n"},
        {R"({"op": "replace", "path": "/services/1/name", "value": "meters"})",
         "f: /services/1/name: \"meters\" stands at /services/0/name already, expected another\n"},
        {R"({"op": "replace", "path": "/services/0/servers/1/name", "value": "s1"})",
         "f: /services/0/servers/1/name: \"s1\" stands at /services/0/servers/0/name already, "
         "expected another\n"},
        {R"({"op": "replace", "path": "/services/2/protocol", "value": "tcp"},
            {"op": "replace", "path": "/services/2/port", "value": 1883})",
         "f: /services/2/port: tcp port 1883 of 198.51.100.10 stands at /services/0/port already, "
         "expected another\n"},
        {R"({"op": "replace", "path": "/services/0/servers/0/old/address", "value": "172.20.5.21"})",
         "f: /services/0/servers/0/old/address: 172.20.5.21 is outside site old, expected one in "
         "10.1.0.0/16\n"},
        {R"({"op": "replace", "path": "/services/0/servers/0/new/address", "value": "10.1.1.11"})",
         "f: /services/0/servers/0/new/address: 10.1.1.11 is outside site new, expected one in "
         "172.20.0.0/16\n"},
        {R"({"op": "replace", "path": "/services/0/servers/0/new/address", "value": "2001:db8::1"})",
         "f: /services/0/servers/0/new/address: 2001:db8::1 is IPv6, expected IPv4 like the "
         "service's VIP\n"},
    });
}

TEST_CASE("logins") {
    check_refused({
        {R"({"op": "replace", "path": "/logins/0/service", "value": "metres"})",
         "f: /logins/0/service: \"metres\" is no service, expected one of meters, terminals, "
         "reflect\n"},
        {R"({"op": "replace", "path": "/logins/0/sources_per_carrier", "value": 511})",
         "f: /logins/0/sources_per_carrier: is 511, expected at most 510, the clients of carrier "
         "red\n"
         "f: /logins/0/sources_per_carrier: is 511, expected at most 510, the clients of carrier "
         "green\n"
         "f: /logins/0/sources_per_carrier: is 511, expected at most 510, the clients of carrier "
         "blue\n"},
        {R"({"op": "replace", "path": "/logins/0/shared_source_sessions", "value": 1001})",
         "f: /logins/0/shared_source_sessions: is 1001, expected at most sessions_per_carrier, "
         "1000\n"},
        {R"({"op": "replace", "path": "/logins/0/sessions_per_carrier", "value": 100000},
            {"op": "replace", "path": "/logins/0/sources_per_carrier", "value": 3})",
         "f: /logins/0/sessions_per_carrier: 100000 sessions are more than 3 sources can bear, "
         "expected at most 56664\n"},
        {R"({"op": "replace", "path": "/logins/0/sessions_per_carrier", "value": 28233},
            {"op": "replace", "path": "/logins/0/sources_per_carrier", "value": 1})",
         "f: /logins/0/sessions_per_carrier: 28233 sessions are more than 1 sources can bear, "
         "expected at most 28232\n"},
        {R"({"op": "replace", "path": "/logins/0/sessions_per_carrier", "value": 40000},
            {"op": "replace", "path": "/logins/0/shared_source_sessions", "value": 28233})",
         "f: /logins/0/shared_source_sessions: is 28233, expected at most 28232, the ports of a "
         "source\n"},
        {R"({"op": "copy", "path": "/logins/-", "from": "/logins/0"})",
         "f: /logins/1/name: \"meter\" stands at /logins/0/name already, expected another\n"},
    });
}

TEST_CASE("all mistakes in one run, and none that only follows from another") {
    check_refused({
        {R"({"op": "replace", "path": "/prefixes/0", "value": "198.51.100.1/24"},
            {"op": "replace", "path": "/services/0/port", "value": 0},
            {"op": "remove", "path": "/services/0/servers/0/new"},
            {"op": "replace", "path": "/sites/1/networks/0", "value": 7},
            {"op": "replace", "path": "/sites/0/lines/0/carrier", "value": "rde"},
            {"op": "replace", "path": "/logins/0/service", "value": "x"})",
         "f: /services/0/port: is 0, expected an integer from 1 to 65535\n"
         "f: /sites/1/networks/0: is 7, expected a string of at most 49 characters such as "
         "\"192.0.2.0/24\"\n"
         "f: /prefixes/0: \"198.51.100.1/24\" has host bits set, expected 198.51.100.0/24\n"
         "f: /services/0/servers/0/new: is missing, expected the server's counterpart at the new "
         "site\n"
         "f: /sites/0/lines/0/carrier: \"rde\" is no carrier, expected one of red, green, blue\n"
         "f: /logins/0/service: \"x\" is no service, expected one of meters, terminals, reflect\n"},
        {R"({"op": "replace", "path": "/move/to", "value": "old"})",
         "f: /move/to: is the same site as /move/from, expected another\n"
         "f: /services/0/servers/0/new/address: 172.20.5.21 is outside site old, expected one in "
         "10.1.0.0/16\n"
         "f: /services/0/servers/1/new/address: 172.20.5.22 is outside site old, expected one in "
         "10.1.0.0/16\n"
         "f: /services/1/servers/0/new/address: 172.20.5.21 is outside site old, expected one in "
         "10.1.0.0/16\n"
         "f: /services/1/servers/1/new/address: 172.20.5.22 is outside site old, expected one in "
         "10.1.0.0/16\n"
         "f: /services/2/servers/0/new/address: 172.20.5.21 is outside site old, expected one in "
         "10.1.0.0/16\n"},
    });
}

TEST_CASE("the examples of the manual page are taken") {
    const std::string page = read_file("common/rehome-inventory.5.scd").value_or("");
    std::vector<bool> moves;
    for (size_t begin = page.find("\n{\n"), end = 0; begin != std::string::npos;
         begin = page.find("\n{\n", end)) {
        end = page.find("\n}\n", begin);
        REQUIRE(end != std::string::npos);
        const auto inventory = parse_inventory("f", page.substr(begin, end + 3 - begin));
        REQUIRE(inventory.has_value());
        moves.push_back(inventory->moves());
    }
    CHECK(moves == std::vector<bool>{false, true});
}

// One gateway at one site, and nothing that moves.
json alone() {
    return json::parse(R"({
        "schema": "rehome/inventory/1", "prefixes": ["198.51.100.0/24"],
        "carriers": [{"name": "uplink"}],
        "sites": [{"name": "home", "networks": ["10.0.0.0/24"], "gateways": [{"name": "gw"}],
                   "lines": [{"carrier": "uplink", "gateway": "gw", "port": "wan",
                              "address": "192.0.2.2/30", "peer": "192.0.2.1"}]}]})");
}

TEST_CASE("where nothing moves much may be missing") {
    const auto inventory = parse_inventory("f", alone().dump());
    REQUIRE(inventory.has_value());
    CHECK_FALSE(inventory->moves());
    CHECK_FALSE(inventory->gateway("gw")->tunnel.has_value());
    CHECK_FALSE(inventory->carriers[0].vantage.has_value());
    CHECK(inventory->services.empty());

    const std::string second = R"({"op": "add", "path": "/sites/0/gateways/-",
        "value": {"name": "gw2", "tunnel": {"address": "10.0.0.3", "port": "lan"}}})";
    const std::string service = R"({"op": "add", "path": "/services", "value": [{"name": "web",
        "vip": "198.51.100.10", "protocol": "tcp", "port": 80)";
    const Refused rows[] = {
        {R"({"op": "test", "path": "/schema", "value": "rehome/inventory/1"})", ""},
        {R"({"op": "add", "path": "/sites/0/asn", "value": 64600})", ""},
        {R"({"op": "add", "path": "/sites/0/gateways/0/host", "value": "local"})", ""},
        {R"({"op": "add", "path": "/carriers/0/vantage",
             "value": {"host": "local", "source": "203.0.113.9"}})",
         ""},
        {R"({"op": "add", "path": "/carriers/0/clients", "value": ["0.0.0.0/0"]})", ""},
        {R"({"op": "add", "path": "/sites/0/networks/-", "value": "::/0"})",
         "f: /sites/0/networks/1: ::/0 is everybody's, expected the site's own\n"},
        {service + "}]}", ""},
        {service + "}]}, " + R"({"op": "add", "path": "/logins", "value": [{"name": "l",
            "service": "web", "sessions_per_carrier": 1, "steps": [{"send": ["text:x"]}],
            "heartbeat": {"every_ms": 10, "send": ["text:x"], "expect": ["text:x"]}}]})",
         ""},
        {service + R"(, "servers": [{"name": "s1", "old": {"address": "10.0.0.11"}}]}]})",
         "f: /services/0/servers: is given, expected none where nothing moves: gateways have "
         "servers of their own in vipd.json\n"},
        {second,
         "f: /sites/0/gateways/0/tunnel: is missing, expected this gateway's end of the "
         "tunnels to the others\n"},
        {second + R"(, {"op": "add", "path": "/sites/0/gateways/0/tunnel",
                        "value": {"address": "10.0.0.2", "port": "lan"}})",
         ""},
        {second + R"(, {"op": "add", "path": "/sites/0/gateways/0/tunnel", "value": true})",
         "f: /sites/0/gateways/0/tunnel: is true, expected an object\n"},
        {R"({"op": "copy", "from": "/sites/0", "path": "/sites/1"},
            {"op": "replace", "path": "/sites/1/name", "value": "away"},
            {"op": "replace", "path": "/sites/1/gateways/0/name", "value": "gw2"},
            {"op": "replace", "path": "/sites/1/lines/0/gateway", "value": "gw2"})",
         "f: /sites/0/gateways/0/tunnel: is missing, expected this gateway's end of the tunnels "
         "to the others\n"
         "f: /sites/1/gateways/0/tunnel: is missing, expected this gateway's end of the tunnels "
         "to the others\n"},
        {R"({"op": "replace", "path": "/sites", "value": []})",
         "f: /sites: is a list of 0 items, expected a list of 1 to 64 items\n"},
    };
    for (const auto& [operations, lines] : rows) {
        CAPTURE(operations);
        CHECK(mistakes_of(alone().patch(json::parse("[" + operations + "]"))) == lines);
    }
}

TEST_CASE("what a move asks for is told where it is missing") {
    for (const char* pointer :
         {"/sites/0/asn", "/sites/1/gateways/0/host", "/sites/0/gateways/0/vipd",
          "/sites/1/lines/2/peer_asn", "/carriers/1/vantage", "/carriers/0/clients",
          "/services/2/servers"}) {
        CAPTURE(pointer);
        CHECK(
            mistakes_of(patched(fmt::format(R"({{"op": "remove", "path": "{}"}})", pointer))) ==
            fmt::format("f: {}: is missing, expected it where something moves (/move)\n", pointer));
    }
    check_refused({
        {R"({"op": "remove", "path": "/services"}, {"op": "remove", "path": "/logins"})",
         "f: /services: is missing, expected it where something moves (/move)\n"},
        {R"({"op": "remove", "path": "/sites/1/gateways/0/tunnel"})",
         "f: /sites/1/gateways/0/tunnel: is missing, expected this gateway's end of the tunnels "
         "to the others\n"},
        {R"({"op": "remove", "path": "/move/to"})",
         "f: /move/to: is missing, expected a string of at most 63 characters such as "
         "\"old-gw\"\n"},
    });
    json all = alone();
    all["move"] = {{"from", "home"}, {"to", "home"}};
    CHECK(mistakes_of(all) ==
          "f: /move/to: is the same site as /move/from, expected another\n"
          "f: /sites/0/asn: is missing, expected it where something moves (/move)\n"
          "f: /sites/0/gateways/0/host: is missing, expected it where something moves (/move)\n"
          "f: /sites/0/gateways/0/vipd: is missing, expected it where something moves (/move)\n"
          "f: /sites/0/lines/0/peer_asn: is missing, expected it where something moves (/move)\n"
          "f: /carriers/0/vantage: is missing, expected it where something moves (/move)\n"
          "f: /carriers/0/clients: is missing, expected it where something moves (/move)\n"
          "f: /services: is missing, expected it where something moves (/move)\n");
}

TEST_CASE("who needs a move says so, and an inventory in another file where it stands") {
    const auto none = expect_move("f", parse_inventory("f", alone().dump()));
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().front().text() ==
          "f: /move: is missing, expected the site that is left and the one that takes over: "
          "nothing moves");
    CHECK(none.error().front().kind == Exit::usage);
    CHECK(expect_move("f", parse_inventory("f", lab().dump())).has_value());
    CHECK(expect_move("f", parse_inventory("f", "{")).error().front().text() ==
          parse_inventory("f", "{").error().front().text());

    json wrong = alone();
    wrong["prefixes"][0] = 7;
    const auto under = parse_inventory("f", wrong.dump(), "/inventory");
    REQUIRE_FALSE(under.has_value());
    CHECK(under.error().front().text().starts_with("f: /inventory/prefixes/0: is 7, expected"));
}

TEST_CASE("files that are no inventory at all") {
    for (const char* text : {"", "null", "[]", "{}", "7", "{", "\"rehome/inventory/1\"",
                             "{\"schema\": \"rehome/inventory/1\"}"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_inventory("f", text).has_value());
    }
    const auto missing = read_inventory("/nowhere/inventory.json");
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().front().text() ==
          "/nowhere/inventory.json: cannot be read: No such file or directory");
}

// Every value of the document, by pointer.
void collect(const json& value, const std::string& at, std::vector<std::string>& pointers) {
    pointers.push_back(at);
    if (value.is_structured()) {
        for (const auto& [key, member] : value.items()) {
            collect(member, pointer_to(at, std::string_view(key)), pointers);
        }
    }
}

TEST_CASE("law: any value replaced by one of another type is told at its own pointer") {
    std::vector<std::string> pointers;
    collect(lab(), "", pointers);
    for (const std::string& pointer : pointers) {
        CAPTURE(pointer);
        json document = lab();
        document[json::json_pointer(pointer)] = true;  // nothing in the format is true or false
        const std::string lines = mistakes_of(document);
        const std::string where = pointer.empty() ? "f: is true" : "f: " + pointer + ": is true";
        CHECK(lines.starts_with(where));
        CHECK(std::count(lines.begin(), lines.end(), '\n') == 1);
    }
}

TEST_CASE("law: a file with bytes changed is taken or refused, and never more") {
    const std::string text = lab().dump();
    std::mt19937 random(5);
    int refused = 0;
    for (int i = 0; i < 300; ++i) {
        std::string changed = text;
        for (auto n = 1 + random() % 4; n > 0; --n) {
            changed[random() % changed.size()] = static_cast<char>(random());
        }
        const auto inventory = parse_inventory("f", changed);
        if (!inventory) {
            ++refused;
            CHECK_FALSE(inventory.error().empty());
        }
    }
    CHECK(refused > 150);
}

}  // namespace
}  // namespace rehome
