// What a run begins with, from the command line: a playbook, an inventory and settings.
#pragma once

#include <string>

#include "common/command.h"
#include "cutover/run/journal.h"

namespace rehome::cutover {

const Option& playbook_option();
const Option& inventory_option();
const Option& set_option();

std::string absolute(const std::string& path);

// Beside the journal; "RUN_DIR", a name to show, for a run that is not written down.
std::string run_dir_of(const std::string& journal);

// The files as they are now; run_dir: where the steps would save what they print.
Result<Opening> read_opening(const Given& given, const std::string& run_dir);

}  // namespace rehome::cutover
