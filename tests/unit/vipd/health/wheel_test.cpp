// Alarms: each rings once, never early, and no later than a tick.
#include "vipd/health/wheel.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

namespace rehome::vipd::testing {

TEST_CASE("alarms ring in order, not early, at most a tick late") {
    constexpr Micros start = 1'000'000'123;
    TimerWheel wheel(start);
    CHECK(wheel.empty());
    std::minstd_rand random(7);
    std::map<uint32_t, Micros> set;
    for (uint32_t id = 0; id < 5000; ++id) {
        set[id] = start + static_cast<Micros>(random() % 30'000'000);  // rounds of the wheel
        wheel.set(set[id], id, id + 1);
    }
    std::vector<TimerWheel::Alarm> due;
    Micros now = start;
    uint32_t rung = 0;
    while (!wheel.empty()) {
        const Micros next = wheel.next();
        REQUIRE(next >= now);
        now = next;
        due.clear();
        wheel.take_due(now, due);
        uint64_t before = 0;
        for (const auto& alarm : due) {
            REQUIRE(set[alarm.id] <= now);
            REQUIRE(now - set[alarm.id] < TimerWheel::tick + 1);
            REQUIRE(alarm.stamp == alarm.id + 1);
            REQUIRE(alarm.tick >= before);
            before = alarm.tick;
            ++rung;
        }
        now += 1;
    }
    CHECK(rung == set.size());
    CHECK(wheel.next() > now + 1'000'000'000);
}

TEST_CASE("after a long absence all that is due rings, and nothing else") {
    TimerWheel wheel(0);
    wheel.set(10'000, 1, 0);
    wheel.set(500'000'000, 2, 0);
    wheel.set(50'000'000, 3, 0);
    std::vector<TimerWheel::Alarm> due;
    wheel.take_due(60'000'000, due);
    REQUIRE(due.size() == 2);
    CHECK(due[0].id == 1);
    CHECK(due[1].id == 3);
    wheel.set(1, 4, 0);  // the past: with the next tick
    due.clear();
    wheel.take_due(60'000'000 + TimerWheel::tick, due);
    REQUIRE(due.size() == 1);
    CHECK(due[0].id == 4);
}

}  // namespace rehome::vipd::testing
