// The tables that a reload replaces: what is found in them, and what a reload leaves alone.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/vipd/lab.h"

namespace rehome::testing {

namespace {

Endpoint client(uint32_t n) {
    return {Address::v4(0x64500001 + n / 50), static_cast<uint16_t>(40000 + n % 50)};
}

// Where a segment of that client ends up: the server, or the outcome.
std::string served_by(Lab& lab, const Endpoint& from, uint8_t flags, const char* vip) {
    const auto outcome = lab.enter(0, red, Say{from, end(vip), 6, flags});
    return outcome.end == "servers" ? outcome.packet().destination.text() : outcome.text();
}

const char* const meters = "198.51.100.10:1883";
const char* const terminals = "203.0.113.5:14000";

void remove_server(LabGateway& gateway, const std::string& name) {
    auto& servers = gateway.config.services[0].servers;
    std::erase_if(servers, [&](const ServerConfig& server) { return server.name == name; });
    gateway.reload();
}

}  // namespace

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
            CHECK(service->config.name == row.name);
            CHECK(tables->service(service->id) == service);
        }
    }
    CHECK(tables->is_moved(ip("203.0.113.255")));
    CHECK_FALSE(tables->is_moved(ip("203.0.114.0")));
    CHECK(tables->is_vip(ip("203.0.113.5")));
    CHECK_FALSE(tables->is_vip(ip("203.0.113.6")));
}

TEST_CASE("a service keeps its id while VIP, protocol and port stay") {
    Config config = lab_config("old", {"old", "new"});
    const auto before = Tables::build(config)->service(6, end(meters))->id;
    std::reverse(config.services.begin(), config.services.end());
    config.services[2].servers.pop_back();
    CHECK(Tables::build(config)->service(6, end(meters))->id == before);
    CHECK(Tables::build(lab_config("new", {"old", "new"}))->service(6, end(meters))->id == before);
}

TEST_CASE("both sites choose the counterpart of the same server") {
    Config reordered = lab_config("new", {"old", "new"});
    std::reverse(reordered.services[0].servers.begin(), reordered.services[0].servers.end());
    const auto old_tables = Tables::build(lab_config("old", {"old", "new"}));
    const auto new_tables = Tables::build(reordered);
    for (uint32_t n = 0; n < 1000; ++n) {
        CHECK(choose_server(*old_tables->service(6, end(meters)), client(n)).name ==
              choose_server(*new_tables->service(6, end(meters)), client(n)).name);
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
    remove_server(lab.gateways[0], "s1");
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
    lab.gateways[0].reload();
    CHECK(served_by(lab, client(0), flag::A, meters) == "old drop no_service");
    CHECK(lab.wrong.empty());
}

TEST_CASE("two VIPs in front of one server and port") {
    Lab lab;
    auto& config = lab.gateways[0].config;
    for (auto& server : config.services[1].servers) {
        server.port = 1883;
    }
    lab.gateways[0].reload();
    uint32_t taken = 0;
    for (uint32_t n = 0; n < 100; ++n) {
        const auto first = served_by(lab, client(n), flag::S, meters);
        const auto second = served_by(lab, client(n), flag::S, terminals);
        CHECK((second == "old drop server_taken" || second != first));
        taken += second == "old drop server_taken";
        // The client closes the first connection, and its port is free for the other VIP.
        served_by(lab, client(n), flag::R, meters);
        CHECK(served_by(lab, client(n), flag::S, terminals).starts_with("10.1.1."));
        const auto reply =
            lab.enter(0, servers_port, Say{{ip(first), 1883}, client(n), 6, flag::S | flag::A});
        CHECK((reply.end == "red" || second != "old drop server_taken"));
    }
    CHECK(taken > 0);
    CHECK(lab.wrong.empty());
}

}  // namespace rehome::testing
