// The runner's part that heeds guards.
#include <fmt/format.h>

#include <algorithm>

#include "cutover/run/runner.h"

namespace rehome::cutover {

namespace {

using State = GuardWatch::State;

// So long a sample may wait until it is looked at.
constexpr Seconds look_every{0.05};

}  // namespace

void Runner::begin_guards(size_t step) {
    for (size_t i = 0; i < plan_.guards.size(); ++i) {
        const Guard& guard = plan_.guards[i];
        if (step >= guard.from && !guards_.contains(i)) {
            GuardWatch watch(guard, world_.now(), world_.monotonic());
            watch.enter(plan_.steps[step].stage);
            guards_.emplace(i, std::move(watch));
            world_.begin_guard(i, guard);
        }
    }
}

Result<> Runner::take_guard_samples() {
    for (const GuardSample& sample : world_.guard_samples()) {
        GuardWatch& watch = guards_.at(sample.guard);
        const Reading reading = watch.take(sample);
        if (reading.seen_before) {
            continue;
        }
        if (auto kept = world_.keep(watch.guard().step, sample.answer, reading); !kept) {
            return kept;
        }
        if (reading.verdict != Verdict::good) {
            world_.show(watch.guard().step, reading);
        }
    }
    return {};
}

bool Runner::all_hold() {
    return std::all_of(guards_.begin(), guards_.end(), [this](const auto& guard) {
        return guard.second.state(world_.monotonic()) == State::holds;
    });
}

bool Runner::any_broken() {
    return !take_guard_samples() ||
           std::any_of(guards_.begin(), guards_.end(), [this](const auto& guard) {
               return guard.second.state(world_.monotonic()) == State::broken;
           });
}

// Asked for while somebody is waited for; an error is found again by guards().
bool Runner::troubled() {
    return !take_guard_samples() || !all_hold();
}

Runner::Held Runner::guards(const Step& step) {
    if (auto taken = take_guard_samples(); !taken) {
        return {false, tl::unexpected(taken.error())};
    }
    for (auto& [place, watch] : guards_) {
        const State state = watch.state(world_.monotonic());
        if (progress_.backwards || state == State::holds) {
            continue;
        }
        // It was so in the stage that was guarded, which may have ended meanwhile.
        const Step& in = guarded_ == nullptr ? step : *guarded_;
        if (Held held = state == State::broken ? broken(watch, in) : blind(watch, in); !held.free) {
            return held;
        }
    }
    for (auto& [place, watch] : guards_) {
        watch.enter(step.stage);
    }
    guarded_ = &step;
    return {};
}

// They held to the end, or it is not done: each is seen to be good once more.
Runner::Held Runner::last_look() {
    const Step& last = plan_.steps.back();
    if (progress_.backwards) {
        return guards(last);
    }
    begin_guards(plan_.steps.size() - 1);
    const int64_t since = world_.monotonic();
    const auto good = [&](const auto& guard) { return guard.second.good_since(since); };
    Held held = guards(last);
    while (held.free && !std::all_of(guards_.begin(), guards_.end(), good)) {
        if (world_.stop_wanted()) {
            return {false, stop_as_asked()};
        }
        world_.wait(look_every);
        held = guards(last);
    }
    return held;
}

// Where there is no way back, somebody has to say what is to become of it.
Runner::Held Runner::broken(GuardWatch& watch, const Step& step) {
    const std::string why = fmt::format("{} does not hold: {}", watch.guard().step.id, watch.why());
    if (!step.no_return) {
        return decided(watch, Choice::undo, why);
    }
    const auto nothing = [] { return false; };
    const Question question{"",
                            step.id,
                            why + ". There is no way back from here without harm. Go on?",
                            {Choice::yes, Choice::undo, Choice::stop}};
    const auto answer = ask(question, nothing);
    const Choice choice = answer && *answer ? (*answer)->choice : Choice::stop;
    return answer ? decided(watch, choice, why) : Held{false, tl::unexpected(answer.error())};
}

Runner::Held Runner::blind(GuardWatch& watch, const Step& step) {
    const std::string why = fmt::format("{} sees nothing: {}", watch.guard().step.id, watch.why());
    const auto sees = [&] {
        return !take_guard_samples() || watch.state(world_.monotonic()) != State::blind;
    };
    const auto answer =
        ask({"", step.id, why + ". Go on without it?", {Choice::yes, Choice::undo, Choice::stop}},
            sees);
    if (!answer || *answer) {
        return answer ? decided(watch, (*answer)->choice, why)
                      : Held{false, tl::unexpected(answer.error())};
    }
    while (!sees() && !world_.stop_wanted()) {
        if (watch.blind_s(world_.monotonic()) > watch.guard().blind.count()) {
            return decided(watch, step.no_return ? Choice::stop : Choice::undo, why);
        }
        world_.wait(look_every);
    }
    return world_.stop_wanted() ? Held{false, stop_as_asked()} : guards(step);
}

Runner::Held Runner::decided(GuardWatch& watch, Choice choice, const std::string& why) {
    if (choice == Choice::yes) {
        watch.excuse();
        return {};
    }
    return {false, choice == Choice::undo ? turn_back_here(why) : stop(why, Exit::world)};
}

Runner::Held Runner::rest(const Step& step, int64_t until_us) {
    while (!world_.stop_wanted()) {
        const Seconds left(static_cast<double>(until_us - world_.monotonic()) / 1e6);
        if (left <= Seconds(0)) {
            break;
        }
        world_.wait(guards_.empty() ? left : std::min(left, look_every));
        if (Held held = guards(step); !held.free) {
            return held;
        }
    }
    return {};
}

}  // namespace rehome::cutover
