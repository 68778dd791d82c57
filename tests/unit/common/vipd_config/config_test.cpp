// The reader of rehome/vipd/1: what it takes, and the longer table of what it refuses.
#include "common/vipd_config/config.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/json/file.h"

using namespace rehome;
using namespace rehome::vipd;
using nlohmann::json;

namespace {

Checked<Inventory> lab(const std::string&) {
    return read_inventory("tests/lab/inventory.json");
}

json good() {
    return json::parse(R"({
        "schema": "rehome/vipd/1", "inventory": "inventory.json", "gateway": "old-gw",
        "control": "/run/vipd/vipd.sock",
        "ports": [{"name": "red", "device": "af_xdp:red0"},
                  {"name": "green", "device": "af_packet:green0"},
                  {"name": "blue", "device": "pcap:in.pcap,out.pcap"},
                  {"name": "servers", "device": "af_xdp:srv0"},
                  {"name": "link", "device": "af_xdp:link0"}],
        "lines": [{"carrier": "green", "enabled": true}, {"carrier": "red", "enabled": false},
                  {"carrier": "blue", "enabled": true}],
        "services": [{"name": "meters", "vip": "198.51.100.10", "protocol": "tcp", "port": 1883,
                      "forward": "nat",
                      "servers": [{"name": "s1", "address": "10.1.1.11", "port": 1883, "weight": 3},
                                  {"name": "s2", "address": "10.1.1.12", "port": 1884}]}]})");
}

// The same with everything that is optional.
json full() {
    json document = good();
    document.merge_patch(json::parse(R"({
        "workers": 4, "keys": {"path": "gateway.keys", "untagged": true},
        "memory": {"mib": 1024, "hugepages": true},
        "flows": {"capacity": 100000000, "half_open": 1024, "idle_reset_s": 7,
                  "lifetimes_s": {"tcp_half_open": 1, "tcp_established": 2, "tcp_closing": 3,
                                  "tcp_reset": 4, "udp": 5, "udp_once": 7, "provisional": 6}},
        "fragments": {"memory_kib": 64, "wait_ms": 100},
        "maps": [{"name": "phones", "vip_prefix": "203.0.113.0/26",
                  "server_prefix": "10.1.5.64/26"},
                 {"name": "doors", "vip_prefix": "203.0.113.64/27",
                  "server_prefix": "10.1.5.0/27"}],
        "punt_per_s": {"arp": 1, "nd": 2, "bgp": 3, "bfd": 4, "session": 5, "icmp": 6, "servers": 7,
                       "other": 8},
        "pools": [{"name": "nat1", "addresses": ["10.1.9.0/24", "10.1.10.7"],
                   "ports": {"first": 2000, "last": 2003}, "half_open_percent": 7},
                  {"name": "nat2", "addresses": ["10.1.16.0/20"]},
                  {"name": "nat6", "addresses": ["fd00::/116"]}]})"));
    document["ports"][3]["server_vlans"] = {0, 30, 31};
    document["services"][0]["source_nat"] = "nat2";
    document["services"][0]["servers"][1]["masked"] = true;
    document["services"].push_back(json::parse(R"({
        "name": "direct", "vip": "198.51.100.11", "protocol": "udp", "port": 53,
        "forward": "tunnel", "encapsulation": "gue",
        "servers": [{"name": "s1", "address": "10.1.1.11"},
                    {"name": "s2", "address": "10.1.1.12", "weight": 2}]})"));
    return document;
}

// The lab's inventory with one change.
InventoryReader lab_with(const char* pointer, const char* value) {
    return [=](const std::string&) {
        json document = json::parse(*read_file("tests/lab/inventory.json"));
        document[json::json_pointer(pointer)] = json::parse(value);
        return parse_inventory("inventory.json", document.dump());
    };
}

// So many pools of 4,096 addresses.
std::string pools(int count) {
    json list = json::array();
    for (int i = 0; i < count; ++i) {
        list.push_back({{"name", fmt::format("p{}", i)},
                        {"addresses", {fmt::format("10.{}.0.0/20", 64 + i)}}});
    }
    return list.dump();
}

struct Case {
    const char* what;
    const char* pointer;  // what is set, an object merged by JSON Pointer
    std::string value;
    const char* mistake;  // the error begins so; empty: none
};

std::vector<std::string> mistakes_of(const json& document, const InventoryReader& reader = lab) {
    const auto config = parse_config("vipd.json", document.dump(), reader);
    std::vector<std::string> lines;
    if (!config) {
        for (const Error& error : config.error()) {
            CHECK(error.kind == Exit::usage);
            lines.push_back(error.text());
        }
    }
    return lines;
}

// Empty mistake: there is none; else one of the lines begins so.
void check_told(const std::vector<std::string>& lines, std::string_view mistake) {
    if (mistake.empty()) {
        CHECK(lines == std::vector<std::string>{});
        return;
    }
    std::string all;
    bool told = false;
    for (const std::string& line : lines) {
        told = told || line.starts_with(mistake);
        all += line + "\n";
    }
    CAPTURE(all);
    CHECK(told);
}

}  // namespace

TEST_CASE("a configuration is resolved against the inventory") {
    const auto config = parse_config("vipd.json", good().dump(), lab);
    REQUIRE(config);
    CHECK(config->site == "old");
    CHECK(config->tunnel->address.text() == "10.99.0.1");
    CHECK(config->tunnel->port == 4);
    REQUIRE(config->ports.size() == 5);
    CHECK(config->ports[1].device.driver == Device::Driver::af_packet);
    CHECK(config->ports[2].device.tx_file == "out.pcap");
    CHECK_FALSE(config->ports[3].server_vlans);
    REQUIRE(config->lines.size() == 3);
    CHECK(config->lines[0].port == 1);
    CHECK(config->lines[0].address.text() == "100.64.11.2/30");
    CHECK(config->lines[0].peer.text() == "100.64.11.1");
    REQUIRE(config->line("red"));
    CHECK_FALSE(config->line("red")->enabled);
    CHECK_FALSE(config->line("violet"));
    REQUIRE(config->peers.size() == 1);
    CHECK(config->peers[0] == PeerConfig{"new-gw", "new", *Address::parse("10.99.0.2"),
                                         "netns:new-gw", "/run/rehome/new-gw/vipd.sock"});
    CHECK(config->prefixes.size() == 2);
    CHECK(config->memory == MemoryConfig{256, false});
    CHECK(config->workers == 1);
    CHECK_FALSE(config->has_keys());
    CHECK(config->flows == FlowsConfig{1048576, 262144, {30, 7440, 60, 20, 120, 30, 10}});
    CHECK(config->fragments == FragmentsConfig{4096, 2000});
    CHECK(config->maps.empty());
    CHECK(config->pools.empty());
    CHECK(config->tunnel->vlan == 0);
    REQUIRE(config->services.size() == 1);
    CHECK(config->services[0].servers[0].weight == 3);
    CHECK(config->services[0].servers[1].weight == 1);
    CHECK(config->services[0].servers[1].port == 1884);
}

TEST_CASE("what is printed is taken again, and is the same") {
    for (const json& document : {good(), full()}) {
        const auto config = parse_config("vipd.json", document.dump(), lab);
        REQUIRE(config);
        const auto again = parse_config("printed", to_json(*config).dump(), lab);
        REQUIRE(again);
        CHECK(*again == *config);
    }
}

TEST_CASE("everything that is optional is read") {
    const auto config = parse_config("vipd.json", full().dump(), lab);
    REQUIRE(config);
    CHECK(config->workers == 4);
    CHECK(config->keys == KeysConfig{"gateway.keys", true});
    CHECK(config->has_keys());
    CHECK(config->flows == FlowsConfig{100000000, 1024, {1, 2, 3, 4, 5, 7, 6}, 7});
    CHECK(config->fragments == FragmentsConfig{64, 100});
    REQUIRE(config->maps.size() == 2);
    CHECK(config->maps[0] ==
          MapConfig{"phones", *Prefix::parse("203.0.113.0/26"), *Prefix::parse("10.1.5.64/26")});
    REQUIRE(config->pools.size() == 3);
    CHECK(config->pools[0].size() == 257);
    CHECK(config->pools[1].name == "nat2");
    CHECK(config->pools[2].size() == 4096);
    CHECK(config->ports[3].server_vlans == std::vector<uint16_t>{0, 30, 31});
    REQUIRE(config->services.size() == 2);
    const ServiceConfig& meters = config->services[0];
    CHECK(meters.forward == Forward::nat);
    CHECK(meters.pool == 1);
    CHECK_FALSE(meters.servers[0].masked);
    CHECK(meters.servers[1].masked);
    const ServiceConfig& direct = config->services[1];
    CHECK(direct.forward == Forward::tunnel);
    CHECK(direct.encapsulation == Encapsulation::gue);
    CHECK_FALSE(direct.pool);
    CHECK(direct.servers[0].endpoint().text() == "10.1.1.11:0");
    CHECK(direct.servers[1].weight == 2);
}

TEST_CASE("a device and its text") {
    for (const char* text : {"af_xdp:red0", "af_packet:red0", "pcap:in", "pcap:in,out", "replay:a",
                             "replay:a+b+c", "null:"}) {
        CAPTURE(text);
        const auto device = Device::parse(text);
        REQUIRE(device);
        CHECK(device->text() == text);
    }
    CHECK(Device::parse("replay:a+b")->replayed == std::vector<std::string>{"a", "b"});
}

TEST_CASE("one change and what is said of it") {
    const char* server = R"({"name": "s9", "address": "10.1.1.19", "port": 1, "forward": "nat"})";
    const Case cases[] = {
        {"huge pages", "/memory", R"({"mib": 1024, "hugepages": true})", ""},
        {"a log", "/reset_log", R"("/tmp/resets.jsonl")", ""},
        {"no services yet", "/services", "[]", ""},
        {"another gateway", "/gateway", R"("old-gx")",
         "vipd.json: /gateway: no gateway \"old-gx\" in the inventory, expected one of old-gw, "
         "new"},
        {"an unknown key", "/port", "1", "vipd.json: /port"},
        {"a key of a later version", "/schema", R"("rehome/vipd/2")", "vipd.json: /schema"},
        {"a relative socket", "/control", R"("vipd.sock")", "vipd.json: /control"},
        {"a device without driver", "/ports/0/device", R"("red0")",
         "vipd.json: /ports/0/device: device \"red0\", expected af_xdp:INTERFACE, af_packet:"},
        {"another driver", "/ports/0/device", R"("tap:red0")", "vipd.json: /ports/0/device"},
        {"an option smuggled in", "/ports/0/device", R"("af_xdp:red0,busy_budget=9")",
         "vipd.json: /ports/0/device"},
        {"two files replayed", "/ports/0/device", R"("replay:a.pcap+/b/c.pcap")", ""},
        {"nothing to replay", "/ports/0/device", R"("replay:")", "vipd.json: /ports/0/device"},
        {"a file without name", "/ports/0/device", R"("replay:a+")", "vipd.json: /ports/0/device"},
        {"replay and write", "/ports/0/device", R"("replay:a,b")", "vipd.json: /ports/0/device"},
        {"nothing at all", "/ports/0/device", R"("null:")", ""},
        {"a null device with a name", "/ports/0/device", R"("null:x")",
         "vipd.json: /ports/0/device"},
        {"an interface too long", "/ports/0/device", R"("af_xdp:abcdefghijklmnop")",
         "vipd.json: /ports/0/device"},
        {"a device twice", "/ports/0/device", R"("af_packet:srv0")",
         "vipd.json: /ports/3/device: interface srv0 is the device of another port"},
        {"the twin as device", "/ports/0/device", R"("af_xdp:green")",
         "vipd.json: /ports/0/device: interface green has the name of a port"},
        {"a port name too long", "/ports/3/name", R"("abcdefghijklmnop")",
         "vipd.json: /ports/3/name"},
        {"a port name twice", "/ports/3/name", R"("red")",
         "vipd.json: /ports/3/name: port name \"red\" is used twice"},
        {"no port for a line", "/ports/0/name", R"("scarlet")",
         "vipd.json: /ports: port \"red\" is missing, which the inventory names for the line to r"},
        {"no port for the tunnel", "/ports/4/name", R"("wan")",
         "vipd.json: /ports: port \"link\" is missing, which the inventory names for the tunnel"},
        {"an unknown line", "/lines/0/carrier", R"("violet")",
         "vipd.json: /lines/0/carrier: gateway old-gw has no line to \"violet\""},
        {"a line twice", "/lines/0/carrier", R"("red")",
         "vipd.json: /lines/1/carrier: the line to red is listed twice"},
        {"a line left out", "/lines",
         R"([{"carrier": "red", "enabled": true}, {"carrier": "blue", "enabled": true}])",
         "vipd.json: /lines: the line to green is missing"},
        {"a VIP elsewhere", "/services/0/vip", R"("192.0.2.1")",
         "vipd.json: /services/0/vip: VIP 192.0.2.1 lies in no prefix that moves"},
        {"a VIP that is none", "/services/0/vip", R"("198.51.100.256")",
         "vipd.json: /services/0/vip"},
        {"another protocol", "/services/0/protocol", R"("sctp")",
         "vipd.json: /services/0/protocol"},
        {"port 0", "/services/0/port", "0", "vipd.json: /services/0/port"},
        {"another way of forwarding", "/services/0/forward", R"("route")",
         "vipd.json: /services/0/forward"},
        {"no server", "/services/0/servers", "[]", "vipd.json: /services/0/servers"},
        {"an unknown key of a server", "/services/0/servers/0", server,
         "vipd.json: /services/0/servers/0"},
        {"weight 0", "/services/0/servers/0/weight", "0",
         "vipd.json: /services/0/servers/0/weight"},
        {"a server of the other family", "/services/0/servers/0/address", R"("2001:db8::1")",
         "vipd.json: /services/0/servers/0/address: 2001:db8::1 is not IPv4"},
        {"a server that moves", "/services/0/servers/0/address", R"("198.51.100.11")",
         "vipd.json: /services/0/servers/0/address: server 198.51.100.11 lies in a prefix that"},
        {"a server name twice", "/services/0/servers/1/name", R"("s1")",
         "vipd.json: /services/0/servers/1/name: server name \"s1\" is used twice"},
        {"a server twice", "/services/0/servers/1",
         R"({"name": "s2", "address": "10.1.1.11", "port": 1883})",
         "vipd.json: /services/0/servers/1/address: 10.1.1.11:1883 is another server"},
        {"little memory", "/memory", R"({"mib": 1})", "vipd.json: /memory/mib"},
    };
    for (const auto& [what, pointer, value, mistake] : cases) {
        CAPTURE(what);
        json document = good();
        document[json::json_pointer(pointer)] = json::parse(value);
        check_told(mistakes_of(document), mistake);
    }
}

TEST_CASE("one change of everything that is optional") {
    const Case cases[] = {
        {"no worker", "/workers", "0", "vipd.json: /workers: is 0, expected an integer from 1 to"},
        {"17 workers", "/workers", "17", "vipd.json: /workers"},
        {"few flows", "/flows/capacity", "1023", "vipd.json: /flows/capacity"},
        {"few half-open", "/flows/half_open", "1", "vipd.json: /flows/half_open"},
        {"idle clients are never reset", "/flows/idle_reset_s", "0", ""},
        {"keys, and tags required", "/keys", R"({"path": "k"})", ""},
        {"keys without a file", "/keys", R"({"untagged": true})",
         "vipd.json: /keys/path: is missing"},
        {"a key in the configuration", "/keys", R"({"path": "k", "secret": "x"})",
         "vipd.json: /keys/secret: unknown key"},
        {"idle clients are reset after two days", "/flows/idle_reset_s", "172800",
         "vipd.json: /flows/idle_reset_s"},
        {"a lifetime of 0", "/flows/lifetimes_s/udp", "0", "vipd.json: /flows/lifetimes_s/udp"},
        {"an unknown lifetime", "/flows/lifetimes_s/icmp", "9",
         "vipd.json: /flows/lifetimes_s/icmp: unknown key"},
        {"only one", "/flows", R"({"lifetimes_s": {"udp": 300}})", ""},
        {"little memory", "/fragments/memory_kib", "63", "vipd.json: /fragments/memory_kib"},
        {"a long wait", "/fragments/wait_ms", "60001", "vipd.json: /fragments/wait_ms"},
        {"a VLAN twice", "/ports/3/server_vlans", "[30, 30]",
         "vipd.json: /ports/3/server_vlans: port \"servers\", VLAN 30, is the servers' and the "
         "servers' already"},
        {"no such VLAN", "/ports/3/server_vlans", "[4095]",
         "vipd.json: /ports/3/server_vlans/0: is 4095, expected an integer from 0 to 4094"},
        {"no VLAN", "/ports/3/server_vlans", "[]", ""},
        {"the line's own", "/ports/0/server_vlans", "[0]",
         "vipd.json: /ports/0/server_vlans: port \"red\" is the servers' and a line already"},

        {"a map's name twice", "/maps/1/name", R"("phones")",
         "vipd.json: /maps/1/name: map name \"phones\" is used twice"},
        {"no server prefix", "/maps/0", R"({"name": "a", "vip_prefix": "203.0.113.0/26"})",
         "vipd.json: /maps/0/server_prefix: is missing"},
        {"another length", "/maps/0/server_prefix", R"("10.1.5.0/25")",
         "vipd.json: /maps/0/server_prefix: 10.1.5.0/25 does not match 203.0.113.0/26, expected a "
         "prefix of IPv4 with length 26"},
        {"another family", "/maps/0/server_prefix", R"("fd00::/26")",
         "vipd.json: /maps/0/server_prefix: fd00::/26 does not match"},
        {"host bits", "/maps/0/vip_prefix", R"("203.0.113.1/26")",
         "vipd.json: /maps/0/vip_prefix: "},
        {"VIPs elsewhere", "/maps/0/vip_prefix", R"("192.0.2.0/26")",
         "vipd.json: /maps/0/vip_prefix: 192.0.2.0/26 lies in no prefix that moves"},
        {"VIPs partly elsewhere", "/maps/0",
         R"({"name": "a", "vip_prefix": "203.0.112.0/23", "server_prefix": "10.2.0.0/23"})",
         "vipd.json: /maps/0/vip_prefix: 203.0.112.0/23 lies in no prefix that moves"},
        {"a whole prefix", "/maps",
         R"([{"name": "a", "vip_prefix": "203.0.113.0/24", "server_prefix": "10.2.0.0/24"}])", ""},
        {"servers that move", "/maps/0/server_prefix", R"("203.0.113.128/26")",
         "vipd.json: /maps/0/server_prefix: 203.0.113.128/26 overlaps 203.0.113.0/24, which moves"},
        {"servers around what moves", "/maps",
         R"([{"name": "a", "vip_prefix": "203.0.113.0/24", "server_prefix": "198.51.100.0/24"}])",
         "vipd.json: /maps/0/server_prefix: 198.51.100.0/24 overlaps 198.51.100.0/24"},
        {"VIPs of two maps", "/maps/1/vip_prefix", R"("203.0.113.32/27")",
         "vipd.json: /maps/1/vip_prefix: 203.0.113.32/27 overlaps 203.0.113.0/26 of map "
         "\"phones\""},
        {"servers of two maps", "/maps/1/server_prefix", R"("10.1.5.96/27")",
         "vipd.json: /maps/1/server_prefix: 10.1.5.96/27 overlaps 10.1.5.64/26 of map \"phones\""},
        {"a service on a map's VIP", "/services/0/vip", R"("203.0.113.63")",
         "vipd.json: /services/0/vip: VIP 203.0.113.63 lies in 203.0.113.0/26 of map \"phones\", "
         "expected one outside: a fragment or ICMP packet has no port"},

        {"a pool's name twice", "/pools/1/name", R"("nat1")",
         "vipd.json: /pools/1/name: pool name \"nat1\" is used twice"},
        {"a pool without address", "/pools/0/addresses", "[]",
         "vipd.json: /pools/0/addresses: is a list of 0 items"},
        {"an IPv6 pool too large", "/pools/2/addresses", R"(["fd00::/115"])",
         "vipd.json: /pools/2/addresses: holds more than 4096 addresses, expected at most 4096"},
        {"far too large", "/pools/2/addresses", R"(["::/0"])", "vipd.json: /pools/2/addresses: ho"},
        {"a pool too large together", "/pools/1/addresses", R"(["10.1.16.0/20", "10.1.32.0"])",
         "vipd.json: /pools/1/addresses: holds more than 4096 addresses"},
        {"two families", "/pools/1/addresses", R"(["10.1.16.0/28", "fd01::/128"])",
         "vipd.json: /pools/1/addresses/1: fd01::/128 is not IPv4, expected the family"},
        {"addresses of two pools", "/pools/1/addresses/0", R"("10.1.9.64/28")",
         "vipd.json: /pools/1/addresses/0: 10.1.9.64/28 overlaps 10.1.9.0/24 of pool \"nat1\""},
        {"an address twice", "/pools/0/addresses/1", R"("10.1.9.7")",
         "vipd.json: /pools/0/addresses/1: 10.1.9.7/32 overlaps 10.1.9.0/24 of pool \"nat1\""},
        {"addresses that move", "/pools/0/addresses/1", R"("198.51.100.7")",
         "vipd.json: /pools/0/addresses/1: 198.51.100.7/32 holds addresses that move"},
        {"a server's address", "/pools/0/addresses/1", R"("10.1.1.12")",
         "vipd.json: /pools/0/addresses/1: 10.1.1.12/32 holds a server's address 10.1.1.12"},
        {"a map's servers", "/pools/0/addresses/1", R"("10.1.5.31")",
         "vipd.json: /pools/0/addresses/1: 10.1.5.31/32 holds servers of map \"doors\""},
        {"the tunnel's address", "/pools/0/addresses/1", R"("10.99.0.0/29")",
         "vipd.json: /pools/0/addresses/1: 10.99.0.0/29 holds the tunnel's address 10.99.0.1"},
        {"a line's address", "/pools/0/addresses/1", R"("100.64.11.2")",
         "vipd.json: /pools/0/addresses/1: 100.64.11.2/32 holds a line's address 100.64.11.2"},

        {"ports the wrong way round", "/pools/0/ports", R"({"first": 9, "last": 8})",
         "vipd.json: /pools/0/ports: the first port, 9, is above the last, 8, expected it not to"},
        {"a port a worker", "/pools/0/ports", R"({"first": 9, "last": 12})", ""},
        {"more than all ports", "/pools/0/half_open_percent", "101",
         "vipd.json: /pools/0/half_open_percent: is 101, expected"},
        {"a budget of nothing", "/punt_per_s/arp", "0",
         "vipd.json: /punt_per_s/arp: is 0, expected"},
        {"an unknown kind of packet", "/punt_per_s/ssh", "5", "vipd.json: /punt_per_s/ssh: "},
        {"an unknown pool", "/services/0/source_nat", R"("nat9")",
         "vipd.json: /services/0/source_nat: no pool \"nat9\""},
        {"a pool of the other family", "/services/0/source_nat", R"("nat6")",
         "vipd.json: /services/0/source_nat: pool \"nat6\" is not IPv4"},
        {"source NAT in a tunnel", "/services/1/source_nat", R"("nat1")",
         "vipd.json: /services/1/source_nat: is given, expected none with \"tunnel\""},
        {"an encapsulation of NAT", "/services/0/encapsulation", R"("gue")",
         "vipd.json: /services/0/encapsulation: is given, expected none with \"nat\""},
        {"no encapsulation", "/services/1",
         R"({"name": "x", "vip": "198.51.100.11", "protocol": "udp", "port": 53,
             "forward": "tunnel", "servers": [{"name": "s1", "address": "10.1.1.11"}]})",
         "vipd.json: /services/1/encapsulation: is missing, expected it with \"tunnel\""},
        {"another encapsulation", "/services/1/encapsulation", R"("gre")",
         "vipd.json: /services/1/encapsulation: is \"gre\", expected one of \"ipip\", \"gue\""},
        {"IPIP", "/services/1/encapsulation", R"("ipip")", ""},
        {"an IPv6 VIP tunnelled", "/services/1/vip", R"("2001:db8::1")",
         "vipd.json: /services/1/vip: VIP 2001:db8::1 lies in no prefix that moves"},
        {"a server's port in a tunnel", "/services/1/servers/0/port", "53",
         "vipd.json: /services/1/servers/0/port: is given, expected none with \"tunnel\""},
        {"no port of a server", "/services/0/servers/0",
         R"({"name": "s1", "address": "10.1.1.11"})",
         "vipd.json: /services/0/servers/0/port: is missing, expected it with \"nat\""},
        {"an IPv4 VIP's server over IPv6", "/services/1/servers/0/address", R"("2001:db8::1")",
         "vipd.json: /services/1/servers/0/address: 2001:db8::1 is not IPv4, expected the family"},
        {"tunnels from two of a family", "/server_tunnels_from", R"(["10.1.0.1", "10.1.0.2"])",
         "vipd.json: /server_tunnels_from/1: 10.1.0.2 is IPv4 as the other, expected one of a"},
        {"tunnels from three", "/server_tunnels_from", R"(["10.1.0.1", "10.1.0.2", "fd00::1"])",
         "vipd.json: /server_tunnels_from: is a list of 3 items, expected a list of at most 2 "
         "items"},
        {"tunnels from nowhere", "/server_tunnels_from", R"(["127.0.0.1"])",
         "vipd.json: /server_tunnels_from/0: 127.0.0.1 is no address that a gateway can have"},
        {"tunnels from a server", "/server_tunnels_from", R"(["10.1.1.11"])",
         "vipd.json: /services/0/servers/0/address: 10.1.1.11 is where tunnels to servers begin"},
        {"tunnels from what moves", "/server_tunnels_from", R"(["198.51.100.77"])",
         "vipd.json: /server_tunnels_from/0: 198.51.100.77 lies in a prefix that moves"},
        {"a server twice in a tunnel", "/services/1/servers/1/address", R"("10.1.1.11")",
         "vipd.json: /services/1/servers/1/address: 10.1.1.11 is another server of this service"},
        {"multicast servers", "/services/0/servers/0/address", R"("224.0.0.5")",
         "vipd.json: /services/0/servers/0/address: 224.0.0.5 is no address that a server can"},
        {"loopback servers", "/services/1/servers/0/address", R"("127.0.0.1")",
         "vipd.json: /services/1/servers/0/address: 127.0.0.1 is no address that a server can"},
        {"a server that is a gateway", "/services/1/servers/0/address", R"("10.99.0.1")",
         "vipd.json: /services/1/servers/0/address: 10.99.0.1 is the tunnel's address, expected"},
        {"a server that is another gateway", "/services/0/servers/0/address", R"("10.99.0.2")",
         "vipd.json: /services/0/servers/0/address: 10.99.0.2 is the tunnel's address of new-gw"},
        {"a server that is a carrier's router", "/services/0/servers/0/address", R"("100.64.11.1")",
         "vipd.json: /services/0/servers/0/address: 100.64.11.1 is the router's address of line"},
        {"a server in a map", "/services/0/servers/0/address", R"("10.1.5.70")",
         "vipd.json: /services/0/servers/0/address: server 10.1.5.70 lies in 10.1.5.64/26 of map "
         "\"phones\", expected one outside"},
        {"loopback in a map", "/maps/0/server_prefix", R"("127.0.0.0/26")",
         "vipd.json: /maps/0/server_prefix: 127.0.0.0/26 holds addresses that no server can have"},
        {"the tunnel in a map", "/maps/0/server_prefix", R"("10.99.0.0/26")",
         "vipd.json: /maps/0/server_prefix: 10.99.0.0/26 holds the tunnel's address 10.99.0.1"},
        {"the line in a map", "/maps/0/server_prefix", R"("100.64.11.0/26")",
         "vipd.json: /maps/0/server_prefix: 100.64.11.0/26 holds a line's address 100.64.11.2"},
        {"multicast pools", "/pools/1/addresses", R"(["224.0.0.0/24"])",
         "vipd.json: /pools/1/addresses/0: 224.0.0.0/24 holds addresses that no host can have"},
        {"another gateway's address", "/pools/0/addresses/1", R"("10.99.0.2")",
         "vipd.json: /pools/0/addresses/1: 10.99.0.2/32 holds the tunnel's address of new-gw"},
        {"the carrier's router", "/pools/0/addresses/1", R"("100.64.11.1")",
         "vipd.json: /pools/0/addresses/1: 100.64.11.1/32 holds the router's address of line"},
        {"pools too large together", "/pools", pools(17),
         "vipd.json: /pools: hold more than 65536 addresses together, expected at most that many"},
        {"as large as they may be", "/pools", pools(16), "vipd.json: /services/0/source_nat: no p"},
        {"a mask that is none", "/services/0/servers/0/masked", "1",
         "vipd.json: /services/0/servers/0/masked: is 1, expected true or false"},
    };
    for (const auto& [what, pointer, value, mistake] : cases) {
        CAPTURE(what);
        json document = full();
        document[json::json_pointer(pointer)] = json::parse(value);
        check_told(mistakes_of(document), mistake);
    }
}

TEST_CASE("each worker has a port of every pool's addresses") {
    json document = full();
    document["pools"][0]["ports"] = {{"first", 2000}, {"last", 2002}};
    for (const auto& [workers, mistake] :
         {std::pair{3, ""},
          std::pair{4,
                    "vipd.json: /pools/0/ports: there are 3, expected one for each of the 4 "}}) {
        CAPTURE(workers);
        document["workers"] = workers;
        check_told(mistakes_of(document), mistake);
    }
}

TEST_CASE("who may share a port") {
    const std::string line = R"({"carrier": "red", "gateway": "old-gw", "port": "red", "vlan": 5,
        "address": "100.64.1.2/30", "peer": "100.64.1.1", "peer_asn": 64501})";
    const auto at = [&](const char* port, const char* vlan) {
        json changed = json::parse(line);
        changed["port"] = port;
        changed["vlan"] = json::parse(vlan);
        if (changed["vlan"] == 0) {
            changed.erase("vlan");
        }
        return changed.dump();
    };
    struct Row {
        const char* what;
        const char* pointer;
        std::string value;
        const char* mistake;
    };
    const char* const tunnel = "/sites/0/gateways/0/tunnel/port";
    const Row rows[] = {
        {"a line in a VLAN", "/sites/0/lines/0", at("red", "5"), ""},
        {"two lines apart by VLAN", "/sites/0/lines/0", at("green", "5"), ""},
        {"two lines apart by peer", "/sites/0/lines/0", at("green", "0"), ""},
        {"a line beside the servers", "/sites/0/lines/0", at("servers", "5"), ""},
        {"a line beside the link", "/sites/0/lines/0", at("link", "5"), ""},
        {"a line on the link", "/sites/0/lines/0", at("link", "0"),
         "vipd.json: /ports/4/name: port \"link\" is the line to red and the tunnel's already, "
         "expected a port or VLAN of its own for each"},
        {"the tunnel on a line", tunnel, R"("red")",
         "vipd.json: /ports/0/name: port \"red\" is the line to red and the tunnel's already"},
        {"no VLAN 4095", "/sites/0/lines/0", at("red", "4095"),
         "inventory.json: /sites/0/lines/0/vlan: is 4095, expected an integer from 1 to 4094"},
    };
    for (const auto& [what, pointer, value, mistake] : rows) {
        CAPTURE(what);
        check_told(mistakes_of(good(), lab_with(pointer, value.c_str())), mistake);
    }
    const auto tagged =
        parse_config("vipd.json", good().dump(),
                     lab_with("/sites/0/gateways/0/tunnel",
                              R"({"address": "10.99.0.1", "port": "red", "vlan": 9})"));
    REQUIRE(tagged);
    CHECK(tagged->tunnel->port == 0);
    CHECK(tagged->tunnel->vlan == 9);
    const auto red = parse_config("vipd.json", good().dump(),
                                  lab_with("/sites/0/lines/0", at("green", "5").c_str()));
    REQUIRE(red);
    CHECK(red->line("red")->vlan == 5);
    CHECK(red->line("red")->port == 1);
}

TEST_CASE("a server's tunnel begins at an address of the server's family") {
    const std::string mistake =
        "vipd.json: /services/1/servers/0/address: this gateway's tunnel address is fd00::1, and a "
        "tunnel to 10.1.1.11 comes from none, expected an IPv4 address in \"server_tunnels_from\"";
    const auto inventory =
        lab_with("/sites/0/gateways/0/tunnel", R"({"address": "fd00::1", "port": "link"})");
    const auto lines = mistakes_of(full(), inventory);
    CHECK(std::find(lines.begin(), lines.end(), mistake) != lines.end());
    auto told = full();
    told["server_tunnels_from"] = {"10.1.1.1"};
    const auto others = mistakes_of(told, inventory);
    CHECK(std::find(others.begin(), others.end(), mistake) == others.end());
    Config config;
    CHECK(config.server_tunnel_from(Family::v4) == std::nullopt);
    config.tunnel = {*Address::parse("10.99.0.1"), 0, 0};
    CHECK(config.server_tunnel_from(Family::v4) == *Address::parse("10.99.0.1"));
    CHECK(config.server_tunnel_from(Family::v6) == std::nullopt);
    config.server_tunnels_from = {*Address::parse("fd00::1"), *Address::parse("10.1.1.1")};
    CHECK(config.server_tunnel_from(Family::v4) == *Address::parse("10.1.1.1"));
    CHECK(config.server_tunnel_from(Family::v6) == *Address::parse("fd00::1"));
}

TEST_CASE("a gateway's own addresses do not move") {
    const auto told = [](const char* pointer, const char* value, const char* mistake) {
        check_told(mistakes_of(good(), lab_with(pointer, value)), mistake);
    };
    told("/sites/0/gateways/0/tunnel", R"({"address": "198.51.100.9", "port": "link"})",
         "vipd.json: /gateway: the tunnel's address 198.51.100.9 lies in a prefix that moves");
    told("/sites/0/lines/0",
         R"({"carrier": "red", "gateway": "old-gw", "port": "red", "address": "198.51.100.1/30",
             "peer": "198.51.100.2", "peer_asn": 64501})",
         "vipd.json: /lines/1/carrier: the line's address 198.51.100.1 lies in a prefix that");
}

TEST_CASE("two services on one VIP, protocol and port") {
    json document = good();
    document["services"].push_back(document["services"][0]);
    document["services"][1]["name"] = "other";
    CHECK(mistakes_of(document) ==
          std::vector<std::string>{
              "vipd.json: /services/1/vip: tcp 198.51.100.10:1883 belongs to service \"meters\" "
              "already, expected one service for each"});
    document["services"][1]["protocol"] = "udp";
    CHECK(mistakes_of(document).empty());
}

TEST_CASE("all the mistakes of a file at once, with the inventory's") {
    json document = good();
    document["gateway"] = 7;
    document["ports"][0]["device"] = "eth0";
    document["services"][0]["vip"] = "2001:db8::1";
    const auto broken = [](const std::string&) -> Checked<Inventory> {
        return tl::unexpected(std::vector<Error>{{Exit::usage, "inventory.json: /sites", "bad"}});
    };
    const auto config = parse_config("vipd.json", document.dump(), broken);
    REQUIRE_FALSE(config);
    std::string all;
    for (const Error& error : config.error()) {
        all += error.text() + "\n";
    }
    CAPTURE(all);
    CHECK(all.find("/gateway") != std::string::npos);
    CHECK(all.find("/ports/0/device") != std::string::npos);
    CHECK(all.find("/services/0/servers/1/address") != std::string::npos);
    CHECK(all.find("inventory.json: /sites: bad") != std::string::npos);
}

namespace {

// A gateway alone, whose inventory stands in its own file.
json alone() {
    return json::parse(R"({
        "schema": "rehome/vipd/1", "gateway": "gw",
        "ports": [{"name": "wan", "device": "af_xdp:eth1"}, {"name": "lan", "device": "af_xdp:eth2"}],
        "lines": [{"carrier": "uplink", "enabled": true}],
        "services": [{"name": "web", "vip": "198.51.100.10", "protocol": "tcp", "port": 80,
                      "forward": "nat",
                      "servers": [{"name": "s1", "address": "10.0.0.11", "port": 80}]}],
        "inventory": {
            "schema": "rehome/inventory/1", "prefixes": ["198.51.100.0/24"],
            "carriers": [{"name": "uplink"}],
            "sites": [{"name": "home", "networks": ["10.0.0.0/24"], "gateways": [{"name": "gw"}],
                       "lines": [{"carrier": "uplink", "gateway": "gw", "port": "wan",
                                  "address": "192.0.2.2/30", "peer": "192.0.2.1"}]}]}})");
}

}  // namespace

TEST_CASE("a gateway alone, in one file") {
    const auto unasked = [](const std::string&) -> Checked<Inventory> {
        FAIL("no other file is read");
        return {};
    };
    const auto config = parse_config("vipd.json", alone().dump(), unasked);
    REQUIRE(config);
    CHECK(config->control == "/run/vipd/vipd.sock");
    CHECK(config->orders.path == "/var/lib/vipd/vipd.orders.json");
    CHECK(config->site == "home");
    CHECK_FALSE(config->tunnel);
    CHECK_FALSE(config->is_link(0));
    CHECK(config->peers.empty());
    CHECK_FALSE(config->move.exists());
    CHECK(config->clients.empty());
    CHECK(config->lines.at(0).peer.text() == "192.0.2.1");
    const auto again = parse_config("printed", to_json(*config).dump(), unasked);
    REQUIRE(again);
    CHECK(*again == *config);

    // The same in a file of its own.
    json apart = alone();
    const std::string inventory = apart["inventory"].dump();
    apart["inventory"] = "inventory.json";
    const auto from_file = parse_config("vipd.json", apart.dump(), [&](const std::string& path) {
        return parse_inventory(path, inventory);
    });
    REQUIRE(from_file);
    CHECK(from_file->inventory_path == "inventory.json");
    CHECK(from_file->lines == config->lines);
}

TEST_CASE("a gateway alone: what is wrong is told where it stands") {
    const Case rows[] = {
        {"no inventory at all", "/inventory", "7",
         "vipd.json: /inventory: is 7, expected a string of 1 to 4096 characters or an object"},
        {"an empty path", "/inventory", R"("")",
         "vipd.json: /inventory: is \"\", expected a string of 1 to 4096 characters or an object"},
        {"an empty inventory", "/inventory", "{}",
         "vipd.json: /inventory/schema: is missing, expected \"rehome/inventory/1\""},
        {"another format", "/inventory/schema", R"("rehome/vipd/1")",
         "vipd.json: /inventory/schema: is \"rehome/vipd/1\", expected \"rehome/inventory/1\""},
        {"a key of it that is unknown", "/inventory/vips", "[]",
         "vipd.json: /inventory/vips: unknown key, expected one of "},
        {"a value of it that cannot be", "/inventory/prefixes/0", R"("198.51.100.1/24")",
         "vipd.json: /inventory/prefixes/0: \"198.51.100.1/24\" has host bits set"},
        {"an inventory in it", "/inventory/inventory", R"("i.json")",
         "vipd.json: /inventory/inventory: unknown key"},
        {"a move without what it asks for", "/inventory/move", R"({"from": "home", "to": "away"})",
         "vipd.json: /inventory/sites/0/asn: is missing, expected it where something moves"},
        {"another gateway, and no tunnel", "/inventory/sites/0/gateways/1", R"({"name": "gw2"})",
         "vipd.json: /inventory/sites/0/gateways/0/tunnel: is missing, expected this gateway's"},
        {"a tunnel whose port is none of ours", "/inventory/sites/0/gateways/0/tunnel",
         R"({"address": "10.0.0.1", "port": "link"})",
         "vipd.json: /ports: port \"link\" is missing, which the inventory names for the tunnel"},
        {"tunnels to servers from nowhere", "/services/0",
         R"({"name": "web", "vip": "198.51.100.10", "protocol": "tcp", "port": 80,
             "forward": "tunnel", "encapsulation": "ipip",
             "servers": [{"name": "s1", "address": "10.0.0.11"}]})",
         "vipd.json: /services/0/servers/0/address: this gateway's tunnel address is none, and a "
         "tunnel to 10.0.0.11 comes from none, expected an IPv4 address in "},
        {"another gateway's name", "/gateway", R"("gw2")",
         "vipd.json: /gateway: no gateway \"gw2\" in the inventory, expected one of gw"},
        {"a VIP that is not served here", "/services/0/vip", R"("192.0.2.10")",
         "vipd.json: /services/0/vip: VIP 192.0.2.10 lies in no prefix that moves"},
        {"keys without anybody to be known by", "/keys", R"({"path": "gateway.keys"})", ""},
        {"a tunnel's end of its own", "/inventory/sites/0/gateways/0/tunnel",
         R"({"address": "10.0.0.1", "port": "lan", "vlan": 7})", ""},
    };
    for (const auto& [what, pointer, value, mistake] : rows) {
        CAPTURE(what);
        json document = alone();
        document[json::json_pointer(pointer)] = json::parse(value);
        check_told(mistakes_of(document), mistake);
    }
}
