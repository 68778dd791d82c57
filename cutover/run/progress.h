// How far a run has come, and what may happen next: a function of the plan and the journal alone.
//
// Forwards, the steps are done in their order.  A step that was begun and not ended must be settled
// first.  A step that failed turns the run back, unless it is tried again, or gone on from: then it
// stays failed, and is undone on the way back like one that was done.
//
// Backwards, every step that was begun (done, failed or left in between) and has an undo is undone,
// the last one first; what was found so before it was begun is left as it is.  An undo waits for
// those that it relies on: all that come before it on the way back, or those that `after` names.
// One that failed, and what relies on it, waits for the operator; the others go on.  Pure.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "cutover/run/gate.h"
#include "cutover/run/journal.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

enum class StepState {
    waiting,
    found,  // so already: nothing was done
    begun,
    done,
    failed,
    retrying,  // it failed, and is to be tried again
    gone_on,   // it failed, and the operator went on all the same
    undoing,
    undone,
    unproven,  // its undo ended well, and nobody can tell what is there now
    undo_failed,
    undo_skipped
};

std::string_view name(StepState state);

struct StepProgress {
    StepState state = StepState::waiting;
    bool begun = false;  // ever: what was not has nothing to undo
    Kept was{};          // what was there before
    std::string text{};  // of the last record
    size_t line = 0;  // of the journal: what announced the command whose end is not known; 0: none
    bool again = false;  // begun more than once
    unsigned retries = 0;
    bool unknown = false;   // it failed, and whether it is done cannot be told
    std::string failed{};   // why it did, the last time
    std::string gone_on{};  // why the operator went on all the same
};

struct Progress {
    bool backwards = false;
    bool finished = false;
    size_t lines = 1;                         // of the journal
    std::vector<StepProgress> steps;          // in the plan's order
    std::map<std::string, Bases> bases{};     // by the gate's id
    std::map<std::string, unsigned> added{};  // likewise: how many samples, by its `more`

    explicit Progress(const Plan& plan);

    // The only way to change a step's state; none becomes waiting again.
    void set(size_t step, StepState state);

    // The first in this state; the number of steps when there is none.
    size_t first_in(StepState state) const;

    // The step of that id; the number of steps when there is none.
    size_t find(const std::string& id) const;

private:
    std::unordered_map<std::string, size_t> places_{};  // by id
    std::array<size_t, 12> counts_{};                   // of the steps in each state
    size_t first_waiting_ = 0;
};

// Takes one record in; an error when it names a step that the plan does not have.
Result<> apply(const Plan& plan, const Record& record, Progress& progress);

// All of a journal's records.
Result<Progress> replay(const Plan& plan, const std::vector<Record>& records);

// Somebody goes on: the undos that failed are to be tried again.
void try_failed_again(Progress& progress);

struct Action {
    enum class Kind {
        begin,   // do the step
        settle,  // it was begun: find out whether it is done
        failed,  // the step: it is tried again, gone on from, or the run turned back
        undo,    // the step
        stop,    // only undos that failed are left, and what relies on them
        finish,  // nothing is left
    } kind = Kind::finish;
    size_t step = 0;
};

Action next(const Plan& plan, const Progress& progress);

// The steps that backing out has still to undo, in that order.
std::vector<size_t> left_to_undo(const Plan& plan, const Progress& progress);

// Those of them whose undo must come before this step's.
std::vector<size_t> relied_on(const Plan& plan, const Progress& progress, size_t step);

// The acts that no undo follows and of whose end nobody knows, in the plan's order.  What may be
// repeated does no harm wherever it has come.
std::vector<size_t> without_end(const Plan& plan, const Progress& progress);

// The steps in this state, in the plan's order.
std::vector<size_t> steps_in(const Progress& progress, StepState state);

// The steps whose undo is to be passed over: each must be one of the plan that has an undo.
Result<> check_skips(const Plan& plan, const std::set<std::string>& ids);

// Whether turning back once more would undo something: what was passed over, or what could not be
// told and may be now.
bool may_undo_again(const Plan& plan, const Progress& progress);

}  // namespace rehome::cutover
