#include "lbsync/policy/merge.h"

#include <iterator>

namespace rehome::lbsync::policy {

namespace {

// place: of a chain's old index, the new one.
template <typename Place>
void move_targets(std::vector<Step>& steps, const Place& place) {
    for (Step& step : steps) {
        if (auto* const verdict = std::get_if<Verdict>(&step)) {
            const bool jumps =
                verdict->kind == Verdict::Kind::jump || verdict->kind == Verdict::Kind::go_to;
            verdict->target = jumps ? place(verdict->target) : verdict->target;
        } else if (auto* const choice = std::get_if<Choice>(&step)) {
            for (Choice::Branch& branch : choice->branches) {
                move_targets(branch.steps, place);
            }
        }
    }
}

}  // namespace

void append(Policy& into, Policy more) {
    const size_t by = into.chains.size();
    for (Chain& chain : more.chains) {
        for (Rule& rule : chain.rules) {
            move_targets(rule.steps, [by](size_t target) { return target + by; });
        }
        into.chains.push_back(std::move(chain));
    }
    into.doubts.insert(into.doubts.end(), std::make_move_iterator(more.doubts.begin()),
                       std::make_move_iterator(more.doubts.end()));
}

void remove_tables(Policy& policy, const std::function<bool(const std::string& table)>& goes) {
    std::vector<size_t> places;
    std::vector<Chain> stay;
    for (Chain& chain : policy.chains) {
        places.push_back(stay.size());
        if (!goes(chain.table)) {
            stay.push_back(std::move(chain));
        }
    }
    for (Chain& chain : stay) {
        for (Rule& rule : chain.rules) {
            move_targets(rule.steps, [&](size_t target) { return places[target]; });
        }
    }
    policy.chains = std::move(stay);
}

}  // namespace rehome::lbsync::policy
