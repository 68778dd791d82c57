// What a proof costs: one policy against itself in other words, and against that with one element
// changed.
//
//   prove SHAPE RULES SEED: prints seconds, MiB and what was proven, as JSON
//
// SHAPE: gateway or class_bench.  Exits 1 when what is equal was said to differ, or the other way
// round; "not provable" is no lie.  Its own process, so that the memory is one proof's.  Seconds
// are of the processor.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

#include <fmt/format.h>

#include "lbsync/proof/prove.h"

using namespace rehome;
using namespace rehome::lbsync;
using namespace rehome::lbsync::policy;

namespace {

class Random {
public:
    explicit Random(uint64_t seed) : engine_(seed) {}
    uint32_t below(uint32_t end) { return static_cast<uint32_t>(engine_() % end); }
    bool chance(uint32_t percent) { return below(100) < percent; }

private:
    std::mt19937_64 engine_;
};

Test in(Field field, std::vector<Span> spans) {
    return {{Term{std::move(field)}}, elements(std::move(spans)), false};
}

Test state(WideNumber any_of) {
    return {{Term{field::ct_state(), any_of}}, elements({{0, 0}}), true};
}

Span prefix(uint32_t address, unsigned length) {
    const uint32_t hosts = length == 0 ? ~0U : length == 32 ? 0 : ~0U >> length;
    return {address & ~hosts, address | hosts};
}

Verdict verdict(Verdict::Kind kind, size_t target = 0) {
    return {kind, {}, target};
}

Hook hook(Stage stage, int priority, Verdict::Kind otherwise) {
    Hook hook;
    hook.layer = Layer::inet;
    hook.stage = stage;
    hook.priority = priority;
    hook.rank = 0;
    hook.policy.kind = otherwise;
    return hook;
}

constexpr uint32_t services[] = {22,  25,  53,   80,   123,  143,  443,  465,
                                 587, 993, 1883, 3306, 5432, 8080, 8443, 8883};

class Gateway {
public:
    Gateway(size_t rules, uint64_t seed) : random_(seed) {
        constexpr size_t zones = 10;
        for (size_t i = 0; i < 20; ++i) {
            sets_.push_back(members(50));
        }
        policy_.chains.push_back(
            {"forward", "chain forward", hook(Stage::forward, 0, Verdict::Kind::drop), {}});
        policy_.chains.push_back(
            {"input", "chain input", hook(Stage::input, 0, Verdict::Kind::drop), {}});
        for (size_t zone = 0; zone < zones; ++zone) {
            const std::string name = fmt::format("zone{}", zone);
            policy_.chains.push_back({name, "chain " + name, {}, {}});
            for (size_t i = 0; i < rules / zones; ++i) {
                policy_.chains.back().rules.push_back(rule(zone));
            }
        }
        for (size_t base = 0; base < 2; ++base) {
            auto& own = policy_.chains[base].rules;
            own.push_back({{state(6), verdict(Verdict::Kind::accept)}, 0, "established"});
            own.push_back({{state(1), verdict(Verdict::Kind::drop)}, 0, "invalid"});
            for (size_t zone = 0; zone < zones; ++zone) {
                own.push_back({{is(field::in_interface(), as_name(fmt::format("eth{}", zone))),
                                verdict(Verdict::Kind::jump, zone + 2)},
                               0,
                               "jump"});
            }
        }
        for (Chain& chain : policy_.chains) {
            for (size_t i = 0; i < chain.rules.size(); ++i) {
                chain.rules[i].number = i + 1;
            }
        }
    }

    Policy take() { return std::move(policy_); }

private:
    uint32_t address(size_t zone) {
        return 0x0a000000U | static_cast<uint32_t>(zone) << 16 | random_.below(65536);
    }

    ElementsPtr members(size_t count) {
        std::vector<Span> spans;
        for (size_t i = 0; i < count; ++i) {
            spans.push_back(prefix(random_.below(~0U), 24 + random_.below(9)));
        }
        return elements(std::move(spans));
    }

    Rule rule(size_t zone) {
        Rule rule;
        if (random_.chance(15)) {
            rule.steps.emplace_back(Test{{Term{field::ip4_source()}},
                                         sets_[random_.below(static_cast<uint32_t>(sets_.size()))],
                                         false});
        } else if (random_.chance(60)) {
            rule.steps.emplace_back(
                in(field::ip4_source(), {prefix(address(zone), 24 + random_.below(9))}));
        }
        rule.steps.emplace_back(
            in(field::ip4_destination(),
               {prefix(address(random_.below(10)), random_.chance(80) ? 32 : 24)}));
        rule.steps.emplace_back(is(field::transport_protocol(), random_.chance(80) ? 6 : 17));
        std::vector<Span> ports;
        for (uint32_t i = random_.chance(25) ? 4 : 1; i > 0; --i) {
            const uint32_t port = random_.chance(80) ? services[random_.below(std::size(services))]
                                                     : random_.below(65000);
            ports.push_back({port, port + (random_.chance(5) ? 100 : 0)});
        }
        rule.steps.emplace_back(in(field::destination_port(), std::move(ports)));
        if (random_.chance(3)) {
            rule.steps.emplace_back(Act{"log prefix \"denied \"", {}});
            rule.steps.emplace_back(Verdict{Verdict::Kind::reject, "icmpx admin-prohibited", 0});
        } else {
            rule.steps.emplace_back(
                verdict(random_.chance(85) ? Verdict::Kind::accept : Verdict::Kind::drop));
        }
        return rule;
    }

    Random random_;
    Policy policy_;
    std::vector<ElementsPtr> sets_;
};

bool ends(const Rule& rule) {
    const auto* last = std::get_if<Verdict>(&rule.steps.back());
    return last != nullptr && last->kind != Verdict::Kind::back;
}

const Verdict* jump_of(const Rule& rule) {
    const auto* last = std::get_if<Verdict>(&rule.steps.back());
    return last != nullptr && last->kind == Verdict::Kind::jump ? last : nullptr;
}

// Whether a test of a plain field keeps them apart.
bool disjoint(const Rule& a, const Rule& b) {
    for (const Step& step : a.steps) {
        const auto* one = std::get_if<Test>(&step);
        for (const Step& other_step : b.steps) {
            const auto* other = std::get_if<Test>(&other_step);
            if (one == nullptr || other == nullptr || one->of != other->of || one->negated ||
                other->negated || one->of[0].mask != ~WideNumber{0}) {
                continue;
            }
            const bool meet =
                std::any_of(one->in->spans.begin(), one->in->spans.end(), [&](const Span& x) {
                    return std::any_of(
                        other->in->spans.begin(), other->in->spans.end(),
                        [&](const Span& y) { return x.first <= y.last && y.first <= x.last; });
                });
            if (!meet) {
                return true;
            }
        }
    }
    return false;
}

// A rule whose set has several members, as two rules.
std::vector<Rule> split(const Rule& rule) {
    for (size_t i = 0; i < rule.steps.size(); ++i) {
        const auto* test = std::get_if<Test>(&rule.steps[i]);
        if (test == nullptr || test->negated || test->in->spans.size() < 2 ||
            test->in->columns != 1) {
            continue;
        }
        const auto& spans = test->in->spans;
        const auto half = spans.begin() + static_cast<ptrdiff_t>(spans.size() / 2);
        Rule first = rule;
        Rule second = rule;
        std::get<Test>(first.steps[i]).in = elements({spans.begin(), half});
        std::get<Test>(second.steps[i]).in = elements({half, spans.end()});
        return {first, second};
    }
    return {rule};
}

// Zones of interfaces with a chain each, connection states, named sets, logs, rejects.
Policy gateway(size_t rules, uint64_t seed) {
    return Gateway(rules, seed).take();
}

// One chain of prefixes, ports and protocols that overlap (Taylor and Turner, ClassBench, 2007).
Policy class_bench(size_t rules, uint64_t seed) {
    Random random(seed);
    Policy policy;
    policy.chains.push_back(
        {"forward", "chain forward", hook(Stage::forward, 0, Verdict::Kind::drop), {}});
    std::vector<uint32_t> networks;
    for (size_t i = 0; i < 200; ++i) {
        networks.push_back(random.below(~0U) & 0xffff0000U);
    }
    constexpr unsigned lengths[] = {0, 8, 16, 20, 24, 24, 26, 28, 30, 32, 32, 32, 32, 32};
    for (size_t i = 0; i < rules; ++i) {
        Rule rule;
        const auto address = [&] { return networks[random.below(200)] | random.below(65536); };
        const auto length = [&] { return lengths[random.below(std::size(lengths))]; };
        const unsigned source = length();
        rule.steps.emplace_back(in(field::ip4_source(), {prefix(address(), source)}));
        rule.steps.emplace_back(
            in(field::ip4_destination(),
               {prefix(address(), source < 16 ? 24 + random.below(9) : length())}));
        rule.steps.emplace_back(is(field::transport_protocol(), random.chance(75) ? 6 : 17));
        if (random.chance(70)) {
            const uint32_t port = random.chance(80) ? services[random.below(std::size(services))]
                                                    : random.below(65000);
            rule.steps.emplace_back(
                in(field::destination_port(), {{port, port + (random.chance(10) ? 500 : 0)}}));
        }
        rule.steps.emplace_back(
            verdict(random.chance(60) ? Verdict::Kind::accept : Verdict::Kind::drop));
        rule.number = i + 1;
        policy.chains[0].rules.push_back(std::move(rule));
    }
    return policy;
}

// The same to every packet: chains inlined, sets split in two rules, disjoint neighbours exchanged.
Policy reworded(const Policy& policy, uint64_t seed) {
    Random random(seed);
    Policy result = policy;
    for (size_t i = 0; i < result.chains.size(); ++i) {
        Chain& chain = result.chains[i];
        std::vector<Rule> rules;
        for (const Rule& rule : policy.chains[i].rules) {
            const Verdict* jump = jump_of(rule);
            const bool inlined =
                jump != nullptr && std::all_of(policy.chains[jump->target].rules.begin(),
                                               policy.chains[jump->target].rules.end(), ends);
            if (inlined && random.chance(50)) {
                for (const Rule& inner : policy.chains[jump->target].rules) {
                    Rule both = inner;
                    both.steps.insert(both.steps.begin(), rule.steps.begin(), rule.steps.end() - 1);
                    rules.push_back(std::move(both));
                }
                continue;
            }
            for (Rule& part : random.chance(50) ? split(rule) : std::vector<Rule>{rule}) {
                rules.push_back(std::move(part));
            }
        }
        for (size_t k = 1; k < rules.size(); ++k) {
            if (random.chance(50) && ends(rules[k]) && ends(rules[k - 1]) &&
                disjoint(rules[k], rules[k - 1])) {
                std::swap(rules[k], rules[k - 1]);
            }
        }
        for (size_t k = 0; k < rules.size(); ++k) {
            rules[k].number = k + 1;
        }
        chain.rules = std::move(rules);
    }
    return result;
}

bool accepts(const Rule& rule) {
    const auto* last = std::get_if<Verdict>(&rule.steps.back());
    return last != nullptr && last->kind == Verdict::Kind::accept;
}

// One element of one test is another one: of the first rule that asks for a port and accepts, since
// what a rule drops is most often dropped without it, too.
Policy with_one_change(Policy policy) {
    for (Chain& chain : policy.chains) {
        for (Rule& rule : chain.rules) {
            for (Step& step : rule.steps) {
                auto* test = std::get_if<Test>(&step);
                if (test != nullptr && accepts(rule) &&
                    test->of[0].field == field::destination_port()) {
                    std::vector<Span> spans = test->in->spans;
                    spans.back() = {64999, 64999};
                    test->in = elements(std::move(spans));
                    return policy;
                }
            }
        }
    }
    return policy;
}

const char* name(proof::Proof::Answer answer) {
    return answer == proof::Proof::Answer::equal     ? "equal"
           : answer == proof::Proof::Answer::differs ? "differs"
                                                     : "not provable";
}

double seconds(const rusage& usage) {
    const auto of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
}

// Whether nothing wrong was answered.
bool measure(const char* what, const Policy& a, const Policy& b, proof::Proof::Answer expected) {
    proof::Bounds bounds;
    bounds.limits = {.nodes = 60'000'000, .memory_mib = 1500, .time = std::chrono::seconds(35)};
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double begin = seconds(usage);
    const auto proof = proof::prove(a, b, bounds);
    getrusage(RUSAGE_SELF, &usage);
    const double took = seconds(usage) - begin;
    std::printf(
        "\"%s\": {\"s\": %.3f, \"mib\": %ld, \"answer\": \"%s\", \"examples\": %zu, \"nodes\": "
        "%zu}",
        what, took, usage.ru_maxrss / 1024, name(proof.answer), proof.differences.size(),
        proof.nodes);
    for (const auto& doubt : proof.doubts) {
        std::fprintf(stderr, "%s: %s\n", doubt.where.c_str(), doubt.what.c_str());
    }
    for (const auto& it : proof.differences) {
        std::fprintf(stderr, "%s | %s %s | %s %s\n", it.packet.c_str(), it.old_one.outcome.c_str(),
                     it.old_one.place.c_str(), it.new_one.outcome.c_str(),
                     it.new_one.place.c_str());
    }
    return proof.answer == expected || proof.answer == proof::Proof::Answer::unknown;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: prove gateway|class_bench RULES SEED\n");
        return 2;
    }
    const size_t rules = std::strtoul(argv[2], nullptr, 10);
    const uint64_t seed = std::strtoul(argv[3], nullptr, 10);
    const bool real = std::string_view(argv[1]) == "gateway";
    const Policy a = real ? gateway(rules, seed) : class_bench(rules, seed);
    const Policy b = reworded(a, seed + 1);
    std::printf("{");
    using Answer = proof::Proof::Answer;
    const bool equal = measure("equal", a, b, Answer::equal);
    std::printf(", ");
    const bool unequal = measure("unequal", a, with_one_change(b), Answer::differs);
    std::printf("}\n");
    return equal && unequal ? 0 : 1;
}
