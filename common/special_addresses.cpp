#include "common/special_addresses.h"

#include <algorithm>

namespace rehome {

bool is_special(const Prefix& prefix) {
    const WideNumber number = wide(prefix.address.bytes);
    const auto high = static_cast<uint64_t>(number >> 64), low = static_cast<uint64_t>(number);
    return std::any_of(special_ranges.begin(), special_ranges.end(),
                       [&](const SpecialRange& range) {
                           const unsigned length = std::min(range.length, prefix.length);
                           const uint64_t low_mask = length > 64 ? special::ones(length - 64) : 0;
                           return range.family == prefix.address.family &&
                                  ((range.high ^ high) & special::ones(length)) == 0 &&
                                  ((range.low ^ low) & low_mask) == 0;
                       });
}

}  // namespace rehome
