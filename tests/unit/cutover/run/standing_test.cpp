// Where a run stands, as `cutover status` tells it on a terminal of 80 columns.
#include "cutover/run/standing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "cutover/run/event.h"
#include "tests/unit/cutover/fixture.h"

namespace rehome::cutover::testing {

namespace {

constexpr UnixMicros hour = 3'600'000'000;
constexpr UnixMicros start = 1'700'000'000'000'000;

// A night: each record comes a minute after the one before.
struct Night {
    Plan plan;
    Journal journal;

    explicit Night(std::vector<Step> steps) {
        plan.name = "move";
        plan.steps = std::move(steps);
    }

    Night& add(Happened what, const std::string& step, const std::string& text = "") {
        const auto minutes = static_cast<int64_t>(journal.records.size());
        journal.records.push_back({what, start + minutes * 60'000'000, step, text});
        return *this;
    }

    std::string text(bool running, const std::vector<KeptSample>& samples = {}) const {
        const auto progress = replay(plan, journal.records);
        REQUIRE(progress);
        return standing_text({plan, journal, *progress, "move.j", running, samples, start + hour});
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

size_t widest(const std::string& text) {
    size_t most = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        most = std::max(most, line.size());
    }
    return most;
}

std::string joined(const std::string& text) {
    std::string flat;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\n';
        if (!space || flat.empty() || flat.back() != ' ') {
            flat += space ? ' ' : c;
        }
    }
    return flat;
}

}  // namespace

TEST_CASE("a hold: since when, and how to answer it from another terminal") {
    Night night({act("a"), hold("h"), act("b")});
    night.add(Happened::begun, "s/a").add(Happened::done, "s/a").add(Happened::begun, "s/h");
    night.add(Happened::asked, "s/h", "Go on?");
    night.journal.records.back().choices = {"yes", "undo", "stop"};
    const std::string id = question_id(night.journal.records.back());
    const std::string text = night.text(true);
    CHECK(has(text, "question " + id + ": Go on?"));
    CHECK(has(text, "goes on: cutover approve " + id + " --journal move.j"));
    CHECK(has(text, "backs out: cutover answer " + id + " undo --journal move.j"));
    CHECK(has(text, "at s/h, since 2023-11-14T22:16:20.000000Z (57 min 0 s), waits for an answer"));
    CHECK(has(text, "an undo would now undo, in this order: s/a"));
    CHECK(has(text, "move: under way, running"));
    // Killed there, nobody can answer.
    CHECK(has(night.text(false), "nobody can answer it now, as no cutover is running"));
    // Answered, it is not asked any more.
    night.add(Happened::answered, "s/h", "yes");
    CHECK(!has(night.text(true), "question"));
}

TEST_CASE("the last reason stands there in full, in lines that fit") {
    Night night({act("a"), gate("g")});
    const std::string why =
        "did not pass within 20 s: /carriers/red/loss_percent 3.125 +3.125 since relay 1 %/share, "
        "max 3; /carriers/red/delay_ms/p99 47.25, max 45; the very core of it";
    night.add(Happened::begun, "s/a").add(Happened::done, "s/a").add(Happened::begun, "s/g");
    night.add(Happened::failed, "s/g", why).add(Happened::turned_back, "", "s/g failed");
    const std::string text = night.text(true);
    CHECK(has(joined(text), why));
    CHECK(widest(text) <= 80);
}

TEST_CASE("a gate's figures, how long they have been good, and the guards'") {
    Night night({act("a"), gate("g")});
    night.plan.steps[1].gate.lasting = Seconds(60);
    night.plan.guards = {Guard{night.plan.steps[1], 0, {}, Seconds(9)}};
    night.plan.guards[0].step.id = "guard/alive";
    night.add(Happened::begun, "s/a").add(Happened::done, "s/a").add(Happened::begun, "s/g");
    const UnixMicros begun = night.journal.records.back().at;
    std::vector<KeptSample> samples{{begun - 1, "s/g", Verdict::good, {"/old 1"}, ""}};
    for (int s = 1; s <= 30; ++s) {
        const Verdict verdict = s <= 10 ? Verdict::bad : Verdict::good;
        samples.push_back({begun + s * 1'000'000, "s/g", verdict, {"/lost 0, max 0"}, ""});
        samples.push_back(
            {begun + s * 1'000'000, "guard/alive", Verdict::cannot_tell, {}, "no answer"});
    }
    const std::string text = joined(night.text(true, samples));
    CHECK(has(text, "s/g: good for 19 s of 60 s, 57 min 30 s ago; /lost 0, max 0"));
    CHECK(has(text, "guard/alive: cannot_tell for 29 s, 57 min 30 s ago; no answer"));
    CHECK(has(text, "waits for its gate to be good for 60 s, 10 s at most"));
    CHECK(!has(text, "/old"));
}

TEST_CASE("what was found so, what has no undo, and what failed and was gone on from") {
    Night night({act("a"), act("b"), gate("g"), act("c")});
    night.plan.steps[1].undo.clear();
    night.add(Happened::found, "s/a").add(Happened::begun, "s/b").add(Happened::done, "s/b");
    night.add(Happened::begun, "s/g")
        .add(Happened::failed, "s/g", "too few")
        .add(Happened::gone_on, "s/g", "the probe is off");
    const std::string text = night.text(true);
    CHECK(has(text, "found so: s/a"));
    CHECK(has(text, "stays as it is, without an undo: s/b"));
    CHECK(has(text, "s/g failed: too few; gone on: the probe is off"));
    CHECK(has(text, "gone_on       s/g"));
    // The last words do not say that all is done.
    night.add(Happened::begun, "s/c").add(Happened::done, "s/c").add(Happened::finished, "");
    const auto progress = replay(night.plan, night.journal.records);
    const std::string ending = ending_text(night.plan, *progress, "move.j");
    CHECK(has(ending, "3 of 4 steps are done; failed, and gone on from:"));
    CHECK(has(ending, "s/g failed: too few\n      gone on: the probe is off"));
    CHECK(phase(*progress) == "done in part");
    CHECK(has(night.text(false), "move: done in part"));
}

TEST_CASE("a long plan fits on a screen: steps of a stage that stand alike are one line") {
    std::vector<Step> steps;
    for (int i = 0; i < 60; ++i) {
        steps.push_back(act("step " + std::to_string(i)));
        steps.back().stage = "stage " + std::to_string(i / 10);
        steps.back().id = steps.back().stage + "/" + steps.back().name;
    }
    Night night(steps);
    night.add(Happened::begun, steps[0].id);
    const std::string text = night.text(true);
    CHECK(std::count(text.begin(), text.end(), '\n') <= 24);
    CHECK(has(text, "waiting       stage 5/step 50 and 9 more"));
}

TEST_CASE("samples are read from wherever in the file") {
    const Reading good{Verdict::good, "", {"/lost 0"}};
    const std::string line =
        sample_json(gate("g"), Finished{0, false, "{}", ""}, good, start) + "\n";
    const std::string text = line.substr(17) + line + "{}\nnull\n[1]\n" + line + line.substr(0, 30);
    const auto samples = read_samples(text);
    REQUIRE(samples.size() == 2);
    CHECK(samples[0].step == "s/g");
    CHECK(samples[0].at == start);
    CHECK(samples[0].verdict == Verdict::good);
    CHECK(samples[0].figures == std::vector<std::string>{"/lost 0"});
    CHECK(read_samples("").empty());
    CHECK(read_samples("\n\n").empty());
}

TEST_CASE("durations") {
    CHECK(duration_text(-5) == "0 s");
    CHECK(duration_text(59'900'000) == "59 s");
    CHECK(duration_text(3'723'000'000) == "1 h 2 min 3 s");
}

}  // namespace rehome::cutover::testing
