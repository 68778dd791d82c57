// Runs of a runner in a world in memory, for its tests.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <initializer_list>
#include <string>
#include <vector>

#include "cutover/run/runner/runner.h"
#include "tests/unit/cutover/fake_world.h"

namespace rehome::cutover::testing {

inline Plan plan_of(std::vector<Step> steps) {
    Plan plan;
    plan.name = "test";
    plan.steps = std::move(steps);
    return plan;
}

// Goes on with what the world's journal holds.
inline Result<Exit> go(const Plan& plan, FakeWorld& world, const RunnerOptions& options = {},
                       bool back = false) {
    auto progress = replay(plan, world.reopen());
    REQUIRE(progress);
    Runner runner(plan, *progress, world, options);
    return back ? runner.turn_back("asked") : runner.go();
}

inline std::vector<std::string> events(const FakeWorld& world) {
    std::vector<std::string> result;
    for (const Record& record : world.shown) {
        if (record.what == Happened::asked || record.what == Happened::answered) {
            continue;
        }
        result.push_back(std::string(name(record.what)) +
                         (record.step.empty() ? "" : " " + record.step));
    }
    return result;
}

using Texts = std::vector<std::string>;

// Each answer of a step's check in turn, by exit code.
inline std::deque<Result<Finished>> codes(std::initializer_list<int> all) {
    std::deque<Result<Finished>> answers;
    for (const int code : all) {
        answers.push_back(Finished{code, false, "{}", ""});
    }
    return answers;
}

// What records of this kind say, in their order.
inline Texts texts_of(const FakeWorld& world, Happened what) {
    Texts texts;
    for (const Record& record : world.shown) {
        if (record.what == what) {
            texts.push_back(record.text);
        }
    }
    return texts;
}

}  // namespace rehome::cutover::testing
