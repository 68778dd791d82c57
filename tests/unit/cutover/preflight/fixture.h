// What the tests of preflight share: a playbook that needs a little of everything, and the answer
// of a host that has all of it.
#pragma once

#include <nlohmann/json.hpp>

#include "cutover/preflight/judge.h"
#include "tests/unit/cutover/fixture.h"

namespace rehome::cutover::testing {

using nlohmann::json;

// Every gate and check that it has can be tried; LATER needs what the run makes.
inline const char* const preflight_book = R"json({
  "schema": "rehome/playbook/1", "name": "book",
  "parameters": {"far_inventory": {"about": "there", "default": "/etc/inventory.json"}},
  "stages": [{"name": "s", "steps": [
    {"name": "share", "on": "old-gw",
     "do": ["vipctl", "--socket", "/old/vipd.sock", "share", "1"],
     "check": {"command": ["vipctl", "--socket", "/old/vipd.sock", "status", "--json"],
               "figures": [{"pointer": "/share/percent", "equals": 1}], "was": {"percent": "/share/percent"}},
     "undo": ["vipctl", "--socket", "/old/vipd.sock", "share", "${was.percent}"]},
    {"name": "withdraw", "on": "old-gw",
     "do": ["cutover", "bird", "announce", "--inventory", "${inventory}", "--gateway", "old-gw",
            "--carrier", "red", "--state", "withdrawn"]},
    {"name": "announce", "on": "new-a",
     "do": ["cutover", "bird", "announce", "--inventory", "${far_inventory}", "--gateway", "new-a",
            "--carrier", "red", "--state", "announced"]},
    {"name": "lost", "gate": {"command": ["cat", "/lost.json"], "fresh": "/at",
                              "figures": [{"pointer": "/lost", "of": "/sent", "max": 0}]}},
    {"name": "later", "gate": {"command": ["cat", "${run_dir}/later"], "figures": [{"pointer": "/x", "max": 0}]}},
    {"name": "carry", "do": ["lbsync", "apply", "--inventory", "${inventory}"]},
    {"name": "probe", "on": "red", "do": ["probe", "run", "--inventory", "${inventory}", "--carrier", "red"]}]}]
})json";

inline Plan preflight_plan(const Settings& settings = {}) {
    auto plan = read_plan({"book.json", preflight_book, inventory(), settings,
                           std::string(preflight_run_dir) + "/inventory.json", preflight_run_dir});
    REQUIRE_MESSAGE(plan.has_value(), (plan ? "" : all_text(plan.error())));
    return *plan;
}

inline Asks preflight_asks(const Plan& plan) {
    return asks_of(plan, inventory(), "/op/inventory.json", "/op");
}

inline const HostAsk& ask_of(const Asks& asks, const std::string& host) {
    for (const HostAsk& ask : asks.hosts) {
        if (ask.host.text() == host) {
            return ask;
        }
    }
    FAIL("nothing is asked of ", host);
    throw 0;
}

inline json ran(const Argv& command, const json& out) {
    return {{"command", command}, {"exit", 0}, {"timed_out", false},
            {"out", out},         {"err", ""}, {"trouble", nullptr}};
}

inline const char* const asked_at = "2026-05-06T12:00:00.000000Z";

// A gateway's status before a move.
inline json good_status(const std::string& gateway) {
    const bool old = gateway == "old-gw";
    json status{{"schema", "rehome/vipd-status/1"}, {"at", asked_at}, {"gateway", gateway},
                {"site", old ? "old" : "new"},      {"uptime_s", 5},  {"epoch", 1}};
    status["workers"] = {{{"worker", 0}, {"epoch", 1}, {"answers", true}}};
    status["orders"] = {{"path", "/orders"},      {"not_stored", nullptr}, {"set_aside", nullptr},
                        {"kept_at", nullptr},     {"away_s", nullptr},     {"confirmed", true},
                        {"confirmed_by", nullptr}};
    status["prefixes"] = json::array();
    status["lines"] = json::array();
    status["ports"] = json::array();
    for (const char* carrier : {"red", "green"}) {
        status["lines"].push_back({{"carrier", carrier},
                                   {"port", carrier},
                                   {"enabled", old},
                                   {"state", old ? "enabled" : "disabled"},
                                   {"rx_vip_packets", 0},
                                   {"tx_vip_packets", 0},
                                   {"rx_vip_pps", 0},
                                   {"tx_vip_pps", 0}});
        status["ports"].push_back({{"port", carrier},
                                   {"interface", carrier},
                                   {"up", true},
                                   {"trouble", nullptr},
                                   {"mtu", 1500}});
    }
    status["peers"] = json::array();
    for (const char* peer : {"new-a", "new-b"}) {
        status["peers"].push_back({{"gateway", peer},
                                   {"site", "new"},
                                   {"alive", true},
                                   {"hears_us", true},
                                   {"same_placement", true},
                                   {"same_access", true},
                                   {"same_sites", true},
                                   {"narrow", false},
                                   {"link_mtu", 1560},
                                   {"link_mtu_back", 1560},
                                   {"tags", nullptr},
                                   {"last_seen_ms", 5}});
    }
    status["share"] = {{"percent", 0}, {"by", "address"}};
    status["placement"] = {
        {"digest", "0000000000000000"}, {"ranges", 0}, {"weights", 0}, {"not_here", json::array()}};
    status["flows"] = {{"here", 0}, {"relayed", 0}, {"provisional", 0}, {"closing", 0}};
    status["served"] = {{"tcp", 0}, {"udp", 0}};
    status["copies"] = {{"waiting", 0}, {"oldest_ms", 0}};
    status["access"] = json::parse(
        R"({"digest": "0000000000000000", "rule_count": 0, "expanded": 0, "default": "accept", "build_s": 0, "mib": 0, "admitted_percent": 100,
    "cut_flows": 0, "looking": false, "not_here": [], "turned_away": {"access": 0, "client_limit": 0, "service_limit": 0, "vip_limit": 0, "not_admitted": 0}})");
    status["health"] = {
        {"keeps", false}, {"look_down", 0}, {"endpoints", 0}, {"servers", json::array()}};
    status["sites"] = {{{"site", "old"}, {"state", "enabled"}, {"course", "none"}}};
    status["disabled"] = json::array();
    status["idle_reset"] = {
        {"after_s", 30}, {"rate", 100}, {"peers", json::array()}, {"running", false}, {"reset", 0}};
    return status;
}

// What a host answers that has all that is asked.
inline json good_answer(const HostAsk& ask) {
    json answer{{"schema", "rehome/preflight-host/1"},
                {"version", "1.2.3"},
                {"began", "2026-05-06T12:00:00.050000Z"},
                {"ended", "2026-05-06T12:00:00.150000Z"}};
    for (const char* list :
         {"programs", "tools", "inventories", "vipd", "bird", "routes", "folders", "samples"}) {
        answer[list] = json::array();
    }
    answer["hand"] =
        ask.hand ? json{{"held_by", nullptr}, {"free_mb", 100}, {"trouble", nullptr}} : json();
    for (const std::string& program : ask.programs) {
        answer["programs"].push_back({{"program", program},
                                      {"path", "/bin/" + program},
                                      {"version", is_ours(program) ? json("1.2.3") : json()}});
    }
    for (const Argv& tool : ask.tools) {
        answer["tools"].push_back(ran(tool, nullptr));
    }
    for (const std::string& path : ask.inventories) {
        answer["inventories"].push_back({{"path", path}, {"sha256", "5a5a"}, {"trouble", nullptr}});
    }
    for (const VipdAsk& vipd : ask.vipd) {
        answer["vipd"].push_back(ran({"vipctl"}, good_status(vipd.gateway)));
    }
    for (const BirdAsk& bird : ask.bird) {
        json carriers = json::array();
        for (const CarrierAsk& carrier : bird.carriers) {
            carriers.push_back({{"carrier", carrier.line->carrier},
                                {"stated", name(carrier.state)},
                                {"unable", ""},
                                {"answer", "yes"},
                                {"why", ""},
                                {"far_trouble", nullptr}});
        }
        answer["bird"].push_back({{"gateway", bird.gateway->name},
                                  {"trouble", nullptr},
                                  {"unconfirmed", false},
                                  {"cut_short", false},
                                  {"carriers", carriers}});
    }
    for (const RouteAsk& route : ask.routes) {
        answer["routes"].push_back(
            {{"carrier", route.carrier}, {"to", route.to.text()}, {"trouble", nullptr}});
    }
    for (const FolderAsk& folder : ask.folders) {
        answer["folders"].push_back(
            {{"path", folder.path}, {"free_mb", 100'000}, {"trouble", nullptr}});
    }
    for (const Tried& tried : ask.tried) {
        answer["samples"].push_back(
            ran(tried.command, tried.command.front() == "vipctl"
                                   ? good_status("old-gw")
                                   : json{{"at", asked_at}, {"lost", 0}, {"sent", 10}}));
    }
    return answer;
}

// It came 200 ms after it was asked for, of which the host took 100.
inline Answered answered(const std::string& text, int code = 0) {
    const UnixMicros asked = *parse_iso8601(asked_at);
    return {Finished{code, false, code == 0 ? text : "", code == 0 ? "" : text}, asked,
            asked + 200'000};
}

inline HostReport judged(const Plan& plan, const HostAsk& ask, Answered answer) {
    answer.clock = offset_of(answer);
    return judge_host(ask, answer, {plan, inventory(), "/op/inventory.json", "5a5a", "1.2.3"});
}

}  // namespace rehome::cutover::testing
