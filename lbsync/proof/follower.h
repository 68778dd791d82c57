// Follows all packets of one kind through a policy's base chains; meaning.h says what comes out.
//
// Rules are followed one after the other, with the packets that are left.  Where plain rules stand
// in a row, their fates are found once, of all packets, half by half; then those of the packets
// that come there are taken from that.  What one rule means is said by steps() in both cases.
#pragma once

#include <optional>
#include <tuple>

#include "lbsync/proof/fates.h"
#include "lbsync/proof/filters.h"
#include "lbsync/proof/meaning.h"
#include "lbsync/proof/plain_rules.h"
#include "lbsync/proof/runs.h"

namespace rehome::lbsync::proof {

// What happens to packets inside of one base chain.
class Follower {
public:
    Follower(Shared& shared, const Question& question, Meaning& meaning)
        : space_(shared.space),
          unknowns_(shared.unknowns),
          filters_(shared.filters),
          question_(question),
          meaning_(meaning),
          plain_(question.policy) {}

    // The packets that come next, of which kind; what has happened to them so far.
    void begin(Frame frame, Outcome& outcome);

    Values& values() { return *values_; }

    // Takes from the state's reach what the chain ends.
    void base_chain(size_t chain, State& state);

private:
    // What a rule holds: its tests are gathered before they are applied to all its packets.
    struct Held {
        PacketSet packets;
        PacketSet tests = PacketSet::all();

        const PacketSet& met();
    };

    using Columns = std::vector<ColumnPtr>;
    using Before = std::vector<const PacketSet*>;

    void routed_again(const std::map<Bit, PacketSet>& before, const PacketSet& left,
                      const State& state);
    PacketSet on_devices(const policy::Hook& hook, const State& state);
    Fates chain(size_t index, const PacketSet& reach, State& state);
    Fates rule(size_t index, size_t number, const PacketSet& reach, State& state);
    size_t end_of_plain(size_t index, size_t first) const;

    // Plain rules in a row.
    std::shared_ptr<Run> run(size_t index, size_t first, size_t last, State& state);
    Run summary(size_t index, size_t first, size_t last, State& state);
    void mark(size_t index, Run& run, const PacketSet& reach, Before& before, State& state);

    PacketSet steps(const std::vector<policy::Step>& steps, Held held, State& state, Fates& gone);
    PacketSet branches(const policy::Choice& choice, Held held, State& state, Fates& gone);
    // What the terms hold; what is drawn is drawn here, once.
    Columns columns(const std::vector<policy::Term>& of, Held& held, const State& state);
    std::vector<Bit> unknown(const policy::Field& field, size_t column, Held& held,
                             const State& state);
    std::vector<Bit> drawn(const policy::Field& field, Held& held, const State& state);
    std::vector<Bit> opaque(const policy::Field& field, Held& held, const State& state);

    void act(const policy::Test& test, Held& held, State& state, Fates& gone);
    void act(const policy::Verdict& verdict, Held& held, State& state, Fates& gone);
    void act(const policy::Store& store, Held& held, State& state, Fates& gone);
    void act(const policy::Act& act, Held& held, State& state, Fates& gone);
    void act(const policy::Nat& nat, Held& held, State& state, Fates& gone);

    void jump(const policy::Verdict& verdict, const PacketSet& packets, State& state, Fates& gone);
    void decided(const PacketSet& packets);
    void reached(const PacketSet& packets);
    void doubt(std::string what);

    Space& space_;
    Unknowns& unknowns_;
    Filters& filters_;
    const Question& question_;
    Meaning& meaning_;
    std::optional<Values> values_;
    Outcome* outcome_ = nullptr;
    PlainRules plain_;
    Runs runs_;
    bool only_marks_ = false;
    bool marks_ = true;  // which rules are reached; else they are asked about packets that may not
    PacketSet met_;      // come, and this is those with which a rule has done something
    std::vector<size_t> stack_;  // chain and rule, of each jump; steps
    size_t chain_ = 0;           // where the rule stands that is followed
    size_t rule_ = 0;
    size_t depth_ = 0;
    std::map<std::tuple<std::string, std::string, int>, unsigned> draws_;
};

}  // namespace rehome::lbsync::proof
