#include "common/special_addresses.h"

#include <algorithm>

namespace rehome {

namespace {

uint64_t word(const std::array<uint8_t, 16>& bytes, size_t from) {
    uint64_t word = 0;
    for (size_t i = from; i < from + 8; ++i) {
        word = word << 8 | bytes[i];
    }
    return word;
}

}  // namespace

bool is_special(const Address& address) {
    return address.family == Family::v4 ? is_special_v4(address.v4_host_order())
                                        : is_special(address.bytes);
}

bool is_special(const Prefix& prefix) {
    const uint64_t high = word(prefix.address.bytes, 0), low = word(prefix.address.bytes, 8);
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
