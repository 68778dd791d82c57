// The runner's part that heeds guards.
#include <fmt/format.h>

#include <algorithm>

#include "cutover/run/runner/runner.h"

namespace rehome::cutover {

namespace {

using State = GuardWatch::State;

// So long a sample may wait until it is looked at.
constexpr Seconds look_every{0.05};

}  // namespace

bool Runner::any_broken() {
    return !guards_.take_samples() || guards_.any_broken();
}

// Asked for while somebody is waited for; an error is found again by guards().
bool Runner::troubled() {
    return !guards_.take_samples() || !guards_.all_hold();
}

Runner::Held Runner::guards(const Step& step) {
    if (auto taken = guards_.take_samples(); !taken) {
        return {false, tl::unexpected(taken.error())};
    }
    // It was so in the stage that was guarded, which may have ended meanwhile.
    const Step& in = guarded_ == nullptr ? step : *guarded_;
    while (GuardWatch* watch = progress_.backwards ? nullptr : guards_.first_in_trouble()) {
        const bool is_broken = guards_.state(*watch) == State::broken;
        if (Held held = is_broken ? broken(*watch, in) : blind(*watch, in); !held.free) {
            return held;
        }
    }
    guards_.enter(step.stage);
    guarded_ = &step;
    return {};
}

// They held to the end, or it is not done: each is seen to be good once more.
Runner::Held Runner::last_look() {
    const Step& last = plan_.steps.back();
    if (progress_.backwards) {
        return guards(last);
    }
    guards_.begin(plan_.steps.size() - 1);
    const int64_t since = world_.monotonic();
    Held held = guards(last);
    while (held.free && !guards_.all_good_since(since)) {
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
        return !guards_.take_samples() || guards_.state(watch) != State::blind;
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
        world_.wait(guards_.none() ? left : std::min(left, look_every));
        if (Held held = guards(step); !held.free) {
            return held;
        }
    }
    return {};
}

}  // namespace rehome::cutover
