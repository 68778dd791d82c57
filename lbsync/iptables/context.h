// What the words of a rule depend on besides themselves.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lbsync/iptables/syntax.h"
#include "lbsync/iptables/values.h"
#include "lbsync/policy/policy.h"

namespace rehome::lbsync::iptables {

using Steps = std::vector<policy::Step>;

// The sets of a dump by name, each read once.
class Sets {
public:
    explicit Sets(const Dump& dump);

    // "--match-set NAME FLAGS" as a test; negated: with "!" before it.
    Read<policy::Test> match(const std::string& name, const std::string& flags, bool negated,
                             Family family) const;

private:
    bool changes(const IpSet& set) const;
    policy::Test opaque(const IpSet& set, const std::string& flags, bool negated) const;
    Read<policy::Test> match_list(const IpSet& list, const std::string& flags, bool negated,
                                  Family family) const;

    bool present_ = false;
    std::unordered_map<std::string, const IpSet*> sets_;
    std::unordered_set<std::string> filled_;  // by rules
    mutable std::unordered_map<std::string, policy::ElementsPtr> elements_;
};

struct Context {
    Family family = Family::v4;
    const Sets& sets;

    unsigned bits() const { return family == Family::v4 ? 32 : 128; }
    policy::Field source() const {
        return family == Family::v4 ? policy::field::ip4_source() : policy::field::ip6_source();
    }
    policy::Field destination() const {
        return family == Family::v4 ? policy::field::ip4_destination()
                                    : policy::field::ip6_destination();
    }
};

// A base option: "-s 10.0.0.0/8", "-p tcp".
Read<Steps> base_steps(const Part& part, const Context& context);

// A match with its options.
Read<Steps> match_steps(const Rule& rule, size_t part, const Context& context);

// Where a chain's rules are met: NETMAP translates the source or the destination by it.
struct Reached {
    bool destination = false;  // from PREROUTING or OUTPUT
    bool source = false;       // from POSTROUTING or INPUT
};

// A target that is no chain.
Read<Steps> target_steps(const Rule& rule, size_t part, const Context& context, Reached reached);

// The words of a module with its options, in one order.
std::string module_words(const Rule& rule, size_t part);

}  // namespace rehome::lbsync::iptables
