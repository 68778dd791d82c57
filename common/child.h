// Child processes: started from an argument vector (never a shell), bounded in time and output.
//
// run() waits for the end and returns what the child printed; spawn() leaves it running and returns
// its id.  A child that outlives its time limit gets SIGTERM, then SIGKILL, with its whole process
// group.  A child dies with the thread that started it (PR_SET_PDEATHSIG) unless it is detached.
// Nothing but the three standard descriptors is inherited.  Thread-safe.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/fd.h"

namespace rehome {

using Argv = std::vector<std::string>;

struct Finished {
    int code = 0;  // exit code, or 128 + signal
    bool timed_out = false;
    std::string out{};
    std::string err{};
};

struct RunOptions {
    std::chrono::milliseconds timeout{30'000};
    std::string input{};              // for the child's standard input
    size_t output_limit = 64u << 20;  // bytes of out and of err each; more is an error
};

// An error only when the child could not be started or its output was too long; a failing child is
// a Finished with a code.
Result<Finished> run(const Argv& argv, const RunOptions& options = {});

struct SpawnOptions {
    std::string output_path{};  // standard output and error are appended here; empty: inherited
    bool detached = false;      // a session of its own that outlives us
    std::array<int, 3> standard{-1, -1, -1};  // what becomes descriptors 0, 1, 2; -1: as above
};

Result<pid_t> spawn(const Argv& argv, const SpawnOptions& options = {});

// A child with pipes, in a session of its own, which does not die with us but sees the end of its
// input.  It is to be collected by end().
struct Piped {
    pid_t pid = 0;
    Fd to;    // its standard input
    Fd from;  // its standard output
    Fd err;
};
Result<Piped> spawn_piped(const Argv& argv);

// SIGKILL, and collects it.
void end(const Piped& child);

// Ends a child of spawn() that is not detached: SIGTERM, after the grace SIGKILL, to its group, and
// collects it.  The exit code as in Finished; an error when it cannot be ended or is no child.
Result<int> stop(pid_t child, std::chrono::milliseconds grace = std::chrono::milliseconds(2'000));

// One word, quoted for sh(1) where it needs to be.
std::string shell_quoted(const std::string& word);

// "ip route show", for messages: quoted where needed so that a person could paste it.
std::string printable(const Argv& argv);

}  // namespace rehome
