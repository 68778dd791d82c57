// A login agent's folder, DIR/CARRIER/, and who owns it.
//
//   agent.pid     "PID START\n"; START is the process's start time (proc(5), field 22 of stat), so
//                 that a number taken over by another process is not mistaken for the agent.  The
//                 agent holds flock(2) on it as long as it lives: one agent a folder.
//   status.json   rewritten each second: readers see the old or the new one, never a part
//   series.jsonl  one line a second            gaps.jsonl  one line a gap that has ended
//   agent.log     what the agent said
//
// Lines are appended, whatever stands in the folder from before.  A write that fails is an error at
// once: what cannot be recorded must not look like nothing to record.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"
#include "common/fd.h"
#include "common/process.h"

namespace rehome::cutover {

std::string login_folder(const std::string& dir, const std::string& carrier);

class LoginFolder {
public:
    // Makes the folder and takes it; kind no when another agent has it.
    static Result<LoginFolder> take(const std::string& path);

    Result<> write_pid();  // by the process that will hold the folder, after any fork
    Result<> write_status(std::string_view text);
    Result<> append_series(std::string_view line) { return append(series_, "series.jsonl", line); }
    Result<> append_gaps(std::string_view lines) { return append(gaps_, "gaps.jsonl", lines); }

    const std::string& path() const { return path_; }

private:
    Result<> append(const Fd& fd, const char* name, std::string_view text);

    std::string path_;
    Fd pid_;
    Fd series_;
    Fd gaps_;
};

// The agent of a folder, which lived when it was looked for.
struct LiveAgent {
    ProcessMark process{};

    Result<bool> ask_to_end() const;  // false: it has ended already
    bool await_end(int64_t limit_us) const;
};

// Nothing: none is running.
Result<std::optional<LiveAgent>> find_agent(const std::string& folder);

}  // namespace rehome::cutover
