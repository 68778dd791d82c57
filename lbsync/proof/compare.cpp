#include "lbsync/proof/compare.h"

#include <algorithm>
#include <iterator>

namespace rehome::lbsync::proof {

using policy::Field;
using Source = Field::Source;

namespace {

// Sets that both sides name, and those that one does.
template <typename Sets>
PacketSet unlike(const Sets& a, const Sets& b) {
    PacketSet differ;
    for (const auto& [name, set] : a) {
        const auto other = b.find(name);
        differ = differ | (other == b.end() ? set : set ^ other->second);
    }
    for (const auto& [name, set] : b) {
        differ = a.contains(name) ? differ : differ | set;
    }
    return differ;
}

// A mark counts on packets that go on; a connection's, on all that belong to one which is there
// afterwards.
PacketSet unlike(const Moment& a, const Moment& b, Space& space) {
    constexpr unsigned is_new = 31 - 3;
    const PacketSet alive = a.alive & b.alive;
    const PacketSet kept =
        alive | PacketSet::variable(space.variable({Source::ct_state, 0, is_new}), false);
    std::set<Bit> bits;
    for (const auto* values : {&a.values, &b.values}) {
        std::transform(values->begin(), values->end(), std::inserter(bits, bits.end()),
                       [](const auto& value) { return value.first; });
    }
    PacketSet differ;
    for (const Bit& bit : bits) {
        const auto value = [&](const Moment& moment) {
            const auto found = moment.values.find(bit);
            return found != moment.values.end() ? found->second
                                                : PacketSet::variable(space.variable(bit));
        };
        differ = differ | ((value(a) ^ value(b)) & (of_connection(bit.source) ? kept : alive));
    }
    return differ;
}

std::vector<Bit> bits_asked_by_one(const Meaning& a, const Meaning& b) {
    std::vector<Bit> bits;
    std::set_symmetric_difference(a.opaque.begin(), a.opaque.end(), b.opaque.begin(),
                                  b.opaque.end(), std::back_inserter(bits));
    return bits;
}

bool does_something(const policy::Rule& rule) {
    return std::any_of(rule.steps.begin(), rule.steps.end(), [](const policy::Step& step) {
        return !std::holds_alternative<policy::Test>(step);
    });
}

}  // namespace

PacketSet differing(const Outcome& a, const Outcome& b, Space& space) {
    PacketSet differ = unlike(a.ends, b.ends) | unlike(a.acts, b.acts);
    for (size_t i = 0; i < a.moments.size(); ++i) {
        differ = differ | unlike(a.moments[i], b.moments[i], space);
    }
    return differ & a.universe;
}

std::vector<Doubt> unlike_instances(const Meaning& a, const Meaning& b, const Space& space) {
    std::map<Bit, const std::set<Bit>*> of_b;
    for (const auto& [name, bits] : b.instances) {
        for (const Bit& bit : bits) {
            of_b[bit] = &bits;
        }
    }
    std::vector<Doubt> doubts;
    for (const auto& [name, bits] : a.instances) {
        const auto unlike =
            std::find_if(bits.begin(), bits.end(), [&, &bits = bits](const Bit& bit) {
                const auto other = of_b.find(bit);
                return other != of_b.end() && *other->second != bits;
            });
        if (unlike != bits.end()) {
            doubts.push_back({space.name_of(unlike->name),
                              "serves these packets alone at one side, and others as well at the "
                              "other, so that it counts differently"});
        }
    }
    return doubts;
}

PacketSet asked_by_one(const Meaning& a, const Meaning& b, Space& space) {
    PacketSet all = PacketSet::all();
    for (const Bit& bit : bits_asked_by_one(a, b)) {
        all = all & PacketSet::variable(space.variable(bit));
    }
    return all;
}

std::vector<std::string> names_asked_by_one(const Meaning& a, const Meaning& b,
                                            const Space& space) {
    std::vector<std::string> names;
    for (const Bit& bit : bits_asked_by_one(a, b)) {
        names.push_back(space.name_of(bit.name));
    }
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

void unreachable(const policy::Policy& policy, const Meaning& meaning,
                 std::vector<std::string>& places) {
    for (size_t i = 0; i < policy.chains.size(); ++i) {
        const policy::Chain& chain = policy.chains[i];
        for (size_t k = 0; k < chain.rules.size(); ++k) {
            if (does_something(chain.rules[k]) && !meaning.reached.contains({i, k})) {
                places.push_back(place(chain, chain.rules[k]));
            }
        }
    }
}

}  // namespace rehome::lbsync::proof
