// What a site's addresses, interfaces and packets' marks are called at the other, for what is
// compared without being a policy (lbsync/outside/).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <tl/expected.hpp>

#include "lbsync/mapping/interfaces.h"
#include "lbsync/mapping/mapping.h"
#include "lbsync/policy/interval.h"

namespace rehome::lbsync {

// What has no counterpart is refused in words.
struct Images {
    template <typename T>
    using Image = tl::expected<T, std::string>;

    std::function<Image<Interval>(const Interval&)> address;
    std::function<Image<std::string>(const std::string&)> interface;
    std::function<Image<uint64_t>(uint64_t mark, uint64_t mask)> mark =
        [](uint64_t number, uint64_t) { return number; };

    static Images same();

    // Both outlive them.
    static Images of(const Mapping& mapping, const Interfaces& interfaces);
};

}  // namespace rehome::lbsync
