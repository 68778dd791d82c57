// Small policies in few words, for the tests of the proof.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/prove.h"

namespace rehome::lbsync::proof {

using namespace policy;

inline Test in(Field field, std::vector<Span> spans, bool negated = false) {
    return {{Term{std::move(field)}}, elements(std::move(spans)), negated};
}

inline Test tcp() {
    return is(field::transport_protocol(), 6);
}
inline Test dport(unsigned port) {
    return is(field::destination_port(), port);
}
inline Test source(const char* address) {
    return is(field::ip4_source(), as_number(*Address::parse(address)));
}
inline Test limit(std::string instance = {}) {
    return is(field::named(Field::Source::drawn, "limit rate 5/second", 1, std::move(instance)), 1);
}
inline Test opaque(std::string name) {
    return is(field::named(Field::Source::opaque, std::move(name)), 1);
}

inline Verdict accept() {
    return {Verdict::Kind::accept, {}, 0};
}
inline Verdict drop() {
    return {Verdict::Kind::drop, {}, 0};
}
inline Verdict reject(std::string how) {
    return {Verdict::Kind::reject, std::move(how), 0};
}
inline Verdict back() {
    return {Verdict::Kind::back, {}, 0};
}
inline Verdict jump(size_t to) {
    return {Verdict::Kind::jump, {}, to};
}
inline Verdict go_to(size_t to) {
    return {Verdict::Kind::go_to, {}, to};
}

inline Rule rule(std::vector<Step> steps) {
    return {std::move(steps), 0, "a rule"};
}

// "numgen random mod 2 vmap {...}"
inline Choice drawn_for(std::vector<std::pair<unsigned, Verdict>> elements) {
    Choice choice{{Term{field::named(Field::Source::drawn, "numgen random mod 2", 1)}}, {}};
    for (auto& [number, verdict] : elements) {
        choice.branches.push_back({policy::elements({{number, number}}), {std::move(verdict)}});
    }
    return choice;
}

inline Test mark(unsigned number) {
    return is(field::mark(), number);
}
inline Store set_mark(unsigned number) {
    return {field::mark(), {.from = {}, .flip = number}};
}
inline Store zone(unsigned number) {
    return {field::ct_zone(), {.from = {}, .flip = number}};
}
// "meta mark set tcp dport map {...}"
inline Choice marked(std::vector<std::pair<Span, unsigned>> elements) {
    Choice choice{{Term{field::destination_port()}}, {}};
    for (const auto& [ports, number] : elements) {
        choice.branches.push_back(
            {policy::elements({ports}), {Store{field::mark(), {.from = {}, .flip = number}}}});
    }
    return choice;
}

inline Chain base(std::vector<Rule> rules, Verdict otherwise, Stage stage = Stage::input,
                  int priority = 0, Layer layer = Layer::ip4) {
    Hook hook;
    hook.layer = layer;
    hook.stage = stage;
    hook.priority = priority;
    hook.policy = std::move(otherwise);
    hook.rank = 0;
    for (size_t i = 0; i < rules.size(); ++i) {
        rules[i].number = i + 1;
    }
    return {"base", "chain base", hook, std::move(rules)};
}

// "type route hook output"
inline Chain rerouting(std::vector<Rule> rules) {
    Chain chain = base(std::move(rules), accept(), Stage::output);
    chain.hook->route = true;
    return chain;
}

inline Chain plain(std::vector<Rule> rules) {
    for (size_t i = 0; i < rules.size(); ++i) {
        rules[i].number = i + 1;
    }
    return {"plain", "chain plain", {}, std::move(rules)};
}

inline Policy policy_of(std::vector<Chain> chains) {
    return {std::move(chains), {}};
}

}  // namespace rehome::lbsync::proof
