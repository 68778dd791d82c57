// Any order of failures, lies, kills, skips, retries and answers: a run ends done, undone, or
// stopped with a list that is true.
//
// The plan, what each command does, which hosts cannot be asked what became of a command, and where
// the process dies are drawn; see the comments at the
// checks for what must hold whatever was drawn.  RC_PARAMS="max_success=30000" tries others.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>

#include "cutover/run/runner/runner.h"
#include "tests/unit/cutover/fake_world.h"
#include "tests/unit/cutover/fixture.h"

namespace rehome::cutover::testing {

namespace {

using Texts = std::vector<std::string>;

constexpr int most_steps = 6;
constexpr int most_sessions = 6;

std::string letter(int i) {
    return std::string(1, static_cast<char>('a' + i));
}

// What may be drawn of one command for one session, unless it does its work: it fails and has done
// nothing, or says that it worked and has done nothing.
enum class Manner { fails, lies };

// Counts what acts do, and is what commands do this time.
class DrawnWorld : public FakeWorld {
public:
    std::map<std::string, Manner> manners;  // by command
    std::map<std::string, int> made;        // how often each effect was made
    std::set<std::string> doubled;          // made where it was already

    Result<Finished> run(const Step& step, const Argv& argv, Seconds limit) override {
        const auto drawn = manners.find(printable(argv));
        if (drawn != manners.end()) {
            const int code = drawn->second == Manner::fails ? 3 : 0;
            return Finished{code, false, "{}", "drawn"};
        }
        const Counted counted(*this, argv);
        return FakeWorld::run(step, argv, limit);
    }

private:
    // Looks at what an act has done, also where the process died of it.
    class Counted {
    public:
        Counted(DrawnWorld& world, const Argv& argv)
            : world_(world),
              effect_(argv.at(0) == "set" ? argv.at(1) : ""),
              before_(world.has(effect_)),
              ran_(world.ran.size()) {}
        Counted(const Counted&) = delete;
        Counted& operator=(const Counted&) = delete;
        ~Counted() {
            if (effect_.empty() || world_.ran.size() == ran_) {
                return;
            }
            if (before_) {
                world_.doubled.insert(effect_);
            } else if (world_.has(effect_)) {
                world_.made[effect_]++;
            }
        }

    private:
        DrawnWorld& world_;
        std::string effect_;
        bool before_;
        size_t ran_;
    };
};

Step drawn_step(int i) {
    const std::string name = letter(i);
    switch (*rc::gen::inRange(0, 8)) {
        case 0:
            return gate(name);
        case 1: {
            Step step = act(name);
            step.check.reset();
            step.repeatable = true;
            step.retry.times = 1;
            return step;
        }
        case 2: {
            Step step = act(name);
            step.check.reset();
            return step;
        }
        case 3: {
            Step step = act(name);
            step.undo = {};
            return step;
        }
        case 4: {
            Step step = act(name);
            step.retry.times = 2;
            return step;
        }
        default:
            return act(name);
    }
}

Plan drawn_plan() {
    Plan plan;
    plan.name = "drawn";
    const int count = *rc::gen::inRange(1, most_steps + 1);
    for (int i = 0; i < count; ++i) {
        plan.steps.push_back(drawn_step(i));
    }
    for (int i = 0; i + 1 < count; ++i) {
        Step& step = plan.steps[static_cast<size_t>(i)];
        if (!step.undo.empty() && *rc::gen::inRange(0, 3) == 0) {
            step.after.emplace();
            for (int later = i + 1; later < count; ++later) {
                if (*rc::gen::arbitrary<bool>()) {
                    step.after->push_back("s/" + letter(later));
                }
            }
        }
    }
    return plan;
}

// Checks never lie: they are what all else is held against.  They may be unable to tell.
void draw_manners(const Plan& plan, DrawnWorld& world) {
    world.manners.clear();
    world.unreachable.clear();
    for (const Step& step : plan.steps) {
        if (*rc::gen::inRange(0, 10) == 0) {
            world.unreachable.insert(step.id);
        }
        const auto draw = [&](const char* verb, bool may_lie) {
            const int drawn = *rc::gen::inRange(0, 10);
            if (drawn == 0 || (drawn == 1 && may_lie)) {
                world.manners[verb + (" " + step.name)] = drawn == 0 ? Manner::fails : Manner::lies;
            }
        };
        draw("set", true);
        draw("clear", true);
        draw("see", false);
        draw("sample", false);
    }
}

std::set<std::string> drawn_skips(const Plan& plan) {
    std::set<std::string> skips;
    for (const Step& step : plan.steps) {
        if (!step.undo.empty() && *rc::gen::inRange(0, 10) == 0) {
            skips.insert(step.id);
        }
    }
    return skips;
}

// Somebody who answers whatever he likes, but does not say of a step what is not so; or nobody.
void draw_operator(DrawnWorld& world) {
    world.alone = *rc::gen::inRange(0, 2) == 0;
    world.answers_in_turn.clear();
    for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
        world.answers_in_turn.push_back(*rc::gen::element<std::string>(
            "retry", "retry", "go on a reason", "undo", "stop", "y"));
    }
}

struct Ended {
    std::optional<Exit> exit;  // none: killed
    Progress progress;
};

// One session: to its end, or until it is killed.
Ended session(const Plan& plan, DrawnWorld& world, const RunnerOptions& options, bool back) {
    auto progress = replay(plan, world.reopen());
    REQUIRE(progress);
    Ended ended{std::nullopt, *progress};
    world.moments = 0;
    world.die_at = *rc::gen::inRange(0, 3) == 0 ? *rc::gen::inRange(0, 60) : -1;
    try {
        Runner runner(plan, *progress, world, options);
        const auto exit = back ? runner.turn_back("asked") : runner.go();
        REQUIRE(exit);
        ended.exit = *exit;
    } catch (const Death&) {
    }
    ended.progress = *replay(plan, world.reopen());
    return ended;
}

bool stands(const Progress& progress, size_t i, std::initializer_list<StepState> states) {
    return std::find(states.begin(), states.end(), progress.steps[i].state) != states.end();
}

// What is said of each step is true of the world.
void check_words(const Plan& plan, const DrawnWorld& world, const std::set<std::string>& before,
                 const Progress& progress) {
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const Step& step = plan.steps[i];
        if (step.kind != Step::Kind::act) {
            continue;
        }
        RC_LOG() << step.id << ": " << name(progress.steps[i].state) << "\n";
        const bool there = world.has(step.name);
        if (step.check && stands(progress, i, {StepState::done, StepState::found})) {
            RC_ASSERT(there);
        }
        if (stands(progress, i, {StepState::undone})) {
            const bool never = progress.steps[i].text == "it never began";
            RC_ASSERT(there == (never && before.contains(step.name)));
        }
        // Never touched, or never undone: as it was.
        if (step.check && stands(progress, i, {StepState::waiting, StepState::found})) {
            RC_ASSERT(there == before.contains(step.name));
        }
        // Nothing is done where it is already, as a check can tell; and nothing is done twice, as
        // the hand can tell, unless it may be.
        if (step.check || !(step.repeatable || before.contains(step.name))) {
            RC_ASSERT(!world.doubled.contains(step.name));
        }
    }
}

bool relies_on(const Step& step, const Step& later) {
    return !step.after ||
           std::find(step.after->begin(), step.after->end(), later.id) != step.after->end();
}

// No undo is begun before those that it relies on are behind it.
void check_order(const Plan& plan, const std::vector<Record>& records) {
    Progress progress(plan);
    for (const Record& record : records) {
        RC_ASSERT(apply(plan, record, progress).has_value());
        if (record.what != Happened::undo_begun) {
            continue;
        }
        size_t i = 0;
        for (; plan.steps[i].id != record.step; ++i) {
        }
        for (size_t later = i + 1; later < plan.steps.size(); ++later) {
            const bool before = relies_on(plan.steps[i], plan.steps[later]) &&
                                progress.steps[later].begun && !plan.steps[later].undo.empty();
            RC_ASSERT(!before ||
                      stands(progress, later,
                             {StepState::undone, StepState::unproven, StepState::undo_skipped}));
        }
    }
}

// Backing out wholly is said only when nothing is left that was not there before; otherwise what
// is left stands in the list.
void check_list(const Plan& plan, const DrawnWorld& world, const std::set<std::string>& before,
                const Ended& ended) {
    std::set<std::string> listed;
    for (const size_t i : left_to_undo(plan, ended.progress)) {
        listed.insert(plan.steps[i].name);
    }
    for (const StepState state : {StepState::undo_skipped, StepState::unproven}) {
        for (const size_t i : steps_in(ended.progress, state)) {
            listed.insert(plan.steps[i].name);
        }
    }
    for (const Step& step : plan.steps) {
        const bool ours = world.has(step.name) && !before.contains(step.name);
        if (ours && !step.undo.empty()) {
            RC_ASSERT(listed.contains(step.name));
        }
        // What was there before is never taken away where a check could have told.
        if (before.contains(step.name) && step.check) {
            RC_ASSERT(world.has(step.name));
        }
    }
    RC_ASSERT((*ended.exit == Exit::no) == listed.empty());
    RC_ASSERT(ended.progress.finished == left_to_undo(plan, ended.progress).empty());
}

void check_end(const Plan& plan, const DrawnWorld& world, const std::set<std::string>& before,
               const Ended& ended) {
    check_words(plan, world, before, ended.progress);
    if (!ended.exit) {
        return;
    }
    RC_ASSERT(*ended.exit != Exit::usage);
    // What failed and was gone on from is never among what is done.
    if (ended.progress.finished && !ended.progress.backwards) {
        RC_ASSERT((*ended.exit == Exit::yes) ==
                  steps_in(ended.progress, StepState::gone_on).empty());
        RC_ASSERT(*ended.exit == Exit::yes || *ended.exit == Exit::world);
    }
    if (*ended.exit == Exit::yes) {
        RC_ASSERT(ended.progress.finished && !ended.progress.backwards);
        for (const Step& step : plan.steps) {
            RC_ASSERT(!step.check || world.has(step.name));
        }
    } else if (ended.progress.backwards) {
        check_list(plan, world, before, ended);
    }
}

// In a world that behaves, going back once more without skips puts everything back.
void check_mended(const Plan& plan, DrawnWorld& world, const std::set<std::string>& before) {
    world.manners.clear();
    world.unreachable.clear();
    world.alone = true;
    auto progress = replay(plan, world.reopen());
    Runner runner(plan, *progress, world, {});
    const auto exit = runner.turn_back("mended");
    RC_ASSERT(exit.has_value());
    RC_ASSERT(runner.progress().finished);
    const bool blind = !steps_in(runner.progress(), StepState::unproven).empty();
    RC_ASSERT(*exit == (blind ? Exit::unknown : Exit::no));
    for (const Step& step : plan.steps) {
        if (!step.undo.empty() && step.check) {
            RC_ASSERT(world.has(step.name) == before.contains(step.name));
        }
    }
}

void any_night() {
    const Plan plan = drawn_plan();
    DrawnWorld world;
    std::set<std::string> before;
    for (const Step& step : plan.steps) {
        if (step.kind == Step::Kind::act && *rc::gen::inRange(0, 4) == 0) {
            world.effects.push_back(step.name);
            before.insert(step.name);
        }
    }
    for (int i = 0; i < most_sessions; ++i) {
        draw_manners(plan, world);
        draw_operator(world);
        RunnerOptions options;
        options.skip = drawn_skips(plan);
        const bool back = *rc::gen::inRange(0, 5) == 0;
        check_end(plan, world, before, session(plan, world, options, back));
    }
    for (const Step& step : plan.steps) {
        RC_ASSERT(!step.check || world.made[step.name] <= 1);
    }
    check_mended(plan, world, before);
    check_order(plan, world.reopen());
}

}  // namespace

TEST_CASE("any order of failures, lies, kills, skips and retries ends with true words") {
    // The same nights each time, unless others are asked for.
    setenv("RC_PARAMS", "seed=20260506 max_success=1000", 0);
    CHECK(rc::check(any_night));
}

}  // namespace rehome::cutover::testing
