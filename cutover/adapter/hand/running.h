// A command that a hand runs: its enclosure, its course, what it prints, and what is to be run
// should it be cut.  One thread.
#pragma once

#include <poll.h>

#include <optional>
#include <string>
#include <vector>

#include "cutover/adapter/hand/enclosure.h"
#include "cutover/hand/course.h"
#include "cutover/hand/record.h"

namespace rehome::cutover {

class Running {
public:
    // more: NAME=VALUE for its environment.
    static Result<Running> make(Job job, Keeping keeping, Milliseconds grace,
                                const std::vector<std::string>& more);

    // One that was cut with its hand: all that is left to run is what it had asked for.
    static Running cut(const Remembered& command, Keeping keeping, Milliseconds grace);

    void let_go() { enclosure_->let_go(); }
    void end(Cause cause, int64_t now_us);

    const Job& job() const { return job_; }
    bool is_act() const { return job_.entry.has_value(); }
    pid_t pid() const { return enclosure_ ? enclosure_->pid() : 0; }
    void ask(IfCut if_cut) { if_cut_ = std::move(if_cut); }

    void watch(std::vector<pollfd>& polled) const;
    int64_t next_at_us() const { return course_.next_at_us(); }

    // Takes what it printed, sends what is due, collects it.  How it ended, once it has and nothing
    // is left to run.
    std::optional<Ending> turn(int64_t now_us);

private:
    struct Stream {
        std::string text{};
        bool open = true;

        // false: it is longer than it may be
        bool take(const Fd& fd);
    };

    Running(Job job, Keeping keeping, Milliseconds grace, bool survives)
        : job_(std::move(job)),
          keeping_(keeping),
          grace_(grace),
          course_(0, job_.limit, grace, survives) {}

    Result<> start(const Argv& argv, const std::vector<std::string>& more);
    void take_output(int64_t now_us);
    Ending collect();
    std::optional<Ending> ended(Ending ending, int64_t now_us);
    bool begin_putting_back(int64_t now_us);

    Job job_;
    Keeping keeping_;
    Milliseconds grace_;
    Course course_;
    std::optional<Enclosure> enclosure_{};
    Stream out_{};
    Stream err_{};
    IfCut if_cut_{};
    std::string puts_back_{};      // the command that puts back, while it runs
    std::optional<Ending> cut_{};  // how the command ended that is being put back
};

}  // namespace rehome::cutover
