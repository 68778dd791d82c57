// Values in nftables' syntax trees as they must stand at the new site: addresses, interfaces, and
// the numbers that are marks or conntrack zones.
//
// What a value means is told by the place that it is compared with, written into or looked up from.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lbsync/mapping/interfaces.h"
#include "lbsync/mapping/mapping.h"
#include "lbsync/nft/model.h"

namespace rehome::lbsync {

// One part of a key, or of a set's type.
struct Place {
    std::string type;  // nft's, where it prints or maps in a way of its own
    // Which numbers they are; of a set of marks both kinds are possible.
    std::vector<const Numbers*> numbers{};
    uint64_t mask = ~uint64_t{0};  // the bits that are looked at
};
using Places = std::vector<Place>;

// What an expression reads, part by part; and what a set's types hold.
Places places_of(const Expr& key, const Mapping& mapping);
Places places_of(const Types& types, const Mapping& mapping);

class ValueMapper {
public:
    using Refuse = std::function<void(const std::string& why)>;

    ValueMapper(const Mapping& mapping, const Interfaces& interfaces, Refuse refuse)
        : mapping_(mapping), interfaces_(interfaces), refuse_(std::move(refuse)) {}

    // A value that is compared with what stands at these places.  whole_set: a set of addresses may
    // stand instead of one value.
    void value(Expr& expr, const Places& places, bool whole_set = false) const;

    // A value that is written into a key.
    void written(Expr& expr, const Expr& key) const;

    // Elements of a set, or of a map by what its keys and its data are.
    void elements(std::vector<Expr>& list, const Places& keys, const Places& data) const;

    void interface(std::string& name) const;

    // A rule's own words, without a model, in which nothing may stand that is mapped.
    void verbatim(const std::string& words) const;

private:
    void address(Expr& expr, bool whole_set) const;
    void number(Expr& expr, const Place& place) const;
    void written_number(Expr& expr, const Numbers& into) const;
    void map(Expr& expr, const Places& data) const;
    std::vector<Expr> images(const Expr& element, const Places& keys) const;

    const Mapping& mapping_;
    const Interfaces& interfaces_;
    Refuse refuse_;
};

}  // namespace rehome::lbsync
