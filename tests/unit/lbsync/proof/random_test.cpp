// Random small policies: what the diagrams prove, and which rules they say are never reached, is
// held against every packet of a small world, each followed rule by rule.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <random>
#include <set>

#include "tests/unit/lbsync/proof/policies.h"

namespace rehome::lbsync::proof {

namespace {

// A world of 2 protocols x 8 ports x 8 addresses x 2 marks x 2 states, written without any of the
// proof's parts.
struct Small {
    bool tcp = false;
    unsigned port = 0;
    unsigned address = 0;
    unsigned mark = 0;
    bool established = false;
    bool fragment = false;
};

struct Met {
    std::string end;
    std::string translation;
    unsigned logs = 0;
    unsigned mark = 0;
    bool operator==(const Met&) const = default;
};

using Reached = std::set<std::string>;  // places of rules
constexpr size_t nat_chain = 5;

class Plain {
public:
    Plain(const Policy& policy, const Small& packet, Reached& reached)
        : policy_(policy), packet_(packet), reached_(reached) {}

    // The first packet of a connection is translated; what a later one holds is what it was
    // translated to.
    Met all() {
        met_.mark = packet_.mark;
        if (!packet_.established) {
            chain(nat_chain);
        }
        for (size_t i = 0; i < nat_chain && met_.end.empty(); ++i) {
            if (policy_.chains[i].hook) {
                const std::string way = chain(i);
                if (way.empty() && policy_.chains[i].hook->policy.kind == Verdict::Kind::drop) {
                    met_.end = "drop";
                }
            }
        }
        met_.mark = met_.end.empty() ? met_.mark : 0;
        return met_;
    }

private:
    WideNumber value(const Field& field) const {
        using Source = Field::Source;
        return field.source == Source::transport            ? packet_.port
               : field.source == Source::ip4                ? packet_.address
               : field.source == Source::transport_protocol ? (packet_.tcp ? 6 : 17)
               : field.source == Source::ct_state           ? (packet_.established ? 2 : 8)
                                                            : met_.mark;
    }

    bool passes(const Test& test) const {
        bool in = false;
        for (size_t row = 0; row < test.in->rows(); ++row) {
            bool all = true;
            for (size_t i = 0; i < test.of.size(); ++i) {
                const Span& span = test.in->spans[row * test.in->columns + i];
                const WideNumber held = value(test.of[i].field) & test.of[i].mask;
                all = all && span.first <= held && held <= span.last;
            }
            in = in || all;
        }
        for (const Term& term : test.of) {
            if (term.field.source == Field::Source::transport && packet_.fragment) {
                return false;
            }
        }
        return in != test.negated;
    }

    // "" came to its end, "accept", "drop", "return"
    std::string chain(size_t index) {
        for (const Rule& rule : policy_.chains[index].rules) {
            const std::string place = policy::place(policy_.chains[index], rule);
            const std::string way = steps(rule.steps, place);
            if (way == "accept" || way == "drop") {
                return way;
            }
            if (way == "return") {
                return "";
            }
        }
        return "";
    }

    std::string steps(const std::vector<Step>& steps, const std::string& place) {
        for (const Step& step : steps) {
            if (const auto* test = std::get_if<Test>(&step)) {
                if (!passes(*test)) {
                    return "";
                }
                continue;
            }
            if (const auto* choice = std::get_if<Choice>(&step)) {
                for (const auto& branch : choice->branches) {
                    if (passes({choice->of, branch.in, false})) {
                        return this->steps(branch.steps, place);
                    }
                }
                return "";
            }
            reached_.insert(place);
            if (const auto* nat = std::get_if<Nat>(&step)) {
                met_.translation = words(*nat);
                packet_.address = static_cast<unsigned>(nat->address->first);
                packet_.port = nat->port ? static_cast<unsigned>(nat->port->first) : packet_.port;
                return "accept";
            }
            if (const auto* store = std::get_if<Store>(&step)) {
                met_.mark = static_cast<unsigned>(store->value.flip);
            } else if (const auto* verdict = std::get_if<Verdict>(&step)) {
                return taken(*verdict);
            } else {
                ++met_.logs;
            }
        }
        return "";
    }

    std::string taken(const Verdict& verdict) {
        switch (verdict.kind) {
            case Verdict::Kind::accept:
                return "accept";
            case Verdict::Kind::drop:
            case Verdict::Kind::reject:
                met_.end = words(verdict);
                return "drop";
            case Verdict::Kind::back:
                return "return";
            case Verdict::Kind::jump:
                return chain(verdict.target);
            case Verdict::Kind::go_to: {
                const std::string way = chain(verdict.target);
                return way.empty() ? "return" : way;
            }
            default:
                return "";
        }
    }

    const Policy& policy_;
    Small packet_;
    Reached& reached_;
    Met met_;
};

// Packets of the small world alone: whatever lies outside of it is dropped at first.
Chain world(Stage stage, int priority) {
    const auto within = [](Field field, WideNumber last) {
        return rule({in(std::move(field), {{0, last}}, true), drop()});
    };
    return base({within(field::destination_port(), 7), within(field::ip4_destination(), 7),
                 within(field::mark(), 1),
                 rule({in(field::transport_protocol(), {{6, 6}, {17, 17}}, true), drop()}),
                 rule({in(field::ct_state(), {{2, 2}, {8, 8}}, true), drop()})},
                accept(), stage, priority);
}

class Random {
public:
    explicit Random(uint64_t seed) : engine_(seed) {}

    // Both ends included.
    unsigned from(unsigned first, unsigned last) {
        return first + static_cast<unsigned>(engine_() % (last - first + 1));
    }

    Span span(unsigned last) {
        const unsigned one = from(0, last);
        const unsigned other = from(0, last);
        return {std::min(one, other), std::max(one, other)};
    }

    Step test() {
        const bool negated = from(0, 3) == 0;
        switch (from(0, 5)) {
            case 0:
                return in(field::destination_port(), {span(7)}, negated);
            case 1:
                return in(field::ip4_destination(), {span(7), span(7)}, negated);
            case 2:
                return in(field::mark(), {span(1)}, negated);
            case 3:
                return in(field::transport_protocol(), {{6, 6}}, negated);
            case 4:
                return Test{{Term{field::ct_state(), 2}}, elements({{0, 0}}), negated};
            default:
                return Test{{Term{field::ip4_destination()}, Term{field::destination_port()}},
                            elements({span(7), span(7), span(7), span(7)}, 2),
                            negated};
        }
    }

    Step translation() {
        Nat nat;
        const WideNumber address = from(0, 7);
        nat.address = Span{address, address};
        if (const WideNumber port = from(0, 15); port < 8) {
            nat.port = Span{port, port};
        }
        return nat;
    }

    // A map of two ports, or ranges, to what ends a rule.
    Step map(size_t deeper) {
        Choice choice{{Term{field::destination_port()}}, {}};
        const unsigned middle = from(0, 6);
        choice.branches.push_back({elements({{0, middle}}), {end_of_rule(deeper)}});
        choice.branches.push_back({elements({{middle + 1, from(middle + 1, 7)}}), {accept()}});
        return choice;
    }

    // Jumps go to the chains from `deeper` on.
    Step end_of_rule(size_t deeper) {
        const unsigned kind = from(0, 10);
        if (kind == 9) {
            return reject(from(0, 1) == 0 ? "tcp reset" : "icmp port-unreachable");
        }
        if (kind == 10) {
            return map(deeper);
        }
        if (kind < 2) {
            return accept();
        }
        if (kind == 4) {
            return back();
        }
        if (kind == 5) {
            return Act{"log", ""};
        }
        if (kind == 6) {
            return Store{field::mark(), {{}, 0, from(0, 1)}};
        }
        if (kind < 4 || deeper >= chains) {
            return drop();
        }
        const size_t target = from(static_cast<unsigned>(deeper), chains - 1);
        return kind == 7 ? jump(target) : go_to(target);
    }

    std::vector<Rule> rules(size_t deeper) {
        std::vector<Rule> rules;
        for (unsigned count = from(0, 4); count > 0; --count) {
            std::vector<Step> steps;
            for (unsigned tests = from(0, 2); tests > 0; --tests) {
                steps.push_back(test());
            }
            steps.push_back(end_of_rule(deeper));
            rules.push_back(rule(std::move(steps)));
        }
        return rules;
    }

    std::vector<Rule> translations() {
        std::vector<Rule> rules;
        for (unsigned count = from(0, 3); count > 0; --count) {
            rules.push_back(rule({test(), translation()}));
        }
        return rules;
    }

    // A world, two base chains, two that they jump to, and one that translates, in that world.
    Policy policy() {
        std::vector<Chain> all{world(Stage::input, -10),
                               base(rules(3), from(0, 1) == 0 ? accept() : drop()),
                               base(rules(3), accept(), Stage::input, 5),
                               plain(rules(4)),
                               plain(rules(chains)),
                               base(translations(), accept(), Stage::prerouting, -100),
                               world(Stage::prerouting, -150)};
        all[nat_chain].hook->nat = true;
        for (size_t i = 0; i < all.size(); ++i) {
            all[i].where = "chain " + std::to_string(i);
        }
        return policy_of(std::move(all));
    }

    // The same policy with one rule moved, left out, or said twice: often equal.
    Policy variation(Policy policy) {
        auto& rules = policy.chains[from(0, 3) == 0 ? nat_chain : 1].rules;
        if (rules.size() < 2) {
            return policy;
        }
        const size_t at = from(1, static_cast<unsigned>(rules.size()) - 1);
        switch (from(0, 2)) {
            case 0:
                std::swap(rules[at - 1], rules[at]);
                break;
            case 1:
                rules.erase(rules.begin() + static_cast<ptrdiff_t>(at));
                break;
            default:
                rules.insert(rules.begin() + static_cast<ptrdiff_t>(at), Rule(rules[at]));
        }
        for (size_t i = 0; i < rules.size(); ++i) {
            rules[i].number = i + 1;
        }
        return policy;
    }

private:
    static constexpr unsigned chains = 5;
    std::mt19937_64 engine_;
};

// And the rules of both that some packet comes to.
bool alike_by_every_packet(const Policy& a, const Policy& b, Reached& by_a, Reached& by_b) {
    bool alike = true;
    for (unsigned i = 0; i < 2 * 8 * 8 * 2 * 2 * 2; ++i) {
        const Small packet{(i & 1) != 0, i >> 1 & 7,        i >> 4 & 7,
                           i >> 7 & 1,   (i >> 8 & 1) != 0, (i >> 9 & 1) != 0};
        alike = Plain(a, packet, by_a).all() == Plain(b, packet, by_b).all() && alike;
    }
    return alike;
}

// The rules that no packet comes to, the small world's own left out.
void unreached(const Policy& policy, const Reached& reached, std::vector<std::string>& places) {
    for (size_t i = 1; i <= nat_chain; ++i) {
        for (const Rule& rule : policy.chains[i].rules) {
            if (!reached.contains(place(policy.chains[i], rule))) {
                places.push_back(place(policy.chains[i], rule));
            }
        }
    }
}

void check(const Policy& a, const Policy& b) {
    Reached by_a;
    Reached by_b;
    const bool alike = alike_by_every_packet(a, b, by_a, by_b);
    Proof proof = prove(a, b, {});
    RC_ASSERT(proof.doubts.empty());
    RC_CLASSIFY(alike, "equal");
    RC_ASSERT((proof.answer == Proof::Answer::equal) == alike);
    RC_ASSERT(proof.differences.empty() == alike);
    std::vector<std::string> places;
    unreached(a, by_a, places);
    unreached(b, by_b, places);
    std::erase_if(proof.unreachable, [](const std::string& place) {
        return place.starts_with("chain 0:") || place.starts_with("chain 6:");
    });
    RC_ASSERT(proof.unreachable == places);
}

// Of each seed some: rapidcheck alone would stop at a hundred.
constexpr uint64_t of_each = 10;

}  // namespace

TEST_CASE("two random policies are proven equal exactly when every packet meets the same") {
    CHECK(rc::check("any two", [](uint64_t seed) {
        for (uint64_t i = 0; i < of_each; ++i) {
            Random random(seed * of_each + i);
            const Policy policy = random.policy();
            check(policy, random.policy());
        }
    }));
    CHECK(rc::check("one, and one that was made of it", [](uint64_t seed) {
        for (uint64_t i = 0; i < of_each; ++i) {
            Random random(seed * of_each + i);
            const Policy policy = random.policy();
            check(policy, random.variation(policy));
        }
    }));
}

}  // namespace rehome::lbsync::proof
