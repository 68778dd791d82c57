#include "lbsync/proof/plain_rules.h"

#include <algorithm>

namespace rehome::lbsync::proof {

using policy::Field;
using policy::Step;
using policy::Term;
using policy::Verdict;

namespace {

bool is_jump(const Verdict& verdict) {
    return verdict.kind == Verdict::Kind::jump || verdict.kind == Verdict::Kind::go_to;
}

bool has_jump(const std::vector<Step>& steps) {
    return std::any_of(steps.begin(), steps.end(), [](const Step& step) {
        const auto* verdict = std::get_if<Verdict>(&step);
        const auto* choice = std::get_if<policy::Choice>(&step);
        return (verdict != nullptr && is_jump(*verdict)) ||
               (choice != nullptr &&
                std::any_of(choice->branches.begin(), choice->branches.end(),
                            [](const auto& branch) { return has_jump(branch.steps); }));
    });
}

void add(const Term& term, std::vector<const Term*>& terms) {
    const auto same = [&](const Term* known) { return *known == term; };
    if (std::none_of(terms.begin(), terms.end(), same)) {
        terms.push_back(&term);
    }
}

}  // namespace

PlainRules::PlainRules(const policy::Policy& policy)
    : policy_(policy), chains_(policy.chains.size()) {
    for (size_t i = 0; i < chains_.size(); ++i) {
        look_at(i, 0);
    }
}

void PlainRules::look_at(size_t chain, size_t above) {
    if (chains_[chain].done || above == deepest_jump) {
        return;
    }
    Found found;
    for (const policy::Rule& rule : policy_.chains[chain].rules) {
        found.plain.push_back(look_at(rule.steps, found, above));
        found.jumps.push_back(has_jump(rule.steps));
        found.all_plain = found.all_plain && found.plain.back();
    }
    found.done = true;
    chains_[chain] = std::move(found);
}

bool PlainRules::look_at(const std::vector<Step>& steps, Found& found, size_t above) {
    bool plain = true;
    for (const Step& step : steps) {
        if (const auto* test = std::get_if<policy::Test>(&step)) {
            plain = look_at(test->of, found) && plain;
        } else if (const auto* verdict = std::get_if<Verdict>(&step)) {
            plain = look_at(*verdict, found, above) && plain;
        } else if (const auto* choice = std::get_if<policy::Choice>(&step)) {
            plain = look_at(choice->of, found) && plain;
            for (const auto& branch : choice->branches) {
                plain = look_at(branch.steps, found, above) && plain;
            }
        } else {
            const auto* act = std::get_if<policy::Act>(&step);
            plain = plain && act != nullptr && act->set.empty();
        }
    }
    return plain;
}

bool PlainRules::look_at(const Verdict& verdict, Found& found, size_t above) {
    if (!is_jump(verdict)) {
        return true;
    }
    look_at(verdict.target, above + 1);
    const Found& target = chains_[verdict.target];
    found.depth = target.done ? std::max(found.depth, target.depth + 1) : deepest_jump + 1;
    found.depth = std::min(found.depth, deepest_jump + 1);
    for (const Term* term : target.terms) {
        add(*term, found.terms);
    }
    return target.done && target.all_plain;
}

bool PlainRules::look_at(const std::vector<Term>& terms, Found& found) {
    bool plain = true;
    for (const Term& term : terms) {
        const bool unknown =
            term.field.source == Field::Source::opaque || term.field.source == Field::Source::drawn;
        if (!unknown) {
            add(term, found.terms);
        }
        plain = plain && !unknown;
    }
    return plain;
}

}  // namespace rehome::lbsync::proof
