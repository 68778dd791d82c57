// The heap of alarms against a plain list that does the same.
#include "cutover/login/timers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace rehome;
using namespace rehome::cutover;

TEST_CASE("login timers: alarms come in order of time, once") {
    LoginTimers timers(4);
    CHECK(timers.next() == never);
    CHECK_FALSE(timers.take_due(1'000'000));
    timers.set(0, 30);
    timers.set(1, 10);
    timers.set(2, 20);
    timers.set(1, 40);  // moved
    timers.set(3, 5);
    timers.set(3, never);  // removed
    CHECK(timers.next() == 20);
    CHECK_FALSE(timers.take_due(19));
    CHECK(timers.take_due(20) == 2u);
    CHECK(timers.take_due(40) == 0u);
    CHECK(timers.take_due(40) == 1u);
    CHECK_FALSE(timers.take_due(40));
}

TEST_CASE("login timers: as a plain list would, for any order of changes") {
    constexpr uint32_t count = 50;
    std::mt19937 random(7);
    for (int round = 0; round < 20; ++round) {
        LoginTimers timers(count);
        std::vector<int64_t> plain(count, never);
        for (int i = 0; i < 2'000; ++i) {
            const auto index = static_cast<uint32_t>(random() % count);
            if (random() % 4 != 0) {
                plain[index] = random() % 5 == 0 ? never : static_cast<int64_t>(random() % 1'000);
                timers.set(index, plain[index]);
            }
            const int64_t earliest = *std::min_element(plain.begin(), plain.end());
            REQUIRE(timers.next() == earliest);
            const auto now = static_cast<int64_t>(random() % 200);
            const auto due = timers.take_due(now);
            REQUIRE(due.has_value() == (earliest <= now));
            if (due) {
                REQUIRE(plain[*due] == earliest);
                plain[*due] = never;
            }
        }
    }
}
