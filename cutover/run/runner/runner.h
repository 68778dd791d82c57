// The runner: takes from the plan what comes next, writes it into the journal, does it, writes down
// how it ended, and so on until nothing is left, something must wait for the operator, or a stop is
// asked for.  A stop takes effect between two steps, or inside a gate or a hold.
//
// However the process ends, a runner that is made from the journal goes on: what was begun and not
// ended is recalled by its host; where that cannot tell how it ended it is settled by its check, or
// done again when that does no harm, or the operator is asked.  What never began is not undone.
// A step that fails turns the run back, unless the playbook lets it be tried again, or the
// operator, where one is there, decides otherwise.  Guards are looked at before each step and
// inside gates and holds; a running act ends first.
//
// A check is asked before its act: what is so already is noted as found, and never undone; where
// nobody can tell, the step fails without having been begun.  It is asked once more after the undo,
// which is done only when it says so; where it cannot tell, that is noted and nothing waits for it.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "cutover/run/progress.h"
#include "cutover/run/runner/guard_post.h"
#include "cutover/run/world.h"

namespace rehome::cutover {

struct RunnerOptions {
    bool yes = false;              // answers every hold
    std::string settle{};          // "done" or "again": what to make of a step that cannot be told
    std::set<std::string> skip{};  // ids of steps whose undo is passed over
};

class Runner {
public:
    Runner(const Plan& plan, Progress progress, World& world, RunnerOptions options);

    // yes: all done; no: backed out wholly; unknown: a step must be settled by the operator, or all
    // is backed out and of some steps that cannot be told; world: stopped, or an undo failed or was
    // passed over.  An error only when the journal cannot be written; nothing is done from then on.
    Result<Exit> go();

    // From here on backwards, then as go().
    Result<Exit> turn_back(const std::string& why);

    const Progress& progress() const { return progress_; }

private:
    // What one action leads to: the end of the run with this code, or (none) the next action.
    using Outcome = Result<std::optional<Exit>>;

    Result<> note(Record record);  // of now, unless it has a time
    Result<> note(Happened what, const std::string& step, const std::string& text,
                  const Kept& was = {}) {
        return note({what, 0, step, text, was});
    }
    Outcome note_and_go_on(Happened what, const Step& step, const std::string& text);
    // Whether the guards let the run go on as if there were none; otherwise what is to follow.
    struct Held {
        bool free = true;
        Outcome then = std::nullopt;
    };
    Held guards(const Step& step);
    Held broken(GuardWatch& watch, const Step& step);
    Held blind(GuardWatch& watch, const Step& step);
    Held decided(GuardWatch& watch, Choice choice, const std::string& why);
    Held last_look();
    bool troubled();
    bool any_broken();
    Held rest(const Step& step, int64_t until_us);

    // Nothing when there is nobody to ask, or no need any more.
    Result<std::optional<Answer>> ask(Question question, const std::function<bool()>& needless);

    Outcome act_on(const Action& action);
    Outcome failed(const Step& step);
    Outcome decided(const Step& step, const Answer& answer);
    Outcome retry_by_itself(const Step& step);
    Outcome begin(const Step& step);
    Result<Bases> sample_base(const Step& gate, const std::string& since);
    Result<bool> take_bases(const Step& step);
    Outcome begin_act(const Step& step);
    Outcome act_again(const Step& step);
    Outcome act(const Step& step);
    Outcome ended(const Step& step, const Finished& finished, const std::string& took);
    Outcome check(const Step& step, const std::string& took);
    Outcome gate(const Step& step);
    Argv looking(const Step& gate) const;
    bool may_add(const Step& gate) const;
    Result<std::string> add_sample(const Step& gate);
    Outcome hold(const Step& step);
    Outcome settle(const Step& step);
    Outcome settle_by_check(const Step& step, const std::string& why);
    Outcome ask_how_to_settle(const Step& step, const std::string& why);
    Outcome undo(const Step& step);
    Outcome undo_now(const Step& step);
    std::optional<Outcome> recall_before_undo(const Step& step);
    std::optional<Outcome> find_undone(const Step& step, const Fate& fate);
    Outcome prove_undone(const Step& step, const Kept& was, const std::string& took);
    Outcome stop_before_failed_undos();
    Result<Finished> look(const Step& step);
    const StepProgress& progress_of(const Step& step) const;
    Fate recall(const Step& step);
    Result<> note_end_of(const Step& step);
    Outcome finish();
    Outcome turn_back_here(const std::string& why);
    Outcome stop(const std::string& why, Exit code);
    Outcome stop_as_asked();
    Exit finished_as() const;

    const Plan& plan_;
    Progress progress_;
    World& world_;
    RunnerOptions options_;
    std::vector<size_t> counting_{};  // the gates that count since an earlier step
    GuardPost guards_;
    const Step* guarded_ = nullptr;  // the step before which they were last looked at
};

}  // namespace rehome::cutover
