// A packet out of a set, as ordinary as the set has one, and its words.
#pragma once

#include <string>

#include "lbsync/proof/replay.h"

namespace rehome::lbsync::proof {

// set: not empty.
Packet example(Space& space, PacketSet set, const Outcome& outcome);

// "tcp 198.51.100.7:40000 > 203.0.113.5:22 syn [in \"eth0\", ct state new]"
std::string text(const Packet& packet, const Space& space);

}  // namespace rehome::lbsync::proof
