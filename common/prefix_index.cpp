#include "common/prefix_index.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <set>

namespace rehome {

namespace {

// The first `length` bits of 64.
uint64_t ones(unsigned length) {
    return length == 0 ? 0 : UINT64_MAX << (64 - std::min(length, 64U));
}

constexpr size_t few = 4;

// Of an IPv6 address's bits.
uint64_t half(const std::array<uint8_t, 16>& address, size_t which) {
    uint64_t bits = 0;
    std::memcpy(&bits, &address[8 * which], sizeof bits);
    return be64toh(bits);
}

}  // namespace

PrefixIndex::PrefixIndex(std::span<const Prefix> prefixes)
    : v4_(prefixes.size()), v6_(prefixes.size()) {
    std::set<unsigned, std::greater<>> lengths_v4;
    std::set<unsigned, std::greater<>> lengths_v6;
    for (uint32_t i = 0; i < prefixes.size(); ++i) {
        const auto& [address, length] = prefixes[i];
        if (address.family == Family::v4) {
            lengths_v4.insert(length);
            const auto mask = static_cast<uint32_t>(ones(length) >> 32);
            v4_.put(uint64_t{address.v4_host_order()} << 32 | mask, i);
            some_v4_.push_back({address.v4_host_order(), mask, i});
        } else {
            lengths_v6.insert(length);
            FewV6 some{{}, {}, i};
            for (unsigned bit = 0; bit < length; ++bit) {
                auto* mask = reinterpret_cast<uint8_t*>(some.mask.data());
                mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
            }
            std::memcpy(some.network.data(), address.bytes.data(), 16);
            some_v6_.push_back(some);
            v6_.put({half(address.bytes, 0), half(address.bytes, 1), length}, i);
        }
    }
    few_v4_ = some_v4_.size() <= few;
    if (few_v4_) {
        std::stable_sort(some_v4_.begin(), some_v4_.end(),
                         [](const Few& a, const Few& b) { return a.mask > b.mask; });
    } else {
        some_v4_ = {};
    }
    few_v6_ = some_v6_.size() <= few;
    if (few_v6_) {
        const auto longer = [&](const FewV6& a, const FewV6& b) {
            return prefixes[a.index].length > prefixes[b.index].length;
        };
        std::stable_sort(some_v6_.begin(), some_v6_.end(), longer);
    } else {
        some_v6_ = {};
    }
    for (const unsigned length : lengths_v4) {
        masks_v4_.push_back(static_cast<uint32_t>(ones(length) >> 32));
    }
    for (const unsigned length : lengths_v6) {
        masks_v6_.push_back({ones(length), length > 64 ? ones(length - 64) : 0, length});
    }
}

uint32_t PrefixIndex::find_among_many(const std::array<uint8_t, 16>& v6) const {
    const uint64_t high = half(v6, 0);
    const uint64_t low = half(v6, 1);
    for (const Mask& mask : masks_v6_) {
        const uint32_t found = v6_.find({high & mask.high, low & mask.low, mask.length});
        if (found != none) {
            return found;
        }
    }
    return none;
}

}  // namespace rehome
