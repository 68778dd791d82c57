#include "lbsync/proof/prove.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "lbsync/proof/compare.h"
#include "lbsync/proof/example.h"
#include "lbsync/proof/jumps.h"
#include "lbsync/proof/meaning.h"
#include "lbsync/proof/replay.h"

namespace rehome::lbsync::proof {

using policy::Chain;
using policy::Policy;
using policy::Rule;

namespace {

using Within = std::map<std::pair<Frame, bool>, PacketSet>;

std::string words_of(const Trace& trace) {
    std::string words;
    for (const Event& event : trace.events) {
        if (event.words != "accept" && event.words != trace.end) {
            words += event.words + ", ";
        }
    }
    return words + trace.end;
}

// What one policy did where the two ways part.
struct Part {
    const Policy& policy;
    Trace trace;
    const Event* event = nullptr;

    Treatment treatment() const {
        Treatment result{words_of(trace), "", ""};
        if (event == nullptr) {
            result.place = "no rule";
            return result;
        }
        const Chain& chain = policy.chains[event->chain];
        if (event->rule < chain.rules.size()) {
            const Rule& rule = chain.rules[event->rule];
            result.place = place(chain, rule);
            result.words = rule.words;
        } else {
            result.place = chain.where + ": policy";
            result.words = event->words;
        }
        return result;
    }

    // All packets for which the same place does it.
    PacketSet packets(const Meaning& meaning, const Outcome& outcome) const {
        PacketSet all;
        for (const Outcome& own : meaning.outcomes) {
            if (own.frame != outcome.frame || own.bridged != outcome.bridged ||
                own.way != outcome.way) {
                continue;
            }
            for (const Decision& decision : own.decisions) {
                if (event != nullptr && decision.chain == event->chain &&
                    decision.rule == event->rule) {
                    all = all | decision.packets;
                }
            }
        }
        return all;
    }
};

void find_parting(Part& a, Part& b) {
    const auto& left = a.trace.events;
    const auto& right = b.trace.events;
    size_t i = 0;
    while (i < left.size() && i < right.size() && left[i].words == right[i].words) {
        ++i;
    }
    a.event = i < left.size() ? &left[i] : nullptr;
    b.event = i < right.size() ? &right[i] : nullptr;
}

class Prover {
public:
    Prover(const Policy& a, const Policy& b, const Bounds& bounds)
        : bounds_(bounds),
          a_(a),
          b_(b),
          diagrams_(bounds.limits, rules_of(a) + rules_of(b)),
          space_(diagrams_, std::array{&a, &b}),
          shared_(space_) {}

    Proof all() {
        mean_a_ = meaning(shared_, question(a_));
        mean_b_ = meaning(shared_, question(b_));
        append(mean_a_.doubts);
        append(mean_b_.doubts);
        append(unlike_instances(mean_a_, mean_b_, space_));
        compare();
        proof_.nodes = Diagrams::nodes();
        if (!Diagrams::failure().empty()) {
            proof_.differences.clear();
            append({{"the proof", Diagrams::failure()}});
        }
        conclude();
        return std::move(proof_);
    }

private:
    Question question(const Policy& policy) const {
        const auto either = [&](auto what) { return any_hook(a_, what) || any_hook(b_, what); };
        return {
            policy, either([](const policy::Hook& hook) { return hook.nat; }),
            either([](const policy::Hook& hook) { return hook.layer == policy::Layer::bridge; })};
    }

    static bool any_hook(const Policy& policy, auto what) {
        return std::any_of(policy.chains.begin(), policy.chains.end(),
                           [&](const Chain& chain) { return chain.hook && what(*chain.hook); });
    }

    static size_t rules_of(const Policy& policy) {
        size_t rules = 0;
        for (const Chain& chain : policy.chains) {
            rules += chain.rules.size();
        }
        return rules;
    }

    void append(const std::vector<Doubt>& doubts) {
        proof_.doubts.insert(proof_.doubts.end(), doubts.begin(), doubts.end());
    }

    void conclude() {
        using Answer = Proof::Answer;
        proof_.answer = !proof_.doubts.empty()       ? Answer::unknown
                        : proof_.differences.empty() ? Answer::equal
                                                     : Answer::differs;
        if (Diagrams::failure().empty()) {
            unreachable(a_, mean_a_, proof_.unreachable);
            unreachable(b_, mean_b_, proof_.unreachable);
        }
    }

    void compare() {
        const PacketSet one_sided = asked_by_one(mean_a_, mean_b_, space_);
        Within within;
        std::vector<PacketSet> differ;
        for (size_t i = 0; i < mean_a_.outcomes.size(); ++i) {
            const Outcome& outcome = mean_a_.outcomes[i];
            const PacketSet may = differing(outcome, mean_b_.outcomes[i], space_);
            const PacketSet surely = one_sided.full() ? may : may.for_all(one_sided);
            if (surely.empty() && !may.empty()) {
                tell_unsure(outcome, may);
            }
            PacketSet& all = within[{outcome.frame, outcome.bridged}];
            all = all | surely;
            differ.push_back(surely);
        }
        const auto empty = [](const PacketSet& set) { return set.empty(); };
        if (Diagrams::failure().empty() && !std::all_of(differ.begin(), differ.end(), empty)) {
            explain(differ, within);
        }
    }

    void tell_unsure(const Outcome& outcome, const PacketSet& may) {
        if (!Diagrams::failure().empty()) {
            return;
        }
        const Packet packet = example(space_, may, outcome);
        std::string names;
        for (const std::string& name : names_asked_by_one(mean_a_, mean_b_, space_)) {
            names += (names.empty() ? "" : ", ") + name;
        }
        append({{fmt::format("{} packets that are {}", name(outcome.frame), outcome.way),
                 fmt::format("whether {} meets the same depends on what this says: {}",
                             text(packet, space_), names)}});
    }

    // Who decides about the packets that differ; then an example for each pair.
    void explain(std::vector<PacketSet>& differ, const Within& within) {
        Question of_a = question(a_);
        Question of_b = question(b_);
        of_a.within = of_b.within = &within;
        of_a.before = &mean_a_;
        of_b.before = &mean_b_;
        const Meaning who_a = meaning(shared_, of_a);
        const Meaning who_b = meaning(shared_, of_b);
        for (size_t i = 0; i < differ.size(); ++i) {
            const Outcome& outcome = mean_a_.outcomes[i];
            while (!differ[i].empty() && !proof_.more) {
                one_example(outcome, differ[i], who_a, who_b);
            }
        }
    }

    void one_example(const Outcome& outcome, PacketSet& differ, const Meaning& who_a,
                     const Meaning& who_b) {
        if (proof_.differences.size() == bounds_.examples) {
            proof_.more = true;
            return;
        }
        const Packet packet = example(space_, differ, outcome);
        const bool translated = question(a_).translated;
        Part a{a_, replay(a_, packet, mean_a_, space_, translated)};
        Part b{b_, replay(b_, packet, mean_b_, space_, translated)};
        if (same_outcome(a.trace, b.trace)) {
            append({{text(packet, space_),
                     "the diagrams tell a difference that following the rules does not show"}});
            differ = {};
            return;
        }
        find_parting(a, b);
        proof_.differences.push_back({text(packet, space_), a.treatment(), b.treatment()});
        const PacketSet before = differ;
        const PacketSet by_a = a.packets(who_a, outcome);
        const PacketSet by_b = b.packets(who_b, outcome);
        differ = differ - (a.event == nullptr ? by_b : b.event == nullptr ? by_a : by_a & by_b);
        if (differ == before) {
            differ = {};
            proof_.more = true;
        }
    }

    const Bounds& bounds_;
    const Policy& a_;
    const Policy& b_;
    Diagrams diagrams_;  // before all sets
    Space space_;
    Shared shared_;
    Meaning mean_a_;
    Meaning mean_b_;
    Proof proof_;
};

}  // namespace

Proof prove(const Policy& old_one, const Policy& new_one, const Bounds& bounds) {
    Proof proof;
    for (const Policy* policy : {&old_one, &new_one}) {
        proof.doubts.insert(proof.doubts.end(), policy->doubts.begin(), policy->doubts.end());
        const auto jumps = circles(*policy);
        proof.doubts.insert(proof.doubts.end(), jumps.begin(), jumps.end());
    }
    return proof.doubts.empty() ? Prover(old_one, new_one, bounds).all() : proof;
}

}  // namespace rehome::lbsync::proof
