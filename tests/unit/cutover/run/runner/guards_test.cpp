// Guards: when one is broken or blind, and what the runner makes of it.
#include "cutover/run/guard.h"

#include <doctest/doctest.h>

#include "cutover/run/runner/runner.h"
#include "tests/unit/cutover/fake_world.h"
#include "tests/unit/cutover/fixture.h"
#include "tests/unit/cutover/runs.h"

namespace rehome::cutover::testing {

namespace {

using State = GuardWatch::State;
using Texts = std::vector<std::string>;
using Answers = std::deque<Result<Finished>>;

const Finished fine{0, false, R"({"n": 0})", ""};
const Finished worse{0, false, R"({"n": 1})", ""};
const Finished silent{4, false, "", "no agent"};

// It asks for /n to be 0, each second; a sample speaks for 3 s.
Guard guard_of_n() {
    Guard guard;
    guard.step = gate("g");
    guard.step.id = "guard/g";
    Figure figure;
    figure.pointer = "/n";
    figure.max = 0;
    guard.step.gate.sample.figures = {figure};
    guard.step.gate.sample.max_age = Seconds(3);
    return guard;
}

// Samples of one a second.
State state_after(GuardWatch& watch, const Answers& answers, int from_s = 1) {
    int64_t us = 0;
    for (size_t i = 0; i < answers.size(); ++i) {
        us = (from_s + static_cast<int64_t>(i)) * 1'000'000;
        (void)watch.take({0, answers[i], us, us});
    }
    return watch.state(us);
}

// Acts and a gate of five seconds, under the guard.
struct Guarded {
    Plan plan;
    FakeWorld world;

    Guarded() {
        plan.name = "test";
        plan.steps = {act("a"), act("b"), gate("w"), act("c")};
        plan.steps[2].gate.lasting = Seconds(5);
        plan.guards = {guard_of_n()};
        world.reopen();
    }

    Result<Exit> go(const RunnerOptions& options = {}) {
        return Runner(plan, Progress(plan), world, options).go();
    }

    // The guard's samples, one a second; then good ones.
    void samples(Answers answers) {
        answers.insert(answers.end(), 100, fine);
        world.answers["sample g"] = std::move(answers);
    }

    std::string turned_back() const {
        for (const Record& record : world.shown) {
            if (record.what == Happened::turned_back) {
                return record.text;
            }
        }
        return "";
    }

    auto times(const std::string& command) const {
        return std::count(world.ran.begin(), world.ran.end(), command);
    }
};

}  // namespace

TEST_CASE("two bad samples in a row break a guard, and good ones do not mend it") {
    struct Case {
        const char* what;
        Answers answers;
        State state;
    };
    const Case cases[] = {
        {"good", {fine, fine}, State::holds},
        {"one bad", {fine, worse}, State::holds},
        {"bad, good, bad", {worse, fine, worse}, State::holds},
        {"two bad", {fine, worse, worse}, State::broken},
        {"two bad, then good", {worse, worse, fine, fine}, State::broken},
        {"bad around one that cannot be told", {worse, silent, worse}, State::broken},
        {"cannot be told", {fine, silent, silent}, State::holds},
        {"for too long", {fine, silent, silent, silent, silent, silent}, State::blind},
        {"never", {silent, silent, silent, silent, silent}, State::blind},
        {"blind, then good", {silent, silent, silent, silent, silent, fine}, State::holds},
        {"exit code 1 is bad", {Finished{1, false, "", ""}, worse}, State::broken},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const Guard guard = guard_of_n();
        GuardWatch watch(guard, 0, 0);
        watch.enter("s");
        CHECK(state_after(watch, one.answers) == one.state);
    }
}

TEST_CASE("an operator goes on without a guard: until when") {
    struct Case {
        const char* what;
        Answers before, after;
        bool new_stage;
        State state;
    };
    const Answers broken{worse, worse};
    const Answers blind(5, silent);
    const Case cases[] = {
        {"broken, and bad all the while", broken, Answers(9, worse), false, State::holds},
        {"broken, good, bad once", broken, {worse, fine, worse}, false, State::holds},
        {"broken, good, broken", broken, {worse, fine, worse, worse}, false, State::broken},
        {"broken, and so in the next stage", broken, broken, true, State::broken},
        {"blind for longer", blind, Answers(9, silent), false, State::holds},
        {"blind, sees, blind",
         blind,
         {fine, silent, silent, silent, silent, silent},
         false,
         State::blind},
        {"blind, then broken", blind, broken, false, State::broken},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const Guard guard = guard_of_n();
        GuardWatch watch(guard, 0, 0);
        watch.enter("s");
        REQUIRE(state_after(watch, one.before) != State::holds);
        watch.excuse();
        watch.enter(one.new_stage ? "t" : "s");
        CHECK(state_after(watch, one.after, 6) == one.state);
    }
}

TEST_CASE("a frozen sample is no sight") {
    Guard guard = guard_of_n();
    guard.step.gate.sample.fresh = "/at";
    GuardWatch watch(guard, 0, 0);
    const Finished frozen{0, false, R"({"n": 0, "at": "1970-01-01T00:00:01.000000Z"})", ""};
    CHECK(state_after(watch, Answers(4, frozen)) == State::holds);
    CHECK(state_after(watch, Answers(6, frozen)) == State::blind);
}

TEST_CASE("growth counts from the stage's begin, and a restart breaks at once") {
    Guard guard = guard_of_n();
    guard.step.gate.sample.figures[0].since_start = true;
    guard.step.gate.sample.figures[0].max = 2;
    const auto count = [](int n) {
        return Finished{0, false, fmt::format(R"({{"n": {}}})", n), ""};
    };
    GuardWatch watch(guard, 0, 0);
    watch.enter("s");
    CHECK(state_after(watch, {count(5), count(7), count(7)}) == State::holds);
    watch.enter("t");
    CHECK(state_after(watch, {count(9), count(9)}, 4) == State::holds);
    SUBCASE("too many in one stage") {
        CHECK(state_after(watch, {count(10), count(10)}, 6) == State::broken);
    }
    SUBCASE("a restart") {
        CHECK(state_after(watch, {count(0)}, 6) == State::broken);
        CHECK(watch.why() == "/n fell from 9 to 0: it counts anew");
    }
}

TEST_CASE("in a stage where resets are expected it only reports") {
    Guard guard = guard_of_n();
    guard.not_in = {"resets"};
    GuardWatch watch(guard, 0, 0);
    watch.enter("resets");
    CHECK(state_after(watch, {worse, worse, worse}) == State::holds);
    CHECK(watch.state(60'000'000) == State::holds);
    watch.enter("after");
    CHECK(state_after(watch, {worse}, 4) == State::holds);
    CHECK(state_after(watch, {worse}, 5) == State::broken);
}

TEST_CASE("the run goes on while its guards hold, and keeps their samples") {
    Guarded night;
    night.samples({});
    CHECK(night.go() == Exit::yes);
    CHECK(night.world.effects == Texts{"a", "b", "c"});
    CHECK(night.world.kept.size() > 9);  // the gate's six, and the guard's
}

TEST_CASE("a broken guard turns the run back") {
    Guarded night;
    SUBCASE("inside a gate") {
        night.samples({fine, worse, worse});
        CHECK(night.go() == Exit::no);
        CHECK(night.times("set c") == 0);
    }
    SUBCASE("once the act that runs has ended, though it is good again") {
        night.world.slow["set b"] = 10;
        night.samples({fine, worse, worse});
        CHECK(night.go() == Exit::no);
        CHECK(night.times("see b") > 0);
        CHECK(night.times("sample w") == 0);
    }
    SUBCASE("also when the next step is another stage's") {
        night.world.slow["set b"] = 10;
        night.plan.steps[2].stage = night.plan.steps[3].stage = "t";
        night.samples({fine, worse, worse});
        CHECK(night.go() == Exit::no);
        CHECK(night.times("sample w") == 0);
    }
    CHECK(night.world.effects.empty());
    CHECK(night.turned_back() == "guard/g does not hold: /n 1, max 0");
}

TEST_CASE("one bad sample does not turn it back") {
    Guarded night;
    night.samples({fine, worse, fine, worse});
    CHECK(night.go() == Exit::yes);
}

TEST_CASE("a guard begins with its step") {
    Guarded night;
    night.world.slow["set c"] = 1;
    night.plan.guards[0].from = 3;
    night.samples({worse});
    CHECK(night.go() == Exit::yes);
    CHECK(night.world.guards.size() == 1);
    Guarded never;
    never.plan.guards[0].from = 4;
    CHECK(never.go() == Exit::yes);
    CHECK(never.world.guards.empty());
}

TEST_CASE("on the way back guards only report") {
    Guarded night;
    night.world.broken = {"set b"};
    night.world.slow["clear b"] = 10;
    night.samples(Answers(100, worse));
    night.plan.guards[0].from = 1;
    CHECK(night.go() == Exit::no);
    CHECK(night.world.effects.empty());
    CHECK(night.turned_back() == "s/b failed");
    CHECK(night.world.kept.size() > 5);
}

TEST_CASE("a blind guard holds the run") {
    struct Case {
        const char* what;
        size_t blind_s;
        bool yes;
        std::optional<std::string> answer;
        Exit exit;
    };
    const Case cases[] = {
        {"until it sees again", 20, true, {}, Exit::yes},
        {"unattended, at most for blind_s", 50, true, {}, Exit::no},
        {"nobody is there", 50, false, {}, Exit::no},
        {"the operator goes on without it", 50, false, "yes", Exit::yes},
        {"the operator goes back", 50, false, "undo", Exit::no},
        {"the operator stops", 50, false, "stop", Exit::world},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Guarded night;
        night.world.slow["set a"] = 8;
        night.world.answer_to_asked = one.answer;
        night.samples(Answers(one.blind_s, silent));
        RunnerOptions options;
        options.yes = one.yes;
        CHECK(night.go(options) == one.exit);
        CHECK(night.world.asked.size() == (one.yes ? 0 : 1));
        if (one.exit == Exit::no) {
            CHECK(night.turned_back() == "guard/g sees nothing: exit code 4: no agent");
            CHECK(night.times("set b") == 0);
        }
    }
}

TEST_CASE("while a blind guard holds a gate, the gate's time stands still") {
    Guarded night;
    night.plan.steps[2].timeout = Seconds(12);
    night.samples(Answers(20, silent));
    RunnerOptions options;
    options.yes = true;
    CHECK(night.go(options) == Exit::yes);
}

TEST_CASE("where there is no return a broken guard holds the run") {
    struct Case {
        std::optional<std::string> answer;
        bool yes;
        Exit exit;
        Texts effects;
    };
    const Case cases[] = {
        {std::nullopt, true, Exit::world, {"a", "b"}},
        {std::nullopt, false, Exit::world, {"a", "b"}},
        {"stop", false, Exit::world, {"a", "b"}},
        {"yes", false, Exit::yes, {"a", "b", "c"}},
        {"undo", false, Exit::no, {}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.answer.value_or("nobody"));
        Guarded night;
        for (Step& step : night.plan.steps) {
            step.no_return = true;
        }
        night.world.answer_to_asked = one.answer;
        night.samples({worse, worse});
        RunnerOptions options;
        options.yes = one.yes;
        CHECK(night.go(options) == one.exit);
        CHECK(night.world.effects == one.effects);
    }
}

TEST_CASE("what breaks in a stage without return is held there, whatever stage comes next") {
    Guarded night;
    night.plan.steps[1].no_return = true;
    night.plan.steps[1].stage = "n";
    night.plan.steps[2].stage = night.plan.steps[3].stage = "t";
    night.world.slow["set b"] = 10;
    night.samples({fine, worse, worse});
    CHECK(night.go() == Exit::world);
    CHECK(night.turned_back().empty());
    CHECK(night.world.effects == Texts{"a", "b"});
}

TEST_CASE("a run is not done while a guard is broken or blind at its end") {
    for (const Finished& last : {worse, silent}) {
        Guarded night;
        night.world.slow["set c"] = 60;
        night.samples(Answers(100, last));
        night.plan.guards[0].from = 3;
        CHECK(night.go() == Exit::no);
        CHECK(night.world.effects.empty());
    }
}

// A run that ends, or is resumed at its end, before the guard's first second has passed.
TEST_CASE("nor before each guard has looked once more") {
    for (const bool resumed : {false, true}) {
        CAPTURE(resumed);
        for (const auto& [samples, exit, why] :
             {std::tuple{Answers{worse, worse}, Exit::no, "guard/g does not hold: /n 1, max 0"},
              {Answers{worse, fine}, Exit::yes, ""}}) {
            Guarded night;
            night.plan.steps.resize(1);
            if (resumed) {
                REQUIRE(night.world.append({Happened::begun, 1, "s/a", ""}));
                REQUIRE(night.world.append({Happened::done, 2, "s/a", ""}));
            }
            night.samples(samples);
            CHECK(go(night.plan, night.world) == exit);
            CHECK(night.turned_back() == why);
        }
    }
}

TEST_CASE("a guard ends the waiting of a hold") {
    Guarded night;
    night.plan.steps[2] = hold("h");
    night.samples({fine, fine, worse, worse});
    night.world.asking_s = 20;
    CHECK(night.go() == Exit::no);
    CHECK(night.turned_back() == "guard/g does not hold: /n 1, max 0");
    CHECK(night.world.asked == Texts{"h?"});
}

TEST_CASE("what is refused of guards") {
    struct Case {
        const char* guard;
        const char* mistake;
    };
    const Case cases[] = {
        {R"("from": "t")", "/guards/0/from: names no stage or step after which there is one"},
        {R"("not_in": ["t"])", "/guards/0/not_in: \"t\" is no stage"},
        {R"("every_s": 0)", "/guards/0/every_s: expected at least 0.01"},
        {R"("on": "nowhere")", "/guards/0/on: \"nowhere\" names no host"},
    };
    const auto mistakes = [](const std::string& guard, const std::string& figure) {
        const auto plan = plan_of_text(fmt::format(
            R"({{"schema": "rehome/playbook/1", "name": "t",
                "guards": [{{"name": "g", "command": ["x"], "fresh": "/at", {},
                             "figures": [{{"pointer": "/a", {}}}]}}],
                "stages": [{{"name": "s", "steps": [{{"name": "x", "do": ["x"]}}]}}]}})",
            guard, figure));
        return plan ? "" : all_text(plan.error());
    };
    CHECK(mistakes(R"("from": "s", "not_in": ["s"])", R"("max": 1)") == "");
    for (const Case& one : cases) {
        CAPTURE(one.guard);
        CHECK(mistakes(one.guard, R"("max": 1)").find(one.mistake) != std::string::npos);
    }
    CHECK(mistakes(R"("from": "s")", R"("min": 2, "max": 1)").find("min 2 is above max 1") !=
          std::string::npos);
    CHECK(mistakes(R"("from": "s")", R"("since": "s", "max": 1)").find("since belongs to a gate") !=
          std::string::npos);
}

}  // namespace rehome::cutover::testing
