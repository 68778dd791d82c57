// One packet through a policy, rule by rule, as plainly as it can be said.
//
// Shares no code with the diagrams but the list of ways: every example of a difference goes through
// this before it is shown.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/meaning.h"

namespace rehome::lbsync::proof {

// A packet with all that rules can ask of it; bits that are not named are zero.
struct Packet {
    Frame frame = Frame::ip4;
    bool bridged = false;
    std::string way;
    WideNumber in_interface = 0;
    WideNumber out_interface = 0;
    std::map<Bit, bool> bits;
};

// What a rule did, in words; its place, as many rules as the chain has: its policy.
struct Event {
    size_t chain = 0;
    size_t rule = 0;
    std::string words;
};

struct Trace {
    std::vector<Event> events;
    std::string end;  // "accept", "drop", ...
    std::multiset<std::string> acts;
    std::vector<std::map<std::string, WideNumber>> moments;  // fields that were written
};

// Whether a packet that meets the one meets the other: events may stand elsewhere.
bool same_outcome(const Trace& a, const Trace& b);

// unknowns: which bits say what an opaque or drawn field holds, by where it is asked.
Trace replay(const policy::Policy& policy, const Packet& packet, const Meaning& meaning,
             Space& names, bool translated);

}  // namespace rehome::lbsync::proof
