// What the tests of playbooks share: a small inventory, and steps made in a line.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "common/inventory.h"
#include "cutover/run/playbook.h"

namespace rehome::cutover::testing {

// Two carriers; the old site has one gateway, the new one two.
inline const char* const inventory_text = R"json({
  "schema": "rehome/inventory/1",
  "move": {"from": "old", "to": "new"},
  "prefixes": ["198.51.100.0/24", "203.0.113.0/24"],
  "sites": [
    {"name": "old", "asn": 64600, "networks": ["10.1.0.0/16"],
     "gateways": [
       {"name": "old-gw", "host": "netns:old", "tunnel": {"address": "10.99.0.1", "port": "link"},
        "vipd": {"config": "/old/vipd.json", "socket": "/old/vipd.sock"},
        "bird": {"socket": "/old/bird.ctl", "announce": "/old/announce.conf"}}],
     "lines": [
       {"carrier": "red", "gateway": "old-gw", "port": "red", "address": "100.64.1.2/30",
        "peer": "100.64.1.1", "peer_asn": 64501},
       {"carrier": "green", "gateway": "old-gw", "port": "green", "address": "100.64.2.2/30",
        "peer": "100.64.2.1", "peer_asn": 64502}]},
    {"name": "new", "asn": 64700, "networks": ["172.20.0.0/16"],
     "gateways": [
       {"name": "new-a", "host": "ssh:root@a.example", "tunnel": {"address": "10.99.0.2", "port": "link"},
        "vipd": {"config": "/new/vipd.json", "socket": "/new/vipd.sock"},
        "bird": {"socket": "/new/bird.ctl", "announce": "/new/announce.conf"}},
       {"name": "new-b", "host": "ssh:root@b.example", "tunnel": {"address": "10.99.0.3", "port": "link"},
        "vipd": {"config": "/new/vipd.json", "socket": "/new/vipd.sock"},
        "bird": {"socket": "/new/bird.ctl", "announce": "/new/announce.conf"}}],
     "lines": [
       {"carrier": "red", "gateway": "new-a", "port": "red", "address": "100.64.3.2/30",
        "peer": "100.64.3.1", "peer_asn": 64501},
       {"carrier": "green", "gateway": "new-a", "port": "green", "address": "100.64.4.2/30",
        "peer": "100.64.4.1", "peer_asn": 64502},
       {"carrier": "green", "gateway": "new-b", "port": "green", "address": "100.64.5.2/30",
        "peer": "100.64.5.1", "peer_asn": 64502}]}
  ],
  "carriers": [
    {"name": "red", "vantage": {"host": "netns:red", "source": "100.80.1.200"},
     "clients": ["100.80.0.0/23"]},
    {"name": "green", "vantage": {"host": "local", "source": "100.84.1.200"},
     "clients": ["100.84.0.0/23"]}],
  "services": [
    {"name": "meters", "vip": "198.51.100.10", "protocol": "tcp", "port": 1883,
     "servers": [
       {"name": "s1", "old": {"address": "10.1.1.11", "host": "netns:old-s1"},
        "new": {"address": "172.20.5.21", "host": "netns:new-s1"}}]},
    {"name": "terminals", "vip": "203.0.113.5", "protocol": "tcp", "port": 14000,
     "servers": [
       {"name": "s1", "old": {"address": "10.1.1.11", "host": "netns:old-s1"},
        "new": {"address": "172.20.5.21", "host": "netns:new-s1"}},
       {"name": "s2", "old": {"address": "10.1.1.12", "host": "netns:old-s2"},
        "new": {"address": "172.20.5.22", "host": "netns:new-s2"}}]}],
  "logins": []
})json";

inline std::string all_text(const std::vector<Error>& errors) {
    std::string text;
    for (const Error& error : errors) {
        text += error.text() + "\n";
    }
    return text;
}

inline const Inventory& inventory() {
    static const auto parsed = parse_inventory("inventory.json", inventory_text);
    if (!parsed) {
        FAIL(all_text(parsed.error()));
    }
    return *parsed;
}

// A playbook of one stage whose steps are the given JSON.
inline std::string book_of(const std::string& steps) {
    return R"({"schema": "rehome/playbook/1", "name": "test", "stages": [{"name": "s", "steps": [)" +
           steps + "]}]}";
}

inline Checked<Plan> plan_of_text(const std::string& text, const Settings& settings = {}) {
    return read_plan({"book.json", text, inventory(), settings, "/run/d/inventory.json", "/run/d"});
}

// An act with an effect "NAME", seen and undone by name; see fake_world.h.
inline Step act(const std::string& name) {
    Step step;
    step.stage = std::string("s");  // "s" alone: g++ 12 warns of what is not there
    step.name = name;
    step.id = fmt::format("{}/{}", step.stage, name);
    step.act = {"set", name};
    step.check = Sample{{"see", name}, {}, "", Seconds(10)};
    step.undo = {"clear", name};
    return step;
}

inline Step gate(const std::string& name) {
    Step step = act(name);
    step.kind = Step::Kind::gate;
    step.act = step.undo = {};
    step.check.reset();
    step.timeout = Seconds(10);
    step.gate.sample.command = {"sample", name};
    return step;
}

inline Step hold(const std::string& name) {
    Step step = gate(name);
    step.kind = Step::Kind::hold;
    step.question = name + "?";
    return step;
}

}  // namespace rehome::cutover::testing
