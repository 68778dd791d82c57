// The runner's part that undoes.
#include <fmt/format.h>

#include "cutover/run/before.h"
#include "cutover/run/runner/runner.h"
#include "cutover/run/runner/words.h"

namespace rehome::cutover {

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
    if (fate.kind == Fate::Kind::cut) {
        if (const auto found = find_undone(step, fate)) {
            return *found;
        }
    }
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

}  // namespace rehome::cutover
