// What may be asked of peers: never more than the rate, and nobody is asked for at others' cost.
#include "vipd/path/question_budget.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

namespace rehome::vipd::testing {

namespace {

constexpr Micros second = 1'000'000;
constexpr uint32_t question = 100;  // bytes

// Asks for a second in steps of 1 ms; each prefix so many times a second.  What each one got.
std::map<uint32_t, uint32_t> asked(FairBudget& budget, const std::map<uint32_t, uint32_t>& rates,
                                   Micros from = 0) {
    std::map<uint32_t, uint32_t> got;
    std::minstd_rand random(7);
    for (Micros now = from; now < from + second; now += 1000) {
        for (const auto& [prefix, rate] : rates) {
            for (uint32_t i = 0; i < rate / 1000; ++i) {
                const Address client = Address::v4(prefix << 8 | (random() & 0xff));
                got[prefix] += budget.take(client, question, now) ? 1 : 0;
            }
        }
    }
    return got;
}

}  // namespace

TEST_CASE("within the rate everybody may ask") {
    FairBudget budget(1);
    budget.set_rate(2'000'000);
    const std::map<uint32_t, uint32_t> rates{{1, 10'000}, {2, 5'000}, {3, 1'000}};
    CHECK(asked(budget, rates) == rates);
}

TEST_CASE("one prefix that asks for more than all takes what others leave") {
    FairBudget budget(1);
    budget.set_rate(1'000'000);  // 10,000 questions a second
    auto got = asked(budget, {{1, 1'000'000}, {2, 3'000}, {3, 1'000}});
    // The first slice has none before it, by which it could be fair.
    CHECK(got[2] >= 2'700);
    CHECK(got[3] >= 900);
    CHECK(got[1] >= 5'000);
    CHECK(got[1] + got[2] + got[3] <= 10'000);
    got = asked(budget, {{1, 1'000'000}, {2, 1'000'000}}, second);
    CHECK(got[1] > 4'000);
    CHECK(got[2] > 4'000);
}

TEST_CASE("after a silence nobody pays for what was") {
    FairBudget budget(1);
    budget.set_rate(1'000'000);
    asked(budget, {{1, 1'000'000}, {2, 1'000'000}});
    const auto got = asked(budget, {{1, 9'000}}, 10 * second);
    CHECK(got.at(1) == 9'000);
}

TEST_CASE("no rate, no question") {
    FairBudget budget(1);
    CHECK_FALSE(budget.take(Address::v4(1), 1, 0));
}

TEST_CASE("what peers may know has half of the rate for itself") {
    QuestionBudget budget(1);
    budget.set_rate(2'000'000);
    uint32_t others = 0, likely = 0;
    for (Micros now = 0; now < second; now += 10) {
        const Address client = Address::v4(static_cast<uint32_t>(now) * 2'654'435'761U);
        others += budget.others.take(client, question, now) ? 1 : 0;
        likely += now % 200 == 0 && budget.likely.take(client, question, now) ? 1 : 0;
    }
    CHECK(others <= 10'000);
    CHECK(likely == 5'000);
}

}  // namespace rehome::vipd::testing
