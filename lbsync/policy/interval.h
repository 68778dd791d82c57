// Intervals of addresses of one family, both ends included.
#pragma once

#include <optional>

#include "common/address.h"

namespace rehome::lbsync {

struct Interval {
    Address first;
    Address last;

    static Interval of(const Prefix& prefix);

    bool contains(const Interval& other) const;
    bool meets(const Interval& other) const;  // has an address in common
    std::optional<Prefix> prefix() const;     // when it is exactly one
    std::string text() const;                 // as nft prints it: address, prefix or FIRST-LAST

    auto operator<=>(const Interval&) const = default;
};

// The address after it; none after the last of its family.
std::optional<Address> next(const Address& address);

}  // namespace rehome::lbsync
