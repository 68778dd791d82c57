// The commands of probe, each in a file of its own.
#pragma once

#include "common/command.h"

namespace rehome::probe {

Command run_command();
Command compare_command();
Command report_command();
Command reflect_command();
Command show_command();

}  // namespace rehome::probe
