// The kernel's clocks as the probe needs them: in nanoseconds, with what is known of their quality.
#pragma once

#include "probe/core/flow.h"

namespace rehome::probe {

Nanos realtime_now();
Nanos monotonic_now();

struct ClockQuality {
    Nanos resolution = 1;
    Nanos error = 0;  // against UTC, as the kernel's clock discipline sees it
    bool synchronised = false;
    double tolerance = 5e-4;  // the largest error of its rate, as a share
};
ClockQuality clock_quality();

// Notices that CLOCK_REALTIME, by which the kernel stamps packets, was set: its distance to
// CLOCK_MONOTONIC then changes.  (Slewing moves both alike.)
class ClockWatch {
public:
    ClockWatch() : distance_(distance()) {}
    // By how much since construction; 0 for what reading two clocks one after the other can
    // explain.
    Nanos stepped() const;

private:
    static Nanos distance();
    Nanos distance_;
};

}  // namespace rehome::probe
