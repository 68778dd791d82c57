// Client prefixes to numbers, by the longest match: up to 100,000 of both families, found in about
// as many cache lines as they have hexadecimal digits.
//
// What nests is taken apart once, into the sorted addresses at which the answer changes, under a
// tree of every sixteenth of them (of every sixteenth of those, and so on): a look-up reads sixteen
// neighbours on each level, of which there are five.  common/prefix_index.h, which looks once for
// each length in use, takes several times as long where there are many lengths.
//
// Immutable once built.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/address.h"

namespace rehome::vipd {

// The numbers of intervals of keys, each up to the next one's first key.
template <typename Key>
class Intervals {
public:
    void add(Key first, uint32_t number) {
        if (!numbers_.empty() && numbers_.back() == number) {
            return;
        }
        if (!numbers_.empty() && levels_[0].back() == first) {
            numbers_.back() = number;
            return;
        }
        levels_[0].push_back(first);
        numbers_.push_back(number);
    }
    // Behind the last one, of which there is at least one, that begins at 0.
    void finish() {
        while (levels_.back().size() > fan) {
            std::vector<Key> above;
            for (size_t i = 0; i < levels_.back().size(); i += fan) {
                above.push_back(levels_.back()[i]);
            }
            levels_.push_back(std::move(above));
        }
        for (auto& level : levels_) {
            counts_.push_back(level.size());
            level.resize((level.size() + fan - 1) / fan * fan, ~Key{0});
        }
    }
    uint32_t find(Key key) const {
        size_t at = 0;
        for (size_t level = levels_.size(); level-- > 0;) {
            const Key* group = &levels_[level][at * fan];
            if (level == 0) {
                __builtin_prefetch(&numbers_[at * fan]);  // the answer, while its key is found
            }
            uint32_t before = 0;
            for (size_t i = 0; i < fan; ++i) {
                before += group[i] <= key ? 1U : 0U;
            }
            at = std::min(at * fan + before, counts_[level]) - 1;
        }
        return numbers_[at];
    }

private:
    static constexpr size_t fan = 16;

    std::vector<std::vector<Key>> levels_{1};  // the first has all of them
    std::vector<size_t> counts_;               // of each, without what fills its last group
    std::vector<uint32_t> numbers_;
};

class ClientRanges {
public:
    static constexpr uint32_t none = UINT32_MAX;

    ClientRanges() : ClientRanges(std::span<const Prefix>()) {}
    // Each prefix once.
    explicit ClientRanges(std::span<const Prefix> prefixes);

    // The index of the longest prefix that the client lies in, or `none`.
    uint32_t find(const Address& client) const {
        return client.family == Family::v4 ? v4_.find(client.v4_host_order())
                                           : v6_.find(wide(client.bytes));
    }

private:
    Intervals<uint32_t> v4_;
    Intervals<WideNumber> v6_;
};

}  // namespace rehome::vipd
