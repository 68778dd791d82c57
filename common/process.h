// Processes of this machine that are known by more than their number, which another may take over.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/fd.h"

namespace rehome {

// When it began (proc(5), field 22 of stat), and in which boot.
struct ProcessMark {
    pid_t pid = 0;
    uint64_t start = 0;
    std::string boot{};

    bool operator==(const ProcessMark&) const = default;
};

// Nothing when there is none.  The number is one of /proc's own PID namespace.
std::optional<uint64_t> process_start(pid_t pid);

ProcessMark mark_of(pid_t pid);
ProcessMark own_mark();                          // also inside of a PID namespace
ProcessMark mark_of(pid_t pid, uint64_t start);  // in this boot

// Not one that has ended and is only waiting to be collected.  Also from inside of a PID namespace.
bool is_running(const ProcessMark& process);

// Readable once it has ended; empty when it is there no more.
Fd open_process(const ProcessMark& process);

// Whether the signal reached it.
bool signal_process(const Fd& pidfd, int signal);

}  // namespace rehome
