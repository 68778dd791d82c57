// `cutover preflight`, which says at noon what will fail at night, and `cutover preflight-host`,
// which is its end on each host.
#pragma once

#include "common/command.h"

namespace rehome::cutover {

std::vector<Command> preflight_commands();

}  // namespace rehome::cutover
