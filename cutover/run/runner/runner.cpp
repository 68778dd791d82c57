#include "cutover/run/runner/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "cutover/run/before.h"
#include "cutover/run/runner/words.h"

namespace rehome::cutover {

namespace {

using Verdict = Reading::Verdict;

// On the way back nobody waits for a far side that does not answer.
constexpr Seconds longest_look_back{15};

}  // namespace

Runner::Runner(const Plan& plan, Progress progress, World& world, RunnerOptions options)
    : plan_(plan),
      progress_(std::move(progress)),
      world_(world),
      options_(std::move(options)),
      guards_(plan, world) {
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const auto& figures = plan.steps[i].gate.sample.figures;
        if (std::any_of(figures.begin(), figures.end(),
                        [](const Figure& figure) { return !figure.since.empty(); })) {
            counting_.push_back(i);
        }
    }
}

Result<> Runner::note(Record record) {
    record.at = record.at != 0 ? record.at : world_.now();
    if (auto written = world_.append(record); !written) {
        return written;
    }
    if (auto applied = apply(plan_, record, progress_); !applied) {
        return applied;
    }
    world_.show(record);
    return {};
}

Runner::Outcome Runner::note_and_go_on(Happened what, const Step& step, const std::string& text) {
    if (auto noted = note(what, step.id, text); !noted) {
        return tl::unexpected(noted.error());
    }
    return std::nullopt;
}

Runner::Outcome Runner::turn_back_here(const std::string& why) {
    if (auto noted = note(Happened::turned_back, "", why); !noted) {
        return tl::unexpected(noted.error());
    }
    return std::nullopt;
}

// Asked for by a signal, or by somebody at another terminal.
Runner::Outcome Runner::stop_as_asked() {
    const std::string who = world_.stop_asker();
    return stop("a stop was asked for" + (who.empty() ? "" : " by " + who), Exit::world);
}

Runner::Outcome Runner::stop(const std::string& why, Exit code) {
    if (auto noted = note(Happened::stopped, "", why); !noted) {
        return tl::unexpected(noted.error());
    }
    return code;
}

Exit Runner::finished_as() const {
    if (!progress_.backwards) {
        return steps_in(progress_, StepState::gone_on).empty() ? Exit::yes : Exit::world;
    }
    if (!steps_in(progress_, StepState::undo_skipped).empty()) {
        return Exit::world;
    }
    return steps_in(progress_, StepState::unproven).empty() ? Exit::no : Exit::unknown;
}

Runner::Outcome Runner::finish() {
    if (progress_.backwards) {
        for (const size_t i : without_end(plan_, progress_)) {
            if (auto noted = note_end_of(plan_.steps[i]); !noted) {
                return tl::unexpected(noted.error());
            }
        }
    }
    const bool all = steps_in(progress_, StepState::gone_on).empty();
    const std::string text = progress_.backwards ? "backed out" : all ? "done" : "done in part";
    if (auto noted = note(Happened::finished, "", text); !noted) {
        return tl::unexpected(noted.error());
    }
    return finished_as();
}

Result<Exit> Runner::go() {
    try_failed_again(progress_);
    while (!progress_.finished) {
        const Outcome outcome =
            world_.stop_wanted() ? stop_as_asked() : act_on(next(plan_, progress_));
        if (!outcome) {
            return tl::unexpected(outcome.error());
        }
        if (*outcome) {
            return **outcome;
        }
    }
    return finished_as();
}

Result<Exit> Runner::turn_back(const std::string& why) {
    if (!progress_.backwards || may_undo_again(plan_, progress_)) {
        if (auto noted = note(Happened::turned_back, "", why); !noted) {
            return tl::unexpected(noted.error());
        }
    }
    return go();
}

Runner::Outcome Runner::act_on(const Action& action) {
    if (action.kind == Action::Kind::finish) {
        const Held held = last_look();
        return held.free ? finish() : held.then;
    }
    if (action.kind == Action::Kind::stop) {
        return stop_before_failed_undos();
    }
    const Step& step = plan_.steps[action.step];
    guards_.begin(action.step);
    if (action.kind != Action::Kind::failed) {
        if (Held held = guards(step); !held.free) {
            return held.then;
        }
    }
    switch (action.kind) {
        case Action::Kind::begin:
            return begin(step);
        case Action::Kind::settle:
            return settle(step);
        case Action::Kind::failed:
            return failed(step);
        default:
            return undo(step);
    }
}

Runner::Outcome Runner::begin(const Step& step) {
    if (const auto based = take_bases(step); !based || !*based) {
        return based ? Outcome(std::nullopt) : tl::unexpected(based.error());
    }
    if (step.kind == Step::Kind::act) {
        return begin_act(step);
    }
    if (auto noted = note(Happened::begun, step.id, ""); !noted) {
        return tl::unexpected(noted.error());
    }
    switch (step.kind) {
        case Step::Kind::gate:
            return gate(step);
        case Step::Kind::hold:
            return hold(step);
        default:
            return note_and_go_on(Happened::done, step, "nothing to do on the way there");
    }
}

Result<Finished> Runner::look(const Step& step) {
    const Seconds limit =
        progress_.backwards ? std::min(step.timeout, longest_look_back) : step.timeout;
    return world_.run(step, step.check->command, limit);
}

const StepProgress& Runner::progress_of(const Step& step) const {
    return progress_.steps[static_cast<size_t>(&step - plan_.steps.data())];
}

// Nothing is touched before what is there has been seen.
Runner::Outcome Runner::begin_act(const Step& step) {
    const Before before = step.check ? read_before(step, look(step)) : Before{};
    if (step.check && before.reading.verdict == Verdict::good) {
        return note_and_go_on(Happened::found, step, joined(before.reading.shown));
    }
    if (step.check && before.reading.verdict == Verdict::cannot_tell) {
        return note_and_go_on(
            Happened::failed, step,
            "not begun: its check cannot tell what is there: " + before.reading.why);
    }
    if (auto noted = note(Happened::begun, step.id, "", before.was); !noted) {
        return tl::unexpected(noted.error());
    }
    return act(step);
}

Runner::Outcome Runner::act_again(const Step& step) {
    if (auto noted = note(Happened::begun, step.id, "again"); !noted) {
        return tl::unexpected(noted.error());
    }
    return act(step);
}

Runner::Outcome Runner::act(const Step& step) {
    const int64_t started = world_.monotonic();
    const Fate fate = world_.act(step, step.act, progress_of(step).line);
    const std::string took = took_text(started, world_.monotonic());
    if (fate.kind == Fate::Kind::ended) {
        return ended(step, fate.finished, took);
    }
    const bool is_done = fate.kind == Fate::Kind::cut && step.check &&
                         read_sample(*step.check, look(step)).verdict == Verdict::good;
    if (is_done) {
        return note_and_go_on(Happened::done, step, "found done by its check: " + fate.why);
    }
    Record record{Happened::failed, 0, step.id, fate.why};
    record.unknown = fate.kind != Fate::Kind::never_begun;
    const auto noted = note(record);
    return noted ? Outcome(std::nullopt) : tl::unexpected(noted.error());
}

// The act has ended, now or some time ago.
Runner::Outcome Runner::ended(const Step& step, const Finished& finished, const std::string& took) {
    if (const std::string why = failure(finished, step.timeout); !why.empty()) {
        return note_and_go_on(Happened::failed, step, why);
    }
    if (!step.save.empty()) {
        if (auto saved = world_.save(step.save, finished.out); !saved) {
            return note_and_go_on(Happened::failed, step, saved.error().text());
        }
    }
    return check(step, took);
}

// What a command says of itself is not enough where the playbook knows how to look.
Runner::Outcome Runner::check(const Step& step, const std::string& took) {
    if (!step.check) {
        return note_and_go_on(Happened::done, step, took);
    }
    const Reading reading = read_sample(*step.check, look(step));
    if (reading.verdict == Verdict::good) {
        return note_and_go_on(Happened::done, step, took);
    }
    return note_and_go_on(Happened::failed, step, "its check says: " + reading.why);
}

// What never began may have begun the time before.
Fate Runner::recall(const Step& step) {
    const StepProgress& now = progress_of(step);
    Fate fate = world_.recall(step, now.line);
    const bool is_act = now.state == StepState::begun;
    if (fate.kind == Fate::Kind::never_begun && is_act && now.again) {
        return {Fate::Kind::cut, {}, "it was to be done again, and never began"};
    }
    return fate;
}

// The step was begun, and its end is not in the journal.
Runner::Outcome Runner::settle(const Step& step) {
    if (step.kind != Step::Kind::act) {
        return begin(step);
    }
    if (progress_of(step).state == StepState::retrying) {
        return progress_of(step).begun ? settle_by_check(step, "it failed") : begin(step);
    }
    const Fate fate = recall(step);
    switch (fate.kind) {
        case Fate::Kind::never_begun:
            return begin_act(step);
        case Fate::Kind::ended:
            return ended(step, fate.finished, "ended meanwhile");
        case Fate::Kind::cut:
            return settle_by_check(step, fate.why);
        case Fate::Kind::unknown:
            break;
    }
    return ask_how_to_settle(step, fate.why);
}

Runner::Outcome Runner::settle_by_check(const Step& step, const std::string& why) {
    if (!step.check) {
        return step.repeatable ? act_again(step)
                               : ask_how_to_settle(step, why + ", and it has no check");
    }
    const Reading reading = read_sample(*step.check, look(step));
    switch (reading.verdict) {
        case Verdict::good:
            return note_and_go_on(Happened::done, step, "found done by its check");
        case Verdict::bad:
        case Verdict::fatal:
            return act_again(step);
        case Verdict::cannot_tell:
            return progress_of(step).state == StepState::retrying
                       ? note_and_go_on(Happened::failed, step,
                                        "not tried again: its check cannot tell whether it is "
                                        "done: " +
                                            reading.why)
                       : ask_how_to_settle(step, reading.why);
    }
    return std::nullopt;
}

}  // namespace rehome::cutover
