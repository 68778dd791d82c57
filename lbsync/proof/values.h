// What fields hold while a packet is on its way, and which packets pass a test.
//
// A field holds what the packet came with until a rule writes it; what was written is a function of
// the packet too.  What no set of packets tells (fields that are opaque or drawn) gets variables of
// its own, which both of two compared policies share where they mean the same.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/packet_set.h"
#include "lbsync/proof/space.h"
#include "lbsync/proof/spans.h"

namespace rehome::lbsync::proof {

// What there is to look at, at a hook of some way.
struct Known {
    bool link_header = true;
    bool in_interface = true;
    bool out_interface = false;
    bool connection = false;  // conntrack has looked for one
};

// What fields hold, as far as that is not what the packet came with.
class Contents {
public:
    // Two that have the same revision are the same; kept by copies, another one for each change.
    uint64_t revision() const { return revision_; }

    const Known& known() const { return known_; }
    void know(const Known& known);

    const std::map<Bit, PacketSet>& changed() const { return changed_; }
    void change(const Bit& bit, PacketSet to);
    void give_back(const Bit& bit);  // as the packet came with it

private:
    static uint64_t new_revision();

    Known known_;
    std::map<Bit, PacketSet> changed_;
    uint64_t revision_ = new_revision();
};

// A packet at some point of its way, or rather all that come there.
struct State {
    PacketSet reach;
    Contents contents;                         // changed by rules, or by conntrack
    std::set<Bit> written;                     // by rules
    std::map<std::string, PacketSet> updated;  // sets whose members rules have changed
    PacketSet bound;                           // translated at this hook
    std::vector<std::pair<PacketSet, policy::Nat>> translations;  // of these, and how
    std::string at;                                               // which hook, of which way
};

// What is known of a packet's connection beside its state: a packet without one has none of these.
inline bool of_connection(policy::Field::Source source) {
    using Source = policy::Field::Source;
    return source > Source::ct_state && source <= Source::ct_label;
}

// Which unknowns are the same one.  One for both policies.
class Unknowns {
public:
    explicit Unknowns(Space& space) : space_(space) {}

    // Opaque: the same name asked of a packet that was changed in the same way.
    std::vector<Bit> opaque(const policy::Field& field, const std::map<Bit, PacketSet>& changed);
    // Drawn: the n-th of the same name that these packets reach at this hook.
    std::vector<Bit> drawn(const policy::Field& field, const std::string& at,
                           const PacketSet& reach, unsigned n);
    // What is asked by that name, without who asks.
    static std::string asked(const std::string& name);

private:
    std::vector<Bit> bits(const std::string& name, unsigned width);
    unsigned known(const PacketSet& set);

    Space& space_;
    std::map<int, unsigned> numbers_;  // by id; the sets live as long as this does
    std::vector<PacketSet> kept_;
};

class Values {
public:
    Values(Space& space, Frame frame) : space_(space), frame_(frame) {}

    Frame frame() const { return frame_; }

    // Of the chain that asks.
    policy::Layer layer() const { return layer_; }
    void in_layer(policy::Layer layer) { layer_ = layer; }

    PacketSet bit(const State& state, const Bit& bit) const;
    // unknown: the bits of a field that is opaque or drawn.
    Bits bits(const State& state, const policy::Term& term, const std::vector<Bit>& unknown) const;
    // The packets that hold the field at all.
    PacketSet holds(const State& state, const policy::Field& field) const;
    PacketSet connected(const State& state) const;  // that belong to a connection
    PacketSet in_state(const State& state, unsigned ct_state_bit) const;

private:
    PacketSet constant_bit(uint64_t value, unsigned width, unsigned index) const;

    Space& space_;
    Frame frame_;
    policy::Layer layer_ = policy::Layer::inet;
};

// The bit's place in a field of this source and name.
Bit bit_of(const policy::Field& field, unsigned name, unsigned position);

}  // namespace rehome::lbsync::proof
