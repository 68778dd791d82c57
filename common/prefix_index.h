// Which of a set of prefixes an address lies in: one lookup for each prefix length in use, which
// are few, the longest first.  A handful of prefixes, as is usual, is compared one by one,
// which is cheaper.  Immutable once built.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "common/address.h"
#include "common/fixed_map.h"

namespace rehome {

class PrefixIndex {
public:
    static constexpr uint32_t none = UINT32_MAX;

    PrefixIndex() = default;
    explicit PrefixIndex(std::span<const Prefix> prefixes);

    // The index of the longest prefix that contains it (of equal ones the first), or `none`.
    uint32_t find(const Address& address) const {
        return address.family == Family::v4 ? find(address.v4_host_order()) : find(address.bytes);
    }
    [[gnu::always_inline]] uint32_t find(const std::array<uint8_t, 16>& v6) const {
        if (!few_v6_) {
            return find_among_many(v6);
        }
        std::array<uint64_t, 2> words;
        std::memcpy(words.data(), v6.data(), sizeof words);
        for (const FewV6& some : some_v6_) {
            const uint64_t differs = ((words[0] & some.mask[0]) ^ some.network[0]) |
                                     ((words[1] & some.mask[1]) ^ some.network[1]);
            if (differs == 0) {
                return some.index;
            }
        }
        return none;
    }
    [[gnu::always_inline]] uint32_t find(uint32_t host_order) const {
        if (few_v4_) {
            for (const Few& few : some_v4_) {
                if ((host_order & few.mask) == few.network) {
                    return few.index;
                }
            }
            return none;
        }
        for (const uint32_t mask : masks_v4_) {
            const uint32_t found = v4_.find(uint64_t{host_order & mask} << 32 | mask);
            if (found != none) {
                return found;
            }
        }
        return none;
    }

private:
    struct Mask {
        uint64_t high;
        uint64_t low;
        uint32_t length;
    };

    struct Few {
        uint32_t network;
        uint32_t mask;
        uint32_t index;
    };

    struct FewV6 {
        std::array<uint64_t, 2> network;  // an address's bytes as two words
        std::array<uint64_t, 2> mask;
        uint32_t index;
    };

    uint32_t find_among_many(const std::array<uint8_t, 16>& v6) const;

    bool few_v4_ = true, few_v6_ = true;
    std::vector<Few> some_v4_;  // longest first, where there are few
    std::vector<FewV6> some_v6_;
    std::vector<uint32_t> masks_v4_;
    std::vector<Mask> masks_v6_;
    FixedMap<uint64_t> v4_;
    FixedMap<WideKey> v6_;
};

}  // namespace rehome
