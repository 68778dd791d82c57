#include "lbsync/proof/follower.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync::proof {

using policy::Act;
using policy::Choice;
using policy::ElementsPtr;
using policy::Field;
using policy::Nat;
using policy::Step;
using policy::Store;
using policy::Term;
using policy::Test;
using policy::Verdict;
using Source = Field::Source;

namespace {

constexpr size_t most_runs = 4096;  // are kept: rules that write fields make new ones on and on
constexpr unsigned invalid = 0;     // a bit of ct_state

// What a second routing looks at: mark, addresses, the type of service (Linux,
// net/netfilter/nft_chain_route.c; IPv6's hop limit, which it looks at too, decides nothing).
bool decides_routing(const Bit& bit) {
    const bool dscp = (bit.source == Source::ip4 && bit.index >= 8 && bit.index < 16) ||
                      (bit.source == Source::ip6 && bit.index < 32);
    const bool address = (bit.source == Source::ip4 && bit.index >= 96) ||
                         (bit.source == Source::ip6 && bit.index >= 64);
    return bit.source == Source::mark || dscp || address;
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

// Whether some of these packets are not taken before: most often the first that is tried.
bool some_come(PacketSet packets, const std::vector<const PacketSet*>& before) {
    for (uint64_t seed = 1; !packets.empty(); ++seed) {
        const Member one = packets.member(seed);
        const auto taken = std::find_if(before.begin(), before.end(),
                                        [&](const auto* set) { return set->contains(one); });
        if (taken == before.end()) {
            return true;
        }
        packets = packets - **taken;
    }
    return false;
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
    const std::map<Bit, PacketSet> before = state.contents.changed();
    stack_.clear();
    const Fates fates = chain(index, in, state);
    chain_ = index;
    rule_ = base.rules.size();
    if (question_.within != nullptr) {
        decided(in - (fates.taken - fates.returned));
    }
    for (const auto& [words, packets] : fates.ends) {
        PacketSet& ended = outcome_->ends[words];
        ended = ended | (in & packets);
    }
    for (const auto& [words_and_before, packets] : fates.acts) {
        count(outcome_->acts, words_and_before.first, in & packets);
    }
    const PacketSet pass = hook.policy.kind == Verdict::Kind::accept
                               ? in - (fates.taken - fates.accepted - fates.returned)
                               : in & fates.accepted;
    if (hook.route) {
        routed_again(before, pass, state);
    }
    state.reach = pass | others;
}

// By what they hold now; who holds what it held stays on its way.
void Follower::routed_again(const std::map<Bit, PacketSet>& before, const PacketSet& left,
                            const State& state) {
    std::vector<Bit> asked;
    std::copy_if(state.written.begin(), state.written.end(), std::back_inserter(asked),
                 decides_routing);
    PacketSet other;
    for (const Bit& bit : asked) {
        const auto had = before.find(bit);
        const PacketSet old =
            had != before.end() ? had->second : PacketSet::variable(space_.variable(bit));
        other = other | (old ^ values_->bit(state, bit));
    }
    const PacketSet again = other & left;
    decided(again);
    count(outcome_->acts, "routed again", again);
    for (const Bit& bit : asked) {
        count(outcome_->acts,
              fmt::format("routed again by {}.{}", static_cast<int>(bit.source), bit.index),
              again & values_->bit(state, bit));
    }
}

// The fates of these packets; what is said of others does not count.
Fates Follower::chain(size_t index, const PacketSet& reach, State& state) {
    if (depth_ == deepest_jump) {
        doubt("jumps deeper than the kernel allows");
        return {};
    }
    ++depth_;
    const size_t here = stack_.size();
    stack_.push_back(index);
    Fates fates;
    const size_t rules = question_.policy.chains[index].rules.size();
    PacketSet rest = reach;
    for (size_t i = 0; i < rules && !rest.empty();) {
        const size_t first = i;
        const size_t behind = end_of_plain(index, i);
        i = std::max(behind, i + 1);
        if (first == behind) {
            const Fates own = rule(index, first, rest, state);
            rest = rest - own.taken;
            fates.add(own);
            continue;
        }
        const std::shared_ptr<Run> plain = run(index, first, behind, state);
        if (marks_) {
            Before before;
            mark(index, *plain, rest, before, state);
        }
        if (first == 0 && behind == rules) {
            fates = plain->fates;
        } else if (!only_marks_) {
            fates.add(plain->fates.within(rest));
        }
        rest = behind == rules ? PacketSet() : rest - plain->fates.taken;
    }
    stack_.resize(here);
    --depth_;
    return fates;
}

Fates Follower::rule(size_t index, size_t number, const PacketSet& reach, State& state) {
    const size_t here = stack_.size();
    stack_.push_back(number);
    chain_ = index;
    rule_ = number;
    Fates fates;
    steps(question_.policy.chains[index].rules[number].steps, {reach}, state, fates);
    stack_.resize(here);
    return fates;
}

// As far as the rules are plain; who decides is asked rule by rule.
size_t Follower::end_of_plain(size_t index, size_t first) const {
    const bool singly = question_.within != nullptr || depth_ + plain_.depth(index) > deepest_jump;
    const size_t rules = question_.policy.chains[index].rules.size();
    size_t last = first;
    while (!singly && last < rules && plain_.plain(index, last)) {
        ++last;
    }
    return last;
}

std::shared_ptr<Run> Follower::run(size_t index, size_t first, size_t last, State& state) {
    std::vector<size_t> key{index, first};
    for (const Term* term : plain_.terms(index)) {
        key.push_back(filters_.column(*values_, state, *term)->number);
    }
    if (const auto found = runs_.find(key); found != runs_.end()) {
        return found->second;
    }
    const bool marks = std::exchange(marks_, false);
    const bool only_marks = std::exchange(only_marks_, false);
    auto made = std::make_shared<Run>(summary(index, first, last, state));
    marks_ = marks;
    only_marks_ = only_marks;
    if (runs_.size() == most_runs) {
        runs_.clear();
    }
    runs_.emplace(std::move(key), made);
    return made;
}

Run Follower::summary(size_t index, size_t first, size_t last, State& state) {
    if (last - first > 1) {
        const size_t middle = first + (last - first) / 2;
        return joined(summary(index, first, middle, state), summary(index, middle, last, state));
    }
    PacketSet met_before = std::exchange(met_, {});
    Run only;
    only.first = first;
    only.fates = rule(index, first, PacketSet::all(), state);
    only.met = std::exchange(met_, std::move(met_before));
    only.marked = only.met.empty();
    return only;
}

// Which rules of a run these packets reach.  before: what the rules in front of them take.
void Follower::mark(size_t index, Run& run, const PacketSet& reach, Before& before, State& state) {
    if (run.marked) {
        return;
    }
    if (run.left != nullptr) {
        mark(index, *run.left, reach, before, state);
        before.push_back(&run.left->fates.taken);
        mark(index, *run.right, reach, before, state);
        before.pop_back();
    } else if (plain_.jumps(index, run.first)) {
        PacketSet come = reach & run.met;
        for (const PacketSet* taken : before) {
            come = come - *taken;
        }
        const bool only_marks = std::exchange(only_marks_, true);
        rule(index, run.first, come, state);
        only_marks_ = only_marks;
    } else if (meaning_.reached.contains({index, run.first}) ||
               some_come(reach & run.met, before)) {
        meaning_.reached.emplace(index, run.first);
        run.marked = true;
    }
    run.tidy();
}

// What is left over has not been ended, and a rule that a map stands in goes on with it.
PacketSet Follower::steps(const std::vector<Step>& list, Held held, State& state, Fates& gone) {
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

PacketSet Follower::branches(const Choice& choice, Held held, State& state, Fates& gone) {
    const size_t here = stack_.size();
    Held rest{held.met()};
    const Columns of = columns(choice.of, rest, state);  // drawn once for all
    PacketSet left;
    for (size_t i = 0; i < choice.branches.size(); ++i) {
        const PacketSet in = rest.packets & filters_.passing(of, choice.branches[i].in);
        rest.packets = rest.packets - in;
        stack_.resize(here);
        stack_.push_back(i);
        left = left | steps(choice.branches[i].steps, {in}, state, gone);
    }
    stack_.resize(here);
    return left;
}

Follower::Columns Follower::columns(const std::vector<Term>& of, Held& held, const State& state) {
    Columns columns;
    for (size_t i = 0; i < of.size(); ++i) {
        const auto bits = unknown(of[i].field, i, held, state);
        columns.push_back(filters_.column(*values_, state, of[i], bits));
    }
    return columns;
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
    std::vector<Bit> bits =
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
    std::vector<Bit> bits = unknowns_.opaque(field, state.contents.changed());
    meaning_.opaque.insert(bits.begin(), bits.end());
    return bits;
}

void Follower::act(const Test& test, Held& held, State& state, Fates&) {
    const Columns of = columns(test.of, held, state);
    held.tests = held.tests & filters_.passing(of, test.in, test.negated);
}

void Follower::act(const Verdict& verdict, Held& held, State& state, Fates& gone) {
    using Kind = Verdict::Kind;
    const PacketSet packets = held.met();
    held = {};
    if (packets.empty()) {
        return;
    }
    if (verdict.kind == Kind::jump || verdict.kind == Kind::go_to) {
        jump(verdict, packets, state, gone);
        return;
    }
    if (verdict.kind == Kind::next_rule) {
        reached(packets);
        return;
    }
    gone.taken = gone.taken | packets;
    if (verdict.kind == Kind::back) {
        reached(packets);
        gone.returned = gone.returned | packets;
        return;
    }
    decided(packets);
    if (verdict.kind == Kind::accept) {
        gone.accepted = gone.accepted | packets;
    } else if (verdict.kind != Kind::drop) {
        PacketSet& ended = gone.ends[policy::words(verdict)];
        ended = ended | packets;
    }
}

void Follower::jump(const Verdict& verdict, const PacketSet& packets, State& state, Fates& gone) {
    reached(packets);
    const size_t chain_before = chain_;
    const size_t rule_before = rule_;
    Fates there = chain(verdict.target, packets, state);
    chain_ = chain_before;
    rule_ = rule_before;
    if (only_marks_) {
        return;
    }
    there = there.within(packets);
    there.taken = there.taken - there.returned;
    if (verdict.kind == Verdict::Kind::jump) {
        there.returned = {};
    } else {
        there.returned = packets - there.taken;
        there.taken = packets;
    }
    gone.add(there);
}

void Follower::act(const Store& store, Held& held, State& state, Fates&) {
    const bool zone = store.into.source == Source::ct_zone;  // in which a connection is looked for
    PacketSet packets = zone ? held.met() - values_->connected(state)
                             : held.met() & values_->holds(state, store.into);
    decided(packets);
    if (store.into.source == Source::ct_state) {  // "notrack": what has no connection yet
        packets = packets & values_->in_state(state, invalid);
    } else if (!zone && of_connection(store.into.source)) {
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
        state.contents.change(bit, std::move(set));
        state.written.insert(bit);
    }
}

void Follower::act(const Act& act, Held& held, State& state, Fates& gone) {
    const PacketSet& packets = held.met();
    decided(packets);
    count(gone.acts, act.words, packets);
    if (!act.set.empty()) {
        PacketSet& updated = state.updated[act.set];
        updated = updated | packets;
    }
}

void Follower::act(const Nat& nat, Held& held, State& state, Fates& gone) {
    const PacketSet packets = held.met();
    held = {};
    decided(packets);
    count(gone.acts, policy::words(nat), packets);
    state.bound = state.bound | packets;
    state.translations.emplace_back(packets, nat);
    gone.taken = gone.taken | packets;
    gone.accepted = gone.accepted | packets;
}

void Follower::decided(const PacketSet& packets) {
    reached(packets);
    if (question_.within != nullptr && !packets.empty()) {
        outcome_->decisions.push_back({chain_, rule_, packets});
    }
}

void Follower::reached(const PacketSet& packets) {
    if (!marks_) {
        met_ = met_ | packets;
    } else if (!packets.empty()) {
        meaning_.reached.emplace(chain_, rule_);
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
