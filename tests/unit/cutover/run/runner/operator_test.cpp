// What failed, and what the operator makes of it.
#include <doctest/doctest.h>

#include "tests/unit/cutover/fixture.h"
#include "tests/unit/cutover/runs.h"

namespace rehome::cutover::testing {

TEST_CASE("what failed is for the operator to decide, where one is there") {
    struct Case {
        const char* what;
        std::deque<std::string> answers;
        Exit exit;
        Texts effects;
        Texts events;
    };
    // The gate is bad once.
    const Case cases[] = {
        {"tries again",
         {"retry"},
         Exit::yes,
         {"a", "b"},
         {"begun s/a", "done s/a", "begun s/g", "failed s/g", "retried s/g", "begun s/g",
          "done s/g", "begun s/b", "done s/b", "finished"}},
        {"goes on",
         {"go on the probe's clock is wrong"},
         Exit::world,
         {"a", "b"},
         {"begun s/a", "done s/a", "begun s/g", "failed s/g", "gone_on s/g", "begun s/b",
          "done s/b", "finished"}},
        {"backs out",
         {"undo"},
         Exit::no,
         {},
         {"begun s/a", "done s/a", "begun s/g", "failed s/g", "turned_back", "undo_begun s/a",
          "undone s/a", "finished"}},
        {"stops",
         {"stop"},
         Exit::world,
         {"a"},
         {"begun s/a", "done s/a", "begun s/g", "failed s/g", "stopped"}},
        {"says nothing",
         {"y"},
         Exit::no,
         {},
         {"begun s/a", "done s/a", "begun s/g", "failed s/g", "turned_back", "undo_begun s/a",
          "undone s/a", "finished"}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Plan plan = plan_of({act("a"), gate("g"), act("b")});
        plan.steps[1].gate.tries = 1;
        FakeWorld world;
        world.answers["sample g"] = codes({1});
        world.answers_in_turn = one.answers;
        CHECK(go(plan, world) == one.exit);
        CHECK(world.effects == one.effects);
        CHECK(events(world) == one.events);
    }
}

TEST_CASE("nobody is asked where --yes was given, or where nobody is") {
    for (const bool yes : {false, true}) {
        const Plan plan = plan_of({act("a"), gate("g")});
        FakeWorld world;
        world.alone = !yes;
        world.broken = {"sample g"};
        RunnerOptions options;
        options.yes = yes;
        CHECK(go(plan, world, options) == Exit::no);
        CHECK(world.asked.empty());
        CHECK(texts_of(world, Happened::asked).empty());
    }
}

TEST_CASE("a failed step of a stopped run is asked about again, or undone where nobody is there") {
    for (const bool alone : {false, true}) {
        const Plan plan = plan_of({act("a"), gate("g")});
        FakeWorld world;
        world.broken = {"sample g"};
        world.answers_in_turn = {"stop"};
        CHECK(go(plan, world) == Exit::world);
        world.alone = alone;
        world.broken.clear();
        world.answers_in_turn = {"retry"};
        CHECK(go(plan, world) == (alone ? Exit::no : Exit::yes));
    }
}

TEST_CASE("the journal has what was asked, what was answered and why") {
    const Plan plan = plan_of({act("a"), gate("g")});
    FakeWorld world;
    world.broken = {"sample g"};
    world.answers_in_turn = {"go on the NOC sees no loss"};
    CHECK(go(plan, world) == Exit::world);
    CHECK(texts_of(world, Happened::answered) == Texts{"go on: the NOC sees no loss"});
    const auto records = world.reopen();
    const auto asked = std::find_if(records.begin(), records.end(),
                                    [](const Record& one) { return one.what == Happened::asked; });
    REQUIRE(asked != records.end());
    CHECK(asked->choices == Texts{"retry", "go on", "undo", "stop"});
    CHECK(world.asked_ids == Texts{question_id(*asked)});  // as another terminal reads it
    CHECK(answer_to(records, question_id(*asked))->text == "go on: the NOC sees no loss");
    CHECK(!answer_to(records, "000000"));
    const auto progress = replay(plan, records);
    CHECK(progress->steps[1].state == StepState::gone_on);
    CHECK(progress->steps[1].gone_on == "the NOC sees no loss");
    CHECK(progress->steps[1].failed.find("it is broken") != std::string::npos);
    // It was begun, so that an undo takes back all.
    CHECK(go(plan, world, {}, true) == Exit::no);
    CHECK(world.effects.empty());
}

TEST_CASE("an act is not tried again blindly") {
    struct Case {
        const char* what;
        bool checked;
        bool repeatable;
        bool offered;
    };
    const Case cases[] = {
        {"its check tells whether it is done", true, false, true},
        {"twice does no harm", false, true, true},
        {"nobody could tell", false, false, false},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Plan plan = plan_of({act("a")});
        plan.steps[0].repeatable = one.repeatable;
        if (!one.checked) {
            plan.steps[0].check.reset();
        }
        FakeWorld world;
        world.answers["set a"] = codes({3});
        world.answers_in_turn = {"retry"};
        CHECK(go(plan, world) == (one.offered ? Exit::yes : Exit::unknown));
        CHECK(world.has("a") == one.offered);
    }
}

TEST_CASE("what is done by the time that it is tried again is not done twice") {
    const Plan plan = plan_of({act("a")});
    FakeWorld world;
    world.answers["see a"] = codes({1, 4});  // after the act nobody can tell; then it is seen
    world.answers_in_turn = {"retry"};
    CHECK(go(plan, world) == Exit::yes);
    CHECK(std::count(world.ran.begin(), world.ran.end(), "set a") == 1);
    // While nobody can tell, it is not tried.
    FakeWorld blind;
    blind.answers["see a"] = codes({1, 4, 4, 4});
    blind.answers_in_turn = {"retry", "retry", "retry"};
    CHECK(go(plan, blind) == Exit::yes);
    CHECK(std::count(blind.ran.begin(), blind.ran.end(), "set a") == 1);
}

TEST_CASE(
    "who looks once more at what was to be looked at so often is told that it proves nothing") {
    Plan plan = plan_of({gate("g")});
    plan.steps[0].gate.tries = 1;
    FakeWorld world;
    world.answers["sample g"] = codes({1});
    world.answers_in_turn = {"retry"};
    CHECK(go(plan, world) == Exit::yes);
    REQUIRE(world.asked.size() == 1);
    CHECK(world.asked[0].find("a retry is one more look, and no new evidence") !=
          std::string::npos);
}

TEST_CASE("where nobody is there, an act is tried again as the playbook bounds it") {
    for (const int failures : {0, 1, 3, 4}) {
        CAPTURE(failures);
        Plan plan = plan_of({act("a"), act("b")});
        plan.steps[1].retry = {3, Seconds(7)};
        FakeWorld world;
        world.alone = true;
        for (int i = 0; i < failures; ++i) {
            world.answers["set b"].push_back(Finished{3, false, "", "it is broken"});
        }
        const int64_t began = world.monotonic();
        CHECK(go(plan, world) == (failures <= 3 ? Exit::yes : Exit::no));
        CHECK(world.has("a") == (failures <= 3));
        CHECK(texts_of(world, Happened::retried).size() ==
              static_cast<size_t>(std::min(failures, 3)));
        CHECK((world.monotonic() - began) / 7'000'000 == std::min(failures, 3));
    }
}

TEST_CASE("a retry that was bounded stays so however often the runner dies") {
    Plan plan = plan_of({act("a")});
    plan.steps[0].retry = {2, Seconds(1)};
    for (int moment = 0;; ++moment) {
        FakeWorld world;
        world.alone = true;
        world.broken = {"set a"};
        world.reopen();
        world.die_at = moment;
        bool died = false;
        try {
            (void)go(plan, world);
        } catch (const Death&) {
            died = true;
        }
        (void)go(plan, world);
        const auto progress = replay(plan, world.reopen());
        CHECK(progress->finished);
        CHECK(progress->steps[0].retries <= 2);
        if (!died) {
            break;
        }
    }
}

}  // namespace rehome::cutover::testing
