// Whether a gate can pass, and whether what it says can be said at all: mistakes of a playbook that
// no sample will show.  Pure.
#pragma once

#include <string>
#include <vector>

#include "common/json/file.h"
#include "cutover/run/step.h"
#include "cutover/run/step_reader.h"

namespace rehome::cutover {

// step: placed.object is its JSON; figures: where each of its figures stands.
void check_gate(const Step& step, const Placed& placed, const std::vector<Placed>& figures,
                Mistakes& mistakes);

// Likewise of a guard, whose first step must be there, and the stages in which it only reports.
void check_guard(const Plan& plan, const Guard& guard, const std::vector<Placed>& figures,
                 Mistakes& mistakes);

// Makes of each figure's `since`, which names a step or a stage, the step with whose begin the
// counting begins; what is named must come before the figure's own.
void resolve_since(Plan& plan, Mistakes& mistakes);

// Finds the acts that mend gates which cannot tell; each must come before its gate, save what it
// prints and change nothing.
void resolve_more(Plan& plan, Mistakes& mistakes);

// The step with whose begin that begins which is named, a step or a stage; the number of steps when
// there is none.
size_t begins_with(const Plan& plan, const std::string& name);

}  // namespace rehome::cutover
