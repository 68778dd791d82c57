#include "lbsync/proof/runs.h"

namespace rehome::lbsync::proof {

Run joined(Run left, Run right) {
    Run both;
    both.first = left.first;
    both.fates = left.fates;
    both.fates.then(right.fates);
    const bool only_taken = left.met == left.fates.taken && right.met == right.fates.taken;
    both.met = only_taken ? both.fates.taken : left.met | right.met;
    both.left = std::make_unique<Run>(std::move(left));
    both.right = std::make_unique<Run>(std::move(right));
    both.tidy();
    return both;
}

void Run::tidy() {
    if (left != nullptr && left->marked && right->marked) {
        marked = true;
        left.reset();
        right.reset();
    }
}

}  // namespace rehome::lbsync::proof
