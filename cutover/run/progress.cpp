#include "cutover/run/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace rehome::cutover {

namespace {

bool needs_undo(const Step& step, StepState state) {
    if (step.undo.empty()) {
        return false;
    }
    switch (state) {
        case StepState::begun:
        case StepState::done:
        case StepState::failed:
        case StepState::undoing:
        case StepState::undo_failed:
            return true;
        case StepState::waiting:
        case StepState::undone:
        case StepState::undo_skipped:
            return false;
    }
    return false;
}

size_t first_in(const Progress& progress, StepState state) {
    const auto found = std::find(progress.steps.begin(), progress.steps.end(), state);
    return static_cast<size_t>(found - progress.steps.begin());
}

Action next_forwards(const Progress& progress) {
    const size_t none = progress.steps.size();
    if (const size_t failed = first_in(progress, StepState::failed); failed != none) {
        return {Action::Kind::turn_back, failed};
    }
    if (const size_t begun = first_in(progress, StepState::begun); begun != none) {
        return {Action::Kind::settle, begun};
    }
    if (const size_t waiting = first_in(progress, StepState::waiting); waiting != none) {
        return {Action::Kind::begin, waiting};
    }
    return {};
}

// What a record about a step makes of it.
StepState state_after(Happened what) {
    switch (what) {
        case Happened::begun:
            return StepState::begun;
        case Happened::done:
            return StepState::done;
        case Happened::failed:
            return StepState::failed;
        case Happened::undo_begun:
            return StepState::undoing;
        case Happened::undone:
            return StepState::undone;
        case Happened::undo_failed:
            return StepState::undo_failed;
        case Happened::undo_skipped:
            return StepState::undo_skipped;
        default:
            return StepState::waiting;
    }
}

}  // namespace

std::string_view name(StepState state) {
    constexpr std::array<std::string_view, 8> names{
        "waiting", "begun", "done", "failed", "undoing", "undone", "undo_failed", "undo_skipped"};
    return names[static_cast<size_t>(state)];
}

Result<> apply(const Plan& plan, const Record& record, Progress& progress) {
    if (record.what == Happened::turned_back) {
        progress.backwards = true;
    }
    // Resuming a finished run finds nothing to do; turning it back does.
    if (record.what == Happened::finished || record.what == Happened::turned_back) {
        progress.finished = record.what == Happened::finished;
    }
    if (record.what == Happened::counts_from) {
        progress.bases[record.step].merge(parse_bases(record.text));
    }
    const StepState state = state_after(record.what);
    if (state == StepState::waiting) {
        return {};
    }
    const auto step = std::find_if(plan.steps.begin(), plan.steps.end(),
                                   [&record](const Step& s) { return s.id == record.step; });
    if (step == plan.steps.end()) {
        return fail(
            Exit::world, "journal",
            fmt::format("names step {}, which its playbook does not have", in_quotes(record.step)));
    }
    progress.steps[static_cast<size_t>(step - plan.steps.begin())] = state;
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

Action next(const Plan& plan, const Progress& progress) {
    if (!progress.backwards) {
        return next_forwards(progress);
    }
    const auto left = left_to_undo(plan, progress);
    return left.empty() ? Action{} : Action{Action::Kind::undo, left.front()};
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

std::vector<size_t> passed_over(const Progress& progress) {
    std::vector<size_t> result;
    for (size_t i = 0; i < progress.steps.size(); ++i) {
        if (progress.steps[i] == StepState::undo_skipped) {
            result.push_back(i);
        }
    }
    return result;
}

}  // namespace rehome::cutover
