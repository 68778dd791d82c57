// Follows all packets of one kind through a policy's base chains; meaning.h says what comes out.
#pragma once

#include <optional>
#include <tuple>

#include "lbsync/proof/meaning.h"

namespace rehome::lbsync::proof {

// What happens to packets inside of one base chain.
class Follower {
public:
    Follower(Space& space, Unknowns& unknowns, const Question& question, Meaning& meaning)
        : space_(space), unknowns_(unknowns), question_(question), meaning_(meaning) {}

    // The packets that come next, of which kind; what has happened to them so far.
    void begin(Frame frame, Outcome& outcome);

    Values& values() { return *values_; }

    // Takes from the state's reach what the chain ends.
    void base_chain(size_t chain, State& state);

private:
    // Where the packets of a rule have gone.
    struct Gone {
        PacketSet taken;     // do not come to the next rule
        PacketSet returned;  // come to behind the jump into this chain
    };

    // What a rule holds: its tests are gathered before they are applied to all its packets.
    struct Held {
        PacketSet packets;
        PacketSet tests = PacketSet::all();

        const PacketSet& met();
    };

    PacketSet on_devices(const policy::Hook& hook, const State& state);
    PacketSet chain(size_t index, PacketSet reach, State& state);
    PacketSet steps(const std::vector<policy::Step>& steps, Held held, State& state, Gone& gone);
    PacketSet branches(const policy::Choice& choice, Held held, State& state, Gone& gone);
    PacketSet matching(const std::vector<policy::Term>& of, const policy::ElementsPtr& in,
                       Held& held, const State& state);
    std::vector<Bit> unknown(const policy::Field& field, size_t column, Held& held,
                             const State& state);
    std::vector<Bit> drawn(const policy::Field& field, Held& held, const State& state);
    std::vector<Bit> opaque(const policy::Field& field, Held& held, const State& state);

    void act(const policy::Test& test, Held& held, State& state, Gone& gone);
    void act(const policy::Verdict& verdict, Held& held, State& state, Gone& gone);
    void act(const policy::Store& store, Held& held, State& state, Gone& gone);
    void act(const policy::Act& act, Held& held, State& state, Gone& gone);
    void act(const policy::Nat& nat, Held& held, State& state, Gone& gone);

    void done(const std::string& words, PacketSet packets);
    void end(const policy::Verdict& verdict, const PacketSet& packets);
    void decided(const PacketSet& packets);
    void doubt(std::string what);

    Space& space_;
    Unknowns& unknowns_;
    const Question& question_;
    Meaning& meaning_;
    std::optional<Values> values_;
    Outcome* outcome_ = nullptr;
    PacketSet ended_;            // in this base chain
    std::vector<size_t> stack_;  // chain and rule, of each jump; steps
    size_t chain_ = 0;           // where the rule stands that is followed
    size_t rule_ = 0;
    size_t depth_ = 0;
    std::map<std::tuple<std::string, std::string, int>, unsigned> draws_;
};

}  // namespace rehome::lbsync::proof
