// Whether a command can print what is looked for in its JSON.
//
// Where the command is one of rehome's, its output has a schema (common/formats/formats.h), and a
// pointer that leads nowhere in it, or to something that can never be as it must, is a mistake of
// the playbook: the gate could not pass, and nobody would know before the night.  What a foreign
// command prints cannot be known.  Pure.
#pragma once

#include <string>
#include <vector>

#include "common/json/file.h"
#include "cutover/run/step.h"
#include "cutover/run/step_reader.h"

namespace rehome::cutover {

// at: where the sample stands in the playbook; figures: where each of its figures does.
void check_figures(const Sample& sample, const std::string& at, const std::vector<Placed>& figures,
                   Mistakes& mistakes);

// The same for what a step keeps of what was there before its act.
void check_kept(const Step& step, Mistakes& mistakes);

}  // namespace rehome::cutover
