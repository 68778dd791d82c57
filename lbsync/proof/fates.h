// What some rules do to the packets that enter them, as sets of those packets.
//
// What was not taken comes out behind them.  What was taken is accepted, returns to behind the jump
// into the chain, is ended in a way that is told by name ("reject with tcp reset"), or else is
// dropped: most packets are, and what follows from the others is not built.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "lbsync/proof/packet_set.h"

namespace rehome::lbsync::proof {

// What is done with packets on their way: in words, and how often it was done before.
using Acts = std::map<std::pair<std::string, unsigned>, PacketSet>;

// Two of the same are not one.
void count(Acts& acts, const std::string& words, PacketSet packets);

struct Fates {
    PacketSet taken;
    PacketSet accepted;
    PacketSet returned;
    std::map<std::string, PacketSet> ends;
    Acts acts;

    Fates within(const PacketSet& packets) const;

    // Of other packets.
    void add(const Fates& others);
    // Of the same packets, by rules that stand behind these.
    void then(const Fates& others);
};

}  // namespace rehome::lbsync::proof
