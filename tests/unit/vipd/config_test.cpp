// The reader of rehome/vipd/1: what it takes, and the longer table of what it refuses.
#include "vipd/core/config.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace rehome;
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

struct Case {
    const char* what;
    const char* pointer;  // what is set, an object merged by JSON Pointer
    const char* value;
    const char* mistake;  // the error begins so; empty: none
};

std::vector<std::string> mistakes_of(const json& document) {
    const auto config = parse_config("vipd.json", document.dump(), lab);
    std::vector<std::string> lines;
    if (!config) {
        for (const Error& error : config.error()) {
            CHECK(error.kind == Exit::usage);
            lines.push_back(error.text());
        }
    }
    return lines;
}

}  // namespace

TEST_CASE("a configuration is resolved against the inventory") {
    const auto config = parse_config("vipd.json", good().dump(), lab);
    REQUIRE(config);
    CHECK(config->site == "old");
    CHECK(config->tunnel.text() == "10.99.0.1");
    CHECK(config->link == 4);
    REQUIRE(config->ports.size() == 5);
    CHECK(config->ports[0].role == PortRole::line);
    CHECK(config->ports[1].device.driver == Device::Driver::af_packet);
    CHECK(config->ports[2].device.tx_file == "out.pcap");
    CHECK(config->ports[3].role == PortRole::servers);
    CHECK(config->ports[4].role == PortRole::link);
    REQUIRE(config->lines.size() == 3);
    CHECK(config->lines[0].port == 1);
    CHECK(config->lines[0].address.text() == "100.64.11.2/30");
    CHECK(config->lines[0].peer.text() == "100.64.11.1");
    REQUIRE(config->line("red"));
    CHECK_FALSE(config->line("red")->enabled);
    CHECK_FALSE(config->line("violet"));
    REQUIRE(config->peers.size() == 1);
    CHECK(config->peers[0] == PeerConfig{"new-gw", "new", *Address::parse("10.99.0.2")});
    CHECK(config->prefixes.size() == 2);
    CHECK(config->memory == MemoryConfig{256, false});
    REQUIRE(config->services.size() == 1);
    CHECK(config->services[0].servers[0].weight == 3);
    CHECK(config->services[0].servers[1].weight == 1);
    CHECK(config->services[0].servers[1].port == 1884);
}

TEST_CASE("what is printed is taken again, and is the same") {
    const auto config = parse_config("vipd.json", good().dump(), lab);
    REQUIRE(config);
    const auto again = parse_config("printed", to_json(*config).dump(), lab);
    REQUIRE(again);
    CHECK(*again == *config);
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
        {"forwarding of later", "/services/0/forward", R"("tunnel")",
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
        const auto lines = mistakes_of(document);
        if (*mistake == '\0') {
            CHECK(lines.empty());
            continue;
        }
        REQUIRE_FALSE(lines.empty());
        CAPTURE(lines[0]);
        bool told = false;
        for (const std::string& line : lines) {
            told = told || line.starts_with(mistake);
        }
        CHECK(told);
    }
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

TEST_CASE("what a reload cannot change") {
    const auto from = parse_config("vipd.json", good().dump(), lab);
    REQUIRE(from);
    const Case cases[] = {
        {"a line's state", "/lines/0/enabled", "false", ""},
        {"services", "/services", "[]", ""},
        {"a device", "/ports/3/device", R"("af_xdp:srv1")", "/ports: a port cannot change"},
        {"memory", "/memory", R"({"mib": 512})", "/memory: the memory cannot change"},
        {"the socket", "/control", R"("/run/other.sock")", "/control: the control socket"},
        {"the log", "/reset_log", R"("/run/resets")", "/reset_log: the log of resets"},
    };
    for (const auto& [what, pointer, value, mistake] : cases) {
        CAPTURE(what);
        json document = good();
        document[json::json_pointer(pointer)] = json::parse(value);
        const auto to = parse_config("vipd.json", document.dump(), lab);
        REQUIRE(to);
        const auto errors = needs_restart(*from, *to);
        if (*mistake == '\0') {
            CHECK(errors.empty());
        } else {
            REQUIRE(errors.size() == 1);
            CHECK(errors[0].text().starts_with(mistake));
        }
    }
}
