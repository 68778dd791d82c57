#include "cutover/run/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cutover/run/before.h"

namespace rehome::cutover {

namespace {

using Verdict = Reading::Verdict;

std::string took_text(int64_t from_us, int64_t to_us) {
    return fmt::format("{:.1f} s", static_cast<double>(to_us - from_us) / 1e6);
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) {
        text += (text.empty() ? "" : "; ") + part;
    }
    return text;
}

int64_t microseconds(Seconds time) {
    return std::llround(time.count() * 1e6);
}

Seconds seconds(int64_t us) {
    return Seconds(static_cast<double>(us) / 1e6);
}

// On the way back nobody waits for a far side that does not answer.
constexpr Seconds longest_look_back{15};

// Why a command did not do its work; empty when it did.
std::string failure(const Result<Finished>& ended, Seconds limit) {
    if (ended && ended->timed_out) {
        return fmt::format("did not end within {} s", limit.count());
    }
    const Reading reading = read_sample({}, ended);
    return reading.verdict == Verdict::good ? "" : reading.why;
}

}  // namespace

Runner::Runner(const Plan& plan, Progress progress, World& world, RunnerOptions options)
    : plan_(plan), progress_(std::move(progress)), world_(world), options_(std::move(options)) {
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

// What no undo follows, and nobody has seen the end of: the host is asked once more, and the check.
Result<> Runner::note_end_of(const Step& step) {
    const StepProgress& now = progress_of(step);
    const Fate fate = now.line != 0 ? recall(step) : Fate{Fate::Kind::unknown, {}, now.text};
    if (fate.kind == Fate::Kind::never_begun) {
        return note(Happened::undone, step.id, "it never began");
    }
    if (fate.kind == Fate::Kind::ended) {
        const std::string why = failure(fate.finished, step.timeout);
        return note(why.empty() ? Happened::done : Happened::failed, step.id, why);
    }
    if (step.check && read_sample(*step.check, look(step)).verdict == Verdict::bad) {
        return note(Happened::undone, step.id, "its check says that it is not done");
    }
    return note(Happened::unproven, step.id, fate.why);
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
    begin_guards(action.step);
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

// The sample that the gate's figures will count from; tried for as long as the gate may take.
Result<Bases> Runner::sample_base(const Step& gate, const std::string& since) {
    const int64_t ends_at = world_.monotonic() + microseconds(gate.timeout);
    for (;;) {
        const auto answer =
            world_.run(gate, gate.gate.sample.command, seconds(ends_at - world_.monotonic()));
        auto bases = read_bases(gate.gate.sample, since, answer, world_.now());
        const Reading reading = bases ? Reading{Verdict::good, "", {bases_text(*bases)}}
                                      : Reading{Verdict::cannot_tell, bases.error().what};
        if (auto kept = world_.keep(gate, answer, reading); !kept) {
            return tl::unexpected(kept.error());
        }
        const int64_t next_at = world_.monotonic() + microseconds(gate.gate.every);
        if (bases || next_at >= ends_at || world_.stop_wanted()) {
            return bases;
        }
        world_.wait(gate.gate.every);
    }
}

// Whether every figure that counts since this step has its base; where one has none the run is
// turned back, as its gate could not tell.
Result<bool> Runner::take_bases(const Step& step) {
    for (const size_t place : counting_) {
        const Step& gate = plan_.steps[place];
        const auto& figures = gate.gate.sample.figures;
        const auto lacks = [&](const Figure& figure) {
            return figure.since == step.id && !progress_.bases[gate.id].contains(key(figure));
        };
        if (std::none_of(figures.begin(), figures.end(), lacks)) {
            continue;
        }
        const auto bases = sample_base(gate, step.id);
        if (!bases && bases.error().kind != Exit::unknown) {
            return tl::unexpected(bases.error());
        }
        if (!bases && world_.stop_wanted()) {
            return false;
        }
        const auto noted = bases ? note(Happened::counts_from, gate.id, bases_text(*bases))
                                 : note(Happened::turned_back, "",
                                        fmt::format("{} has nothing to count from: {}", gate.id,
                                                    bases.error().what));
        if (!noted || !bases) {
            return noted ? Result<bool>(false) : tl::unexpected(noted.error());
        }
    }
    return true;
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

Runner::Outcome Runner::gate(const Step& step) {
    GateWatch watch(step.gate, world_.now(), progress_.bases[step.id]);
    int64_t ends_at = world_.monotonic() + microseconds(step.timeout);
    std::string why;
    for (;;) {
        const int64_t taken_at = world_.monotonic();
        const auto answer = world_.run(step, step.gate.sample.command, seconds(ends_at - taken_at));
        const Reading reading = watch.take(answer, world_.now(), world_.monotonic());
        world_.show(step, reading);
        if (auto kept = world_.keep(step, answer, reading); !kept) {
            return tl::unexpected(kept.error());
        }
        if (watch.passed()) {
            return note_and_go_on(Happened::done, step, joined(reading.shown));
        }
        const std::string now = reading.why.empty() ? "was not good for long enough" : reading.why;
        // The last one is cut as the gate's own time is up, and tells less than the one before.
        const bool cut = answer && answer->timed_out && !why.empty();
        why = cut ? why + "; then " + now : now;
        if (reading.verdict == Verdict::fatal || watch.used_up()) {
            return note_and_go_on(Happened::failed, step, why);
        }
        const int64_t next_at =
            std::max(taken_at + microseconds(step.gate.every), world_.monotonic());
        if (next_at >= ends_at) {
            return note_and_go_on(
                Happened::failed, step,
                fmt::format("did not pass within {} s: {}", step.timeout.count(), why));
        }
        if (Held held = rest(step, next_at); !held.free) {
            return held.then;
        }
        // While a guard held the run, the gate could not look.
        ends_at += std::max<int64_t>(world_.monotonic() - next_at, 0);
        if (world_.stop_wanted()) {
            return stop_as_asked();
        }
    }
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

Runner::Outcome Runner::undo(const Step& step) {
    if (options_.skip.contains(step.id)) {
        return note_and_go_on(Happened::undo_skipped, step, "passed over by the operator");
    }
    if (const auto settled = recall_before_undo(step)) {
        return *settled;
    }
    return undo_now(step);
}

// What became of the command whose end is not known, the act or an undo before; nothing: the undo
// is to be done.
std::optional<Runner::Outcome> Runner::recall_before_undo(const Step& step) {
    const StepProgress& now = progress_of(step);
    const bool was_act = now.state == StepState::begun;
    if (now.line == 0 || (was_act && step.kind != Step::Kind::act)) {
        return std::nullopt;
    }
    const Fate fate = recall(step);
    if (was_act) {
        return fate.kind == Fate::Kind::never_begun
                   ? std::optional(note_and_go_on(Happened::undone, step, "it never began"))
                   : std::nullopt;
    }
    if (fate.kind == Fate::Kind::never_begun) {
        return std::nullopt;
    }
    if (fate.kind == Fate::Kind::unknown) {
        return note_and_go_on(Happened::undo_failed, step, fate.why);
    }
    return find_undone(step, fate);
}

// An undo that was cut, or did not do its work, is done once more.
std::optional<Runner::Outcome> Runner::find_undone(const Step& step, const Fate& fate) {
    const bool well =
        fate.kind == Fate::Kind::ended && failure(fate.finished, step.timeout).empty();
    if (!step.check) {
        return well ? std::optional(prove_undone(step, {}, "ended meanwhile")) : std::nullopt;
    }
    const UndoProof proof = read_after_undo(step, progress_of(step).was, look(step));
    if (proof.verdict != UndoProof::Verdict::undone) {
        return std::nullopt;
    }
    return note_and_go_on(Happened::undone, step, "found undone by its check");
}

Runner::Outcome Runner::undo_now(const Step& step) {
    if (auto noted = note(Happened::undo_begun, step.id, ""); !noted) {
        return tl::unexpected(noted.error());
    }
    const StepProgress& now = progress_of(step);
    const int64_t started = world_.monotonic();
    const Fate fate = world_.act(step, undo_with(step, now.was), now.line);
    const std::string why =
        fate.kind == Fate::Kind::ended ? failure(fate.finished, step.timeout) : fate.why;
    if (!why.empty()) {
        return note_and_go_on(Happened::undo_failed, step, why);
    }
    return prove_undone(step, now.was, took_text(started, world_.monotonic()));
}

// What an undo says of itself is not enough: one look, whatever it says.
Runner::Outcome Runner::prove_undone(const Step& step, const Kept& was, const std::string& took) {
    if (step.kind == Step::Kind::way_back) {
        return note_and_go_on(Happened::undone, step, took);
    }
    if (!step.check) {
        return note_and_go_on(Happened::unproven, step, "it has no check");
    }
    const UndoProof proof = read_after_undo(step, was, look(step));
    switch (proof.verdict) {
        case UndoProof::Verdict::undone:
            return note_and_go_on(Happened::undone, step, took);
        case UndoProof::Verdict::unproven:
            return note_and_go_on(Happened::unproven, step, proof.why);
        case UndoProof::Verdict::not_undone:
            break;
    }
    return note_and_go_on(Happened::undo_failed, step, proof.why);
}

Runner::Outcome Runner::stop_before_failed_undos() {
    const size_t failed = steps_in(progress_, StepState::undo_failed).size();
    const size_t waiting = left_to_undo(plan_, progress_).size() - failed;
    return stop(fmt::format("{} undos failed, {} more rely on them", failed, waiting), Exit::world);
}

}  // namespace rehome::cutover
