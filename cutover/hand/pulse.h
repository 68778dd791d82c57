// How long the other side counts as being there.
//
// Both say a number now and then.  The hand's are its own; the runner's are the newest that it has
// heard.  A hand goes by the time at which it has said the number that comes back, so that what was
// held up on the way does not make a runner look alive: from the time at which a runner has last
// heard a hand, that hand knows after `silence` at the latest that nobody is there.  Pure; times
// are monotonic microseconds.
#pragma once

#include <cstdint>
#include <deque>

#include "cutover/hand/message.h"

namespace rehome::cutover {

// How often something is said, for a silence of this length.
constexpr int64_t beat_every_us(Milliseconds silence) {
    return silence.count() * 1'000 / 8;
}

class Pulse {
public:
    Pulse(Milliseconds silence, int64_t now_us)
        : silence_us_(silence.count() * 1'000), alive_at_us_(now_us) {}

    // The hand's next beat.
    Beat beat(int64_t now_us);
    void heard(const Beat& echo);

    bool beat_is_due(int64_t now_us) const { return now_us >= next_beat_at_us(); }
    int64_t next_beat_at_us() const { return said_at_us_ + beat_every_us(silence()); }
    int64_t silent_at_us() const { return alive_at_us_ + silence_us_; }

private:
    Milliseconds silence() const { return Milliseconds(silence_us_ / 1'000); }

    struct Said {
        uint64_t number = 0;
        int64_t at_us = 0;
    };

    int64_t silence_us_;
    int64_t alive_at_us_;  // the runner was there at this time or later
    int64_t said_at_us_ = 0;
    uint64_t number_ = 0;
    std::deque<Said> said_{};  // and has not come back
};

}  // namespace rehome::cutover
