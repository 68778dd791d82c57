// What `cutover show` says of a plan, and of what its steps cannot prove.
#include "cutover/run/plan_view.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/cutover/fixture.h"
#include "tests/unit/fits.h"

namespace rehome::cutover::testing {

namespace {

using nlohmann::json;

using Lacks = std::vector<std::string>;

Guard guard_of(const char* fresh) {
    Guard guard;
    guard.step = gate("g");
    guard.step.gate.sample.fresh = fresh;
    Figure up;
    up.pointer = "/up";
    up.min = 1;
    guard.step.gate.sample.figures = {up};
    return guard;
}

}  // namespace

TEST_CASE("what a step lacks") {
    struct Row {
        const char* what;
        Step step;
        Lacks lacks;
    };
    const auto changed = [](Step step, void (*change)(Step&)) {
        change(step);
        return step;
    };
    const Row rows[] = {
        {"an act that lacks nothing", act("a"), {}},
        {"no check", changed(act("a"), [](Step& s) { s.check.reset(); }), {"check"}},
        {"repeatable is no check",
         changed(act("a"),
                 [](Step& s) {
                     s.check.reset();
                     s.repeatable = true;
                 }),
         {"check"}},
        {"no undo", changed(act("a"), [](Step& s) { s.undo.clear(); }), {"undo"}},
        {"nothing",
         changed(act("a"),
                 [](Step& s) {
                     s.check.reset();
                     s.undo.clear();
                 }),
         {"check", "undo"}},
        {"a gate", gate("g"), {"freshness"}},
        {"a gate that says when",
         changed(gate("g"), [](Step& s) { s.gate.sample.fresh = "/at"; }),
         {}},
        {"a hold", hold("h"), {}},
        {"a way back",
         changed(act("a"),
                 [](Step& s) {
                     s.kind = Step::Kind::way_back;
                     s.act.clear();
                     s.check.reset();
                 }),
         {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Plan plan;
        plan.name = "test";
        plan.steps = {row.step};
        const std::string text = plan_json(plan);
        CHECK(misfits("cutover-plan", text) == "");
        CHECK(json::parse(text).at("steps").at(0).at("lacks").get<Lacks>() == row.lacks);
        CHECK((plan_text(plan).find("\n         lacks  ") != std::string::npos) ==
              !row.lacks.empty());
    }
}

TEST_CASE("how much is lacking, guards too") {
    Plan plan;
    plan.name = "test";
    plan.steps = {act("a"), gate("g"), hold("h")};
    plan.steps[0].undo.clear();
    plan.guards = {guard_of(""), guard_of("/at")};
    const std::string text = plan_text(plan);
    CHECK(
        text.ends_with("lacking: 0 acts no check, 1 acts no undo; "
                       "2 gates and guards no freshness\n"));
    const json object = json::parse(plan_json(plan));
    CHECK(misfits("cutover-plan", object.dump()) == "");
    CHECK(object.at("totals").at("undated") == 2);
    CHECK(object.at("guards").at(0).at("lacks") == json({"freshness"}));
    CHECK(object.at("guards").at(1).at("lacks") == json::array());
}

}  // namespace rehome::cutover::testing
