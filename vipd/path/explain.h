// The dry run: what would become of a packet now, told decision by decision.
//
// Scratch hands that have a copy of whatever the packet can meet go through the very same stages,
// and are thrown away: nothing is changed but the frame.  Fragments that wait for this one are not
// told.
#pragma once

#include <functional>
#include <optional>
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

// A frame that is handed in.
struct Rehearsed {
    Frame frame;
    PortIndex port = 0;
};

// The same of a packet and of the one that answers it, which meets what the first has left behind.
// answer: given what became of the first, whose frame is as it leaves; nothing: there is none.
struct ExplainedBoth {
    Explained first;
    std::optional<Explained> answer;
};
ExplainedBoth explain_both(const View& view, Hands& hands, Rehearsed& first, Trace& trace,
                           const std::function<Rehearsed*(const Explained&)>& answer,
                           Trace& answer_trace);

}  // namespace rehome::vipd
