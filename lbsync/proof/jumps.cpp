#include "lbsync/proof/jumps.h"

namespace rehome::lbsync::proof {

using policy::Policy;
using policy::Step;
using policy::Verdict;

namespace {

void targets(const std::vector<Step>& steps, std::vector<size_t>& found) {
    for (const Step& step : steps) {
        if (const auto* verdict = std::get_if<Verdict>(&step)) {
            if (verdict->kind == Verdict::Kind::jump || verdict->kind == Verdict::Kind::go_to) {
                found.push_back(verdict->target);
            }
        } else if (const auto* choice = std::get_if<policy::Choice>(&step)) {
            for (const auto& branch : choice->branches) {
                targets(branch.steps, found);
            }
        }
    }
}

}  // namespace

// Takes away, again and again, the chains that jump nowhere any more: what is left are circles and
// what leads into them.
std::vector<Doubt> circles(const Policy& policy) {
    const size_t count = policy.chains.size();
    std::vector<Doubt> doubts;
    std::vector<std::vector<size_t>> jumped_from(count);
    std::vector<size_t> open(count, 0);  // jumps that are left
    std::vector<size_t> done;
    for (size_t i = 0; i < count; ++i) {
        std::vector<size_t> found;
        for (const policy::Rule& rule : policy.chains[i].rules) {
            targets(rule.steps, found);
        }
        for (const size_t target : found) {
            if (target >= count) {
                doubts.push_back({policy.chains[i].where, "jumps to a chain that is not there"});
            } else {
                jumped_from[target].push_back(i);
                ++open[i];
            }
        }
        if (open[i] == 0) {
            done.push_back(i);
        }
    }
    for (size_t i = 0; i < done.size(); ++i) {
        for (const size_t from : jumped_from[done[i]]) {
            if (--open[from] == 0) {
                done.push_back(from);
            }
        }
    }
    for (size_t i = 0; i < count; ++i) {
        if (open[i] > 0) {
            doubts.push_back({policy.chains[i].where, "jumps in a circle, or into one"});
        }
    }
    return doubts;
}

}  // namespace rehome::lbsync::proof
