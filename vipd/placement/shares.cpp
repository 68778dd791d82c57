#include "vipd/placement/shares.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <span>
#include <tuple>

#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

constexpr unsigned table_bits = 8, precision = 24;

// The binary logarithm of 1 + i / 2^table_bits, in 2^-precision: bit by bit, by squaring.
constexpr auto logarithms = [] {
    std::array<uint32_t, (1U << table_bits) + 1> table{};
    for (uint64_t i = 0; i < table.size(); ++i) {
        uint64_t value = (uint64_t{1} << 31) + (i << (31 - table_bits));  // in 2^-31
        uint32_t bits = value >> 32 != 0 ? 1U << precision : 0;
        for (unsigned bit = precision; bits == 0 && bit-- > 0 && value >> 32 == 0;) {
            value = value * value >> 31;
            if (value >> 32 != 0) {
                table[i] |= 1U << bit;
                value >>= 1;
            }
        }
        table[i] |= bits;
    }
    return table;
}();

// Where the hash puts a client on the scale of the low and the high end: its slot, and its place
// within the slot.
constexpr unsigned within_bits = 16;
constexpr uint64_t whole_scale = uint64_t{Shares::slots} << within_bits;

uint64_t place_of(uint64_t hash) {
    const uint64_t within = hash / Shares::slots % (1U << within_bits);
    return hash % Shares::slots << within_bits | within;
}

uint64_t key_of(HashKey key) {
    return static_cast<uint64_t>(key);
}

}  // namespace

uint64_t minus_log2(uint64_t number) {
    const uint64_t some = number | 1;
    const auto zeros = static_cast<unsigned>(std::countl_zero(some));
    const uint64_t behind = some << zeros << 1;  // the first bit, which is 1
    const uint64_t at = behind >> (64 - table_bits);
    const uint64_t rest = behind << table_bits >> 32;
    const uint64_t step = logarithms[at + 1] - logarithms[at];
    const uint64_t log = logarithms[at] + (step * rest >> 32);
    return std::max<uint64_t>(uint64_t{zeros + 1} * (1U << precision) - log, 1);
}

// Where two sites cost a client the same the first one gets it: the high end before the low one.
Shares::Shares(ShareBy by, std::vector<WeightedSite> sites) : by_(by) {
    std::sort(sites.begin(), sites.end(), [](const WeightedSite& a, const WeightedSite& b) {
        return std::tie(a.role, a.name) < std::tie(b.role, b.name);
    });
    for (const WeightedSite& site : sites) {
        if (site.hundredths == 0) {
            continue;
        }
        assert(count_ < sites_max && site.hundredths <= slots);
        const std::span name(reinterpret_cast<const uint8_t*>(site.name.data()), site.name.size());
        const bool other = site.role == WeightedSite::Role::other;
        sites_[count_++] = {other ? hash_bytes(name, HashKey::share_site) : 0, site.hundredths,
                            site.site, site.role};
        others_ = others_ || other;
    }
}

void Shares::draw(const Endpoint& client, std::array<uint64_t, sites_max>& costs) const {
    std::array<uint8_t, 18> bytes{};
    std::copy(client.address.bytes.begin(), client.address.bytes.end(), bytes.begin());
    store16(&bytes[16], by_ == ShareBy::address ? uint16_t{0} : client.port);
    const uint64_t hash = hash_bytes(bytes, HashKey::share);
    const uint64_t place = place_of(hash);
    // What both ends have cannot tell one from the other: it is drawn for who stands beside them.
    const uint64_t both = others_ ? minus_log2(mix(hash ^ key_of(HashKey::share_first))) +
                                        minus_log2(mix(hash ^ key_of(HashKey::share_second)))
                                  : 1;
    for (uint32_t i = 0; i < count_; ++i) {
        using Role = WeightedSite::Role;
        const Role role = sites_[i].role;
        costs[i] = role == Role::low    ? place * both
                   : role == Role::high ? (whole_scale - place) * both
                                        : whole_scale * minus_log2(mix(hash ^ sites_[i].key));
    }
}

uint32_t Shares::least(const std::array<uint64_t, sites_max>& costs, uint32_t left) const {
    auto best = static_cast<uint32_t>(std::countr_zero(left));
    for (uint32_t i = best + 1; i < count_; ++i) {
        const bool less =
            WideNumber{costs[i]} * sites_[best].weight < WideNumber{costs[best]} * sites_[i].weight;
        best = (left >> i & 1) != 0 && less ? i : best;
    }
    return best;
}

}  // namespace rehome::vipd
