// The file of orders: what is written is read back, what is wrong is told.
#include "vipd/state/orders_text.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace rehome::vipd {

namespace {

using nlohmann::json;

Stored full() {
    Stored stored;
    stored.gateway = "old-gw";
    stored.move = {"spring", "old", "new", 0xfedc'ba98'7654'3210};
    stored.alive_at_us = 1'800'000'000'123'456;
    stored.confirmed = false;
    stored.orders.share = {{4'567, ShareBy::address_port}, {1'800'000'000'000'001, 1000}};
    const json rules{{"schema", "rehome/vipd-placement/1"},
                     {"sets", {{{"ranges", {"10.0.0.0/8 new"}}}}},
                     {"weights", {{{"sites", {{"old", 33.33}}}}}}};
    stored.orders.placement = {*read_placement("rules", "", rules, std::nullopt),
                               {1'800'000'000'000'005, 7}};
    stored.orders.enabled_lines["red"] = {1'800'000'000'000'002, 0};
    DisableOrder mask, weak, strong;
    mask.said = {1'800'000'000'000'003, 4'294'967'295};
    weak.mode = DisableMode::weak;
    weak.rate_per_s = 0.5;
    weak.quiet_s = 3;
    weak.icmp = weak.anyway = true;
    weak.course = DisableOrder::Course::done;
    strong.mode = DisableMode::strong;
    stored.orders.disabled = {{{Level::line, "blue"}, mask},
                              {{Level::service, "meters"}, weak},
                              {{Level::server, "meters/s1"}, strong}};
    return stored;
}

std::string mistakes_of(const json& document) {
    const auto stored = parse_orders("orders", document.dump());
    std::string all;
    for (const Error& error : stored ? std::vector<Error>{} : stored.error()) {
        all += error.text() + "\n";
    }
    return all;
}

}  // namespace

TEST_CASE("orders come back from their file as they were") {
    for (const Stored& stored : {full(), Stored{"g", {"", "a", "b", 1}, 0, true, {}}}) {
        const auto again = parse_orders("orders", orders_text(stored));
        REQUIRE(again);
        CHECK(*again == stored);
    }
    for (uint32_t hundredths = 0; hundredths <= 10'000; ++hundredths) {
        Stored stored = full();
        stored.orders.share->share.hundredths = hundredths;
        REQUIRE(*parse_orders("orders", orders_text(stored)) == stored);
    }
}

TEST_CASE("the orders of a version before are read") {
    json document = json::parse(orders_text(full()));
    document.erase("disabled");
    const json at = "2026-05-06T01:02:03.456789Z";
    document["lines"] = {{{"carrier", "red"}, {"enabled", true}, {"at", at}, {"uid", 0}},
                         {{"carrier", "blue"}, {"enabled", false}, {"at", at}, {"uid", 7}}};
    document["relogin"] = {{"rate", 100}, {"course", "running"}, {"at", at}, {"uid", 0}};
    const auto stored = parse_orders("orders", document.dump());
    REQUIRE(stored);
    CHECK(stored->orders.enabled_lines.contains("red"));
    REQUIRE(stored->orders.disabled.size() == 1);
    const DisableOrder& blue = stored->orders.disabled.at({Level::line, "blue"});
    CHECK((blue.mode == DisableMode::mask));
    CHECK(blue.said.uid == 7);
}

TEST_CASE("what is wrong in a file of orders") {
    const json good = json::parse(orders_text(full()));
    CHECK(mistakes_of(good) == "");
    struct Row {
        const char* pointer;
        const char* value;  // empty: taken away
        const char* mistake;
    };
    const Row rows[] = {
        {"/schema", R"("rehome/vipd-orders/2")", "orders: /schema"},
        {"/move/id", R"("12")", "orders: /move/id"},
        {"/alive_at", R"("yesterday")", "orders: /alive_at"},
        {"/alive_at", R"("2026-02-31T00:00:00.000000Z")", "orders: /alive_at"},
        {"/share/percent", "101", "orders: /share/percent"},
        {"/share/uid", "-1", "orders: /share/uid"},
        {"/lines/0/enabled", "1", "orders: /lines/0/enabled"},
        {"/lines/0/carrier", R"("blue")", "orders: /lines/0: a second order for this carrier"},
        {"/disabled/0/mode", R"("soft")", "orders: /disabled/0/mode"},
        {"/disabled/0/level", R"("rack")", "orders: /disabled/0/level"},
        {"/disabled/0/mode", R"("weak")", "orders: /disabled/0: is weak and has no rate"},
        {"/disabled/1/rate", "0", "orders: /disabled/1/rate"},
        {"/disabled/1/course", R"("soon")", "orders: /disabled/1/course"},
        {"/placement/rules/sets/0/ranges/0", R"("x")",
         "orders: /placement/rules: the rules: /sets"},
        {"/more", "1", "orders: /more"},
        {"/gateway", "", "orders: /gateway"},
        {"/confirmed", "", "orders: /confirmed"},
    };
    for (const Row& row : rows) {
        json document = good;
        if (*row.value == '\0') {
            document.erase(std::string(row.pointer).substr(1));
        } else {
            document[json::json_pointer(row.pointer)] = json::parse(row.value);
        }
        CAPTURE(row.pointer);
        CHECK(mistakes_of(document).starts_with(row.mistake));
    }
    const std::string text = orders_text(full());
    for (size_t length = 0; length < text.size() - 2; length += 7) {
        CHECK_FALSE(parse_orders("orders", text.substr(0, length)));
    }
}

}  // namespace rehome::vipd
