// What a start takes over from the run before.
#include "vipd/state/resume.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

constexpr int64_t now = 1'800'000'000'000'000;
constexpr int64_t second = 1'000'000;

Config config_of_move(uint64_t id) {
    Config config = lab_config("old", {"old", "new"});
    config.move = {"", "old", "new", id};
    return config;
}

Stored stored_at(int64_t alive_at_us) {
    Stored stored;
    stored.gateway = "old";
    stored.move = {"", "old", "new", 7};
    stored.alive_at_us = alive_at_us;
    stored.orders.share = {{10'000, ShareBy::address}, {now - 60 * second, 1000}};
    stored.orders.enabled_lines["red"] = {now - 50 * second, 0};
    return stored;
}

}  // namespace

TEST_CASE("orders hold after a restart, and have to be confirmed after a long absence") {
    struct Row {
        const char* what;
        int64_t away_s;
        uint32_t absence_s;
        bool was_confirmed, confirmed;
    };
    const Row rows[] = {
        {"a restart", 2, 900, true, true},
        {"just not too long", 900, 900, true, true},
        {"too long", 901, 900, true, false},
        {"a clock that went back a little", -3, 900, true, true},
        {"a clock that went back: nobody knows how long", -1000, 900, true, false},
        {"never too long", 10'000'000, 0, true, true},
        {"a restart of one that waits to be confirmed", 2, 900, false, false},
        {"a restart of one that waits, where nobody has to any more", 2, 0, false, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Config config = config_of_move(7);
        config.orders.absence_s = row.absence_s;
        Stored stored = stored_at(now - row.away_s * second);
        stored.confirmed = row.was_confirmed;
        const Resumed resumed = resume(config, stored, now);
        CHECK(resumed.begin.confirmed == row.confirmed);
        CHECK(resumed.begin.orders == stored.orders);
        CHECK(resumed.away_s == row.away_s);
        CHECK(resumed.aside == "");
    }
}

TEST_CASE("orders of another move, or another gateway, are set aside") {
    Stored stored = stored_at(now - second);
    stored.move.name = "spring";
    const Resumed other = resume(config_of_move(8), stored, now);
    CHECK(other.aside == "they belong to another move, spring (old to new)");
    CHECK(other.begin.orders == Orders{});
    CHECK(other.begin.confirmed);
    stored.alive_at_us = now - 1000 * second;
    CHECK_FALSE(resume(config_of_move(8), stored, now).begin.confirmed);
    stored.gateway = "old2";
    CHECK(resume(config_of_move(7), stored, now).aside == "they are gateway old2's");
    CHECK(resume(config_of_move(7), stored, now).begin.orders == Orders{});
}

TEST_CASE("where nothing moves no absence is too long, and orders of a move do not hold") {
    for (const bool was_confirmed : {true, false}) {
        Config config = config_of_move(0);
        config.move = {};
        Stored stored = stored_at(now - 10'000'000 * second);
        stored.confirmed = was_confirmed;
        CHECK(resume(config, stored, now).aside == "they belong to another move, old to new");
        stored.move = {};
        const Resumed resumed = resume(config, stored, now);
        CHECK(resumed.begin.confirmed);
        CHECK(resumed.aside == "");
        CHECK(resumed.begin.orders == stored.orders);
        CHECK(resume_unreadable(config, 0, now).begin.confirmed);
        CHECK(resume(config_of_move(7), stored, now).aside ==
              "they were given where nothing moved");
    }
}

TEST_CASE("orders that cannot be read are set aside, and as old as their file") {
    const Config config = config_of_move(7);
    const Resumed young = resume_unreadable(config, now - 10 * second, now);
    CHECK(young.aside == "they cannot be read");
    CHECK(young.begin.orders == Orders{});
    CHECK(young.begin.confirmed);
    CHECK_FALSE(resume_unreadable(config, now - 901 * second, now).begin.confirmed);
}

TEST_CASE("an order that ends flows goes on after a restart, and is not done at once") {
    Stored stored = stored_at(now - second);
    DisableOrder runs, done;
    runs.mode = done.mode = DisableMode::weak;
    runs.rate_per_s = done.rate_per_s = 100;
    done.course = DisableOrder::Course::done;
    const DisableTarget site{Level::site, "old"}, meters{Level::service, "meters"};
    stored.orders.disabled = {{site, runs}, {meters, done}};
    const Resumed resumed = resume(config_of_move(7), stored, now);
    const State state(config_of_move(7), resumed.begin, 5'000'000);
    CHECK(state.orders().disabled.at(site).runs());
    CHECK(state.orders().disabled.at(site).quiet_s == 10);
    CHECK_FALSE(state.orders().disabled.at(meters).runs());
    CHECK(state.orders().disabled.at(meters).quiet_s == 0);
    CHECK(state.orders().disabled.at(site).id != state.orders().disabled.at(meters).id);
}

}  // namespace rehome::vipd::testing
