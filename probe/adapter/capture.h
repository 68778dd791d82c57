// What comes in by any interface that looks like an answer of one flow, before this host's packet
// filters, its reverse-path filter and the socket see it (packet(7)).
//
// Without it an answer that our own side drops could not be told from one that the carrier lost,
// nor could a damaged one that the kernel throws away.  It sees packets behind the device's ingress
// hook and behind what its driver drops.  Only reads; not thread-safe.
#pragma once

#include "common/error.h"
#include "common/fd.h"
#include "probe/core/plan.h"

namespace rehome::probe {

class Capture {
public:
    // ports: ours, ascending; not for icmp.  Needs CAP_NET_RAW.
    static Result<Capture> open(const Path& path, const std::vector<uint16_t>& ports);

    int fd() const { return fd_.get(); }
    // Packets that were lost because nobody read in time, since the opening.
    uint64_t drops();

private:
    explicit Capture(Fd fd) : fd_(std::move(fd)) {}

    Fd fd_;
    uint64_t drops_ = 0;
};

}  // namespace rehome::probe
