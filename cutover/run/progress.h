// How far a run has come, and what may happen next: a function of the plan and the journal alone.
//
// Forwards, the steps are done in their order.  A step that was begun and not ended must be settled
// first.  A step that failed turns the run back.  Backwards, every step that was begun (done,
// failed or left in between) and has an undo is undone, the last one first.  Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cutover/run/gate.h"
#include "cutover/run/journal.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

enum class StepState { waiting, begun, done, failed, undoing, undone, undo_failed, undo_skipped };

std::string_view name(StepState state);

struct Progress {
    bool backwards = false;
    bool finished = false;
    std::vector<StepState> steps;          // in the plan's order
    std::map<std::string, Bases> bases{};  // by the gate's id

    explicit Progress(const Plan& plan) : steps(plan.steps.size(), StepState::waiting) {}
};

// Takes one record in; an error when it names a step that the plan does not have.
Result<> apply(const Plan& plan, const Record& record, Progress& progress);

// All of a journal's records.
Result<Progress> replay(const Plan& plan, const std::vector<Record>& records);

struct Action {
    enum class Kind {
        begin,      // do the step
        settle,     // it was begun: find out whether it is done
        turn_back,  // because of the step
        undo,       // the step
        finish,     // nothing is left
    } kind = Kind::finish;
    size_t step = 0;
};

Action next(const Plan& plan, const Progress& progress);

// The steps that backing out has still to undo, in that order.
std::vector<size_t> left_to_undo(const Plan& plan, const Progress& progress);

// The steps whose undo the operator passed over.
std::vector<size_t> passed_over(const Progress& progress);

}  // namespace rehome::cutover
