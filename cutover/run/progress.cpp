#include "cutover/run/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace rehome::cutover {

namespace {

bool needs_undo(const Step& step, const StepProgress& progress) {
    if (step.undo.empty() || !progress.begun) {
        return false;
    }
    switch (progress.state) {
        case StepState::begun:
        case StepState::done:
        case StepState::failed:
        case StepState::retrying:
        case StepState::gone_on:
        case StepState::undoing:
        case StepState::undo_failed:
            return true;
        case StepState::waiting:
        case StepState::found:
        case StepState::undone:
        case StepState::unproven:
        case StepState::undo_skipped:
            return false;
    }
    return false;
}

// Turning back once more undoes it.  Without a check nobody could tell more than the last time.
bool is_due_again(const Step& step, StepState state) {
    return state == StepState::undo_skipped ||
           (state == StepState::unproven && step.check.has_value() && !step.undo.empty());
}

Action next_forwards(const Progress& progress) {
    const size_t none = progress.steps.size();
    if (const size_t failed = progress.first_in(StepState::failed); failed != none) {
        return {Action::Kind::failed, failed};
    }
    for (const StepState state : {StepState::begun, StepState::retrying}) {
        if (const size_t begun = progress.first_in(state); begun != none) {
            return {Action::Kind::settle, begun};
        }
    }
    if (const size_t waiting = progress.first_in(StepState::waiting); waiting != none) {
        return {Action::Kind::begin, waiting};
    }
    return {};
}

// The stages and steps that still have something to undo.
using Names = std::set<std::string_view>;

bool relies_on_any(const Step& step, const Names& open) {
    if (!step.after) {
        return !open.empty();
    }
    return std::any_of(step.after->begin(), step.after->end(),
                       [&open](const std::string& name) { return open.contains(name); });
}

Action next_backwards(const Plan& plan, const Progress& progress) {
    Names open;
    for (const size_t i : left_to_undo(plan, progress)) {
        const Step& step = plan.steps[i];
        if (progress.steps[i].state != StepState::undo_failed && !relies_on_any(step, open)) {
            return {Action::Kind::undo, i};
        }
        open.insert(step.stage);
        open.insert(step.id);
    }
    return {open.empty() ? Action::Kind::finish : Action::Kind::stop, 0};
}

// What a record about a step makes of it.
StepState state_after(Happened what) {
    switch (what) {
        case Happened::found:
            return StepState::found;
        case Happened::begun:
            return StepState::begun;
        case Happened::done:
            return StepState::done;
        case Happened::failed:
            return StepState::failed;
        case Happened::retried:
            return StepState::retrying;
        case Happened::gone_on:
            return StepState::gone_on;
        case Happened::undo_begun:
            return StepState::undoing;
        case Happened::undone:
            return StepState::undone;
        case Happened::unproven:
            return StepState::unproven;
        case Happened::undo_failed:
            return StepState::undo_failed;
        case Happened::undo_skipped:
            return StepState::undo_skipped;
        default:
            return StepState::waiting;
    }
}

// What was there before the first try is what was there before.
void take(const Record& record, size_t line, StepProgress& step) {
    const bool announces = record.what == Happened::begun || record.what == Happened::undo_begun;
    step.line = announces ? line : 0;
    step.again = step.again || (record.what == Happened::begun && step.begun);
    if (record.what == Happened::begun && !step.begun) {
        step.begun = true;
        step.was = record.was;
    }
    step.retries += record.what == Happened::retried;
    step.unknown = record.unknown;
    step.failed = record.what == Happened::failed ? record.text : step.failed;
    (record.what == Happened::gone_on ? step.gone_on : step.text) = record.text;
}

void turn_back(const Plan& plan, Progress& progress) {
    progress.backwards = true;
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        if (is_due_again(plan.steps[i], progress.steps[i].state)) {
            progress.set(i, StepState::undoing);
        }
    }
}

}  // namespace

std::string_view name(StepState state) {
    constexpr std::array<std::string_view, 12> names{
        "waiting", "found",   "begun",  "done",     "failed",      "retrying",
        "gone_on", "undoing", "undone", "unproven", "undo_failed", "undo_skipped"};
    return names[static_cast<size_t>(state)];
}

Progress::Progress(const Plan& plan) : steps(plan.steps.size()) {
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        places_.emplace(plan.steps[i].id, i);
    }
    counts_[static_cast<size_t>(StepState::waiting)] = steps.size();
}

void Progress::set(size_t step, StepState state) {
    StepState& now = steps[step].state;
    --counts_[static_cast<size_t>(now)];
    now = state;
    ++counts_[static_cast<size_t>(now)];
    while (first_waiting_ < steps.size() && steps[first_waiting_].state != StepState::waiting) {
        ++first_waiting_;
    }
}

size_t Progress::first_in(StepState state) const {
    if (state == StepState::waiting || counts_[static_cast<size_t>(state)] == 0) {
        return state == StepState::waiting ? first_waiting_ : steps.size();
    }
    const auto found = std::find_if(steps.begin(), steps.end(),
                                    [state](const StepProgress& s) { return s.state == state; });
    return static_cast<size_t>(found - steps.begin());
}

size_t Progress::find(const std::string& id) const {
    const auto found = places_.find(id);
    return found == places_.end() ? steps.size() : found->second;
}

Result<> apply(const Plan& plan, const Record& record, Progress& progress) {
    ++progress.lines;
    if (record.what == Happened::turned_back) {
        turn_back(plan, progress);
    }
    // Resuming a finished run finds nothing to do; turning it back does.
    if (record.what == Happened::finished || record.what == Happened::turned_back) {
        progress.finished = record.what == Happened::finished;
    }
    if (record.what == Happened::counts_from) {
        progress.bases[record.step].merge(parse_bases(record.text));
    }
    if (record.what == Happened::added) {
        ++progress.added[record.step];
    }
    const StepState state = state_after(record.what);
    if (state == StepState::waiting) {
        return {};
    }
    const size_t step = progress.find(record.step);
    if (step == progress.steps.size()) {
        return fail(
            Exit::world, "journal",
            fmt::format("names step {}, which its playbook does not have", in_quotes(record.step)));
    }
    take(record, progress.lines, progress.steps[step]);
    progress.set(step, state);
    return {};
}

Result<Progress> replay(const Plan& plan, const std::vector<Record>& records) {
    Progress progress(plan);
    for (const Record& record : records) {
        if (auto applied = apply(plan, record, progress); !applied) {
            return tl::unexpected(applied.error());
        }
    }
    return progress;
}

void try_failed_again(Progress& progress) {
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        if (progress.steps[i].state == StepState::undo_failed) {
            progress.set(i, StepState::undoing);
        }
    }
}

Action next(const Plan& plan, const Progress& progress) {
    return progress.backwards ? next_backwards(plan, progress) : next_forwards(progress);
}

std::vector<size_t> left_to_undo(const Plan& plan, const Progress& progress) {
    std::vector<size_t> left;
    for (size_t i = plan.steps.size(); i-- > 0;) {
        if (needs_undo(plan.steps[i], progress.steps[i])) {
            left.push_back(i);
        }
    }
    return left;
}

std::vector<size_t> relied_on(const Plan& plan, const Progress& progress, size_t step) {
    std::vector<size_t> result;
    for (const size_t i : left_to_undo(plan, progress)) {
        if (i <= step) {
            break;
        }
        if (relies_on_any(plan.steps[step], {plan.steps[i].stage, plan.steps[i].id})) {
            result.push_back(i);
        }
    }
    return result;
}

std::vector<size_t> without_end(const Plan& plan, const Progress& progress) {
    std::vector<size_t> result;
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const Step& step = plan.steps[i];
        const StepProgress& now = progress.steps[i];
        const bool open = now.state == StepState::begun || now.unknown;
        if (step.kind == Step::Kind::act && step.undo.empty() && !step.repeatable && open) {
            result.push_back(i);
        }
    }
    return result;
}

std::vector<size_t> steps_in(const Progress& progress, StepState state) {
    std::vector<size_t> result;
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        if (progress.steps[i].state == state) {
            result.push_back(i);
        }
    }
    return result;
}

Result<> check_skips(const Plan& plan, const std::set<std::string>& ids) {
    for (const std::string& id : ids) {
        const auto step = std::find_if(plan.steps.begin(), plan.steps.end(),
                                       [&id](const Step& s) { return s.id == id; });
        if (step == plan.steps.end() || step->undo.empty()) {
            return fail(Exit::usage, "--skip",
                        fmt::format("{} {}, expected a STAGE/STEP that has an undo", in_quotes(id),
                                    step == plan.steps.end() ? "is no step" : "has no undo"));
        }
    }
    return {};
}

bool may_undo_again(const Plan& plan, const Progress& progress) {
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        if (is_due_again(plan.steps[i], progress.steps[i].state)) {
            return true;
        }
    }
    return false;
}

}  // namespace rehome::cutover
