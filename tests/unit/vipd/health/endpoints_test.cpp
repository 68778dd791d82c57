// What is checked: each endpoint once for all services that say the same of it, in both families.
#include "vipd/health/endpoints.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

ServiceConfig service(const char* name, const char* vip, Forward forward,
                      std::vector<const char*> servers) {
    ServiceConfig made;
    made.name = name;
    made.vip = ip(vip);
    made.port = 80;
    made.forward = forward;
    for (const char* server : servers) {
        ServerConfig one;
        one.name = "s" + std::to_string(made.servers.size());
        one.address = ip(server);
        one.port = forward == Forward::nat ? uint16_t{8080} : uint16_t{0};
        made.servers.push_back(one);
    }
    return made;
}

}  // namespace

TEST_CASE("services that check an endpoint alike share it") {
    Config config;
    config.server_tunnels_from = {ip("10.0.0.1"), ip("2001:db8::1")};
    config.health = HealthConfig{};
    config.services = {
        service("one", "198.51.100.1", Forward::nat, {"10.1.0.1", "10.1.0.2"}),
        service("two", "198.51.100.2", Forward::nat, {"10.1.0.2", "10.1.0.3"}),
        service("six", "2001:db8:5::1", Forward::nat, {"fd00::1"}),
        service("tunnel", "198.51.100.3", Forward::tunnel, {"10.1.0.1", "10.1.0.2"}),
        service("six in four", "2001:db8:5::2", Forward::tunnel, {"10.1.0.1"}),
        service("unchecked", "198.51.100.4", Forward::nat, {"10.1.0.9"}),
    };
    config.services[1].health = HealthConfig{};
    config.services[1].health->all_down = HealthConfig::AllDown::refuse;  // is no other check
    config.services[5].health = HealthConfig{};
    config.services[5].health->kind = HealthConfig::Kind::none;
    const CheckPlan plan = plan_checks(config, {});
    CHECK(plan.endpoints.size() == 7);
    CHECK(!plan.services.contains("unchecked"));
    CHECK(plan.services.at("one")[1] == plan.services.at("two")[0]);
    const auto text_of = [&](const char* name, size_t server) {
        const uint32_t id = plan.services.at(name)[server];
        for (const auto& endpoint : plan.endpoints) {
            if (endpoint.id == id) {
                return endpoint.text();
            }
        }
        return std::string();
    };
    CHECK(text_of("one", 0) == "10.1.0.1:8080");
    CHECK(text_of("six", 0) == "[fd00::1]:8080");
    CHECK(text_of("tunnel", 1) == "198.51.100.3:80 through 10.1.0.2");
    CHECK(text_of("six in four", 0) == "[2001:db8:5::2]:80 through 10.1.0.1");

    // A reload: what is the same keeps its number, what is not has a new one.
    Config later = config;
    std::swap(later.services[0], later.services[2]);
    later.services[1].health->interval_ms = 5000;
    later.services.pop_back();
    const CheckPlan next = plan_checks(later, plan);
    CHECK(next.services.at("one") == plan.services.at("one"));
    CHECK(next.services.at("six") == plan.services.at("six"));
    for (const uint32_t id : next.services.at("two")) {
        CHECK(id > plan.endpoints.back().id);
    }
}

TEST_CASE("another script, port or way is another endpoint, and ICMP has no port") {
    Config config;
    config.server_tunnels_from = {ip("10.0.0.1")};
    HealthConfig how;
    std::vector<HealthConfig> ways(6, how);
    ways[1].port = 9000;
    ways[2].kind = HealthConfig::Kind::icmp;
    ways[3].kind = ways[4].kind = HealthConfig::Kind::script;
    ways[3].steps = {{ScriptStep::Kind::send, {"ab"}}, {ScriptStep::Kind::expect, {"c"}}};
    ways[4].steps = {{ScriptStep::Kind::send, {"a"}}, {ScriptStep::Kind::expect, {"bc"}}};
    ways[5].rise = 7;
    for (size_t i = 0; i < ways.size(); ++i) {
        auto made = service("s", "198.51.100.1", Forward::nat, {"10.1.0.1"});
        made.name += std::to_string(i);
        made.health = ways[i];
        config.services.push_back(made);
    }
    const CheckPlan plan = plan_checks(config, {});
    CHECK(plan.endpoints.size() == ways.size());
    CHECK(plan.endpoints[1].text() == "10.1.0.1:9000");
    CHECK(plan.endpoints[2].text() == "10.1.0.1");
}

}  // namespace rehome::vipd::testing
