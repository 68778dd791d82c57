#include "lbsync/side/merge.h"

#include <iterator>

namespace rehome::lbsync::side {

namespace {

using policy::Verdict;

void move_targets(std::vector<policy::Step>& steps, size_t by) {
    for (policy::Step& step : steps) {
        if (auto* const verdict = std::get_if<Verdict>(&step)) {
            const bool jumps =
                verdict->kind == Verdict::Kind::jump || verdict->kind == Verdict::Kind::go_to;
            verdict->target += jumps ? by : 0;
        } else if (auto* const choice = std::get_if<policy::Choice>(&step)) {
            for (policy::Choice::Branch& branch : choice->branches) {
                move_targets(branch.steps, by);
            }
        }
    }
}

}  // namespace

void append(policy::Policy& into, policy::Policy more) {
    const size_t by = into.chains.size();
    for (policy::Chain& chain : more.chains) {
        for (policy::Rule& rule : chain.rules) {
            move_targets(rule.steps, by);
        }
        into.chains.push_back(std::move(chain));
    }
    into.doubts.insert(into.doubts.end(), std::make_move_iterator(more.doubts.begin()),
                       std::make_move_iterator(more.doubts.end()));
}

}  // namespace rehome::lbsync::side
