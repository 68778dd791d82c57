// What cutover prints and keeps of a run, held against its formats.
#include <doctest/doctest.h>

#include "cutover/adapter/watch.h"
#include "cutover/run/event.h"
#include "cutover/run/plan_view.h"
#include "cutover/run/standing.h"
#include "tests/unit/cutover/fixture.h"
#include "tests/unit/fits.h"

namespace rehome::cutover::testing {

namespace {

// Each thing that may happen after the opening.
constexpr Happened all_happened[] = {
    Happened::found,       Happened::begun,        Happened::done,     Happened::failed,
    Happened::turned_back, Happened::undo_begun,   Happened::undone,   Happened::unproven,
    Happened::undo_failed, Happened::undo_skipped, Happened::stopped,  Happened::resumed,
    Happened::finished,    Happened::counts_from,  Happened::added,    Happened::retried,
    Happened::gone_on,     Happened::asked,        Happened::accepted, Happened::answered};

}  // namespace

TEST_CASE("the journal's lines and the events") {
    JournalWriter writer;
    const Opening opening{5,    "/p.json",         "{}",     "/i.json",
                          "{}", {{"rate", "200"}}, "/run/d", std::string(32, 'a')};
    CHECK(misfits("journal", writer.line(opening)) == "");
    for (const Happened what : all_happened) {
        CAPTURE(std::string(name(what)));
        const Record record{
            what, 1'700'000'000'000'000, "s/a", "no UTF-8: \xff", {{"percent", "10"}}};
        CHECK(misfits("journal", writer.line(record)) == "");
        CHECK(misfits("cutover-events", event_json(record)) == "");
    }
    CHECK(misfits("cutover-events", event_json(Record{Happened::finished, 5, "", "done"})) == "");
    const Reading bad{Reading::Verdict::bad, "too few", {"/up 1, min 2"}};
    CHECK(misfits("cutover-events", reading_json(gate("g"), bad, 5)) == "");
    for (const Verdict verdict :
         {Verdict::good, Verdict::bad, Verdict::cannot_tell, Verdict::fatal}) {
        const Reading one{verdict, "too few", {"/up 1, min 2"}};
        for (const Result<Finished>& answer :
             {Result<Finished>(Finished{0, false, "no UTF-8: \xff", ""}),
              Result<Finished>(Finished{143, true, "", ""}),
              Result<Finished>(fail(Exit::world, "x", "no such file"))}) {
            CHECK(misfits("cutover-sample", sample_json(gate("g"), answer, one, 5)) == "");
        }
    }
    CHECK(misfits("cutover-events", dropped_json(7)) == "");
    CHECK(misfits("cutover-events", R"({"event": "opened", "at": "", "text": ""})") != "");
}

TEST_CASE("where a run stands, and how it ended") {
    Plan plan;
    plan.name = "test";
    plan.steps = {act("a"), act("b"), act("c")};
    Journal journal;
    Progress progress(plan);
    const auto stands = [&] {
        CHECK(misfits("cutover-status", standing_json({plan, journal, progress, "j", true})) == "");
        CHECK(misfits("cutover-events", ending_json(plan, progress, Exit::no)) == "");
    };
    stands();
    for (const StepState state :
         {StepState::found, StepState::begun, StepState::done, StepState::failed,
          StepState::retrying, StepState::gone_on, StepState::undoing, StepState::undone,
          StepState::unproven, StepState::undo_failed, StepState::undo_skipped}) {
        progress.steps[1] = {state, true, {}, "why"};
        for (const bool backwards : {false, true}) {
            for (const bool finished : {false, true}) {
                progress.backwards = backwards;
                progress.finished = finished;
                stands();
            }
        }
    }
}

TEST_CASE("the plan") {
    const auto plan = plan_of_text(book_of(
        R"({"name": "x", "on": "red", "do": ["a"], "check": {"command": ["vipctl", "status", "--json"],
            "figures": [{"pointer": "/flows/here", "min": 1, "max": 2},
                        {"pointer": "/share/by", "equals": "address"}],
            "was": {"percent": "/share/percent"}}, "undo": ["d", "${was.percent}"], "after": []},
           {"name": "w", "undo": ["e"]},
           {"name": "n", "for_each": "logins", "may_be_empty": true, "do": ["x"]},
           {"name": "g", "gate": {"command": ["e"], "figures": [
              {"pointer": "/f", "of": "/h", "min": 0.5, "at_once": true},
              {"pointer": "/f", "since": "s", "max": 0},
              {"pointer": "/f", "since_start": true, "max": 0}]}},
           {"name": "h", "hold": "Go on?"})"));
    REQUIRE_MESSAGE(plan.has_value(), all_text(plan.error()));
    CHECK(misfits("cutover-plan", plan_json(*plan)) == "");
    Plan guarded = *plan;
    guarded.guards = {Guard{guarded.steps.at(2), 1, {"s"}, Seconds(9)}};
    guarded.guards[0].step.id = "guard/g";
    CHECK(misfits("cutover-plan", plan_json(guarded)) == "");
    CHECK(plan_text(guarded).find("only reports in s") != std::string::npos);
    CHECK(plan_json(*plan).find(R"("format": "rehome/vipd-status/1")") != std::string::npos);
    CHECK(plan_json(*plan).find(R"("format": null)") != std::string::npos);
}

}  // namespace rehome::cutover::testing
