// Base chains of one place: which do not commute, and whether their order is known.
#include "lbsync/kernel/hook_order.h"

#include <nlohmann/json.hpp>

#include "tests/unit/lbsync/kernel/host.h"

namespace rehome::lbsync::kernel {

namespace {

using nlohmann::json;

// A table whose chain NAME hooks there and has one rule.
json table(const std::string& family, const std::string& name, const json& hook,
           const std::string& expressions) {
    return {
        {"family", family},
        {"name", name},
        {"sets", json::array()},
        {"objects", json::array()},
        {"flowtables", json::array()},
        {"chains",
         {{{"name", "c"},
           {"hook", hook},
           {"policy", 1},
           {"rules", {{{"handle", 2}, {"expressions", json::parse("[" + expressions + "]")}}}}}}}};
}

Ruleset both(const json& one, const json& other, const json& hooks = nullptr) {
    json document = {{"schema", "rehome/lbsync-kernel/1"},
                     {"generation", 1},
                     {"byte_order", "little"},
                     {"interfaces", json::object()}};
    document["tables"] = json::array();
    document["reloaded"] = document;
    document["reloaded"]["not_reloaded"] = json::object();
    document["reloaded"]["raw"] = json::object();
    document["tables"] = {one, other};
    document["text"] = "";
    document["json"] = "";
    if (!hooks.is_null()) {
        document["hooks"] = hooks;
    }
    auto read = parse_host_read(document.dump(), "host");
    REQUIRE_MESSAGE(read.has_value(), read.error().text());
    return read->ruleset;
}

json at(int hook, long priority = 0, const std::string& device = "") {
    json place = {{"hooknum", hook}, {"priority", priority}};
    if (!device.empty()) {
        place["dev"] = device;
    }
    return place;
}

const std::string accept = verdict_of(1);
const std::string drop = verdict_of(0);
const std::string log = R"({"log":{"prefix":"x"}},)" + verdict_of(1);
const std::string mark = R"({"immediate":{"dreg":1,"data":{"value":"01000000"}}},)"
                         R"({"meta":{"sreg":1,"key":3}})";
const std::string limit = R"({"limit":{"rate":5,"unit":1,"burst":5,"type":0,"flags":0}},)" + accept;

json order(const std::string& first, const std::string& second) {
    return json::array({{{"family", "ip"},
                         {"hook", 1},
                         {"device", ""},
                         {"chains",
                          {{{"family", "inet"}, {"table", first}, {"chain", "c"}},
                           {{"family", "inet"}, {"table", second}, {"chain", "c"}}}}},
                        {{"family", "ip6"},
                         {"hook", 1},
                         {"device", ""},
                         {"chains",
                          {{{"family", "inet"}, {"table", first}, {"chain", "c"}},
                           {{"family", "inet"}, {"table", second}, {"chain", "c"}}}}}});
}

}  // namespace

TEST_CASE("chains that commute have no order; others are doubted where it is not known") {
    struct Case {
        const char* what;
        json one;
        json other;
        bool doubted;
    };
    const Case cases[] = {
        {"both drop and accept", table("inet", "a", at(1), drop), table("ip", "b", at(1), accept),
         false},
        {"a mark and a test", table("inet", "a", at(1), mark), table("ip", "b", at(1), drop), true},
        {"a log and a drop", table("inet", "a", at(1), log), table("inet", "b", at(1), drop), true},
        {"a limit and a drop", table("inet", "a", at(1), limit), table("ip6", "b", at(1), drop),
         true},
        {"a mark and a rule without effect", table("inet", "a", at(1), mark),
         table("ip", "b", at(1), ""), true},
        {"another priority", table("inet", "a", at(1), mark), table("ip", "b", at(1, 5), drop),
         false},
        {"another hook", table("inet", "a", at(1), mark), table("ip", "b", at(2), drop), false},
        {"other packets", table("ip6", "a", at(1), mark), table("ip", "b", at(1), drop), false},
        {"netdev and inet", table("netdev", "a", at(0, 0, "e"), mark),
         table("inet", "b", at(5, 0, "e"), drop), true},
        {"another device", table("netdev", "a", at(0, 0, "e"), mark),
         table("netdev", "b", at(0, 0, "f"), drop), false},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CHECK(unknown_order(both(one.one, one.other), "h").empty() != one.doubted);
    }
    // As the kernel dumps a chain with a single device.
    json listed = table("netdev", "a", at(0, 0, "e"), mark);
    listed["chains"][0]["hook"]["devices"] = {{{"name", "e"}}};
    CHECK(unknown_order(both(listed, table("netdev", "b", at(0, 0, "f"), drop)), "h").empty());
    json idle = table("ip", "b", at(1), "");
    idle["chains"][0]["rules"] = json::array();
    CHECK(unknown_order(both(table("inet", "a", at(1), mark), idle), "h").empty());
    idle["chains"][0]["policy"] = 0;
    CHECK_FALSE(unknown_order(both(table("inet", "a", at(1), mark), idle), "h").empty());
}

TEST_CASE("chains of one table are rivals too") {
    json one = table("inet", "a", at(1), mark);
    json second = one["chains"][0];
    second["name"] = "d";
    one["chains"].push_back(second);
    const auto doubts = unknown_order(both(one, table("ip", "b", at(4), drop)), "h");
    REQUIRE(doubts.size() == 1);
    CHECK(doubts[0].what.starts_with("chain c of table inet a and chain d of table inet a both"));
}

TEST_CASE("the kernel's dump of its hooks tells the order") {
    const json a = table("inet", "a", at(1), mark);
    const json b = table("inet", "b", at(1), drop);
    const Ruleset known = both(a, b, order("b", "a"));
    CHECK(unknown_order(known, "h").empty());
    const auto place = [](const Ruleset& ruleset, size_t table, const char* family) {
        return rank(ruleset, ruleset.tables[table], ruleset.tables[table].chains[0], family);
    };
    SUBCASE("each family has its own") {
        Ruleset apart = known;
        for (HookOrder& one : *apart.hooks) {
            if (one.family == "ip") {
                one.chains.insert(one.chains.begin(), {"ip", "more", "c"});
            }
        }
        CHECK(place(apart, 0, "ip") == 2);
        CHECK(place(apart, 0, "ip6") == 1);
        CHECK(!place(apart, 0, ""));  // they differ
    }
    CHECK(rank(known, known.tables[0], known.tables[0].chains[0]) == 1);
    CHECK(rank(known, known.tables[1], known.tables[1].chains[0]) == 0);
    CHECK(known_order(known) ==
          std::vector<std::string>{"ip hook 1 priority 0: inet b c, inet a c",
                                   "ip6 hook 1 priority 0: inet b c, inet a c"});
    CHECK(known_order(known) != known_order(both(a, b, order("a", "b"))));
    CHECK_FALSE(unknown_order(both(a, b, order("b", "gone")), "h").empty());
    CHECK(known_order(both(a, b)).empty());
}

TEST_CASE("what comes to stand beside a chain that stays is doubted before it is carried") {
    const auto stays = [](const std::string& table) { return table == "x"; };
    const auto renamed = [](const std::string& device) { return device == "old" ? "new" : device; };
    const auto doubts = [&](const json& carried, const json& there) {
        const json none = table("ip", "none", at(4), drop);
        return unknown_beside(both(carried, none), both(there, none), {"h", stays, renamed});
    };
    const json x = table("inet", "x", at(1), drop);
    const json a = table("inet", "a", at(1), mark);
    REQUIRE(doubts(a, x).size() == 1);
    CHECK(doubts(a, x)[0].where == "h");
    CHECK(doubts(a, x)[0].what.starts_with(
        "chain c of table inet a, which is to be carried, would run at ip hook 1, priority 0, as "
        "chain c of table inet x does, which stays there"));
    CHECK(doubts(table("inet", "a", at(1), drop), x).empty());     // they commute
    CHECK(doubts(table("inet", "a", at(1, 5), mark), x).empty());  // another priority
    CHECK(doubts(a, table("inet", "gone", at(1), drop)).empty());  // it does not stay
    CHECK(doubts(table("inet", "x", at(1), mark), x).empty());     // nothing of it is carried
    const json device = table("netdev", "x", at(0, 0, "new"), drop);
    CHECK(doubts(table("netdev", "a", at(0, 0, "old"), mark), device).size() == 1);
    CHECK(doubts(table("netdev", "a", at(0, 0, "other"), mark), device).empty());
    // Both stand there already: unknown_order tells of them.
    CHECK(unknown_beside(both(a, x), both(a, x), {"h", stays, renamed}).empty());
}

}  // namespace rehome::lbsync::kernel
