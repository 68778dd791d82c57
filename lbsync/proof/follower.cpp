#include "lbsync/proof/follower.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync::proof {

using policy::Act;
using policy::Choice;
using policy::ElementsPtr;
using policy::Field;
using policy::Nat;
using policy::Rule;
using policy::Step;
using policy::Store;
using policy::Term;
using policy::Test;
using policy::Verdict;
using Source = Field::Source;

namespace {

constexpr size_t deepest_jump = 64;  // the kernel allows 16
constexpr unsigned invalid = 0;      // a bit of ct_state

bool of_connection(Source source) {
    return source > Source::ct_state && source <= Source::ct_label;
}

// A value that is written, bit by bit, in the width of the field that it goes to.
Bits written(const policy::Value& value, unsigned width, const Values& values, const State& state) {
    Bits from;
    if (value.from) {
        from = values.bits(state, {*value.from, value.mask}, {});
    }
    Bits bits;
    for (unsigned i = 0; i < width; ++i) {
        const unsigned place = width - 1 - i;  // from the lowest
        std::optional<PacketSet> bit;
        if (place < from.size()) {
            bit = from[from.size() - 1 - place];
        }
        const bool flip = (value.flip >> place & 1) != 0;
        const PacketSet plain = bit ? *bit : PacketSet();
        bits.emplace_back(flip ? !plain : plain);
    }
    return bits;
}

}  // namespace

const PacketSet& Follower::Held::met() {
    if (!tests.full()) {
        packets = packets & tests;
        tests = PacketSet::all();
    }
    return packets;
}

void Follower::begin(Frame frame, Outcome& outcome) {
    values_.emplace(space_, frame);
    outcome_ = &outcome;
}

PacketSet Follower::on_devices(const policy::Hook& hook, const State& state) {
    std::vector<policy::Span> spans;
    for (const std::string& device : hook.devices) {
        const uint64_t rank = space_.rank(policy::as_name(device));
        spans.push_back({rank, rank});
    }
    const Field field = hook.stage == policy::Stage::egress ? policy::field::out_interface()
                                                            : policy::field::in_interface();
    return in_spans(values_->bits(state, Term{field}, {}), merged(std::move(spans)));
}

void Follower::base_chain(size_t index, State& state) {
    const policy::Chain& base = question_.policy.chains[index];
    const policy::Hook& hook = *base.hook;
    values_->in_layer(hook.layer);
    PacketSet others;
    if (!hook.devices.empty()) {
        const PacketSet here = on_devices(hook, state);
        others = state.reach - here;
        state.reach = state.reach & here;
    }
    const PacketSet in = state.reach;
    ended_ = {};
    stack_.clear();
    const PacketSet rest = chain(index, in, state);
    chain_ = index;
    rule_ = base.rules.size();
    if (hook.policy.kind != Verdict::Kind::accept) {
        end(hook.policy, rest);
    }
    decided(rest);
    state.reach = (in - ended_) | others;
}

PacketSet Follower::chain(size_t index, PacketSet reach, State& state) {
    if (index >= question_.policy.chains.size() || depth_ > deepest_jump) {
        doubt("jumps to itself, or deeper than the kernel allows");
        return {};
    }
    ++depth_;
    const size_t here = stack_.size();
    stack_.push_back(index);
    PacketSet returned;
    const std::vector<Rule>& rules = question_.policy.chains[index].rules;
    for (size_t i = 0; i < rules.size() && !reach.empty(); ++i) {
        stack_.push_back(i);
        chain_ = index;
        rule_ = i;
        Gone gone;
        steps(rules[i].steps, {reach}, state, gone);
        if (!gone.taken.empty()) {
            reach = reach - gone.taken;
            returned = returned | gone.returned;
        }
        stack_.resize(here + 1);
    }
    stack_.resize(here);
    --depth_;
    return reach | returned;
}

// What is left over has not been ended, and a rule that a map stands in goes on with it.
PacketSet Follower::steps(const std::vector<Step>& list, Held held, State& state, Gone& gone) {
    const size_t here = stack_.size();
    for (size_t i = 0; i < list.size(); ++i) {
        stack_.resize(here);
        stack_.push_back(i);
        if (const auto* choice = std::get_if<Choice>(&list[i])) {
            held = {branches(*choice, std::move(held), state, gone)};
        } else {
            std::visit(
                [&](const auto& step) {
                    if constexpr (!std::is_same_v<decltype(step), const Choice&>) {
                        act(step, held, state, gone);
                    }
                },
                list[i]);
        }
        if (held.packets.empty() || held.tests.empty()) {
            stack_.resize(here);
            return {};
        }
    }
    stack_.resize(here);
    return held.met();
}

PacketSet Follower::branches(const Choice& choice, Held held, State& state, Gone& gone) {
    const size_t here = stack_.size();
    for (const Term& term : choice.of) {
        held.tests = held.tests & values_->holds(state, term.field);
    }
    const PacketSet packets = held.met();
    PacketSet left;
    for (size_t i = 0; i < choice.branches.size(); ++i) {
        stack_.resize(here);
        Held branch{packets};
        branch.tests = matching(choice.of, choice.branches[i].in, branch, state);
        stack_.push_back(i);
        left = left | steps(choice.branches[i].steps, std::move(branch), state, gone);
    }
    stack_.resize(here);
    return left;
}

PacketSet Follower::matching(const std::vector<Term>& of, const ElementsPtr& in, Held& held,
                             const State& state) {
    std::vector<Bits> columns;
    policy::Elements ranked;
    for (size_t i = 0; i < of.size(); ++i) {
        columns.push_back(values_->bits(state, of[i], unknown(of[i].field, i, held, state)));
    }
    const auto is_name = [](const Term& term) {
        return term.field.source == Source::in_interface ||
               term.field.source == Source::out_interface;
    };
    if (std::none_of(of.begin(), of.end(), is_name)) {
        return in_rows(columns, *in);
    }
    ranked = *in;
    for (size_t i = 0; i < ranked.spans.size(); ++i) {
        if (is_name(of[i % of.size()])) {
            policy::Span& span = ranked.spans[i];
            span = {space_.rank(span.first), space_.rank(span.last)};
        }
    }
    return in_rows(columns, ranked);
}

std::vector<Bit> Follower::unknown(const Field& field, size_t column, Held& held,
                                   const State& state) {
    if (field.source != Source::opaque && field.source != Source::drawn) {
        return {};
    }
    std::vector<size_t> place = stack_;
    place.push_back(column);
    const Site site{state.at, std::move(place)};
    if (question_.before != nullptr) {
        const auto known = question_.before->unknowns.find(site);
        return known == question_.before->unknowns.end() ? std::vector<Bit>{} : known->second;
    }
    const std::vector<Bit> bits =
        field.source == Source::drawn ? drawn(field, held, state) : opaque(field, held, state);
    meaning_.unknowns[site] = bits;
    return bits;
}

std::vector<Bit> Follower::drawn(const Field& field, Held& held, const State& state) {
    const PacketSet& reach = held.met();
    const unsigned n = draws_[{field.name, state.at, reach.id()}]++;
    std::vector<Bit> bits = unknowns_.drawn(field, state.at, reach, n);
    const std::string own = fmt::format("{}.{}.{}", chain_, rule_, stack_.back());
    meaning_.instances[field.instance.empty() ? own : "object " + field.instance].insert(bits[0]);
    return bits;
}

std::vector<Bit> Follower::opaque(const Field& field, Held& held, const State& state) {
    if (const auto updated = state.updated.find(field.instance); updated != state.updated.end()) {
        if (!(held.met() & updated->second).empty()) {
            doubt(
                fmt::format("looks into {}, whose members an earlier rule of the same packet "
                            "has changed",
                            field.instance));
        }
    }
    std::vector<Bit> bits = unknowns_.opaque(field, state.changed);
    meaning_.opaque.insert(bits.begin(), bits.end());
    return bits;
}

void Follower::act(const Test& test, Held& held, State& state, Gone&) {
    PacketSet in = matching(test.of, test.in, held, state);
    if (test.negated) {
        in = !in;
    }
    for (const Term& term : test.of) {
        in = in & values_->holds(state, term.field);
    }
    held.tests = held.tests & in;
}

void Follower::act(const Verdict& verdict, Held& held, State& state, Gone& gone) {
    const PacketSet packets = held.met();
    held = {};
    if (packets.empty()) {
        return;
    }
    using Kind = Verdict::Kind;
    meaning_.reached.emplace(chain_, rule_);
    PacketSet taken = packets;
    if (verdict.kind == Kind::next_rule) {
        taken = {};
    } else if (verdict.kind == Kind::back) {
        gone.returned = gone.returned | packets;
    } else if (verdict.kind == Kind::jump || verdict.kind == Kind::go_to) {
        const size_t chain_before = chain_;
        const size_t rule_before = rule_;
        const PacketSet back = chain(verdict.target, packets, state);
        chain_ = chain_before;
        rule_ = rule_before;
        if (verdict.kind == Kind::jump) {
            taken = packets - back;
        } else {
            gone.returned = gone.returned | back;
        }
    } else {
        decided(packets);
        if (verdict.kind != Kind::accept) {
            end(verdict, packets);
        }
    }
    gone.taken = gone.taken | taken;
}

void Follower::act(const Store& store, Held& held, State& state, Gone&) {
    PacketSet packets = held.met() & values_->holds(state, store.into);
    decided(packets);
    if (store.into.source == Source::ct_state) {  // "notrack": what has no connection yet
        packets = packets & values_->in_state(state, invalid);
    } else if (of_connection(store.into.source)) {
        packets = packets & values_->connected(state);
    }
    const unsigned name = store.into.name.empty() ? 0 : space_.name_id(store.into.name);
    const Bits bits = written(store.value, store.into.width, *values_, state);
    std::map<Bit, PacketSet> now;
    for (unsigned i = 0; i < store.into.width; ++i) {
        const Bit bit = Space::resolved(bit_of(store.into, name, i), outcome_->frame);
        now[bit] = PacketSet::choose(packets, *bits[i], values_->bit(state, bit));
    }
    for (auto& [bit, set] : now) {
        state.changed[bit] = std::move(set);
        state.written.insert(bit);
    }
}

// Counts: two of the same are not one.
void Follower::done(const std::string& words, PacketSet packets) {
    for (unsigned n = 0; !packets.empty(); ++n) {
        PacketSet& so_far = outcome_->acts[{words, n}];
        PacketSet again = so_far & packets;
        so_far = so_far | packets;
        packets = std::move(again);
    }
}

void Follower::act(const Act& act, Held& held, State& state, Gone&) {
    const PacketSet& packets = held.met();
    decided(packets);
    done(act.words, packets);
    if (!act.set.empty()) {
        PacketSet& updated = state.updated[act.set];
        updated = updated | packets;
    }
}

void Follower::act(const Nat& nat, Held& held, State& state, Gone& gone) {
    const PacketSet packets = held.met();
    held = {};
    decided(packets);
    done(policy::words(nat), packets);
    state.bound = state.bound | packets;
    state.translations.emplace_back(packets, nat);
    gone.taken = gone.taken | packets;
}

void Follower::end(const Verdict& verdict, const PacketSet& packets) {
    PacketSet& ended = outcome_->ends[policy::words(verdict)];
    ended = ended | packets;
    ended_ = ended_ | packets;
}

void Follower::decided(const PacketSet& packets) {
    if (packets.empty()) {
        return;
    }
    meaning_.reached.emplace(chain_, rule_);
    if (question_.within != nullptr) {
        outcome_->decisions.push_back({chain_, rule_, packets});
    }
}

void Follower::doubt(std::string what) {
    const policy::Chain& chain = question_.policy.chains[chain_];
    const std::string where =
        rule_ < chain.rules.size() ? place(chain, chain.rules[rule_]) : chain.where;
    const auto same = [&](const Doubt& it) { return it.where == where && it.what == what; };
    if (std::none_of(meaning_.doubts.begin(), meaning_.doubts.end(), same)) {
        meaning_.doubts.push_back({where, std::move(what)});
    }
}

}  // namespace rehome::lbsync::proof
