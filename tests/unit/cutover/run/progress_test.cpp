// What may run next, as a table over the plan and what the journal says.
#include "cutover/run/progress.h"

#include <doctest/doctest.h>

#include "tests/unit/cutover/fixture.h"

namespace rehome::cutover::testing {

namespace {

using Kind = Action::Kind;
using Records = std::vector<Record>;

Record begun(const char* step) {
    return {Happened::begun, 0, step, ""};
}
Record done(const char* step) {
    return {Happened::done, 0, step, ""};
}
Record failed(const char* step) {
    return {Happened::failed, 0, step, ""};
}
Record found(const char* step) {
    return {Happened::found, 0, step, ""};
}
Record unproven(const char* step) {
    return {Happened::unproven, 0, step, ""};
}
Record undo_begun(const char* step) {
    return {Happened::undo_begun, 0, step, ""};
}
Record undone(const char* step) {
    return {Happened::undone, 0, step, ""};
}
Record undo_failed(const char* step) {
    return {Happened::undo_failed, 0, step, ""};
}
Record skipped(const char* step) {
    return {Happened::undo_skipped, 0, step, ""};
}
Record run(Happened what) {
    return {what, 0, "", ""};
}

Plan three() {
    Plan plan;
    plan.steps = {act("a"), gate("g"), act("b")};
    return plan;
}

}  // namespace

TEST_CASE("what may run next") {
    struct Case {
        const char* what;
        Records records;
        Kind kind;
        size_t step;
    };
    const Record back = run(Happened::turned_back);
    const Case cases[] = {
        {"nothing yet", {}, Kind::begin, 0},
        {"a begun", {begun("s/a")}, Kind::settle, 0},
        {"a done", {begun("s/a"), done("s/a")}, Kind::begin, 1},
        {"stopped and resumed",
         {begun("s/a"), done("s/a"), run(Happened::stopped), run(Happened::resumed)},
         Kind::begin,
         1},
        {"a gate was left", {begun("s/a"), done("s/a"), begun("s/g")}, Kind::settle, 1},
        {"a gate failed",
         {begun("s/a"), done("s/a"), begun("s/g"), failed("s/g")},
         Kind::failed,
         1},
        {"all done",
         {begun("s/a"), done("s/a"), begun("s/g"), done("s/g"), begun("s/b"), done("s/b")},
         Kind::finish,
         0},
        {"begun twice, then done", {begun("s/a"), begun("s/a"), done("s/a")}, Kind::begin, 1},
        {"a was found so", {found("s/a")}, Kind::begin, 1},
        {"backwards: what failed is undone too",
         {begun("s/a"), done("s/a"), done("s/g"), begun("s/b"), failed("s/b"), back},
         Kind::undo,
         2},
        {"backwards: what was begun is undone too",
         {begun("s/a"), done("s/a"), done("s/g"), begun("s/b"), back},
         Kind::undo,
         2},
        {"backwards: what failed before it was begun is not undone",
         {begun("s/a"), done("s/a"), done("s/g"), failed("s/b"), back},
         Kind::undo,
         0},
        {"backwards: what was found so is not undone",
         {found("s/a"), done("s/g"), begun("s/b"), back, undone("s/b")},
         Kind::finish,
         0},
        {"backwards: a gate has no undo",
         {begun("s/a"), done("s/a"), failed("s/g"), back},
         Kind::undo,
         0},
        {"backwards: an undo was left",
         {begun("s/a"), done("s/a"), failed("s/g"), back, undo_begun("s/a")},
         Kind::undo,
         0},
        {"backwards: an undo failed",
         {begun("s/a"), done("s/a"), failed("s/g"), back, undo_failed("s/a")},
         Kind::stop,
         0},
        {"backwards: an undo failed, and the one before relies on it",
         {begun("s/a"), done("s/a"), begun("s/b"), back, undo_failed("s/b")},
         Kind::stop,
         0},
        {"backwards: nobody can tell, and the one before goes on",
         {begun("s/a"), done("s/a"), begun("s/b"), back, unproven("s/b")},
         Kind::undo,
         0},
        {"backwards: passed over",
         {begun("s/a"), done("s/a"), failed("s/g"), back, skipped("s/a")},
         Kind::finish,
         0},
        {"turned back once more: what was passed over comes after all",
         {begun("s/a"), done("s/a"), failed("s/g"), back, skipped("s/a"), back},
         Kind::undo,
         0},
        {"turned back once more: what was undone stays so",
         {begun("s/a"), done("s/a"), failed("s/g"), back, undone("s/a"), back},
         Kind::finish,
         0},
        {"backwards: all undone",
         {begun("s/a"), done("s/a"), failed("s/g"), back, undone("s/a")},
         Kind::finish,
         0},
        {"backwards from the start", {back}, Kind::finish, 0},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const Plan plan = three();
        const auto progress = replay(plan, one.records);
        REQUIRE(progress);
        const Action action = next(plan, *progress);
        CHECK(action.kind == one.kind);
        CHECK(action.step == one.step);
    }
}

TEST_CASE("finished, and turned back after all") {
    const Plan plan = three();
    Records records{begun("s/a"), done("s/a"), done("s/g"),
                    begun("s/b"), done("s/b"), run(Happened::finished)};
    CHECK(replay(plan, records)->finished);
    records.push_back(run(Happened::turned_back));
    const auto progress = replay(plan, records);
    CHECK_FALSE(progress->finished);
    CHECK(left_to_undo(plan, *progress) == std::vector<size_t>{2, 0});
}

TEST_CASE("an undo waits for those that it is to come after, and no others") {
    struct Case {
        const char* what;
        std::optional<std::vector<std::string>> after;  // of s/a
        bool waits;                                     // for s/c, whose undo failed
    };
    const std::vector<std::string> none;
    const Case cases[] = {
        {"all that come before", std::nullopt, true}, {"none", none, false},
        {"the step that failed", {{"s/c"}}, true},    {"its stage", {{"s"}}, true},
        {"another step", {{"s/b"}}, false},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Plan plan;
        plan.steps = {act("a"), act("b"), act("c")};
        plan.steps[0].after = one.after;
        plan.steps[1].after.emplace();
        Records records;
        for (const char* step : {"s/a", "s/b", "s/c"}) {
            records.push_back(begun(step));
            records.push_back(done(step));
        }
        records.push_back(run(Happened::turned_back));
        records.push_back(undo_failed("s/c"));
        auto progress = replay(plan, records);
        CHECK(next(plan, *progress).kind == Kind::undo);
        CHECK(next(plan, *progress).step == 1);
        REQUIRE(apply(plan, undone("s/b"), *progress));
        CHECK(next(plan, *progress).kind == (one.waits ? Kind::stop : Kind::undo));
        CHECK(relied_on(plan, *progress, 0) ==
              (one.waits ? std::vector<size_t>{2} : std::vector<size_t>{}));
        try_failed_again(*progress);
        CHECK(next(plan, *progress).step == 2);
    }
}

TEST_CASE("what was there before the first try is what was there before") {
    const Plan plan = three();
    const auto progress = replay(plan, {{Happened::begun, 0, "s/a", "", {{"percent", "10"}}},
                                        {Happened::begun, 0, "s/a", "again", {}}});
    CHECK(progress->steps[0].was == Kept{{"percent", "10"}});
}

TEST_CASE("a step that is not there cannot be passed over, nor one without an undo") {
    CHECK(check_skips(three(), {"s/a", "s/b"}));
    CHECK(check_skips(three(), {"s/a", "s/x"}).error().text() ==
          "--skip: \"s/x\" is no step, expected a STAGE/STEP that has an undo");
    CHECK(check_skips(three(), {"s/g"}).error().kind == Exit::usage);
}

TEST_CASE("a record about an unknown step is an error") {
    const auto progress = replay(three(), {begun("s/x")});
    REQUIRE_FALSE(progress);
    CHECK(progress.error().what == "names step \"s/x\", which its playbook does not have");
}

}  // namespace rehome::cutover::testing
