// From results to what holds: rise and fall, holding down what flaps, keeping what fails together.
#include "vipd/health/judge.h"

#include <doctest/doctest.h>

#include <string>

namespace rehome::vipd::testing {

namespace {

constexpr Micros second = 1'000'000;
using State = EndpointHealth::State;

CheckPlan plan_of(uint32_t endpoints, uint32_t interval_ms = 1000) {
    CheckPlan plan;
    for (uint32_t id = 1; id <= endpoints; ++id) {
        CheckedEndpoint endpoint;
        endpoint.id = id;
        endpoint.at.port = static_cast<uint16_t>(id);
        endpoint.how.interval_ms = interval_ms;
        endpoint.how.timeout_ms = interval_ms / 2;
        plan.endpoints.push_back(endpoint);
    }
    return plan;
}

struct Bench {
    HealthJudge judge;
    Micros now = 1'000 * second;

    explicit Bench(uint32_t endpoints) {
        judge.set(plan_of(endpoints));
        for (uint32_t id = 1; id <= endpoints; ++id) {
            judge.looks(id, true, "", now);
        }
        judge.advance(now);
    }
    void looks(uint32_t id, bool up, Micros after = 0) {
        pass(after);
        judge.looks(id, up, up ? "" : "refused", now);
        judge.advance(now);
    }
    void pass(Micros time) {
        const Micros until = now + time;
        while (judge.next_event() <= until) {
            now = std::max(now, judge.next_event());
            judge.advance(now);
        }
        now = until;
        judge.advance(now);
    }
    std::string states() const {
        std::string text;
        for (uint32_t id = 1; id <= judge.size(); ++id) {
            const auto& health = *judge.of(id);
            text += health.kept_up              ? 'k'
                    : health.down()             ? 'd'
                    : health.state == State::up ? 'u'
                                                : '?';
        }
        return text;
    }
};

}  // namespace

TEST_CASE("rise and fall are counted in a row") {
    struct Row {
        uint32_t rise, fall;
        const char* results;  // of checks, + and -
        const char* looks;    // after each: u, d, or ? while nothing is known
    };
    const Row rows[] = {
        {1, 1, "+-+-", "udud"}, {2, 3, "+---++", "uuuddu"},   {2, 3, "+--+--+---", "uuuuuuuuud"},
        {2, 3, "--+", "??u"},   {2, 3, "---+-++", "??ddddu"}, {3, 1, "-+++-", "dddud"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.results);
        RiseFall count(row.rise, row.fall);
        char looks = '?';
        std::string all;
        for (const char* result = row.results; *result != 0; ++result) {
            if (const auto now = count.add(*result == '+')) {
                REQUIRE(looks != (*now ? 'u' : 'd'));  // only what is new is said
                looks = *now ? 'u' : 'd';
            }
            all += looks;
        }
        CHECK(all == row.looks);
    }
}

TEST_CASE("one goes down and comes back; that it is the first time is not held against it") {
    Bench bench(5);
    bench.looks(1, false);
    CHECK(bench.states() == "duuuu");
    CHECK(bench.judge.of(1)->why == "refused");
    CHECK(bench.judge.of(1)->held_until == 0);
    bench.looks(1, true, second);
    CHECK(bench.states() == "uuuuu");
    CHECK(bench.judge.of(1)->why.empty());
    bench.judge.looks(77, false, "of another plan", bench.now);
    CHECK(!bench.judge.advance(bench.now));
}

TEST_CASE(
    "the reason is the newest one, its time beside that of the fall; it is told once a second") {
    Bench bench(5);
    bench.looks(1, false);
    const Micros fell = bench.now;
    CHECK(bench.judge.of(1)->why_since == fell);
    const auto fails = [&](const char* why, Micros after) {
        bench.now += after;
        bench.judge.still_down(1, why, bench.now);
        return bench.judge.advance(bench.now);
    };
    CHECK(fails("no answer in time", 2 * second));
    CHECK(bench.judge.of(1)->why == "no answer in time");
    CHECK(bench.judge.of(1)->since == fell);
    CHECK(bench.judge.of(1)->why_since == fell + 2 * second);
    CHECK_FALSE(fails("no answer in time", 2 * second));  // as before
    CHECK(bench.judge.of(1)->why_since == fell + 2 * second);
    CHECK(fails("a", second));
    for (int i = 0; i < 9; ++i) {  // another one with each check
        CHECK_FALSE(fails(i % 2 == 0 ? "b" : "c", second / 10));
        CHECK(bench.judge.next_event() == fell + 6 * second);
    }
    CHECK(fails("d", second / 10));
    CHECK_FALSE(fails("e", second / 10));
    bench.looks(2, false);  // who falls is told at once, and takes the reasons with it
    CHECK(bench.judge.next_event() > bench.now + 60 * second);
    bench.looks(1, true);
    CHECK(bench.judge.of(1)->why.empty());
    CHECK(bench.judge.of(1)->why_since == 0);
    CHECK_FALSE(fails("of one that is up", 2 * second));
    CHECK(bench.judge.of(1)->why.empty());
    bench.judge.still_down(77, "of another plan", bench.now);
    CHECK_FALSE(bench.judge.advance(bench.now));
}

TEST_CASE("what is checked in another way keeps what held, until checks say otherwise") {
    Bench bench(5);
    bench.looks(1, false);
    CheckPlan other = plan_of(5, 300);
    for (CheckedEndpoint& endpoint : other.endpoints) {
        endpoint.id += 5;
    }
    other.endpoints.push_back(other.endpoints.back());
    other.endpoints.back().id = 11;
    other.endpoints.back().at.port = 99;  // is new
    bench.judge.set(other);
    bench.judge.advance(bench.now);
    CHECK(bench.judge.of(1) == nullptr);
    CHECK(bench.judge.of(6)->down());
    CHECK(bench.judge.of(6)->why == "refused");
    CHECK(bench.judge.of(7)->state == State::up);
    CHECK(bench.judge.of(11)->state == State::unknown);
    CHECK(bench.judge.look_down() == 0);
    bench.looks(6, false, second);
    CHECK(bench.judge.of(6)->down());
    bench.looks(6, true, second);
    CHECK(bench.judge.of(6)->state == State::up);
    bench.looks(7, false, second);
    CHECK(bench.judge.of(7)->down());
}

TEST_CASE("what flaps is held down twice as long each time, to a bound, and forgiven when stable") {
    Bench bench(5);
    const auto flap = [&] {
        bench.looks(1, false, second);
        const Micros began = bench.now;
        bench.looks(1, true, second);
        while (bench.judge.of(1)->down()) {
            bench.pass(second / 10);
        }
        return (bench.now - began + second / 2) / second;
    };
    CHECK(flap() == 1);
    for (const int64_t held : {5, 10, 20, 40, 80, 160, 300, 300}) {
        CHECK(flap() == held);
    }
    bench.pass(301 * second);  // up for longer than it was held
    CHECK(flap() == 1);
}

TEST_CASE("it stays down past its hold while it looks down") {
    Bench bench(5);
    bench.looks(1, false);
    bench.looks(1, true, second);
    bench.looks(1, false, second);
    bench.pass(60 * second);
    CHECK(bench.states() == "duuuu");
    bench.looks(1, true);
    CHECK(bench.states() == "uuuuu");
}

TEST_CASE("more than half within one interval: kept as they were, and half is not more than half") {
    Bench bench(6);
    for (const uint32_t id : {1, 2, 3}) {
        bench.looks(id, false, second / 10);
    }
    CHECK(bench.states() == "ddduuu");
    CHECK(!bench.judge.keeps());
    bench.looks(4, false, second / 10);
    CHECK(bench.judge.keeps());
    CHECK(bench.judge.look_down() == 4);
    CHECK(bench.states() == "kkkkuu");
    bench.looks(5, false, 10 * second);
    CHECK(bench.states() == "kkkkku");
    // What still looks down when most are well again is down, after an interval.
    for (const uint32_t id : {1, 2, 3, 5}) {
        bench.looks(id, true, second / 10);
    }
    CHECK(bench.states() == "uuukuu");
    bench.pass(3 * second);
    CHECK(!bench.judge.keeps());
    CHECK(bench.states() == "uuuduu");
}

TEST_CASE("one after the other, or of too few, are down") {
    Bench slowly(6);
    for (uint32_t id = 1; id <= 6; ++id) {
        slowly.looks(id, false, 5 * second);
    }
    CHECK(slowly.states() == "dddddd");
    Bench two(2);
    two.looks(1, false);
    two.looks(2, false);
    CHECK(two.states() == "dd");
}

TEST_CASE("what was down before stays down while others are kept") {
    Bench bench(6);
    bench.looks(1, false);
    bench.pass(20 * second);
    for (const uint32_t id : {2, 3, 4, 5}) {
        bench.looks(id, false, second / 10);
    }
    CHECK(bench.states() == "dkkkku");
}

TEST_CASE("nothing is down before it was checked, and what goes from the plan is forgotten") {
    HealthJudge judge;
    judge.set(plan_of(4));
    CHECK(judge.of(1)->state == State::unknown);
    for (const uint32_t id : {1, 2, 3, 4}) {
        judge.looks(id, false, "no answer", second);
    }
    CHECK(judge.keeps());
    CHECK(judge.of(4)->state == State::unknown);
    CHECK(judge.of(4)->kept_up);
    judge.set(plan_of(2));
    CHECK(judge.of(4) == nullptr);
    CHECK(judge.size() == 2);
}

}  // namespace rehome::vipd::testing
