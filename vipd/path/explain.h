// The dry run: what would become of a packet now, told decision by decision.
//
// Scratch hands that have a copy of whatever the packet can meet go through the very same stages,
// and are thrown away: nothing is changed but the frame.  Fragments that wait for this one are not
// told.
#pragma once

#include <vector>

#include "vipd/path/context.h"

namespace rehome::vipd {

struct Explained {
    struct Emitted {
        std::vector<uint8_t> ip_packet;
        Adjacency out;
    };
    Verdict verdict;
    Adjacency out;  // forward, wait
    std::vector<Emitted> emitted;
};

Explained explain(const View& view, Hands& hands, Frame& frame, PortIndex port, Trace& trace);

}  // namespace rehome::vipd
