// Guards: what must hold during the steps of stages, and not at gates alone.  Pure; the runner
// hands it the samples, which come all the while, also during a long act.
//
// A guard that was bad in two new samples in a row (or in one, where waiting cannot make it good)
// is broken, and stays so.  One that had no new sample that can be told for as long as one speaks
// (every_s and max_age_s) is blind.  Figures that count begin anew with each stage.
#pragma once

#include <string>
#include <vector>

#include "cutover/run/gate.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

struct GuardSample {
    size_t guard = 0;  // its place in the plan
    Result<Finished> answer;
    UnixMicros at = 0;
    int64_t monotonic_us = 0;
};

class GuardWatch {
public:
    enum class State { holds, broken, blind };

    GuardWatch(const Guard& guard, UnixMicros now, int64_t monotonic_us)
        : guard_(&guard), gate_(guard.step.gate, now), told_at_us_(monotonic_us) {}

    const Guard& guard() const { return *guard_; }

    // The stage of the step that comes next; a new one has bad samples of its own.
    void enter(const std::string& stage);

    Reading take(const GuardSample& sample);

    // An operator goes on without it: a blind one until it sees again, a broken one until it was
    // good, or the next stage.
    void excuse();

    State state(int64_t monotonic_us) const;
    const std::string& why() const { return why_; }
    double blind_s(int64_t monotonic_us) const;  // for how long it has told nothing
    // Whether a sample was good at this time or later, or none is asked for.
    bool good_since(int64_t monotonic_us) const;

private:
    const Guard* guard_;
    GateWatch gate_;
    std::string stage_{};
    int64_t told_at_us_;
    int64_t good_at_us_ = -1;
    unsigned bad_in_row_ = 0;
    bool broken_ = false;
    State excused_ = State::holds;  // from what
    bool only_reports_ = false;
    std::string why_{"there was no sample"};
};

}  // namespace rehome::cutover
