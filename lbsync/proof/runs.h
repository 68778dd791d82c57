// Plain rules that follow each other in a chain, as a tree of halves, each with its fates.
//
// A run's fates are those of all packets, whoever comes.  The halves are kept as long as
// it is not known of each rule whether some packet reaches it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "lbsync/proof/fates.h"

namespace rehome::lbsync::proof {

struct Run {
    size_t first = 0;  // rule; its only one where there are no halves
    Fates fates;
    PacketSet met;        // with which one of the rules does something
    bool marked = false;  // each is known to be reached, or does nothing
    std::unique_ptr<Run> left;
    std::unique_ptr<Run> right;

    void tidy();
};

// By chain, first rule, and the numbers of all columns that the chain looks at.
using Runs = std::map<std::vector<size_t>, std::shared_ptr<Run>>;

// left: in front.
Run joined(Run left, Run right);

}  // namespace rehome::lbsync::proof
