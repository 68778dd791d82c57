// Whether two policies treat every packet alike.
//
// Equal: for every kind of packet, way and state of its connection, and whatever its unknowns are,
// both end it alike, do the same with it on its way, leave the same values behind, and translate it
// alike.  Differs: some packet surely meets different things, and examples of it have been replayed
// rule by rule.  Everything else cannot be told, with what stands in the way.
//
// One proof at a time in a process (packet_set.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/packet_set.h"

namespace rehome::lbsync::proof {

// What one of the two does with an example.
struct Treatment {
    std::string outcome;  // "accept", "drop", "log prefix \"x\", reject with tcp reset"
    std::string place;    // of the rule that makes the difference, or of the chain's policy
    std::string words;    // the rule's own
};

struct Difference {
    std::string packet;  // in the language of `vipd why`, and what it does not say in brackets
    Treatment old_one;
    Treatment new_one;
};

struct Proof {
    enum class Answer : uint8_t { equal, differs, unknown };

    Answer answer = Answer::unknown;
    std::vector<Difference> differences;  // one for each pair of places, up to a bound
    bool more = false;                    // there are others
    std::vector<Doubt> doubts;
    std::vector<std::string> unreachable;  // rules of either that no packet meets
    size_t nodes = 0;                      // of the diagrams
};

struct Bounds {
    Limits limits;
    size_t examples = 20;
};

Proof prove(const policy::Policy& old_one, const policy::Policy& new_one, const Bounds& bounds);

}  // namespace rehome::lbsync::proof
