// A command and everything that it starts, in an enclosure that ends with it.
//
// With the right to make PID namespaces the command is process 2 in one of its own, and process 1
// is ours: when the command ends, or process 1 is killed, or the hand dies (PR_SET_PDEATHSIG), the
// kernel ends all that is in there, and waitpid(2) tells of it only when it has.  Without, process
// 1 is a subreaper that ends its descendants until there are none.  The command has a session and a
// process group of its own; SIGTERM goes to the group.
//
// Process 1 keeps what the hand has open: the hand's lock is free once all enclosures are gone,
// too.
//
// It is made, and runs once it is let go.  /proc is the hand's: numbers that are read there are not
// those that kill(2) takes inside.  For a process of one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "cutover/hand/message.h"

namespace rehome::cutover {

// What this process may make.
Keeping keeping_here();

class Enclosure {
public:
    // more: NAME=VALUE to be added to its environment.
    static Result<Enclosure> make(const Argv& argv, Keeping keeping,
                                  const std::vector<std::string>& more);

    Enclosure(Enclosure&&) = default;
    Enclosure& operator=(Enclosure&&) = default;
    ~Enclosure();  // killed, and gone

    void let_go();
    void terminate() const;
    void kill() const;

    pid_t pid() const { return pid_; }
    int ended_fd() const { return pidfd_.get(); }  // readable once all of it is gone

    const Fd& out() const { return out_; }
    const Fd& err() const { return err_; }

    struct Report {
        int error = 0;         // why it could not be started
        int code = 0;          // as in Finished
        uint64_t left = 0;     // processes that were still there at its end, and were ended
        uint64_t unended = 0;  // and could not be ended
    };
    // Once it has ended; nothing when it was killed as a whole.
    std::optional<Report> collect();

private:
    Enclosure() = default;

    pid_t pid_ = 0;
    Keeping keeping_ = Keeping::pid_namespace;
    Fd pidfd_;
    Fd go_;
    Fd report_;
    Fd out_;
    Fd err_;
};

}  // namespace rehome::cutover
