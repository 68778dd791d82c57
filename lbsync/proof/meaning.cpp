#include "lbsync/proof/meaning.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "lbsync/proof/commute.h"
#include "lbsync/proof/follower.h"
#include "lbsync/proof/translation.h"

namespace rehome::lbsync::proof {

using policy::Chain;
using policy::Hook;
using policy::Stage;
using Source = policy::Field::Source;

namespace {

// From hook to hook.
class Walk {
public:
    Walk(Shared& shared, const Question& question, Meaning& meaning)
        : space_(shared.space),
          question_(question),
          meaning_(meaning),
          follower_(shared, question, meaning) {}

    void all(Frame frame, bool bridged) {
        Outcome outcome;
        outcome.frame = frame;
        outcome.bridged = bridged;
        outcome.universe = space_.universe(frame);
        if (question_.within != nullptr) {
            const auto asked = question_.within->find({frame, bridged});
            if (asked == question_.within->end()) {
                return;
            }
            outcome.universe = outcome.universe & asked->second;
        }
        for (const Way& way : ways(bridged, frame)) {
            const bool from_here = way.stage == Stage::output || way.stage == Stage::egress;
            State state;
            state.reach = outcome.universe;
            state.contents.know({!from_here, !from_here, false, bridged});
            state.at = fmt::format("{}{}", name(frame), bridged ? " bridged" : "");
            follow(way, state, outcome);
        }
    }

private:
    void follow(const Way& way, State state, Outcome outcome) {
        state.at += fmt::format(" {}", name(way.stage));
        Known known = state.contents.known();
        known.out_interface = way.stage >= Stage::forward;
        state.contents.know(known);
        follower_.begin(outcome.frame, outcome);
        hook(way.stage, state, outcome);
        if (translates_destination(way.stage)) {
            remember("at routing", state, outcome);
        }
        for (const Way& next : way.then) {
            follow(next, state, outcome);
        }
        if (way.then.empty()) {
            outcome.way = way.name;
            outcome.ends["accept"] = state.reach;
            remember("at the end", state, outcome);
            meaning_.outcomes.push_back(std::move(outcome));
        }
    }

    // What rules wrote.  What headers hold behind a translation follows from what was done.
    static void remember(std::string when, const State& state, Outcome& outcome) {
        Moment moment{std::move(when), state.reach, {}};
        for (const Bit& bit : state.written) {
            moment.values[bit] = state.contents.changed().at(bit);
        }
        outcome.moments.push_back(std::move(moment));
    }

    void hook(Stage stage, State& state, Outcome& outcome) {
        const auto chains = chains_at(question_.policy, stage, outcome.bridged, outcome.frame);
        tell_unknown_order(chains, outcome.frame == Frame::ip6);
        bool to_track = is_tracked_at(stage) && !state.contents.known().connection &&
                        outcome.frame <= Frame::ip6;
        bool to_translate = !outcome.bridged && question_.translated &&
                            (state.contents.known().connection || to_track) &&
                            (translates_destination(stage) || translates_source(stage));
        const int translation =
            translates_destination(stage) ? destination_nat_priority : source_nat_priority;
        const auto kernel_before = [&](int priority) {
            if (to_track && priority > conntrack_priority) {
                track(state);
                to_track = false;
            }
            if (to_translate && priority > translation) {
                translate(chains, translates_destination(stage), state, outcome);
                to_translate = false;
            }
        };
        for (const size_t chain : chains) {
            const Hook& hook = *question_.policy.chains[chain].hook;
            if (!hook.nat) {
                kernel_before(hook.priority);
                tell_tie(chain, to_track, to_translate && hook.priority == translation);
                follower_.base_chain(chain, state);
            }
        }
        kernel_before(std::numeric_limits<int>::max());
    }

    // What "notrack" has marked stays untracked.
    static PacketSet marked_untracked(State& state) {
        PacketSet untracked;
        for (unsigned index = 0; index < 32; ++index) {
            const Bit bit{Source::ct_state, 0, index};
            const auto& changed = state.contents.changed();
            const auto found = changed.find(bit);
            untracked = index == 25 && found != changed.end() ? found->second : untracked;
            state.contents.give_back(bit);
        }
        return untracked;
    }

    void track(State& state) {
        const PacketSet untracked = marked_untracked(state);
        Known known = state.contents.known();
        known.connection = true;
        state.contents.know(known);
        std::erase_if(state.written, [](const Bit& bit) { return bit.source == Source::ct_state; });
        if (untracked.empty()) {
            return;
        }
        for (const unsigned index : {25U, 28U, 29U, 30U, 31U}) {
            const Bit bit{Source::ct_state, 0, index};
            const PacketSet value = index == 25 ? PacketSet::all() : PacketSet();
            state.contents.change(
                bit, PacketSet::choose(untracked, value, follower_.values().bit(state, bit)));
            state.written.insert(bit);
        }
    }

    // Chains of type nat see the first packet of a connection, until one of them has bound it.
    void translate(const std::vector<size_t>& chains, bool destination, State& state,
                   const Outcome& outcome) {
        const Values& values = follower_.values();
        const PacketSet first = state.reach & values.connected(state) &
                                (values.in_state(state, 3) | values.in_state(state, 2));
        PacketSet others = state.reach - first;
        state.reach = first;
        state.bound = {};
        for (const size_t chain : chains) {
            if (question_.policy.chains[chain].hook->nat) {
                follower_.base_chain(chain, state);
                others = others | (state.reach & state.bound);
                state.reach = state.reach - state.bound;
            }
        }
        state.reach = state.reach | others;
        translate_headers(space_, values, outcome.frame, destination, state);
    }

    // Chains that nothing orders may run in either order, which has to make no difference.
    void tell_unknown_order(std::vector<size_t> chains, bool ip6) {
        std::erase_if(chains,
                      [&](size_t chain) { return is_idle(question_.policy.chains[chain]); });
        for (size_t i = 1; i < chains.size(); ++i) {
            const Chain& one = question_.policy.chains[chains[i - 1]];
            const Chain& other = question_.policy.chains[chains[i]];
            const bool unknown = one.hook->priority == other.hook->priority &&
                                 (!one.hook->rank_of(ip6) || !other.hook->rank_of(ip6));
            if (unknown && !(commutes(question_.policy, chains[i - 1]) &&
                             commutes(question_.policy, chains[i]))) {
                doubt({other.where,
                       fmt::format("runs at the same hook and priority as {}, and which of them "
                                   "comes first is not known",
                                   one.where)});
            }
        }
    }

    // The kernel's own work at a chain's very priority may be done before it, or after.
    void tell_tie(size_t index, bool to_track, bool to_translate) {
        const Chain& chain = question_.policy.chains[index];
        const auto unknown = [](Source source) {
            return source == Source::opaque || source == Source::drawn;
        };
        if (to_track && chain.hook->priority == conntrack_priority &&
            asks(question_.policy, index, [&](const policy::Field& field) {
                return unknown(field.source) || field.source == Source::ct_state ||
                       of_connection(field.source) || field.name.starts_with("ct ");
            })) {
            doubt({chain.where,
                   "runs at the priority where the kernel begins to track connections, "
                   "and which of them comes first is not known"});
        }
        if (to_translate && asks(question_.policy, index, [&](const policy::Field& field) {
                return unknown(field.source) || field.source == Source::ip4 ||
                       field.source == Source::ip6 || field.source == Source::transport ||
                       field.source == Source::ct_status;
            })) {
            doubt({chain.where,
                   "runs at the priority where the kernel translates addresses, and "
                   "which of them comes first is not known"});
        }
    }

    void doubt(Doubt doubt) {
        const auto same = [&](const Doubt& it) {
            return it.where == doubt.where && it.what == doubt.what;
        };
        if (std::none_of(meaning_.doubts.begin(), meaning_.doubts.end(), same)) {
            meaning_.doubts.push_back(std::move(doubt));
        }
    }

    Space& space_;
    const Question& question_;
    Meaning& meaning_;
    Follower follower_;
};

}  // namespace

Meaning meaning(Shared& shared, const Question& question) {
    Meaning meaning;
    Walk walk(shared, question, meaning);
    for (const Frame frame : {Frame::ip4, Frame::ip6, Frame::arp, Frame::other}) {
        walk.all(frame, false);
    }
    for (const Frame frame : {Frame::ip4, Frame::ip6, Frame::arp, Frame::other}) {
        if (question.bridged) {
            walk.all(frame, true);
        }
    }
    return meaning;
}

}  // namespace rehome::lbsync::proof
