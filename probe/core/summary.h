// From what happened to the figures.
//
// Definitions: loss RFC 6673 (round trip; an answer after the waiting time is a loss, RFC 7680);
// delay RFC 2681 (round trip; the target's own time is in it), between the kernel's time stamps;
// delay variation RFC 3393 (ipdv) and RFC 5481 (pdv); reordering RFC 4737; runs of loss RFC 3357.
// Pure.
#pragma once

#include "probe/core/measurement.h"
#include "probe/core/series.h"

namespace rehome::probe {

// What the adapter knows besides the samples.
struct OwnSide {
    uint64_t receive_drops = 0;   // by our socket; some kernels count damaged answers too
    uint64_t capture_drops = 0;   // by the capture
    Nanos longest_send_call = 0;  // bounds the error of a sending time that the kernel left out
    Nanos clock_resolution = 1;
    double clock_tolerance = 5e-4;  // how far the clock's rate may be off, as a share
    std::map<uint32_t, std::string> interfaces{};  // their names by index
};

// Fills everything but path, route with its changes, and flow.
void summarise(const Series& series, Nanos wait, const OwnSide& own, Figures& figures);

}  // namespace rehome::probe
