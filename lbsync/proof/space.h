// Which variable stands for which bit, and what cannot be.
//
// Only bits that some rule of the compared policies looks at get a variable.  Interfaces' names are
// numbered: the names and patterns in the policies cut all names into intervals, and a name is
// known by the interval that it lies in.  Bits that two names share are one (in IPv4, "ip protocol"
// is "meta l4proto"), and what no packet can be (two states at once, a transport header behind a
// later fragment) is outside of universe().
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "lbsync/policy/policy.h"
#include "lbsync/proof/packet_set.h"

namespace rehome::lbsync::proof {

// What a packet is, as far as that decides which tables see it.
enum class Frame : uint8_t { ip4, ip6, arp, other };
std::string_view name(Frame frame);

// A bit of a field: of a header counted from its first, of another value from its highest.
struct Bit {
    policy::Field::Source source = policy::Field::Source::other;
    unsigned name = 0;  // Space::name_id(); 0: none
    unsigned index = 0;

    auto operator<=>(const Bit&) const = default;
};

class Space {
public:
    Space(Diagrams& diagrams, std::span<const policy::Policy* const> policies);

    unsigned name_id(const std::string& name);
    const std::string& name_of(unsigned id) const { return names_[id]; }

    // A new one when the bit has none yet.
    int variable(const Bit& bit);
    const std::map<Bit, int>& variables() const { return variables_; }

    // The bits of the packet's frame that hold this one.
    static Bit resolved(Bit bit, Frame frame);

    // What is readable of a header up to this byte.
    Bit readable(policy::Field::Source header, unsigned bytes);

    // Everything that a packet of this kind can be.
    PacketSet universe(Frame frame);

    // Interfaces' names.
    bool names_interfaces() const { return cuts_.size() > 2; }  // some rule does
    size_t ranks() const { return cuts_.size(); }
    unsigned rank_bits() const { return rank_bits_; }
    uint64_t rank(WideNumber name) const;
    WideNumber name_at(uint64_t rank) const { return cuts_[rank]; }  // the first of its interval

private:
    using Source = policy::Field::Source;

    void collect(const policy::Policy& policy);
    void collect(const std::vector<policy::Step>& steps);
    void collect(const policy::Term& term);
    void cut(const policy::Elements& elements, const std::vector<policy::Term>& terms);
    void allocate();
    PacketSet bit(Source source, unsigned index) {
        return PacketSet::variable(variable({source, 0, index}));
    }
    bool has(Source source, unsigned index) const {
        return variables_.contains({source, 0, index});
    }
    PacketSet one_state();
    PacketSet known_name(Source source);
    PacketSet headers(Frame frame);
    PacketSet whole_number(Source source, unsigned first, unsigned width, uint64_t value);

    Diagrams& diagrams_;
    std::vector<std::string> names_{""};
    std::map<std::string, unsigned> ids_;
    std::map<Bit, int> variables_;
    std::set<Bit> wanted_;
    std::vector<WideNumber> cuts_;
    unsigned rank_bits_ = 1;
    std::map<Source, std::vector<unsigned>> readable_;  // bytes, ascending
};

}  // namespace rehome::lbsync::proof
