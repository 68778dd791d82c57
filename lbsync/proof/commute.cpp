#include "lbsync/proof/commute.h"

#include <algorithm>
#include <set>

namespace rehome::lbsync::proof {

namespace {

using policy::Choice;
using policy::Policy;
using policy::Step;
using policy::Test;
using policy::Verdict;

using Holds = std::function<bool(const Step&)>;

// Of every step, those in maps too.
bool all_of(const std::vector<Step>& steps, const Holds& holds, std::vector<size_t>& open) {
    return std::all_of(steps.begin(), steps.end(), [&](const Step& step) {
        if (const auto* verdict = std::get_if<Verdict>(&step);
            verdict != nullptr &&
            (verdict->kind == Verdict::Kind::jump || verdict->kind == Verdict::Kind::go_to)) {
            open.push_back(verdict->target);
        }
        const auto* choice = std::get_if<Choice>(&step);
        return holds(step) &&
               (choice == nullptr ||
                std::all_of(choice->branches.begin(), choice->branches.end(),
                            [&](const auto& branch) { return all_of(branch.steps, holds, open); }));
    });
}

bool all_of(const Policy& policy, size_t chain, const Holds& holds) {
    std::set<size_t> seen;
    std::vector<size_t> open{chain};
    while (!open.empty()) {
        const size_t index = open.back();
        open.pop_back();
        if (!seen.insert(index).second) {
            continue;
        }
        const auto& rules = policy.chains[index].rules;
        if (!std::all_of(rules.begin(), rules.end(),
                         [&](const auto& rule) { return all_of(rule.steps, holds, open); })) {
            return false;
        }
    }
    return true;
}

const std::vector<policy::Term>* terms(const Step& step) {
    if (const auto* test = std::get_if<Test>(&step)) {
        return &test->of;
    }
    const auto* choice = std::get_if<Choice>(&step);
    return choice == nullptr ? nullptr : &choice->of;
}

}  // namespace

bool commutes(const Policy& policy, size_t chain) {
    return all_of(policy, chain, [](const Step& step) {
        if (const auto* of = terms(step)) {
            return std::none_of(of->begin(), of->end(), [](const auto& term) {
                return term.field.source == policy::Field::Source::drawn;
            });
        }
        const auto* verdict = std::get_if<Verdict>(&step);
        return verdict != nullptr && verdict->kind != Verdict::Kind::reject &&
               verdict->kind != Verdict::Kind::hand_over;
    });
}

bool is_idle(const policy::Chain& chain) {
    return chain.rules.empty() && chain.hook && chain.hook->policy.kind == Verdict::Kind::accept;
}

bool asks(const Policy& policy, size_t chain,
          const std::function<bool(const policy::Field&)>& field) {
    return !all_of(policy, chain, [&](const Step& step) {
        const auto* store = std::get_if<policy::Store>(&step);
        const auto* of = terms(step);
        return (store == nullptr ||
                !(field(store->into) || (store->value.from && field(*store->value.from)))) &&
               (of == nullptr || std::none_of(of->begin(), of->end(),
                                              [&](const auto& term) { return field(term.field); }));
    });
}

}  // namespace rehome::lbsync::proof
