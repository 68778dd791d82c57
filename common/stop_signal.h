// SIGINT and SIGTERM as a wish to end in order, for as long as the object lives.
//
// Its descriptor is readable from the first of them on, for good, so that any loop over poll(2) or
// epoll(7) can wait for it; nothing has to be read from it.  Calls that are interrupted are
// restarted, but for those that wait (signal(7)).  One object at a time in a process, made before
// its threads; what may be asked of it is thread-safe.
#pragma once

#include <signal.h>

#include <array>
#include <chrono>
#include <string_view>

#include "common/error.h"
#include "common/fd.h"

namespace rehome {

class StopSignal {
public:
    // The texts must outlive the object; they are written to standard error as they are.
    struct Manner {
        std::string_view asked{};  // said when the wish comes
        std::string_view left{};   // said by a second SIGINT, which then ends the process at once
                                   // (128 + SIGINT), as SIGKILL would; empty: it does nothing
        bool outlives_terminal = false;  // SIGHUP does nothing
        bool hangs_up = false;           // SIGHUP is such a wish too
    };

    static Result<StopSignal> watch(const Manner& manner);
    static Result<StopSignal> watch() { return watch(Manner()); }

    StopSignal(StopSignal&&) = default;
    StopSignal& operator=(StopSignal&&) = delete;
    ~StopSignal();  // the signals do again what they did before

    int fd() const { return fd_.get(); }
    bool wanted() const;
    bool interrupted() const;  // the wish came by SIGINT

    // Somebody wishes it who has no signal to send.
    void want() const;

    // Returns after the time, or when the wish comes.
    void wait(std::chrono::duration<double> time) const;

    // Whether the descriptor can be read; false when the wish comes first.
    bool wait_readable(int fd) const;

private:
    explicit StopSignal(Fd fd) : fd_(std::move(fd)) {}

    Fd fd_;
    std::array<struct sigaction, 3> before_{};
};

}  // namespace rehome
