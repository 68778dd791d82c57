// What a policy does with every packet: its rules, run once on all packets at the same time.
//
// From hook to hook goes the set of packets that are still on their way; a rule takes its part of
// it away.  What comes out is a set of packets for each thing that can happen to one, and the
// values that fields have been given as functions of the packet.  Two policies mean the same when
// all of these are the same.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/fates.h"
#include "lbsync/proof/filters.h"
#include "lbsync/proof/packet_set.h"
#include "lbsync/proof/space.h"
#include "lbsync/proof/values.h"
#include "lbsync/proof/ways.h"

namespace rehome::lbsync::proof {

// What fields hold at a point where something outside of the rules looks at them.
struct Moment {
    std::string when;
    PacketSet alive;
    std::map<Bit, PacketSet> values;  // those that are not as the packet brought them
};

// What a rule did to packets: let them through, ended them, wrote or told something.
struct Decision {
    size_t chain = 0;
    size_t rule = 0;  // as many as the chain has: its policy
    PacketSet packets;

    bool same_place(const Decision& other) const {
        return chain == other.chain && rule == other.rule;
    }
};

// What happens to the packets of one kind on one way.
struct Outcome {
    Frame frame = Frame::ip4;
    bool bridged = false;
    std::string way;  // "forwarded"
    PacketSet universe;
    std::map<std::string, PacketSet> ends;  // "accept", "drop", "reject with tcp reset", ...
    Acts acts;
    std::vector<Moment> moments;
    std::vector<Decision> decisions;  // of the packets that were asked about
};

// Where an unknown is asked: at which hook of which way, and by which step of which rule, with the
// chains above it that jumped there.
using Site = std::pair<std::string, std::vector<size_t>>;

struct Meaning {
    std::vector<Outcome> outcomes;
    std::vector<Doubt> doubts;
    std::set<std::pair<size_t, size_t>> reached;     // chain and rule that some packet comes to
    std::map<Site, std::vector<Bit>> unknowns;       // opaque and drawn
    std::map<std::string, std::set<Bit>> instances;  // drawn from one and the same
    std::set<Bit> opaque;
};

struct Question {
    const policy::Policy& policy;
    bool translated = false;  // one of the compared policies translates addresses
    bool bridged = false;     // or looks at what is bridged
    // Only these packets are followed, by frame and bridged, and who decides about them is written
    // down.  `before` is what was answered about all packets: unknowns are named by that.
    const std::map<std::pair<Frame, bool>, PacketSet>* within = nullptr;
    const Meaning* before = nullptr;
};

// What both policies are said in.
struct Shared {
    Space& space;
    Unknowns unknowns;
    Filters filters;

    explicit Shared(Space& of) : space(of), unknowns(of), filters(of) {}
};

Meaning meaning(Shared& shared, const Question& question);

}  // namespace rehome::lbsync::proof
