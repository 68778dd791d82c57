// Which rules are plain: what they do to a packet follows from what it holds when it comes to them,
// and they leave it as it is.
//
// Not plain are rules that write a field, translate an address or change a set, those that ask for
// something unknown (opaque or drawn), and jumps to where such a rule stands.  Of plain rules that
// follow each other the fates are found apart from who comes there, which can be done in any order.
#pragma once

#include <vector>

#include "lbsync/policy/policy.h"

namespace rehome::lbsync::proof {

constexpr size_t deepest_jump = 64;  // the kernel allows 16

class PlainRules {
public:
    // The policy lives longer, and has no circles of jumps.
    explicit PlainRules(const policy::Policy& policy);

    bool plain(size_t chain, size_t rule) const { return chains_[chain].plain[rule]; }
    bool jumps(size_t chain, size_t rule) const { return chains_[chain].jumps[rule]; }

    // What the rules of a chain look at, and of those that it jumps to; unknowns left out.
    const std::vector<const policy::Term*>& terms(size_t chain) const {
        return chains_[chain].terms;
    }
    // How many chains deep its jumps go, itself counted, up to one more than the deepest.
    size_t depth(size_t chain) const { return chains_[chain].depth; }

private:
    struct Found {
        bool done = false;
        bool all_plain = true;
        size_t depth = 1;
        std::vector<bool> plain;  // rule by rule
        std::vector<bool> jumps;
        std::vector<const policy::Term*> terms;
    };

    void look_at(size_t chain, size_t above);
    bool look_at(const std::vector<policy::Step>& steps, Found& found, size_t above);
    bool look_at(const policy::Verdict& verdict, Found& found, size_t above);
    bool look_at(const std::vector<policy::Term>& terms, Found& found);

    const policy::Policy& policy_;
    std::vector<Found> chains_;
};

}  // namespace rehome::lbsync::proof
