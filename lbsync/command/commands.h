// The commands of lbsync, each in a file of its own.
#pragma once

#include "common/command.h"

namespace rehome::lbsync {

Command plan_command();
Command apply_command();
Command verify_command();
Command undo_command();
Command put_command();
Command services_command();
Command read_command();
Command load_command();
Command hold_command();
Command arm_command();
Command armed_command();
Command wait_command();
Command disarm_command();
Command confirm_command();

}  // namespace rehome::lbsync
