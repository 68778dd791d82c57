// The runner: how runs end, and that dying anywhere changes nothing about it.
#include "cutover/run/runner/runner.h"

#include <doctest/doctest.h>

#include "tests/unit/cutover/fixture.h"
#include "tests/unit/cutover/runs.h"

namespace rehome::cutover::testing {

TEST_CASE("a run does every step in order and writes it down before and after") {
    const Plan plan = plan_of({act("a"), gate("g"), hold("h"), act("b")});
    FakeWorld world;
    world.answer_to_asked = "yes";
    CHECK(go(plan, world) == Exit::yes);
    CHECK(world.effects == Texts{"a", "b"});
    CHECK(world.ran == Texts{"see a", "set a", "see a", "sample g", "see b", "set b", "see b"});
    CHECK(events(world) == Texts{"begun s/a", "done s/a", "begun s/g", "done s/g", "begun s/h",
                                 "done s/h", "begun s/b", "done s/b", "finished"});
}

TEST_CASE("what fails turns the run back, the last step first") {
    struct Case {
        const char* what;
        std::set<std::string> broken;
        Exit exit;
        Texts effects;
        Texts undone;  // commands, in order
    };
    const Case cases[] = {
        {"a do", {"set c"}, Exit::no, {}, {"clear c", "clear b", "clear a"}},
        {"a check that cannot tell before the do", {"see b"}, Exit::no, {}, {"clear a"}},
        {"a gate", {"sample g"}, Exit::no, {}, {"clear b", "clear a"}},
        {"an undo stops the backing out",
         {"sample g", "clear b"},
         Exit::world,
         {"a", "b"},
         {"clear b"}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const Plan plan = plan_of({act("a"), act("b"), gate("g"), act("c")});
        FakeWorld world;
        world.broken = one.broken;
        CHECK(go(plan, world) == one.exit);
        CHECK(world.effects == one.effects);
        Texts undone;
        std::copy_if(world.ran.begin(), world.ran.end(), std::back_inserter(undone),
                     [](const std::string& command) { return command.starts_with("clear"); });
        CHECK(undone == one.undone);
    }
}

TEST_CASE("a gate whose last sample was cut tells what the one before said") {
    Plan plan = plan_of({gate("g")});
    plan.steps[0].timeout = Seconds(1.5);
    FakeWorld world;
    world.answers["sample g"] = {Finished{1, false, "", "1 lost"}, Finished{143, true, "", ""}};
    CHECK(go(plan, world) == Exit::no);
    CHECK(world.shown.at(1).text ==
          "did not pass within 1.5 s: exit code 1: 1 lost; then no answer in time");
}

TEST_CASE("the reason of a failure stands in the journal") {
    FakeWorld world;
    world.broken = {"set a"};
    CHECK(go(plan_of({act("a")}), world) == Exit::no);
    CHECK(world.shown.at(1).text == "exit code 3: it is broken");
}

TEST_CASE("what was so already is not done again, and never undone") {
    for (const bool gate_fails : {false, true}) {
        const Plan plan = plan_of({act("a"), act("b"), gate("g")});
        FakeWorld world;
        world.effects = {"a"};
        world.broken = gate_fails ? std::set<std::string>{"sample g"} : std::set<std::string>{};
        CHECK(go(plan, world) == (gate_fails ? Exit::no : Exit::yes));
        CHECK(world.has("a"));
        CHECK(world.has("b") == !gate_fails);
        CHECK(std::count(world.ran.begin(), world.ran.end(), "set a") == 0);
        CHECK(events(world).front() == "found s/a");
    }
}

TEST_CASE("an undo is held against the check: its own word is not enough") {
    struct Case {
        const char* what;
        std::deque<Result<Finished>> check;  // before, after the act, after the undo
        bool checked;
        Exit exit;
        const char* last;  // what became of the step
        bool goes_on;      // with the undo before it
    };
    const Case cases[] = {
        {"not done any more", codes({1, 0, 1}), true, Exit::no, "undone s/b", true},
        {"still done", codes({1, 0, 0}), true, Exit::world, "undo_failed s/b", false},
        {"cannot tell", codes({1, 0, 4}), true, Exit::unknown, "unproven s/b", true},
        {"the host is gone", codes({1, 0, 255}), true, Exit::unknown, "unproven s/b", true},
        {"no check", {}, false, Exit::unknown, "unproven s/b", true},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Plan plan = plan_of({act("a"), act("b"), gate("g")});
        plan.steps[1].undo = {"true", "really"};
        if (!one.checked) {
            plan.steps[1].check.reset();
        }
        FakeWorld world;
        world.broken = {"sample g"};
        world.answers["see b"] = one.check;
        CHECK(go(plan, world) == one.exit);
        const Texts all = events(world);
        CHECK(std::count(all.begin(), all.end(), one.last) == 1);
        CHECK(world.has("a") == !one.goes_on);
    }
}

TEST_CASE("on the way back a check is looked at, and not waited for") {
    struct TimedWorld : FakeWorld {
        std::vector<std::pair<std::string, double>> limits;
        Result<Finished> run(const Step& step, const Argv& argv, Seconds limit) override {
            limits.emplace_back(printable(argv), limit.count());
            return FakeWorld::run(step, argv, limit);
        }
    };
    Plan plan = plan_of({act("a"), gate("g")});
    plan.steps[0].timeout = Seconds(100);
    TimedWorld world;
    world.broken = {"sample g"};
    CHECK(go(plan, world) == Exit::no);
    CHECK(world.limits.front() == std::pair<std::string, double>("see a", 100));
    CHECK(world.limits.end()[-2] == std::pair<std::string, double>("clear a", 100));
    CHECK(world.limits.end()[-1] == std::pair<std::string, double>("see a", 15));
}

TEST_CASE("what could not be told is undone and looked at once more when that is asked for") {
    const Plan plan = plan_of({act("a"), gate("g")});
    FakeWorld world;
    world.broken = {"sample g"};
    world.answers["see a"] = codes({1, 0, 4});
    CHECK(go(plan, world) == Exit::unknown);
    CHECK(go(plan, world) == Exit::unknown);  // it has finished
    CHECK(go(plan, world, {}, true) == Exit::no);
    CHECK(events(world).back() == "finished");
}

namespace {

Finished share_is(const char* percent) {
    return {0, false, fmt::format(R"({{"share": {{"percent": {}}}}})", percent), ""};
}

// Sets a share, and puts back what it was.
Plan share_plan() {
    Plan plan = plan_of({act("a"), gate("g")});
    Figure ten;
    ten.pointer = "/share/percent";
    ten.equals = 10.0;
    plan.steps[0].check->figures = {ten};
    plan.steps[0].was = {{"percent", "/share/percent"}};
    plan.steps[0].undo = {"share", "${was.percent}", "is ${was.percent} %"};
    return plan;
}

}  // namespace

TEST_CASE("an undo puts back what was there before") {
    struct Case {
        const char* before;
        Finished after;  // the undo
        Exit exit;
        const char* undo;
        const char* why;  // what the journal says last of the step
    };
    const Case cases[] = {
        {"2.5", share_is("2.5"), Exit::no, "share 2.5 'is 2.5 %'", "0.1 s"},
        {"0", share_is("0"), Exit::no, "share 0 'is 0 %'", "0.1 s"},
        {"2.5", share_is("3"), Exit::world, "share 2.5 'is 2.5 %'", "/share/percent is 3, was 2.5"},
        {"0", share_is("10"), Exit::world, "share 0 'is 0 %'",
         "its check still says that it is done"},
        {"0", share_is("null"), Exit::unknown, "share 0 'is 0 %'", "/share/percent is not there"},
        {"0", {4, false, "", "hung"}, Exit::unknown, "share 0 'is 0 %'", "exit code 4: hung"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.why);
        const Plan plan = share_plan();
        FakeWorld world;
        world.broken = {"sample g"};
        world.answers["see a"] = {share_is(one.before), share_is("10"), one.after};
        CHECK(go(plan, world) == one.exit);
        CHECK(std::count(world.ran.begin(), world.ran.end(), one.undo) == 1);
        const auto told = replay(plan, world.reopen());
        CHECK(told->steps[0].text == one.why);
    }
}

TEST_CASE("where nobody can tell what there is to put back, nothing is begun") {
    for (const char* before : {"null", "[]", R"("two\nlines")"}) {
        CAPTURE(before);
        FakeWorld world;
        world.answers["see a"] = {share_is(before)};
        CHECK(go(share_plan(), world) == Exit::no);
        CHECK(world.ran == Texts{"see a"});
    }
}

TEST_CASE("a step that is only an undo does nothing on the way there") {
    Step pause = act("pause");
    pause.kind = Step::Kind::way_back;
    pause.act = {};
    pause.check.reset();
    const Plan plan = plan_of({act("a"), pause, gate("g"), act("b")});
    FakeWorld world;
    SUBCASE("all is done") {
        CHECK(go(plan, world) == Exit::yes);
        CHECK(std::count(world.ran.begin(), world.ran.end(), "clear pause") == 0);
    }
    SUBCASE("the way back passes it") {
        world.broken = {"sample g"};
        CHECK(go(plan, world) == Exit::no);
        CHECK(world.ran.end()[-3] == "clear pause");
    }
    SUBCASE("the way back begins before it") {
        world.broken = {"set a"};
        CHECK(go(plan, world) == Exit::no);
        CHECK(std::count(world.ran.begin(), world.ran.end(), "clear pause") == 0);
    }
}

TEST_CASE("undos that do not rely on the one that failed go on") {
    Plan plan = plan_of({act("a"), act("b"), act("c"), gate("g")});
    plan.steps[1].after.emplace();
    FakeWorld world;
    world.broken = {"sample g", "clear c"};
    CHECK(go(plan, world) == Exit::world);
    CHECK(world.effects == Texts{"a", "c"});
    CHECK(world.shown.back().text == "1 undos failed, 1 more rely on them");
    world.broken.clear();
    CHECK(go(plan, world) == Exit::no);
    CHECK(world.effects.empty());
}

TEST_CASE("an undo that was passed over can be done later") {
    const Plan plan = plan_of({act("a"), act("b"), gate("g")});
    FakeWorld world;
    world.broken = {"sample g", "clear b"};
    RunnerOptions options;
    options.skip = {"s/b"};
    CHECK(go(plan, world, options) == Exit::world);
    CHECK(world.effects == Texts{"b"});
    CHECK(go(plan, world, {}, true) == Exit::world);  // it fails
    world.broken.clear();
    CHECK(go(plan, world, {}, true) == Exit::no);
    CHECK(world.effects.empty());
}

TEST_CASE("an undo that failed is tried again, or passed over and told") {
    const Plan plan = plan_of({act("a"), act("b"), gate("g")});
    FakeWorld world;
    world.broken = {"sample g", "clear b"};
    CHECK(go(plan, world) == Exit::world);
    SUBCASE("it works the next time") {
        world.broken.clear();
        CHECK(go(plan, world) == Exit::no);
        CHECK(world.effects.empty());
    }
    SUBCASE("it fails again") {
        CHECK(go(plan, world) == Exit::world);
        CHECK(world.effects == Texts{"a", "b"});
    }
    SUBCASE("the operator passes it over") {
        RunnerOptions options;
        options.skip = {"s/b"};
        CHECK(go(plan, world, options) == Exit::world);
        CHECK(world.effects == Texts{"b"});
        CHECK(go(plan, world) == Exit::world);  // it remains left undone
    }
}

TEST_CASE("a finished run can be backed out, and then nothing is left") {
    const Plan plan = plan_of({act("a"), act("b")});
    FakeWorld world;
    CHECK(go(plan, world) == Exit::yes);
    const size_t commands = world.ran.size();
    CHECK(go(plan, world) == Exit::yes);  // nothing to go on with
    CHECK(world.ran.size() == commands);
    CHECK(go(plan, world, {}, true) == Exit::no);
    CHECK(world.effects.empty());
    CHECK(go(plan, world) == Exit::no);
    CHECK(go(plan, world, {}, true) == Exit::no);
}

TEST_CASE("holds: who answers decides") {
    struct Case {
        std::optional<std::string> answer;
        bool yes;
        Exit exit;
        Texts effects;
    };
    const Case cases[] = {
        {"yes", false, Exit::yes, {"a", "b"}},       {"undo", false, Exit::no, {}},
        {"stop", false, Exit::world, {"a"}},         {std::nullopt, false, Exit::world, {"a"}},
        {std::nullopt, true, Exit::yes, {"a", "b"}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.answer.value_or("nobody"));
        const Plan plan = plan_of({act("a"), hold("h"), act("b")});
        FakeWorld world;
        world.answer_to_asked = one.answer;
        RunnerOptions options;
        options.yes = one.yes;
        CHECK(go(plan, world, options) == one.exit);
        CHECK(world.effects == one.effects);
    }
}

TEST_CASE("a stopped hold is asked again") {
    const Plan plan = plan_of({hold("h"), act("a")});
    FakeWorld world;
    CHECK(go(plan, world) == Exit::world);
    world.answer_to_asked = "yes";
    CHECK(go(plan, world) == Exit::yes);
    CHECK(world.asked == Texts{"h?", "h?"});
}

TEST_CASE("a step that was begun and not ended is settled") {
    struct Case {
        const char* what;
        bool check;
        bool repeatable;
        bool effect;  // the command had done its work when it all ended
        std::optional<int> check_code;
        std::string settle;
        std::optional<std::string> answer;
        Exit exit;
        Texts ran;
    };
    const Case cases[] = {
        {"done, says its check", true, false, true, {}, "", {}, Exit::yes, {"see a"}},
        {"not done, says its check",
         true,
         false,
         false,
         {},
         "",
         {},
         Exit::yes,
         {"see a", "set a", "see a"}},
        {"its check cannot tell", true, false, true, 4, "", {}, Exit::unknown, {"see a"}},
        {"its check breaks", true, false, true, 127, "", {}, Exit::unknown, {"see a"}},
        {"--settle done", true, false, true, 4, "done", {}, Exit::yes, {"see a"}},
        {"--settle again",
         true,
         false,
         true,
         4,
         "again",
         {},
         Exit::yes,
         {"see a", "set a", "see a"}},
        {"the operator says done", true, false, true, 4, "", "done", Exit::yes, {"see a"}},
        {"the operator says undo",
         true,
         false,
         true,
         4,
         "",
         "undo",
         Exit::no,
         {"see a", "clear a", "see a"}},
        {"no check", false, false, true, {}, "", {}, Exit::unknown, {}},
        {"no check, repeatable", false, true, true, {}, "", {}, Exit::yes, {"set a"}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Plan plan = plan_of({act("a")});
        plan.steps[0].repeatable = one.repeatable;
        if (!one.check) {
            plan.steps[0].check.reset();
        }
        FakeWorld world;
        world.reopen();
        REQUIRE(world.append({Happened::begun, 1, "s/a", ""}));
        world.fates[2] = {Fate::Kind::cut, {}, "it was cut"};
        if (one.effect) {
            world.effects = {"a"};
        }
        if (one.check_code) {
            world.answers["see a"].push_back(Finished{*one.check_code, false, "", ""});
        }
        world.answer_to_asked = one.answer;
        RunnerOptions options;
        options.settle = one.settle;
        CHECK(go(plan, world, options) == one.exit);
        CHECK(world.ran == one.ran);
    }
}

TEST_CASE("what became of a step that was begun is recalled before any check") {
    using Kind = Fate::Kind;
    struct Case {
        const char* what;
        Happened begun;
        Fate fate;
        bool effect;  // is there
        Exit exit;
        Texts ran;
        const char* event;
    };
    const Finished well{0, false, "printed", ""};
    const Finished badly{3, false, "", "broken"};
    const Finished late{143, true, "", ""};
    const auto fate = [](Kind kind) { return Fate{kind, {}, "its host says so"}; };
    const Case cases[] = {
        {"never begun: as if for the first time",
         Happened::begun,
         fate(Kind::never_begun),
         false,
         Exit::yes,
         {"see a", "set a", "see a"},
         "done s/a"},
        {"never begun, and there already: not ours",
         Happened::begun,
         fate(Kind::never_begun),
         true,
         Exit::yes,
         {"see a"},
         "found s/a"},
        {"ended", Happened::begun, {Kind::ended, well, ""}, true, Exit::yes, {"see a"}, "done s/a"},
        {"ended, without its effect",
         Happened::begun,
         {Kind::ended, well, ""},
         false,
         Exit::no,
         {"see a", "clear a", "see a"},
         "failed s/a"},
        {"failed",
         Happened::begun,
         {Kind::ended, badly, ""},
         true,
         Exit::no,
         {"clear a", "see a"},
         "failed s/a"},
        {"its time was over",
         Happened::begun,
         {Kind::ended, late, ""},
         true,
         Exit::no,
         {"clear a", "see a"},
         "failed s/a"},
        {"cut after its work",
         Happened::begun,
         fate(Kind::cut),
         true,
         Exit::yes,
         {"see a"},
         "done s/a"},
        {"cut before",
         Happened::begun,
         fate(Kind::cut),
         false,
         Exit::yes,
         {"see a", "set a", "see a"},
         "done s/a"},
        {"nobody to ask", Happened::begun, fate(Kind::unknown), true, Exit::unknown, {}, "stopped"},
        {"an undo that never began",
         Happened::undo_begun,
         fate(Kind::never_begun),
         true,
         Exit::no,
         {"clear a", "see a"},
         "undone s/a"},
        {"an undo that has ended",
         Happened::undo_begun,
         {Kind::ended, well, ""},
         false,
         Exit::no,
         {"see a"},
         "undone s/a"},
        {"an undo that has ended without its effect",
         Happened::undo_begun,
         {Kind::ended, well, ""},
         true,
         Exit::no,
         {"see a", "clear a", "see a"},
         "undone s/a"},
        {"an undo that failed",
         Happened::undo_begun,
         {Kind::ended, badly, ""},
         true,
         Exit::no,
         {"see a", "clear a", "see a"},
         "undone s/a"},
        {"an undo cut after its work",
         Happened::undo_begun,
         fate(Kind::cut),
         false,
         Exit::no,
         {"see a"},
         "undone s/a"},
        {"an undo cut before",
         Happened::undo_begun,
         fate(Kind::cut),
         true,
         Exit::no,
         {"see a", "clear a", "see a"},
         "undone s/a"},
        {"an undo, and nobody to ask",
         Happened::undo_begun,
         fate(Kind::unknown),
         true,
         Exit::world,
         {},
         "undo_failed s/a"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const Plan plan = plan_of({act("a")});
        FakeWorld world;
        world.reopen();
        size_t line = 1;
        const auto write = [&](Happened what, const std::string& step) {
            REQUIRE(world.append({what, 1, step, ""}));
            ++line;
        };
        write(Happened::begun, "s/a");
        if (one.begun == Happened::undo_begun) {
            write(Happened::done, "s/a");
            write(Happened::turned_back, "");
            write(Happened::undo_begun, "s/a");
        }
        world.fates[line] = one.fate;
        if (one.effect) {
            world.effects = {"a"};
        }
        CHECK(go(plan, world) == one.exit);
        CHECK(world.ran == one.ran);
        const Texts told = events(world);
        CHECK(std::count(told.begin(), told.end(), one.event) == 1);
    }
}

TEST_CASE("going back, what never began is not undone, and what began is") {
    for (const Fate::Kind kind : {Fate::Kind::never_begun, Fate::Kind::cut}) {
        const Plan plan = plan_of({act("a")});
        FakeWorld world;
        world.reopen();
        REQUIRE(world.append({Happened::begun, 1, "s/a", ""}));
        world.fates[2] = {kind, {}, "its host says so"};
        CHECK(go(plan, world, {}, true) == Exit::no);
        CHECK(world.ran == (kind == Fate::Kind::cut ? Texts{"clear a", "see a"} : Texts{}));
    }
}

TEST_CASE("an act whose end nobody heard of is not said to be done, nor not begun") {
    const Plan plan = plan_of({act("a")});
    FakeWorld world;
    world.unreachable = {"s/a"};
    CHECK(go(plan, world) == Exit::world);
    CHECK(events(world) == Texts{"begun s/a", "failed s/a", "turned_back", "undo_begun s/a",
                                 "undo_failed s/a", "stopped"});
    CHECK(world.shown[1].text == "its host cannot be reached");
}

TEST_CASE("nor is it said to be put back where no undo follows") {
    Step once = act("a");
    once.undo.clear();
    once.check.reset();
    {
        const Plan plan = plan_of({once});
        FakeWorld world;
        world.unreachable = {"s/a"};
        CHECK(go(plan, world) == Exit::unknown);
        CHECK(events(world) ==
              Texts{"begun s/a", "failed s/a", "turned_back", "unproven s/a", "finished"});
    }
    for (const auto& [kind, repeatable, exit] :
         {std::tuple{Fate::Kind::never_begun, false, Exit::no},
          {Fate::Kind::ended, false, Exit::no},
          {Fate::Kind::cut, false, Exit::unknown},
          {Fate::Kind::unknown, false, Exit::unknown},
          {Fate::Kind::cut, true, Exit::no}}) {
        once.repeatable = repeatable;
        const Plan plan = plan_of({once});
        FakeWorld world;
        world.reopen();
        REQUIRE(world.append({Happened::begun, 1, "s/a", ""}));
        world.fates[2] = {kind, {}, "its host says so"};
        CHECK(go(plan, world, {}, true) == exit);
        CHECK(world.ran.empty());
    }
}

TEST_CASE("a gate waits for good samples, in a row and for long enough") {
    using Answers = std::deque<Result<Finished>>;
    const Finished good{0, false, "{}", ""};
    const Finished bad{1, false, "", "worse"};
    struct Case {
        const char* what;
        Answers answers;
        unsigned good;
        double for_s;
        unsigned tries;
        Exit exit;
        size_t samples;
    };
    const Case cases[] = {
        {"good at once", {}, 1, 0, 0, Exit::yes, 1},
        {"good the third time", {bad, bad}, 1, 0, 0, Exit::yes, 3},
        {"a bad one starts the count anew", {good, bad, good}, 2, 0, 0, Exit::yes, 4},
        {"for two seconds", {bad}, 1, 2, 0, Exit::yes, 4},
        {"never", Answers(20, bad), 1, 0, 0, Exit::no, 10},
        {"good, not for long enough", {}, 1, 60, 0, Exit::no, 10},
        {"one try", {bad}, 1, 0, 1, Exit::no, 1},
        {"cannot tell is a failure", Answers(20, Finished{4, false, "", ""}), 1, 0, 0, Exit::no,
         10},
        {"late is a failure", Answers(20, Finished{143, true, "", ""}), 1, 0, 0, Exit::no, 10},
        {"not there is a failure", Answers(20, fail(Exit::world, "", "no such file")), 1, 0, 0,
         Exit::no, 10},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Plan plan = plan_of({gate("g")});
        plan.steps[0].gate.good = one.good;
        plan.steps[0].gate.lasting = Seconds(one.for_s);
        plan.steps[0].gate.tries = one.tries;
        FakeWorld world;
        world.answers["sample g"] = one.answers;
        CHECK(go(plan, world) == one.exit);
        CHECK(world.ran.size() == one.samples);
    }
}

namespace {

// A gate that lets so many /n be added since the step, or since the stage, was begun.
Plan counting_plan(double max) {
    Plan plan = plan_of({act("a"), act("b"), gate("g"), act("c")});
    Figure figure;
    figure.pointer = "/n";
    figure.max = max;
    figure.since = "s/b";
    plan.steps[2].gate.sample.figures = {figure};
    plan.steps[2].gate.tries = 1;
    return plan;
}

Finished counted(int n) {
    return {0, false, fmt::format(R"({{"n": {}}})", n), ""};
}

}  // namespace

TEST_CASE("what was lost between two gates is counted since the step that is named") {
    struct Case {
        int before;
        int after;
        Exit exit;
        Texts effects;
    };
    const Case cases[] = {{7, 9, Exit::yes, {"a", "b", "c"}},
                          {7, 10, Exit::no, {}},
                          {7, 6, Exit::no, {}}};  // restarted
    for (const Case& one : cases) {
        CAPTURE(one.after);
        FakeWorld world;
        world.answers["sample g"] = {counted(one.before), counted(one.after)};
        CHECK(go(counting_plan(2), world) == one.exit);
        CHECK(world.effects == one.effects);
        CHECK(Texts(world.ran.begin(), world.ran.begin() + 8) ==
              Texts{"see a", "set a", "see a", "sample g", "see b", "set b", "see b", "sample g"});
        CHECK(world.shown.at(2).what == Happened::counts_from);
        CHECK(world.shown.at(2).text == R"({"/n since s/b":7.0})");
    }
}

TEST_CASE("without anything to count from the step is not begun") {
    FakeWorld world;
    world.broken = {"sample g"};
    CHECK(go(counting_plan(2), world) == Exit::no);
    CHECK(world.effects.empty());
    CHECK(std::count(world.ran.begin(), world.ran.end(), "set b") == 0);
    CHECK(world.shown.at(2).text == "s/g has nothing to count from: exit code 3: it is broken");
    CHECK(world.kept.size() == 10);  // for as long as the gate might take
}

TEST_CASE("a later sample is as good to count from, before the step is begun") {
    FakeWorld world;
    world.answers["sample g"] = {Finished{4, false, "", ""}, counted(7), counted(8)};
    CHECK(go(counting_plan(2), world) == Exit::yes);
}

TEST_CASE("wherever it dies, it counts from before the step") {
    bool died = true;
    for (int moment = 0; died; ++moment) {
        CAPTURE(moment);
        FakeWorld world;
        world.reopen();
        world.die_at = moment;
        world.answers["sample g"] = {counted(7)};
        died = false;
        try {
            (void)Runner(counting_plan(2), Progress(counting_plan(2)), world, {}).go();
        } catch (const Death&) {
            died = true;
        }
        const bool begun = world.has("b");
        world.answers["sample g"] = std::deque<Result<Finished>>(9, counted(10));
        // Three were added: too many, unless they were there before s/b was begun.
        if (died && begun) {
            CHECK(go(counting_plan(2), world) == Exit::no);
        }
    }
}

TEST_CASE("every sample is kept") {
    FakeWorld world;
    world.answers["sample g"] = {Finished{1, false, "", "worse"},
                                 fail(Exit::world, "x", "no such file")};
    CHECK(go(plan_of({gate("g")}), world) == Exit::yes);
    REQUIRE(world.kept.size() == 3);
    CHECK(world.kept[0].find(R"("verdict":"bad")") != std::string::npos);
    CHECK(world.kept[0].find(R"("err":"worse")") != std::string::npos);
    CHECK(world.kept[1].find(R"("exit":null)") != std::string::npos);
    CHECK(world.kept[2].find(R"("verdict":"good")") != std::string::npos);
}

TEST_CASE("a stop takes effect between two steps and inside a gate, and resume goes on") {
    for (int after = 0; after < 6; ++after) {
        CAPTURE(after);
        Plan plan = plan_of({act("a"), gate("g"), act("b")});
        plan.steps[1].gate.good = 2;
        FakeWorld world;
        world.reopen();
        world.stop_after = after;
        auto progress = replay(plan, {});
        CHECK(Runner(plan, *progress, world, {}).go() == Exit::world);
        CHECK(world.shown.back().what == Happened::stopped);
        CHECK(go(plan, world) == Exit::yes);
        CHECK(world.effects == Texts{"a", "b"});
    }
}

TEST_CASE("a journal that cannot be written ends it before the world is touched") {
    FakeWorld world;
    world.disk_full = true;
    const auto ended = go(plan_of({act("a")}), world);
    REQUIRE_FALSE(ended);
    CHECK(ended.error().kind == Exit::world);
    CHECK(world.ran == Texts{"see a"});
}

TEST_CASE("what an act prints is saved, and a failing act saves nothing") {
    Plan plan = plan_of({act("a")});
    plan.steps[0].save = "/run/d/a.json";
    FakeWorld world;
    SUBCASE("done") {
        CHECK(go(plan, world) == Exit::yes);
        CHECK(world.saved["/run/d/a.json"] == "{}");
    }
    SUBCASE("failed") {
        world.broken = {"set a"};
        CHECK(go(plan, world) == Exit::no);
        CHECK(world.saved.empty());
    }
}

namespace {

struct Ending {
    Exit exit = Exit::unknown;
    Texts effects;

    bool operator==(const Ending&) const = default;
};

// Runs until the world dies at that moment, then dies again at each `again` more (if not negative),
// then goes on to the end.
Ending die_and_go_on(const Plan& plan, const std::set<std::string>& broken, bool back_out,
                     int die_at, int again, bool& died) {
    FakeWorld world;
    world.broken = broken;
    world.answer_to_asked = "yes";
    died = false;
    for (const int moment : {die_at, again}) {
        try {
            const auto records = world.reopen();
            const auto progress = replay(plan, records);
            world.moments = 0;
            world.die_at = moment;
            (void)Runner(plan, *progress, world, {}).go();
        } catch (const Death&) {
            died = true;
        }
    }
    auto exit = go(plan, world);
    if (back_out) {
        exit = go(plan, world, {}, true);
    }
    return {exit.value_or(Exit::unknown), world.effects};
}

}  // namespace

TEST_CASE("wherever it dies, once or twice, resume ends as if it had not") {
    Plan no_check = plan_of({act("a"), act("b"), gate("g"), act("c")});
    no_check.steps[1].check.reset();
    no_check.steps[1].repeatable = true;
    struct Case {
        const char* what;
        Plan plan;
        std::set<std::string> broken;
        bool back_out;
        Ending ending;
    };
    const Plan plan = plan_of({act("a"), act("b"), gate("g"), hold("h"), act("c")});
    const Case cases[] = {
        {"forwards", plan, {}, false, {Exit::yes, {"a", "b", "c"}}},
        {"a gate fails", plan, {"sample g"}, false, {Exit::no, {}}},
        {"a do fails", plan, {"set c"}, false, {Exit::no, {}}},
        {"an undo fails", plan, {"set c", "clear b"}, false, {Exit::world, {"a", "b"}}},
        {"backed out after the end", plan, {}, true, {Exit::no, {}}},
        {"a repeatable step", no_check, {}, false, {Exit::yes, {"a", "b", "c"}}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        bool died = true;
        int moment = 0;
        for (; died; ++moment) {
            CAPTURE(moment);
            for (const int again : {-1, 0, 1, 2, 3, 4, 5, 6, 7}) {
                bool died_twice = false;
                CHECK(die_and_go_on(one.plan, one.broken, one.back_out, moment, again,
                                    died_twice) == one.ending);
            }
            (void)die_and_go_on(one.plan, one.broken, one.back_out, moment, -1, died);
        }
        CHECK(moment > 15);  // it did die in many places
    }
}

TEST_CASE("a step whose work was done when it died is not done twice") {
    const Plan plan = plan_of({act("a"), act("b")});
    for (int moment = 0; moment < 40; ++moment) {
        CAPTURE(moment);
        FakeWorld world;
        world.reopen();
        world.die_at = moment;
        auto progress = replay(plan, {});
        try {
            (void)Runner(plan, *progress, world, {}).go();
        } catch (const Death&) {
        }
        const Texts made = world.effects;
        world.ran.clear();
        CHECK(go(plan, world) == Exit::yes);
        for (const std::string& effect : made) {
            CHECK(std::count(world.ran.begin(), world.ran.end(), "set " + effect) == 0);
        }
    }
}

}  // namespace rehome::cutover::testing
