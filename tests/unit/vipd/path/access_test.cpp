// Access rules where clients come in: who is dropped, in which direction, and what becomes of flows
// that live when the rules change.
#include "vipd/path/access.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

using nlohmann::json;

const Endpoint denied = end("100.80.0.1:40000"), other = end("100.80.0.2:40000");

json drop_of(const std::string& clients) {
    return {{"rules", {{{"name", "bots"}, {"action", "drop"}, {"clients", {clients}}}}}};
}

// A session that its server has answered; at which gateway it ends.
Outcome log_in(Lab& lab, size_t gateway, const Endpoint& who) {
    const Outcome asked = lab.enter(gateway, red, to_meters(who));
    REQUIRE(asked.end == "servers");
    lab.enter(asked.gateway, servers_port, answer(asked.packet(), flag::S | flag::A));
    REQUIRE(lab.enter(gateway, red, to_meters(who, flag::A)).end == "servers");
    return asked;
}

uint64_t dropped(LabGateway& gateway, Drop drop) {
    return gateway.path->counters().drops[static_cast<size_t>(drop)];
}

}  // namespace

TEST_CASE("rules meet flows that live at the next packet, both ways, and let them go on again") {
    for (const bool swept : {false, true}) {
        Lab lab;
        const Outcome asked = log_in(lab, 0, denied);
        log_in(lab, 0, other);
        lab.access(lab["old"], drop_of("100.80.0.1"));
        if (swept) {
            lab.pass(50 * ms);
            CHECK_FALSE(lab["old"].path->flows().sweeping());
            CHECK(lab["old"].path->counters().barred_flows == 1);
        }
        const Say reply = answer(asked.packet(), flag::A);
        CHECK(lab.enter(0, servers_port, reply).end == "drop access");
        CHECK(lab.enter(0, red, to_meters(denied, flag::A)).end == "drop access");
        CHECK(lab.enter(0, red, to_meters(denied)).end == "drop access");
        CHECK(lab.enter(0, red, to_meters(other, flag::A)).end == "servers");
        CHECK(dropped(lab["old"], Drop::access) == 3);
        CHECK(lab["old"].path->counters().barred_flows == 1);

        lab.access(lab["old"], json::object());
        CHECK(lab.enter(0, servers_port, reply).end == "red");
        CHECK(lab.enter(0, red, to_meters(denied, flag::A)).end == "servers");
        CHECK(lab.wrong.empty());
    }
}

TEST_CASE("the first rule that matches, and the default, decide about new flows") {
    struct Row {
        json rules;
        std::string end;
    };
    const json accept{{"action", "accept"}, {"service", "meters"}, {"clients", {"100.80.0.1"}}};
    const json drop{{"action", "drop"}, {"vips", {"198.51.100.0/24"}}};
    const Row rows[] = {
        {{{"rules", {accept, drop}}}, "servers"},
        {{{"rules", {drop, accept}}}, "drop access"},
        {{{"default", "drop"}}, "drop access"},
        {{{"rules", {accept}}, {"default", "drop"}}, "servers"},
        {{{"rules", {{{"action", "drop"}, {"ports", {"1884-65535"}}}}}}, "servers"},
        {{{"rules", {{{"action", "drop"}, {"ports", {"1883"}}, {"protocol", "tcp"}}}}},
         "drop access"},
        {{{"rules", {{{"action", "drop"}, {"protocol", "udp"}}}}}, "servers"},
    };
    for (const Row& row : rows) {
        INFO(row.rules.dump());
        Lab lab;
        lab.access(lab["old"], row.rules);
        CHECK(lab.enter(0, red, to_meters(denied)).end == row.end);
    }
}

TEST_CASE("behind the tunnel nothing is looked at again; where the client comes in, replies are") {
    Lab lab;
    lab.share(lab["old"], {10'000, ShareBy::address});
    const Outcome asked = log_in(lab, 0, denied);
    REQUIRE(asked.path == "old>new");
    lab.access(lab["new"], drop_of("100.80.0.1"));
    lab.pass(100 * ms);
    CHECK(lab.enter(0, red, to_meters(denied, flag::A)).end == "servers");
    CHECK(lab.enter(1, servers_port, answer(asked.packet(), flag::A)).end == "red");
    CHECK(lab.enter(0, red, to_meters({denied.address, 40001})).end == "servers");

    lab.access(lab["old"], drop_of("100.80.0.1"));
    CHECK(lab.enter(1, servers_port, answer(asked.packet(), flag::A)).end == "drop access");
    CHECK(lab.enter(0, red, to_meters(denied, flag::A)).end == "drop access");
    CHECK(lab.wrong.empty());
}

TEST_CASE("while the client's gateway is away, what leaves by a line here is looked at here") {
    Lab lab;
    lab.share(lab["old"], {10'000, ShareBy::address});
    lab.line(lab["new"], 0, LineState::enabled);
    const Outcome asked = log_in(lab, 0, denied);
    REQUIRE(asked.path == "old>new");
    const Say reply = answer(asked.packet(), flag::A);
    lab.access(lab["new"], drop_of("100.80.0.1"));
    lab.link_up = false;
    lab.pass(5'000 * ms);
    CHECK(lab.enter(1, servers_port, reply).end == "drop access");
    lab.access(lab["new"], drop_of("100.80.0.2"));
    CHECK(lab.enter(1, servers_port, reply).end == "red");

    lab.access(lab["new"], drop_of("100.80.0.1"));
    CHECK(lab.enter(1, servers_port, reply).end == "drop access");
    lab.link_up = true;
    lab.pass(5'000 * ms);
    CHECK(lab.enter(1, servers_port, reply).text() == "new>old red");
    CHECK(lab.wrong.empty());
}

TEST_CASE("beforehand it is said how many flows rules would cut") {
    Lab lab;
    for (uint16_t i = 0; i < 30; ++i) {
        log_in(lab, 0, {denied.address, static_cast<uint16_t>(40000 + i)});
    }
    log_in(lab, 0, other);
    json document = drop_of("100.80.0.1");
    document["schema"] = "rehome/vipd-access/1";
    document["default"] = "accept";
    const auto rules = *read_access("rules", "", document, nullptr);
    const Access access{rules, plain_classifier(*flatten(*rules, {}))};
    FlowTable& flows = lab["old"].path->flows();
    uint64_t place = 0, count = 0;
    while (would_bar(access, flows, place, place + 7, count)) {
    }
    CHECK(count == 30);
    lab.access(lab["old"], drop_of("100.80.0.1"));
    lab.pass(50 * ms);
    CHECK(lab["old"].path->counters().barred_flows == 30);
}

TEST_CASE("who is not admitted is told, those who live are left alone") {
    Lab lab;
    log_in(lab, 0, denied);
    lab.pass(6'000 * ms);
    lab.access(lab["old"], {{"admission", {{"percent", 0}}}});
    CHECK(lab.enter(0, red, to_meters(denied, flag::A)).end == "servers");
    lab.emitted.clear();
    CHECK(lab.enter(0, red, to_meters(other)).end == "drop not_admitted");
    CHECK(lab["old"].path->counters().resets == 1);
    lab.access(lab["old"], {{"admission", {{"percent", 0}, {"refuse", "silence"}}}});
    CHECK(lab.enter(0, red, to_meters(other)).end == "drop not_admitted");
    CHECK(lab["old"].path->counters().resets == 1);
    lab.access(lab["old"], json::object());
    CHECK(lab.enter(0, red, to_meters(other)).end == "servers");
}

TEST_CASE("limits meet what comes in by a line, relayed or not, and no flow that lives") {
    Lab lab;
    const json one{{"limits", {{"clients", {{"per_s", 0.1}, {"burst", 1}}}}}};
    lab.access(lab["old"], one);
    lab.access(lab["new"], {{"limits", {{"services", {{{"service", "meters"}, {"per_s", 0.1}}}}}}});
    log_in(lab, 0, denied);
    CHECK(lab.enter(0, red, to_meters({denied.address, 2})).end == "drop client_limit");
    CHECK(lab.enter(0, red, to_meters(denied, flag::A)).end == "servers");
    lab.share(lab["old"], {10'000, ShareBy::address});
    CHECK(lab.enter(0, red, to_meters(other)).text() == "old>new servers");
    CHECK(lab.enter(0, red, to_meters({other.address, 2})).end == "drop client_limit");
    CHECK(lab.enter(0, red, to_meters(end("100.80.0.3:1"))).text() == "old>new servers");
}

TEST_CASE(
    "a flow that came in at another gateway is that one's to judge, while flows are looked at "
    "too") {
    Lab lab;
    lab.share(lab["old"], {10'000});
    const Endpoint client = end("100.80.0.1:40000");
    const Outcome session = lab.enter(0, red, to_meters(client));
    REQUIRE(session.text() == "old>new servers");
    REQUIRE(lab.enter(1, servers_port, answer(session.packet(), flag::S | flag::A)).text() ==
            "new>old red");
    lab.access(lab["new"], {{"rules", {{{"action", "drop"}, {"clients", {"100.80.0.1"}}}}}});
    const auto replies = [&] {
        return lab.enter(1, servers_port, answer(session.packet(), flag::A)).text();
    };
    CHECK(replies() == "new>old red");
    lab.pass(100 * ms);
    CHECK(replies() == "new>old red");
    CHECK(lab["new"].path->counters().barred_flows == 0);
}

}  // namespace rehome::vipd::testing
