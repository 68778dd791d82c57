// What a command asks of the hand that runs it (cutover(1), THE HAND), by the socket that
// $REHOME_HAND names: a UNIX socket of packets, one question and one answer each, as JSON.
//
//   leave      starts a process that stays when the command ends, under a name that the step lists
//   if_cut     what is to be run should the command be cut; an empty argv takes that back
//   terminate  SIGTERM to a process outside, which the command cannot reach by its number
//
// Where there is no hand, what is left is started detached, nothing is run when it is cut, and a
// signal is sent as it is.  Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <string>

#include "common/child.h"
#include "common/process.h"

namespace rehome {

// standard: what become its descriptors 0, 1 and 2.
Result<ProcessMark> leave_behind(const std::string& name, const Argv& argv,
                                 const std::array<int, 3>& standard);

// A limit of at most 10 minutes.
Result<> if_cut(const Argv& argv, std::chrono::milliseconds limit);
Result<> not_cut();

// Whether it was there to hear it.
Result<bool> terminate(const ProcessMark& process);

}  // namespace rehome
