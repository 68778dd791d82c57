// A gate that cannot tell: what it looks at is added to, as often as was planned.
#include <doctest/doctest.h>

#include "tests/unit/cutover/fixture.h"
#include "tests/unit/cutover/runs.h"

namespace rehome::cutover::testing {

namespace {

using Answers = std::deque<Result<Finished>>;

constexpr int good = 0;
constexpr int bad = 1;
constexpr int untold = 4;

Plan plan_with_looks(unsigned looks) {
    Plan plan = plan_of({act("probe"), gate("g"), act("b")});
    Step& probe = plan.steps[0];
    probe.check.reset();
    probe.undo.clear();
    probe.repeatable = true;
    probe.save = "/run/d/now.json";
    plan.steps[1].gate.tries = 1;
    plan.steps[1].gate.more = More{"s/probe", 0, looks, "--extend"};
    return plan;
}

// The gate's commands, in their order.
Texts looked(const FakeWorld& world) {
    Texts texts;
    for (const std::string& command : world.ran) {
        if (command.starts_with("sample g")) {
            texts.push_back(command);
        }
    }
    return texts;
}

const std::string first = "sample g";
const std::string second = first + " --extend /run/d/now.json.2";
const std::string third = second + " --extend /run/d/now.json.3";

void lay_down(FakeWorld& world, const std::vector<int>& each) {
    const std::string commands[] = {first, second, third};
    for (size_t i = 0; i < each.size(); ++i) {
        world.answers[commands[i]] = codes({each[i], each[i], each[i]});
    }
}

}  // namespace

TEST_CASE("a gate that cannot tell looks at more, as often as was planned") {
    struct Case {
        const char* what;
        std::vector<int> answers;  // with none added, one, two
        Exit exit;
        size_t looks;
    };
    const Case cases[] = {
        {"good at once", {good}, Exit::yes, 1},
        {"good with one more", {untold, good}, Exit::yes, 2},
        {"good with two more", {untold, untold, good}, Exit::yes, 3},
        {"bad is not looked at again", {bad}, Exit::no, 1},
        {"bad with one more", {untold, bad}, Exit::no, 2},
        {"never", {untold, untold, untold}, Exit::no, 3},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        FakeWorld world;
        world.alone = true;
        lay_down(world, one.answers);
        CHECK(go(plan_with_looks(3), world) == one.exit);
        const Texts all{first, second, third};
        CHECK(looked(world) == Texts(all.begin(), all.begin() + static_cast<ptrdiff_t>(one.looks)));
        CHECK(std::count(world.ran.begin(), world.ran.end(), "set probe") ==
              static_cast<ptrdiff_t>(one.looks));
        CHECK(world.saved.contains("/run/d/now.json.2") == (one.looks > 1));
        CHECK(world.kept.size() == one.looks);
        CHECK(texts_of(world, Happened::added).size() == one.looks - 1);
    }
}

TEST_CASE("with one look planned nothing is added") {
    FakeWorld world;
    world.alone = true;
    lay_down(world, {untold});
    CHECK(go(plan_with_looks(1), world) == Exit::no);
    CHECK(looked(world) == Texts{first});
}

TEST_CASE("what cannot be added fails the gate, and says why") {
    FakeWorld world;
    world.alone = true;
    lay_down(world, {untold});
    world.answers["set probe"] = {Finished{0, false, "{}", ""}, Finished{3, false, "", "no link"}};
    CHECK(go(plan_with_looks(2), world) == Exit::no);
    CHECK(texts_of(world, Happened::failed) ==
          Texts{"exit code 4: {}; s/probe could not be run again: exit code 3: no link"});
}

TEST_CASE("wherever it dies, no more are added than were planned, and none is forgotten") {
    bool died = true;
    for (int moment = 0; died; ++moment) {
        CAPTURE(moment);
        FakeWorld world;
        world.alone = true;
        world.reopen();
        world.die_at = moment;
        lay_down(world, {untold, untold, good});
        died = false;
        const Plan plan = plan_with_looks(3);
        try {
            (void)Runner(plan, Progress(plan), world, {}).go();
        } catch (const Death&) {
            died = true;
        }
        CHECK((!died || go(plan, world) == Exit::yes));
        CHECK(looked(world).back() == third);
        const auto replayed = replay(plan, world.reopen());
        REQUIRE(replayed);
        CHECK(replayed->added.at("s/g") == 2);
    }
}

TEST_CASE("what `more` may name") {
    const auto mistakes = [](const std::string& probe, const std::string& gate) {
        const auto plan =
            plan_of_text(book_of(R"({"name": "p", "do": ["x"], )" + probe +
                                 R"(}, {"name": "g", "gate": {"command": ["y"], )" + gate + "}}"));
        return plan ? "" : all_text(plan.error());
    };
    const std::string saves = R"("save": "/x", "repeatable": true)";
    const std::string more = R"("more": {"step": "s/p", "looks": "2", "option": "--extend"})";
    const std::string no_act =
        "book.json: /stages/0/steps/1/gate/more/step: \"s/p\" is no act before \"s/g\" that saves "
        "what it prints, is repeatable and has no undo\n";
    CHECK(mistakes(saves, R"("tries": 1, )" + more) == "");
    CHECK(mistakes(R"("repeatable": true)", R"("tries": 1, )" + more) == no_act);
    CHECK(mistakes(R"("save": "/x")", R"("tries": 1, )" + more) == no_act);
    CHECK(mistakes(saves + R"(, "undo": ["z"])", R"("tries": 1, )" + more) == no_act);
    CHECK(mistakes(saves, more) ==
          "book.json: /stages/0/steps/1/gate/tries: expected 1: what cannot be told is added to by "
          "more\n");
}

}  // namespace rehome::cutover::testing
