// For each cause a state in which it is the answer, and what is left once its command has been
// given.
#include "vipd/watch/causes.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

using nlohmann::json;

// What is said of access at all gateways, and heard by all.
void let_in_alike(Lab& lab, const json& rules) {
    lab.access(lab["old"], rules);
    lab.access(lab["new"], rules);
    lab.pass(200 * ms);
}

// The old gateway's, of a client of red.
json explained(Lab& lab, const std::string& vip = "meters",
               const std::string& client = "100.80.0.1", std::string trouble = "") {
    LabGateway& old = lab["old"];
    const Fib routes;
    const Neighbours neighbours;
    const auto wanted = wanted_by(old.path->tables(), client, vip);
    REQUIRE(wanted);
    const Live live{old.path->snapshot(),
                    routes,
                    neighbours,
                    "vipd.json",
                    std::move(trouble),
                    [&](const TextPacket& packet, const WayIn& way) -> Result<BothWays> {
                        return why_both(*old.path, old.config, packet, way, lab.now);
                    },
                    old.state->access_rules().get()};
    const auto told = explain_client(live, wanted->front());
    REQUIRE(told);
    return *told;
}

json causes(Lab& lab, const std::string& vip = "meters") {
    return explained(lab, vip)["causes"];
}

void set_port(LabGateway& gateway, size_t port, bool carrier, Micros now) {
    for (size_t i = 0; i < gateway.config.ports.size(); ++i) {
        ObservedPort seen;
        seen.carrier = i != port || carrier;
        gateway.state->port(i, seen, now);
    }
    gateway.act->follow(now);
}

void mask(Lab& lab, bool masked) {
    LabGateway& old = lab["old"];
    for (ServerConfig& server : old.config.services[0].servers) {
        server.masked = masked;
    }
    lab.reload(old);
}

void disable(Lab& lab, const std::string& gateway, const DisableTarget& target,
             const DisableOrder& order) {
    lab[gateway].state->disable(target, order);
    lab[gateway].act->follow(lab.now);
}

DisableOrder weak_at(double rate) {
    DisableOrder order;
    order.mode = DisableMode::weak;
    order.rate_per_s = rate;
    order.quiet_s = 3;
    order.icmp = true;
    return order;
}

}  // namespace

TEST_CASE("nothing is wrong: no cause, both directions, a try for each server") {
    Lab lab;
    const json told = explained(lab);
    CHECK(told["causes"] == json::array());
    CHECK(told["service"] == "meters");
    CHECK(told["line"] == json{{"carrier", "red"}, {"state", "enabled"}, {"routed", false}});
    REQUIRE(told["tries"].size() == lab["old"].config.services[0].servers.size());
    for (const json& tried : told["tries"]) {
        CHECK(tried["in"]["way"] != "drop");
        REQUIRE(tried["back"].is_object());
        CHECK(tried["back"]["packets"][0].get<std::string>().starts_with(
            "tcp 198.51.100.10:1883 > 100.80.0.1:"));
        CHECK(tried["back"]["out"]["port"] == "red");
    }
    CHECK(explained(lab, "198.51.100.10:1883", "100.80.0.1:7")["tries"].size() == 1);
}

TEST_CASE("each cause where it is the answer, and gone after its command") {
    struct Row {
        const char* cause;
        std::function<void(Lab&)> breaks;
        const char* mend;  // as it is told
        std::function<void(Lab&)> mends;
        bool serves = false;
    };
    const auto order_red = [](LineState to) {
        return [to](Lab& lab) {
            lab.line(lab["new"], 0, LineState::disabled);
            set_line(*lab["old"].state, 0, to == LineState::enabled);
            lab["old"].act->follow(lab.now);
        };
    };
    const Row rows[] = {
        {"line_disabled", order_red(LineState::disabled), "vipctl enable line red",
         order_red(LineState::enabled)},
        {"line_down", [](Lab& lab) { set_port(lab["old"], red, false, lab.now); },
         "vipctl status",  // its port is no interface
         [](Lab& lab) {
             set_port(lab["old"], red, true, lab.now);
             lab.pass(up_after + 100 * ms);
         }},
        {"no_server",
         [](Lab& lab) {
             lab.link_up = false;  // else the other site serves it
             lab.pass(5'000 * ms);
             mask(lab, true);
         },
         "write \"masked\": false for s1, s2 of meters in vipd.json, then `vipctl reload`",
         [](Lab& lab) { mask(lab, false); }},
        {"peer_down",
         [](Lab& lab) {
             lab.share(lab["old"], {10'000, ShareBy::address});
             lab.link_up = false;
             lab.pass(5'000 * ms);
         },
         "vipctl share 0", [](Lab& lab) { lab.share(lab["old"], {}); }, true},
        {"peer_down",
         [](Lab& lab) {
             lab.place(json::parse(R"({"schema": "rehome/vipd-placement/1",
                 "sets": [{"ranges": ["100.80.0.0/24 new"]}]})"));
             lab.link_up = false;
             lab.pass(5'000 * ms);
         },
         "vipctl set 100.80.0.0/24 none --without new",  // which would not be reached
         [](Lab& lab) { lab.place(json::parse(R"({"schema": "rehome/vipd-placement/1"})")); },
         true},
        {"peer_down",  // a set of others does not make it the gateway's share any less
         [](Lab& lab) {
             lab.place(json::parse(R"({"schema": "rehome/vipd-placement/1",
                 "sets": [{"ranges": ["192.0.2.0/24 new"]}]})"));
             lab.share(lab["old"], {10'000, ShareBy::address});
             lab.link_up = false;
             lab.pass(5'000 * ms);
         },
         "vipctl share 0", [](Lab& lab) { lab.share(lab["old"], {}); }, true},
        {"peer_down",
         [](Lab& lab) {
             lab.place(json::parse(R"({"schema": "rehome/vipd-placement/1",
                 "weights": [{"sites": {"new": 100}}]})"));
             lab.link_up = false;
             lab.pass(5'000 * ms);
         },
         "vipctl weights old=100 --without new",
         [](Lab& lab) { lab.place(json::parse(R"({"schema": "rehome/vipd-placement/1"})")); },
         true},
        {"other_placement",
         [](Lab& lab) {
             const auto rules = read_placement("p", "", json::parse(R"({
                 "schema": "rehome/vipd-placement/1", "weights": [{"sites": {"old": 100, "new": 0}}]})"),
                                               std::nullopt);
             REQUIRE(rules);
             lab["old"].state->order(PlacementOrder{*rules, {}});
             lab["old"].act->follow(lab.now);
             lab.pass(200 * ms);
         },
         "vipctl weights new=0,old=100",
         [](Lab& lab) {
             lab.place(json::parse(R"({
                 "schema": "rehome/vipd-placement/1", "weights": [{"sites": {"old": 100, "new": 0}}]})"));
             lab.pass(200 * ms);
         },
         true},
        {"other_access",
         [](Lab& lab) {
             lab.access(lab["old"], {{"limits", {{"clients", {{"per_s", 1000}}}}}});
             lab.pass(200 * ms);
         },
         "vipctl admission 100",
         [](Lab& lab) {
             let_in_alike(lab, {{"limits", {{"clients", {{"per_s", 1000}}}}}});
         },
         true},
        {"other_access",
         [](Lab& lab) {
             lab.access(lab["old"], {{"admission", {{"percent", 99.5}, {"refuse", "silence"}}}});
             lab.pass(200 * ms);
         },
         "vipctl admission 99.5 --silence",
         [](Lab& lab) {
             let_in_alike(lab, {{"admission", {{"percent", 99.5}, {"refuse", "silence"}}}});
         },
         true},
        {"other_sites",
         [](Lab& lab) {
             disable(lab, "old", {Level::site, "new"}, weak_at(12.5));
             lab.pass(200 * ms);
         },
         "vipctl enable site old; vipctl weak site new --rate 12.5 --quiet-s 3 --icmp",
         [](Lab& lab) {
             disable(lab, "new", {Level::site, "new"}, weak_at(12.5));
             lab.pass(200 * ms);
         },
         true},
        {"other_sites",
         [](Lab& lab) {
             disable(lab, "new", {Level::site, "new"}, {});
             lab.pass(200 * ms);
         },
         "vipctl enable site old; vipctl enable site new",
         [](Lab& lab) {
             lab["new"].state->enable({Level::site, "new"}, {});
             lab["new"].act->follow(lab.now);
             lab.pass(200 * ms);
         },
         true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.cause);
        CAPTURE(row.mend);
        Lab lab;
        row.breaks(lab);
        const json told = causes(lab);
        INFO(told.dump(1));
        REQUIRE(!told.empty());
        CHECK(told[0]["cause"] == row.cause);
        CHECK(told[0]["mend"] == row.mend);
        CHECK(told[0]["serves"] == row.serves);
        row.mends(lab);
        const json left = causes(lab);
        INFO(left.dump(1));
        for (const json& cause : left) {
            CHECK(cause["cause"] != row.cause);
        }
    }
}

TEST_CASE("causes of what nobody ordered") {
    Lab lab;
    CHECK(causes(lab, "198.51.100.10:99")[0]["cause"] == "no_service");
    CHECK(causes(lab, "192.0.2.1:99")[0]["cause"] == "no_prefix");
    CHECK(explained(lab, "meters", "198.51.100.77")["causes"][0]["cause"] == "wrong_source");
    const json told = explained(lab, "meters", "100.80.0.1", "no such device")["causes"];
    CHECK(told[0]["cause"] == "not_announced");
    CHECK(told[0]["mend"] == "ip route show 198.51.100.0/24");
}

TEST_CASE("servers whose checks fail, and that get clients nevertheless") {
    Lab lab;
    LabGateway& old = lab["old"];
    ServersHealth health;
    auto& servers = health.services["meters"];
    servers.resize(old.config.services[0].servers.size());
    EndpointHealth& first = servers.front();
    first.why = "Connection refused";
    const auto told = [&] {
        old.state->health(std::make_shared<ServersHealth>(health));
        old.act->follow(lab.now);
        return causes(lab);
    };
    CHECK(told() == json::array());
    first.kept_up = health.keeps = true;
    json cause = told()[0];
    CHECK(cause["cause"] == "servers_look_down");
    CHECK(cause["serves"] == true);
    CHECK(cause["text"] ==
          "checks fail of servers of meters that get clients nevertheless, as more than half of "
          "all look down at once: s1 (Connection refused)");
    first.kept_up = health.keeps = false;
    first.state = EndpointHealth::State::down;
    cause = told()[0];
    CHECK(cause["text"].get<std::string>().find("all are down and the last choice is kept") !=
          std::string::npos);
    ServerConfig more = old.config.services[0].servers[0];
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        more.name = name;
        more.port += 1;
        old.config.services[0].servers.push_back(more);
    }
    lab.reload(old);
    const EndpointHealth each = first;
    servers.assign(old.config.services[0].servers.size(), each);
    CHECK(told()[0]["text"].get<std::string>().ends_with("and 4 more"));
    lab.share(old, {10'000, ShareBy::address});  // all are relayed
    CHECK(told() == json::array());
}

TEST_CASE("an order that would be refused for the sake of maps says that it means them") {
    Lab lab;
    lab["old"].config.maps.push_back(
        {"map", *Prefix::parse("203.0.113.128/25"), *Prefix::parse("10.1.3.0/25")});
    lab.reload(lab["old"]);
    lab.link_up = false;
    lab.pass(5'000 * ms);
    struct Row {
        const char* rules;
        const char* mend;
    };
    const Row rows[] = {
        {R"("weights": [{"sites": {"new": 100}}])",
         "vipctl weights old=100 --break-maps --without new"},
        {R"("sets": [{"ranges": ["100.80.0.0/24 new"]}])",
         "vipctl set 100.80.0.0/24 none --break-maps --without new"},
        {R"("weights": [{"service": "meters", "sites": {"new": 100}}])",
         "vipctl weights old=100 --service meters --without new"},
    };
    for (const Row& row : rows) {
        lab.place(json::parse(std::string(R"({"schema": "rehome/vipd-placement/1", )") + row.rules +
                              "}"));
        const json told = causes(lab);
        INFO(told.dump(1));
        REQUIRE(!told.empty());
        CHECK(told[0]["mend"] == row.mend);
    }
}

TEST_CASE("a map's answers, to a client that no route leads to") {
    Lab lab;
    lab["old"].config.maps.push_back(
        {"map", *Prefix::parse("203.0.113.128/25"), *Prefix::parse("10.1.3.0/25")});
    lab.reload(lab["old"]);
    CHECK(causes(lab, "203.0.113.130:80") == json::array());
    RouteTable table;
    table.set({*Prefix::parse("10.1.0.0/16"), 0}, {servers_port, {}});
    lab["old"].path->replace_routes(std::make_shared<const Fib>(table.build()));
    const json told = causes(lab, "203.0.113.130:80");
    INFO(told.dump(1));
    REQUIRE(!told.empty());
    CHECK(told[0]["cause"] == "no_route");
    CHECK(told[0]["mend"] == "ip route add 100.80.0.1 via ROUTER dev red");
}

TEST_CASE("who may not begin") {
    Lab lab;
    lab.access(lab["old"],
               {{"rules", {{{"name", "bots"}, {"action", "drop"}, {"clients", {"100.80.0.1"}}}}}});
    json told = causes(lab, "meters");
    CHECK(told[0]["cause"] == "access");
    CHECK(told[0]["text"] == "access rule 1 (bots) drops 100.80.0.1");
    CHECK(told[0]["mend"] == "vipctl access --accept 100.80.0.1 --service meters");
    lab.access(lab["old"], {{"default", "drop"}});
    told = causes(lab, "meters");
    CHECK(told[0]["text"] == "access the default drops 100.80.0.1");
    CHECK(told[0]["mend"] == "vipctl access --accept 100.80.0.1 --service meters");
    let_in_alike(
        lab,
        {{"default", "drop"},
         {"rules", {{{"action", "accept"}, {"clients", {"100.80.0.1"}}, {"service", "meters"}}}}});
    CHECK(causes(lab, "meters") == json::array());
    lab.access(lab["old"], {{"admission", {{"percent", 0}}}});
    told = causes(lab, "meters");
    CHECK(told[0]["cause"] == "not_admitted");
    CHECK(told[0]["mend"] == "vipctl admission 100");
    lab.link_up = false;
    lab.pass(5'000 * ms);
    CHECK(causes(lab, "meters")[0]["mend"] == "vipctl admission 100 --without new");
    lab.access(lab["old"], json::object());
    CHECK(explained(lab)["causes"].dump().find("admitted") == std::string::npos);
}

TEST_CASE("who is beyond a limit, and the order that lifts it") {
    const json once{{"per_s", 0.1}, {"burst", 1}};
    const auto with = [&](json of, const json& more) {
        of.update(more);
        return of;
    };
    const auto except = [&](const json& clients) {
        return with(once, {{"except", {with(once, {{"clients", clients}})}}});
    };
    struct Row {
        const char* cause;
        json limits;
        const char* mend;
        json mended;  // as that order leaves them
    };
    const Row rows[] = {
        {"client_limit",
         {{"clients", once}},
         "vipctl limit except:100.80.0.1 unlimited",
         {{"clients", with(once, {{"except", {{{"clients", {"100.80.0.1"}}}}}})}}},
        {"client_limit",
         {{"clients", except({"100.80.0.0/24"})}},  // the longer prefix decides
         "vipctl limit except:100.80.0.1 unlimited",
         {{"clients", with(once, {{"except",
                                   {with(once, {{"clients", {"100.80.0.0/24"}}}),
                                    {{"clients", {"100.80.0.1"}}}}}})}}},
        {"client_limit",
         {{"clients", except({"192.0.2.1", "100.80.0.1/32"})}},
         "vipctl limit except:100.80.0.1/32 unlimited",
         {{"clients", with(once, {{"except",
                                   {with(once, {{"clients", {"192.0.2.1"}}}),
                                    {{"clients", {"100.80.0.1/32"}}}}}})}}},
        {"client_limit",
         {{"clients", except({"nat"})}},
         "vipctl limit except:nat unlimited",
         {{"clients", with(once, {{"except", {{{"clients", {"nat"}}}}}})}}},
        {"service_limit",
         {{"services", {with(once, {{"service", "meters"}})}}},
         "vipctl limit service:meters none",
         json::object()},
        {"vip_limit",
         {{"vips", {with(once, {{"vip", "198.51.100.10"}})}}},
         "vipctl limit vip:198.51.100.10 none",
         json::object()},
    };
    const json lists = {{{"name", "nat"}, {"clients", {"192.0.2.7", "100.80.0.1"}}}};
    for (const Row& row : rows) {
        CAPTURE(row.mend);
        Lab lab;
        let_in_alike(lab, {{"lists", lists}, {"limits", row.limits}});
        CHECK(causes(lab) == json::array());
        const auto begins = [&](uint16_t port) {
            return lab
                .enter(lab.index("old"), red,
                       Say{{ip("100.80.0.1"), port}, end("198.51.100.10:1883"), 6, flag::S})
                .end;
        };
        CHECK(begins(1) == "servers");
        CHECK(begins(2) == std::string("drop ") + row.cause);
        const json told = causes(lab);
        INFO(told.dump(1));
        REQUIRE(!told.empty());
        CHECK(told[0]["cause"] == row.cause);
        CHECK(told[0]["mend"] == row.mend);
        let_in_alike(lab, {{"lists", lists}, {"limits", row.mended}});
        CHECK(begins(3) == "servers");
        CHECK(begins(4) == "servers");
        CHECK(causes(lab) == json::array());
    }
}

TEST_CASE("what is disabled, and each order that has to be taken back") {
    for (const DisableTarget& target : {DisableTarget{Level::service, "meters"},
                                        {Level::site, "old"},
                                        {Level::line, "red"},
                                        {Level::server, ""}}) {
        CAPTURE(target.text());
        Lab lab;
        lab.link_up = false;  // else the other site serves it
        lab.pass(5'000 * ms);
        LabGateway& old = lab["old"];
        std::vector<DisableTarget> targets{target};
        if (target.level == Level::server) {
            targets.clear();
            for (const ServerConfig& server : old.config.services[0].servers) {
                targets.push_back({Level::server, "meters/" + server.name});
            }
        }
        std::string mend;
        for (const DisableTarget& each : targets) {
            DisableOrder order;
            order.mode = DisableMode::strong;
            old.state->disable(each, order);
            mend +=
                (mend.empty() ? "vipctl enable " : "; vipctl enable ") + each.text() +
                (each.level == Level::site ? " --without new" : "");  // which would not be reached
        }
        old.act->follow(lab.now);
        const json told = causes(lab);
        INFO(told.dump(1));
        REQUIRE(!told.empty());
        CHECK(told[0]["cause"] == (target.level == Level::server ? "no_server" : "disabled"));
        CHECK(told[0]["mend"] == mend);
        for (const DisableTarget& each : targets) {
            old.state->enable(each, {});
        }
        old.act->follow(lab.now);
        CHECK(causes(lab) == json::array());
    }
}

TEST_CASE("what may be asked for") {
    Lab lab;
    const Tables& tables = lab["old"].path->tables();
    CHECK(wanted_by(tables, "100.80.0.1", "")->size() == tables.services().size());
    CHECK(wanted_by(tables, "100.80.0.1:5", "meters")->front().client.port == 5);
    CHECK(wanted_by(tables, "100.80.0.1", "198.51.100.10")->size() >= 1);
    for (const auto& [client, vip] : {std::pair{"nobody", ""},
                                      {"100.80.0.1", "nothing"},
                                      {"2001:db8::1", "meters"},
                                      {"", ""}}) {
        CAPTURE(client);
        const auto wanted = wanted_by(tables, client, vip);
        REQUIRE_FALSE(wanted);
        CHECK(wanted.error().kind == Exit::usage);
    }
}

}  // namespace rehome::vipd::testing
