// What was there before an act: looked at by its check, kept, put back by its undo, and looked at
// again.
//
// A check that is good before the act says that it was so already.  What its "was" points to is
// kept as text ("${was.NAME}" in the undo).  After the undo the same check must say "not done", and
// what "was" points to must be what it was; a check that cannot tell proves nothing.  Pure.
#pragma once

#include <string>

#include "common/child.h"
#include "cutover/run/gate.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

struct Before {
    Reading reading;  // good: it is so already; bad: it is not
    Kept was;         // of an act that is to be done
};

// A check that says "not done" and lacks what is to be kept cannot tell.
Before read_before(const Step& step, const Result<Finished>& answer);

// The undo with what was kept.
Argv undo_with(const Step& step, const Kept& was);

struct UndoProof {
    enum class Verdict { undone, unproven, not_undone } verdict = Verdict::unproven;
    std::string why;  // empty: undone
};

// What the answer of a step's check says after its undo.
UndoProof read_after_undo(const Step& step, const Kept& was, const Result<Finished>& answer);

}  // namespace rehome::cutover
