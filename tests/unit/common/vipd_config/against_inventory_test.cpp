// What vipd init writes, and what vipd check says of one change to it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/json/file.h"
#include "common/vipd_config/config.h"
#include "common/vipd_config/initial.h"

using namespace rehome;
using namespace rehome::vipd;
using nlohmann::json;

namespace {

Checked<Inventory> lab(const std::string&) {
    return read_inventory("tests/lab/inventory.json");
}

json begun(const std::string& gateway, const std::vector<std::string>& ports = {},
           bool services = true) {
    const auto text =
        initial_config("init", *lab(""), {gateway, "inventory.json", ports, services});
    REQUIRE(text);
    return json::parse(*text);
}

std::vector<std::string> said_of(const json& document, const Expected& expected = {},
                                 const InventoryReader& inventory = lab) {
    const auto config = check_config_file("vipd.json", document.dump(), inventory, expected);
    std::vector<std::string> lines;
    for (const Error& error : config ? std::vector<Error>{} : config.error()) {
        CHECK(error.kind == Exit::usage);
        lines.push_back(error.text());
    }
    return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("what is begun is what the inventory says of the gateway") {
    const json old = begun("old-gw");
    CHECK(said_of(old) == Lines{});
    CHECK(old["control"] == "/run/rehome/old-gw/vipd.sock");
    CHECK(old["ports"] == json::parse(R"([{"name": "red", "device": "af_xdp:red0"},
        {"name": "green", "device": "af_xdp:green0"}, {"name": "blue", "device": "af_xdp:blue0"},
        {"name": "link", "device": "af_xdp:link0"},
        {"name": "servers", "device": "af_xdp:servers0"}])"));
    CHECK(old["lines"] == json::parse(R"([{"carrier": "red", "enabled": true},
        {"carrier": "green", "enabled": true}, {"carrier": "blue", "enabled": true}])"));
    CHECK(old["services"][1] == json::parse(R"({"name": "terminals", "vip": "203.0.113.5",
        "protocol": "tcp", "port": 14000, "forward": "nat", "servers": [
            {"name": "s1", "address": "10.1.1.11", "port": 1883, "weight": 1},
            {"name": "s2", "address": "10.1.1.12", "port": 1883, "weight": 2}]})"));

    const json later = begun("new-gw");
    CHECK(said_of(later) == Lines{});
    CHECK(later["lines"][0]["enabled"] == false);
    CHECK(later["services"][2]["servers"][0]["address"] == "172.20.5.21");
    CHECK(begun("new-gw", {}, false)["services"] == json::array());

    const json ports = begun("old-gw", {"lan=null:", "red=af_packet:eth1"})["ports"];
    CHECK(ports == json::parse(R"([{"name": "lan", "device": "null:"},
        {"name": "red", "device": "af_packet:eth1"}, {"name": "green", "device": "af_xdp:green0"},
        {"name": "blue", "device": "af_xdp:blue0"}, {"name": "link", "device": "af_xdp:link0"}])"));
}

TEST_CASE("what cannot be begun") {
    struct Case {
        const char* gateway;
        std::vector<std::string> ports;
        Lines said;
    };
    const Case cases[] = {
        {"gw9",
         {},
         {"--gateway: no gateway \"gw9\" in the inventory, expected one of "
          "old-gw, new-gw"}},
        {"old-gw",
         {"red", "=x", "red=null:", "red=null:"},
         {"--port: is \"red\", expected NAME=DEVICE, such as red=af_xdp:eth1",
          "--port: is \"=x\", expected NAME=DEVICE, such as red=af_xdp:eth1",
          "--port: \"red\" is given twice, expected once"}},
        {"old-gw",
         {"red=af_xdp:green"},
         {"vipd.json: /ports/0/device: interface green has the name of a port, which is that of "
          "its TAP twin, expected another interface"}},
        {"old-gw",
         {"red=eth1"},
         {"vipd.json: /ports/0/device: device \"eth1\", expected af_xdp:INTERFACE, "
          "af_packet:INTERFACE, pcap:RX_FILE[,TX_FILE], replay:FILE[+FILE...] or null:"}},
    };
    for (const auto& [gateway, ports, said] : cases) {
        const auto text = initial_config("vipd.json", *lab(""), {gateway, "i", ports});
        REQUIRE_FALSE(text);
        Lines lines;
        for (const Error& error : text.error()) {
            CHECK(error.kind == Exit::usage);
            lines.push_back(error.text());
        }
        CHECK(fmt::format("{}", fmt::join(lines, "\n")) ==
              fmt::format("{}", fmt::join(said, "\n")));
    }
}

TEST_CASE("one change, and what is said of it against the inventory") {
    struct Case {
        const char* what;
        const char* pointer;
        const char* value;  // null: what stands there is taken away
        Lines said;
    };
    const Case cases[] = {
        {"a server elsewhere",
         "/services/0/servers/0/address",
         R"("8.8.8.8")",
         {"vipd.json: /services/0/servers/0/address: 8.8.8.8 is outside site old, expected one in "
          "10.1.0.0/16"}},
        {"another server of the site",
         "/services/0/servers/0/address",
         R"("10.1.1.13")",
         {"vipd.json: /services/0/servers/0/address: is 10.1.1.13, expected 10.1.1.11 as in the "
          "inventory"}},
        {"a server's port",
         "/services/1/servers/1/port",
         "14000",
         {"vipd.json: /services/1/servers/1/port: is 14000, expected 1883 as in the inventory"}},
        {"a service's port",
         "/services/0/port",
         "1884",
         {"vipd.json: /services/0/port: is 1884, expected 1883 as in the inventory"}},
        {"a service's VIP",
         "/services/0/vip",
         R"("198.51.100.11")",
         {"vipd.json: /services/0/vip: is 198.51.100.11, expected 198.51.100.10 as in the "
          "inventory"}},
        {"a service's protocol",
         "/services/1/protocol",
         R"("udp")",
         {"vipd.json: /services/1/protocol: is udp, expected tcp as in the inventory"}},
        {"a service's name",
         "/services/0/name",
         R"("metres")",
         {"vipd.json: /services/0/name: is \"metres\", expected \"meters\" as in the inventory"}},
        {"a weight",
         "/services/1/servers/1/weight",
         "1",
         {"vipd.json: /services/1/servers/1/weight: is 1, expected 2 as in the inventory"}},
        {"a masked server", "/services/1/servers/1/masked", "true", {}},
        {"a server's name", "/services/1/servers/1/name", R"("x")", {}},
        {"a service less",
         "/services/0",
         nullptr,
         {"vipd.json: /services: \"meters\" (tcp 198.51.100.10:1883) is missing, expected it as "
          "in the inventory"}},
        {"no services",
         "/services",
         "[]",
         {"vipd.json: /services: \"meters\" (tcp 198.51.100.10:1883) is missing, expected it as "
          "in the inventory",
          "vipd.json: /services: \"terminals\" (tcp 203.0.113.5:14000) is missing, expected it as "
          "in the inventory",
          "vipd.json: /services: \"reflect\" (udp 198.51.100.10:862) is missing, expected it as "
          "in the inventory"}},
        {"a service more",
         "/services/3",
         R"({"name": "web", "vip": "198.51.100.10", "protocol": "tcp", "port": 80,
             "forward": "nat", "servers": [{"name": "s1", "address": "10.1.1.11", "port": 80}]})",
         {"vipd.json: /services/3/name: \"web\" is none of the inventory's services, expected it "
          "there: what stands there moves"}},
        {"a server less",
         "/services/0/servers/1",
         nullptr,
         {"vipd.json: /services/0/servers: \"s2\" at 10.1.1.12:1883 is missing, expected it as in "
          "the inventory"}},
        {"a server more",
         "/services/0/servers/2",
         R"({"name": "s3", "address": "10.1.1.13", "port": 1883})",
         {"vipd.json: /services/0/servers/2/name: \"s3\" at 10.1.1.13 is none of the service's "
          "servers at site old in the inventory, expected it there"}},
        {"a tunnel where ports differ",
         "/services/1",
         R"({"name": "terminals", "vip": "203.0.113.5", "protocol": "tcp", "port": 14000,
             "forward": "tunnel", "encapsulation": "gue",
             "servers": [{"name": "s1", "address": "10.1.1.11"},
                         {"name": "s2", "address": "10.1.1.12", "weight": 2}]})",
         {"vipd.json: /services/1/forward: is \"tunnel\", which keeps the VIP's port, expected "
          "\"nat\": the inventory's servers listen at 1883"}},
        {"a VIP that cannot be read",
         "/services/0/vip",
         R"("198.51.100.256")",
         {"vipd.json: /services/0/vip: \"198.51.100.256\" is no IP address, expected one such as "
          "192.0.2.1 or "
          "2001:db8::1"}},
        {"a port for a line less",
         "/ports/0",
         nullptr,
         {"vipd.json: /ports: port \"red\" is missing, which the inventory names for the line to "
          "red"}},
        {"a line less",
         "/lines/1",
         nullptr,
         {"vipd.json: /lines: the line to green is missing, expected it with \"enabled\" true or "
          "false"}},
    };
    for (const auto& [what, pointer, value, said] : cases) {
        CAPTURE(what);
        json document = begun("old-gw");
        const json::json_pointer at(pointer);
        if (value == nullptr) {
            document = document.patch(json::array({{{"op", "remove"}, {"path", pointer}}}));
        } else {
            document[at] = json::parse(value);
        }
        CHECK(fmt::format("{}", fmt::join(said_of(document), "\n")) ==
              fmt::format("{}", fmt::join(said, "\n")));
        // Whatever it is, vipd says of it what it said before: services are lbsync's to carry.
        if (std::string_view(pointer).starts_with("/services") && said != Lines{} &&
            said[0].find("inventory") != std::string::npos) {
            CHECK(parse_config("vipd.json", document.dump(), lab));
        }
    }
}

TEST_CASE("a service that a map serves") {
    json document = begun("old-gw");
    document["services"] = json::array();
    document["maps"] = json::parse(
        R"([{"name": "m", "vip_prefix": "198.51.100.8/29", "server_prefix": "10.1.1.8/29"}])");
    CHECK(said_of(document) ==
          Lines{"vipd.json: /maps/0/server_prefix: takes service \"meters\" to 10.1.1.10:1883, "
                "expected 10.1.1.11:1883 as in the inventory",
                "vipd.json: /services: \"terminals\" (tcp 203.0.113.5:14000) is missing, expected "
                "it as in the inventory"});
    document["maps"][0]["server_prefix"] = "10.2.1.8/29";
    CHECK(said_of(document).front() ==
          "vipd.json: /maps/0/server_prefix: 10.2.1.8/29 is outside site old, expected a part of "
          "10.1.0.0/16");
}

TEST_CASE("another inventory, or another gateway, than the file says") {
    const json document = begun("old-gw");
    CHECK(said_of(document, {"", "old-gw"}) == Lines{});
    CHECK(said_of(document, {"", "new-gw"}) ==
          Lines{"vipd.json: /gateway: is \"old-gw\", expected \"new-gw\""});
    const auto other = [](const std::string& path) {
        json inventory = json::parse(*read_file("tests/lab/inventory.json"));
        if (path == "other.json") {
            inventory["services"][0]["port"] = 1885;
            inventory["services"][0]["server_port"] = 1883;
        }
        return parse_inventory(path, inventory.dump());
    };
    CHECK(said_of(document, {}, other) == Lines{});
    CHECK(said_of(document, {"other.json", ""}, other) ==
          Lines{"vipd.json: /services/0/port: is 1883, expected 1885 as in the inventory"});
}

TEST_CASE("where nothing moves the inventory's services have no servers") {
    const auto one = [](const std::string& path) {
        return parse_inventory(path, R"({"schema": "rehome/inventory/1",
            "prefixes": ["198.51.100.0/24"], "carriers": [{"name": "uplink"}],
            "sites": [{"name": "home", "networks": ["10.0.0.0/24"], "gateways": [{"name": "gw"}],
                "lines": [{"carrier": "uplink", "gateway": "gw", "port": "wan",
                           "address": "192.0.2.2/30", "peer": "192.0.2.1"}]}],
            "services": [{"name": "web", "vip": "198.51.100.10", "protocol": "tcp", "port": 80}]})");
    };
    const auto text = initial_config("vipd.json", *one("i"), {"gw", "i", {}});
    REQUIRE(text);
    json document = json::parse(*text);
    CHECK(document["services"] == json::array());
    CHECK(document["lines"][0]["enabled"] == true);
    CHECK(said_of(document, {}, one).size() == 1);
    document["services"] = json::parse(R"([{"name": "web", "vip": "198.51.100.10",
        "protocol": "tcp", "port": 80, "forward": "nat",
        "servers": [{"name": "s", "address": "10.0.0.11", "port": 8080}]},
        {"name": "more", "vip": "198.51.100.10", "protocol": "tcp", "port": 81, "forward": "nat",
        "servers": [{"name": "s", "address": "8.8.8.8", "port": 8080}]}])");
    CHECK(said_of(document, {}, one) ==
          Lines{"vipd.json: /services/1/servers/0/address: 8.8.8.8 is outside site home, expected "
                "one in 10.0.0.0/24"});
}
