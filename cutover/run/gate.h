// Gates: whether a command's samples are good, often and long enough.  Pure; the runner takes the
// samples and tells the times.
//
// A sample is good when the command ended in time with exit code 0, its JSON holds every figure
// within its bounds, and its own time is newer than the gate's start and not older than max_age.
// Everything else is bad: no data is a failure.  A gate passes once `good` samples in a row, over
// at least `for_s` seconds, were good; a bad one starts the count anew.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/child.h"
#include "common/clock.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

struct Reading {
    enum class Verdict {
        good,
        bad,
        fatal,        // a figure that is to be good at once was bad
        cannot_tell,  // no answer: the command could not run, ended late or otherwise than 0 or 1,
                      // or what it printed lacks a figure
    } verdict = Verdict::cannot_tell;
    std::string why;                 // what was wrong; empty when good
    std::vector<std::string> shown;  // each figure with its value and bounds
};

// What an answer of a check says: good is done, bad is not done.
Reading read_sample(const Sample& sample, const Result<Finished>& answer);

class GateWatch {
public:
    GateWatch(const Gate& gate, UnixMicros started) : gate_(gate), started_(started) {}

    // One more sample, that came at these times (wall clock, monotonic).
    Reading take(const Result<Finished>& answer, UnixMicros now, int64_t monotonic_us);

    bool passed() const { return passed_; }
    // So many samples were taken as the gate allows.
    bool used_up() const { return gate_.tries != 0 && taken_ >= gate_.tries; }

private:
    const Gate& gate_;
    UnixMicros started_;
    std::map<std::string, double> first_;  // of figures that are told since the start
    unsigned taken_ = 0;
    unsigned in_row_ = 0;
    int64_t row_began_us_ = 0;
    bool passed_ = false;
};

}  // namespace rehome::cutover
