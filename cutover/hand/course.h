// The course of one command in its hand: it runs, is asked to end (SIGTERM), is ended (SIGKILL).
//
// Its time limit always holds.  When nobody is heard any more, or another runner goes on, one that
// survives runs on, within its limit.  The first cause counts.  Pure; times are monotonic
// microseconds.
#pragma once

#include <cstdint>
#include <optional>

#include "cutover/hand/message.h"

namespace rehome::cutover {

class Course {
public:
    Course(int64_t now_us, Milliseconds limit, Milliseconds grace, bool survives)
        : grace_us_(grace.count() * 1'000),
          next_at_us_(now_us + limit.count() * 1'000),
          survives_(survives) {}

    // It is to end, for this cause.
    void end(Cause cause, int64_t now_us);

    enum class Signal { none, terminate, kill };
    // What is to be sent to it now; each once.
    Signal due(int64_t now_us);
    int64_t next_at_us() const { return next_at_us_; }

    // Why it ended, if it has ended now: by itself where it was to end and was not asked yet.
    Cause cause() const {
        const bool was_asked = stage_ != Stage::running || cause_ == Cause::output;
        return was_asked ? cause_.value_or(Cause::itself) : Cause::itself;
    }

private:
    int64_t grace_us_;
    int64_t next_at_us_;
    bool survives_;
    enum class Stage { running, asked, killed } stage_ = Stage::running;
    std::optional<Cause> cause_{};
};

}  // namespace rehome::cutover
