#include "lbsync/proof/replay.h"

#include <fmt/format.h>

#include "lbsync/proof/ways.h"

namespace rehome::lbsync::proof {

using policy::Chain;
using policy::Field;
using policy::Hook;
using policy::Nat;
using policy::Policy;
using policy::Rule;
using policy::Span;
using policy::Stage;
using policy::Step;
using policy::Term;
using policy::Verdict;
using Source = Field::Source;

namespace {

constexpr WideNumber invalid = 1;
constexpr WideNumber related = 4;
constexpr WideNumber is_new = 8;
constexpr WideNumber untracked = 64;

// How the rules of a chain, or the steps of a rule, have ended for the packet.
enum class Fate { goes_on, next_rule, returned, accepted, ended };

// The hooks that lead to the end of this way.
bool find_way(const std::vector<Way>& ways, std::string_view name, std::vector<Stage>& stages) {
    for (const Way& way : ways) {
        stages.push_back(way.stage);
        if ((way.then.empty() && way.name == name) || find_way(way.then, name, stages)) {
            return true;
        }
        stages.pop_back();
    }
    return false;
}

class Replay {
public:
    Replay(const Policy& policy, const Packet& packet, const Meaning& meaning, Space& names,
           bool translated)
        : policy_(policy),
          packet_(packet),
          meaning_(meaning),
          names_(names),
          translated_(translated) {}

    Trace all() {
        std::vector<Stage> stages;
        find_way(ways(packet_.bridged, packet_.frame), packet_.way, stages);
        from_here_ = stages.front() == Stage::output || stages.front() == Stage::egress;
        tracked_ = packet_.bridged;
        at_ = fmt::format("{}{}", name(packet_.frame), packet_.bridged ? " bridged" : "");
        for (const Stage stage : stages) {
            at_ += fmt::format(" {}", name(stage));
            if (trace_.end.empty()) {
                hook(stage);
            }
            if (stage == Stage::prerouting || stage == Stage::output) {
                remember();
            }
        }
        remember();
        if (trace_.end.empty()) {
            trace_.end = "accept";
        }
        return std::move(trace_);
    }

private:
    // What a packet brought, and has again, was not written.
    void remember() {
        trace_.moments.emplace_back();
        for (const auto& [name, written] : written_) {
            const auto& [field, value] = written;
            const bool lasts =
                trace_.end.empty() || (field.source > Source::ct_state &&
                                       field.source <= Source::ct_label && ct_state() != is_new);
            if (lasts && value != brought(field)) {
                trace_.moments.back()[name] = value;
            }
        }
    }

    WideNumber brought(const Field& field) {
        const unsigned name = field.name.empty() ? 0 : names_.name_id(field.name);
        WideNumber value = 0;
        for (unsigned i = 0; i < field.width; ++i) {
            value = value << 1 | (came_with({field.source, name, field.offset + i}) ? 1 : 0);
        }
        return value;
    }

    void hook(Stage stage) {
        stage_ = stage;
        const auto chains = chains_at(policy_, stage, packet_.bridged, packet_.frame);
        const bool to_destination = stage == Stage::prerouting || stage == Stage::output;
        const bool to_source = stage == Stage::input || stage == Stage::postrouting;
        bool tracks = to_destination && !tracked_ && packet_.frame <= Frame::ip6;
        bool translates = translated_ && !packet_.bridged && packet_.frame <= Frame::ip6 &&
                          (to_destination || to_source);
        for (size_t i = 0; i <= chains.size() && trace_.end.empty(); ++i) {
            const Hook* hook = i < chains.size() ? &*policy_.chains[chains[i]].hook : nullptr;
            if (hook != nullptr && hook->nat) {
                continue;
            }
            if (tracks && (hook == nullptr || hook->priority > conntrack_priority)) {
                tracked_ = true;
                tracks = false;
            }
            const int at = to_destination ? destination_nat_priority : source_nat_priority;
            if (translates && (hook == nullptr || hook->priority > at)) {
                translate(chains, to_destination);
                translates = false;
            }
            if (hook != nullptr && trace_.end.empty()) {
                base_chain(chains[i]);
            }
        }
    }

    void translate(const std::vector<size_t>& chains, bool destination) {
        bound_ = nullptr;
        const WideNumber state = ct_state();
        if (state == is_new || state == related) {
            for (const size_t chain : chains) {
                if (policy_.chains[chain].hook->nat && bound_ == nullptr && trace_.end.empty()) {
                    base_chain(chain);
                }
            }
        }
        using namespace policy::field;
        const bool ip6 = packet_.frame == Frame::ip6;
        const Field address = destination ? (ip6 ? ip6_destination() : ip4_destination())
                                          : (ip6 ? ip6_source() : ip4_source());
        const Field port = destination ? destination_port() : source_port();
        header_behind_nat(address, state, bound_ == nullptr ? std::nullopt : bound_->address,
                          bound_ != nullptr && (bound_->kind == Nat::Kind::masquerade ||
                                                bound_->kind == Nat::Kind::redirect));
        header_behind_nat(port, state, bound_ == nullptr ? std::nullopt : bound_->port, false);
    }

    void header_behind_nat(const Field& field, WideNumber state, const std::optional<Span>& to,
                           bool chosen) {
        const bool has_connection = state != invalid && state != untracked && tracked_;
        if (has_connection && state != is_new) {
            set_header(field, named_bits(field, "translated " + at_));
        } else if (to && to->first == to->last) {
            set_header(field, to->first);
        } else if (to || chosen) {
            set_header(field, named_bits(field, "chosen by " + policy::words(*bound_)));
        }
    }

    WideNumber named_bits(const Field& field, const std::string& name) {
        const unsigned id = names_.name_id(name);
        WideNumber value = 0;
        for (unsigned i = 0; i < field.width; ++i) {
            value = value << 1 | (came_with({field.source, id, field.offset + i}) ? 1 : 0);
        }
        return value;
    }

    void set_header(const Field& field, WideNumber value) {
        for (unsigned i = 0; i < field.width; ++i) {
            now_[{field.source, 0, field.offset + i}] = (value >> (field.width - 1 - i) & 1) != 0;
        }
    }

    bool came_with(const Bit& bit) const {
        const auto found = packet_.bits.find(bit);
        return found != packet_.bits.end() && found->second;
    }

    bool bit(Bit bit) const {
        if (packet_.frame == Frame::ip4 && bit.source == Source::ip4 && bit.index >= 72 &&
            bit.index < 80) {
            bit = {Source::transport_protocol, 0, bit.index - 72};
        }
        const auto found = now_.find(bit);
        return found != now_.end() ? found->second : came_with(bit);
    }

    WideNumber ct_state() const {
        if (marked_untracked_) {
            return untracked;
        }
        WideNumber value = 0;
        for (unsigned i = 0; i < 32; ++i) {
            value = value << 1 | (came_with({Source::ct_state, 0, i}) ? 1 : 0);
        }
        return tracked_ ? value : invalid;
    }

    bool has_connection() const {
        return tracked_ && ct_state() != invalid && ct_state() != untracked;
    }

    bool holds(const Field& field) const {
        const unsigned bytes = (field.offset + field.width + 7U) / 8U;
        const bool readable = came_with(names_.readable(field.source, bytes));
        switch (field.source) {
            case Source::link:
                return !from_here_ && readable;
            case Source::ip4:
                return packet_.frame == Frame::ip4;
            case Source::ip6:
                return packet_.frame == Frame::ip6;
            case Source::arp:
                return packet_.frame == Frame::arp;
            case Source::transport:
                return packet_.frame <= Frame::ip6 && readable;
            case Source::ct_status:
            case Source::ct_direction:
            case Source::ct_mark:
            case Source::ct_zone:
            case Source::ct_label:
                return has_connection();
            default:
                return true;
        }
    }

    WideNumber constant(Source source) const {
        constexpr WideNumber families[] = {2, 10, 3, 0};
        constexpr WideNumber ethertypes[] = {0x0800, 0x86dd, 0x0806, 0};
        const auto frame = static_cast<size_t>(packet_.frame);
        if (source == Source::protocol) {
            return ethertypes[frame];
        }
        return layer_ == policy::Layer::bridge   ? 7
               : layer_ == policy::Layer::netdev ? 5
                                                 : families[frame];
    }

    // column: of a test, where an unknown is known by its place.
    WideNumber value(const Field& field, size_t column) {
        const bool protocol = field.source == Source::protocol && packet_.frame != Frame::other;
        if (field.source == Source::family || protocol) {
            return constant(field.source);
        }
        if (field.source == Source::ct_state) {
            return ct_state();
        }
        if (field.source == Source::in_interface) {
            return from_here_ ? 0 : packet_.in_interface;
        }
        if (field.source == Source::out_interface) {
            return stage_ < Stage::forward ? 0 : packet_.out_interface;
        }
        if (field.source == Source::opaque || field.source == Source::drawn) {
            return unknown(column);
        }
        const unsigned name = field.name.empty() ? 0 : names_.name_id(field.name);
        WideNumber value = 0;
        for (unsigned i = 0; i < field.width; ++i) {
            value = value << 1 | (bit({field.source, name, field.offset + i}) ? 1 : 0);
        }
        return value;
    }

    WideNumber unknown(size_t column) const {
        Site site{at_, stack_};
        site.second.push_back(column);
        const auto bits = meaning_.unknowns.find(site);
        WideNumber value = 0;
        if (bits != meaning_.unknowns.end()) {
            for (const Bit& bit : bits->second) {
                value = value << 1 | (came_with(bit) ? 1 : 0);
            }
        }
        return value;
    }

    bool in(const std::vector<Term>& of, const policy::Elements& rows) {
        std::vector<WideNumber> values;
        for (size_t i = 0; i < of.size(); ++i) {
            values.push_back(value(of[i].field, i) & of[i].mask);
        }
        for (size_t row = 0; row < rows.rows(); ++row) {
            bool all = true;
            for (size_t i = 0; i < of.size(); ++i) {
                const Span& span = rows.spans[row * rows.columns + i];
                all = all && values[i] >= span.first && values[i] <= span.last;
            }
            if (all) {
                return true;
            }
        }
        return false;
    }

    bool holds(const std::vector<Term>& of) const {
        bool all = true;
        for (const Term& term : of) {
            all = all && holds(term.field);
        }
        return all;
    }

    void base_chain(size_t index) {
        const Chain& chain = policy_.chains[index];
        layer_ = chain.hook->layer;
        if (!chain.hook->devices.empty() && !on_device(*chain.hook)) {
            return;
        }
        stack_.clear();
        const std::string before = routed_by();
        const Fate fate = run(index);
        if (fate != Fate::ended && chain.hook->route && routed_by() != before) {
            const std::string words = "routed again by " + routed_by();
            trace_.acts.insert(words);
            trace_.events.push_back({index, chain.rules.size(), words});
        }
        if (fate == Fate::ended || fate == Fate::accepted) {
            return;
        }
        const std::string words = policy::words(chain.hook->policy);
        trace_.events.push_back({index, chain.rules.size(), words});
        if (chain.hook->policy.kind != Verdict::Kind::accept) {
            trace_.end = words;
        }
    }

    // What routing looks at.
    std::string routed_by() {
        using namespace policy::field;
        const bool ip6 = packet_.frame == Frame::ip6;
        const auto words = [this](const Field& field) {
            return policy::text(field, value(field, 0));
        };
        return fmt::format(
            "mark {}, {} > {}, {} {}", words(mark()), words(ip6 ? ip6_source() : ip4_source()),
            words(ip6 ? ip6_destination() : ip4_destination()), ip6 ? "class, label" : "tos",
            words(slice(ip6 ? Source::ip6 : Source::ip4, ip6 ? 0 : 8, ip6 ? 32 : 8)));
    }

    bool on_device(const Hook& hook) {
        const WideNumber name =
            hook.stage == Stage::egress ? packet_.out_interface : packet_.in_interface;
        for (const std::string& device : hook.devices) {
            if (policy::as_name(device) == name) {
                return true;
            }
        }
        return false;
    }

    Fate run(size_t index) {
        const size_t here = stack_.size();
        stack_.push_back(index);
        Fate fate = Fate::goes_on;
        const std::vector<Rule>& rules = policy_.chains[index].rules;
        for (size_t i = 0; i < rules.size(); ++i) {
            stack_.push_back(i);
            chain_ = index;
            rule_ = i;
            fate = steps(rules[i].steps);
            stack_.resize(here + 1);
            if (fate == Fate::returned || fate == Fate::accepted || fate == Fate::ended) {
                break;
            }
        }
        stack_.resize(here);
        return fate == Fate::accepted || fate == Fate::ended ? fate : Fate::goes_on;
    }

    Fate steps(const std::vector<Step>& list) {
        const size_t here = stack_.size();
        for (size_t i = 0; i < list.size(); ++i) {
            stack_.resize(here);
            stack_.push_back(i);
            const Fate fate = std::visit([this](const auto& step) { return take(step); }, list[i]);
            if (fate != Fate::goes_on) {
                stack_.resize(here);
                return fate;
            }
        }
        stack_.resize(here);
        return Fate::goes_on;
    }

    Fate take(const policy::Test& test) {
        const bool met = holds(test.of) && in(test.of, *test.in) != test.negated;
        return met ? Fate::goes_on : Fate::next_rule;
    }

    Fate take(const policy::Choice& choice) {
        const size_t here = stack_.size();
        for (size_t i = 0; i < choice.branches.size(); ++i) {
            stack_.resize(here);
            if (in(choice.of, *choice.branches[i].in) && holds(choice.of)) {
                stack_.push_back(i);
                const Fate fate = steps(choice.branches[i].steps);
                stack_.resize(here);
                return fate;
            }
        }
        return Fate::next_rule;
    }

    Fate take(const Verdict& verdict) {
        using Kind = Verdict::Kind;
        const std::string words = policy::words(verdict);
        switch (verdict.kind) {
            case Kind::next_rule:
                return Fate::next_rule;
            case Kind::back:
                return Fate::returned;
            case Kind::jump:
            case Kind::go_to: {
                const Fate fate = run(verdict.target);
                if (fate != Fate::goes_on) {
                    return fate;
                }
                return verdict.kind == Kind::jump ? Fate::next_rule : Fate::returned;
            }
            case Kind::accept:
                tell(words);
                return Fate::accepted;
            default:
                tell(words);
                trace_.end = words;
                return Fate::ended;
        }
    }

    Fate take(const policy::Store& store) {
        WideNumber value = store.value.flip;
        if (store.value.from) {
            value ^= this->value(*store.value.from, 0) & store.value.mask;
        }
        if (store.into.width < 128) {
            value &= (WideNumber{1} << store.into.width) - 1;
        }
        // A zone is where a connection is looked for: who has one keeps its own.
        const bool zone = store.into.source == Source::ct_zone;
        if (zone ? has_connection() : !holds(store.into)) {
            return Fate::goes_on;
        }
        tell(fmt::format("{} set {}", policy::text(store.into), policy::text(store.into, value)));
        if (store.into.source == Source::ct_state) {
            marked_untracked_ = marked_untracked_ || ct_state() == invalid;
            value = marked_untracked_ ? untracked : ct_state();
        }
        written_[policy::text(store.into)] = {store.into, value};
        const unsigned name = store.into.name.empty() ? 0 : names_.name_id(store.into.name);
        for (unsigned i = 0; i < store.into.width; ++i) {
            now_[{store.into.source, name, store.into.offset + i}] =
                (value >> (store.into.width - 1 - i) & 1) != 0;
        }
        return Fate::goes_on;
    }

    Fate take(const policy::Act& act) {
        tell(act.words);
        trace_.acts.insert(act.words);
        return Fate::goes_on;
    }

    Fate take(const Nat& nat) {
        tell(policy::words(nat));
        trace_.acts.insert(policy::words(nat));
        bound_ = &nat;
        return Fate::accepted;
    }

    void tell(std::string words) { trace_.events.push_back({chain_, rule_, std::move(words)}); }

    const Policy& policy_;
    const Packet& packet_;
    const Meaning& meaning_;
    Space& names_;
    bool translated_;
    bool from_here_ = false;
    bool tracked_ = false;
    bool marked_untracked_ = false;
    Stage stage_ = Stage::ingress;
    policy::Layer layer_ = policy::Layer::inet;
    const Nat* bound_ = nullptr;
    std::string at_;
    std::map<Bit, bool> now_;
    std::map<std::string, std::pair<Field, WideNumber>> written_;
    std::vector<size_t> stack_;
    size_t chain_ = 0;
    size_t rule_ = 0;
    Trace trace_;
};

}  // namespace

bool same_outcome(const Trace& a, const Trace& b) {
    return a.end == b.end && a.acts == b.acts && a.moments == b.moments;
}

Trace replay(const Policy& policy, const Packet& packet, const Meaning& meaning, Space& names,
             bool translated) {
    return Replay(policy, packet, meaning, names, translated).all();
}

}  // namespace rehome::lbsync::proof
