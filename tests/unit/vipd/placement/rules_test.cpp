// The document of placement: what it takes, and all that it refuses, at once.
#include "vipd/placement/rules.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "vipd/placement/placement.h"

using namespace rehome;
using namespace rehome::vipd;

namespace {

using nlohmann::json;

const PlacementNames names{{"old", "new", "east"}, std::vector<std::string>{"meters"}};

Checked<std::shared_ptr<const PlacementRules>> read(const std::string& text) {
    json document = json::parse(text);
    document.emplace("schema", "rehome/vipd-placement/1");
    return read_placement("rules", "", document, names);
}

std::string mistakes_of(const std::string& text) {
    const auto rules = read(text);
    std::string all;
    for (const Error& error : rules ? std::vector<Error>{} : rules.error()) {
        all += error.text() + "\n";
    }
    return all;
}

}  // namespace

TEST_CASE("what a document may say") {
    for (
        const char* text :
        {"{}", R"({"lists": [{"name": "staff", "clients": ["10.0.0.1", "2001:db8::/32"]}]})",
         R"({"sets": [{"ranges": ["10.0.0.0/8 new", "10.1.0.0/16 old", "2001:db8::/32 east"]}]})",
         R"({"sets": [{"ranges": ["0.0.0.0/0 new"]}, {"service": "meters", "ranges": ["::/0 old"]}]})",
         R"({"lists": [{"name": "staff", "clients": ["10.0.0.1"]}], "sets": [{"ranges": ["staff new"]}]})",
         R"({"weights": [{"sites": {"old": 99.99, "new": 0.01}}]})",
         R"({"weights": [{"service": "meters", "by": "address-port", "sites": {"new": 0, "old": 1}}]})"}) {
        INFO(text);
        CHECK(mistakes_of(text) == "");
    }
    CHECK((*read("{}"))->digest == 0);
    CHECK((*read(R"({"lists": [{"name": "a", "clients": []}]})"))->digest != 0);
}

TEST_CASE("what a document may not say") {
    struct Row {
        const char* text;
        const char* mistake;
    };
    const Row rows[] = {
        {R"({"schema": "rehome/vipd-placement/2"})", "/schema"},
        {R"({"lists": [{"name": "staff", "clients": ["10.0.0.1", "10.0.0.1/32"]}]})",
         "10.0.0.1/32 is given twice, by 10.0.0.1 and by 10.0.0.1/32"},
        {R"({"more": 1})", "/more"},
        {R"({"weights": [{"sites": {"new": 100.01}}]})", "/weights/0/sites/new"},
        {R"({"weights": [{"sites": {"new": -1}}]})", "/weights/0/sites/new"},
        {R"({"weights": [{"sites": {"new": 0.001}}]})", "expected a multiple of 0.01"},
        {R"({"weights": [{"sites": {"new": 0, "old": 0}}]})", "have weights of 0 alone"},
        {R"({"weights": [{"sites": {"west": 1}}]})", "no site is called \"west\""},
        {R"({"weights": [{"sites": {}}]})", "/weights/0/sites"},
        {R"({"weights": [{"service": "game", "sites": {"new": 1}}]})",
         "no service is called \"game\""},
        {R"({"weights": [{"sites": {"new": 1}}, {"sites": {"old": 1}}]})",
         "is a second one of all services"},
        {R"({"sets": [{"ranges": []}]})", "/sets/0/ranges"},
        {R"({"sets": [{"ranges": ["10.0.0.0/8"]}]})", "is no range, expected CLIENTS SITE"},
        {R"({"sets": [{"ranges": ["10.0.0.0/8 new old"]}]})", "is no range"},
        {R"({"sets": [{"ranges": ["10.0.0.1/8 new"]}]})", "10.0.0.1/8"},
        {R"({"sets": [{"ranges": ["10.0.0.0/33 new"]}]})", "/sets/0/ranges/0"},
        {R"({"sets": [{"ranges": ["10.0.0.0/8 west"]}]})", "no site is called \"west\""},
        {R"({"sets": [{"ranges": ["staff new"]}]})", "no list is called \"staff\""},
        {R"({"sets": [{"ranges": ["10.0.0.0/8 new", "10.0.0.0/8 old"]}]})",
         "10.0.0.0/8 is given twice"},
        {R"({"lists": [{"name": "a", "clients": ["10.0.0.1"]}, {"name": "b", "clients": ["10.0.0.1"]}],
             "sets": [{"ranges": ["a new", "b old"]}]})",
         "10.0.0.1/32 is given twice, by a and by b"},
        {R"({"lists": [{"name": "a", "clients": ["10.0.0.1"]}, {"name": "a", "clients": ["10.0.0.2"]}]})",
         "\"a\" is given twice"},
        {R"({"lists": [{"name": "10.0.0.1", "clients": ["10.0.0.1"]}]})", "/lists/0/name"},
        // A set of nobody has nothing that could be said again.
        {R"({"lists": [{"name": "a", "clients": []}], "sets": [{"ranges": ["a new"]}]})",
         "/lists/0/clients"},
    };
    for (const Row& row : rows) {
        INFO(row.text, " is ", mistakes_of(row.text));
        CHECK(mistakes_of(row.text).find(row.mistake) != std::string::npos);
    }
}

TEST_CASE("all mistakes are told at once, and too many ranges are refused") {
    const std::string all = mistakes_of(
        R"({"sets": [{"service": "game", "ranges": ["10.0.0.0/8 west", "10.0.0.1/8 new", "x y"]}],
            "weights": [{"sites": {"new": 0, "north": 0}}]})");
    for (const char* part : {"game", "west", "10.0.0.1/8", "\"x\"", "north", "0 alone"}) {
        INFO(all);
        CHECK(all.find(part) != std::string::npos);
    }
    json ranges = json::array(), more = json::array();
    for (int i = 0; i < 60'000; ++i) {
        const std::string low = std::to_string(i / 256) + "." + std::to_string(i % 256);
        ranges.push_back("10.1." + low + " new");
        more.push_back("10.1." + low + " old");
    }
    const json two{{"sets", {{{"ranges", ranges}}, {{"service", "meters"}, {"ranges", more}}}}};
    CHECK(mistakes_of(two.dump()).find("have 120000 client prefixes, expected at most 100000") !=
          std::string::npos);
}

TEST_CASE("precedence, and what decided, as a person reads it") {
    const auto rules = read(R"({
        "lists": [{"name": "staff", "clients": ["10.0.0.7"]}],
        "sets": [{"ranges": ["10.0.0.0/8 new"]},
                 {"service": "meters", "ranges": ["10.0.0.0/24 east", "staff old"]}],
        "weights": [{"sites": {"east": 1}}, {"service": "meters", "sites": {"new": 1}}]})");
    REQUIRE(rules);
    const PlacementWorld world{{"old", "new", "east"}, "old", "new", {{"meters", 3}, {"x", 4}}, 5};
    const auto placement = Placement::make(*rules, 10'000, ShareBy::address, world);
    const auto says = [&](uint32_t service, const char* client, SiteNumber away = no_site) {
        const auto choice = placement->choose(service, {*Address::parse(client), 1},
                                              [&](SiteNumber site) { return site != away; });
        return placement->text(choice, service);
    };
    CHECK(says(3, "10.0.0.7") == "by the set of its service, 10.0.0.7/32 of staff: site old");
    CHECK(says(3, "10.0.0.8") == "by the set of its service, 10.0.0.0/24: site east");
    CHECK(says(3, "10.1.0.8") == "by the set of all services, 10.0.0.0/8: site new");
    CHECK(says(3, "192.0.2.1") == "by the weights of its service: site new");
    CHECK(says(3, "192.0.2.1", 1) == "by the weights of all services: site east");
    CHECK(says(3, "10.0.0.8", 2) == "by the set of all services, 10.0.0.0/8: site new");
    CHECK(says(4, "10.0.0.7") == "by the set of all services, 10.0.0.0/8: site new");
    CHECK(says(4, "192.0.2.1") == "by the weights of all services: site east");
    CHECK(says(4, "192.0.2.1", 2) == "no set, no weights: here");
}

TEST_CASE("what the schema refuses hides no other mistake") {
    const std::string all = mistakes_of(
        R"({"sets": [{"ranges": [7]}, {"service": "game", "ranges": ["10.0.0.0/8 west"]}],
            "weights": [{"sites": {"new": 101}}, {"service": "meters", "sites": {"new": 0}}]})");
    INFO(all);
    for (const char* part : {"/sets/0/ranges/0", "/sets/1/service", "/sets/1/ranges/0",
                             "/weights/0/sites/new", "/weights/1/sites"}) {
        CHECK(all.find(part) != std::string::npos);
    }
}
