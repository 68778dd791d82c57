// Programs on hosts: the one way by which anything is run where a Host says.
//
// As in child.h every run is bounded in time and output.  How it ended is told apart:
//
//   it ended         what it printed, or its exit code
//   Exit::world      it was not started here, or printed too much and was ended
//   Exit::unknown    it cannot be told whether it ran: ssh failed, and may have lost a command that
//                    still runs; no exit code 255 of ssh is ever taken for the command's own
//
// A command that outlives its time is ended with its process group, but over ssh its far end is
// not: it may still run.
//
// Errors read "HOST: COMMAND: WHAT" ("HOST: WHAT" of our own programs, which say it all).
// Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "common/child.h"
#include "common/host.h"

namespace rehome {

// How it ended, whatever its exit code, and also when its time was over.
Result<Finished> run_on(const Host& host, const Argv& argv, const RunOptions& options = {});

// What it printed; an error when it did not end in time, or with an exit code other than 0.
Result<std::string> output_of(const Host& host, const Argv& argv, const RunOptions& options = {});

// One of our own programs, as run_on.  On this machine, in whatever namespace, that is the one
// beside the program that runs; elsewhere what PATH finds there.
Result<Finished> run_ours_on(const Host& host, std::string_view program, const Argv& words,
                             const RunOptions& options = {});

// What it printed; its exit code is the error's kind.
Result<std::string> output_of_ours(const Host& host, std::string_view program, const Argv& words,
                                   const RunOptions& options = {});

// That program's path.
std::string path_of_ours(const Host& host, std::string_view program);

}  // namespace rehome
