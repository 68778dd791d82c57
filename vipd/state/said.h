// When an order was given, and by whom.
#pragma once

#include <cstdint>

namespace rehome::vipd {

struct Said {
    int64_t at_us = 0;  // UTC, since 1970
    uint32_t uid = 0;   // of the caller

    bool operator==(const Said&) const = default;
};

}  // namespace rehome::vipd
