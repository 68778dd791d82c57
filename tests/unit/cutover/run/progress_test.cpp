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
         Kind::turn_back,
         1},
        {"all done",
         {begun("s/a"), done("s/a"), begun("s/g"), done("s/g"), begun("s/b"), done("s/b")},
         Kind::finish,
         0},
        {"begun twice, then done", {begun("s/a"), begun("s/a"), done("s/a")}, Kind::begin, 1},
        {"backwards: what failed is undone too",
         {done("s/a"), done("s/g"), failed("s/b"), back},
         Kind::undo,
         2},
        {"backwards: what was begun is undone too",
         {done("s/a"), done("s/g"), begun("s/b"), back},
         Kind::undo,
         2},
        {"backwards: a gate has no undo", {done("s/a"), failed("s/g"), back}, Kind::undo, 0},
        {"backwards: an undo was left",
         {done("s/a"), failed("s/g"), back, undo_begun("s/a")},
         Kind::undo,
         0},
        {"backwards: an undo failed",
         {done("s/a"), failed("s/g"), back, undo_failed("s/a")},
         Kind::undo,
         0},
        {"backwards: passed over",
         {done("s/a"), failed("s/g"), back, skipped("s/a")},
         Kind::finish,
         0},
        {"backwards: all undone",
         {done("s/a"), failed("s/g"), back, undone("s/a")},
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
    Records records{done("s/a"), done("s/g"), done("s/b"), run(Happened::finished)};
    CHECK(replay(plan, records)->finished);
    records.push_back(run(Happened::turned_back));
    const auto progress = replay(plan, records);
    CHECK_FALSE(progress->finished);
    CHECK(left_to_undo(plan, *progress) == std::vector<size_t>{2, 0});
}

TEST_CASE("a record about an unknown step is an error") {
    const auto progress = replay(three(), {begun("s/x")});
    REQUIRE_FALSE(progress);
    CHECK(progress.error().what == "names step \"s/x\", which its playbook does not have");
}

}  // namespace rehome::cutover::testing
