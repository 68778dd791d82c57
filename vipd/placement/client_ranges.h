// Client prefixes to numbers, by the longest match: up to 100,000 of both families, found in about
// as many cache lines as they have hexadecimal digits.
//
// What nests is taken apart once, into the sorted addresses at which the answer changes, under a
// tree of every sixteenth of them (of every sixteenth of those, and so on), each sixteen neighbours
// in one cache line: a look-up reads sixteen on each level, of which there are five.  IPv4's begins
// at what an address's first 16 bits leave of the list, which mostly leaves the last level or two.
// common/prefix_index.h, which looks once for each length in use, takes several times as long where
// there are many lengths.
//
// Immutable once built.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "common/address.h"

namespace rehome::vipd {

// Values that begin at a cache line.
template <typename T>
struct LineAllocator {
    using value_type = T;
    static constexpr std::align_val_t line{64};

    LineAllocator() = default;
    template <typename U>
    explicit LineAllocator(const LineAllocator<U>&) {}
    T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
    void deallocate(T* values, size_t) { ::operator delete(values, line); }
    bool operator==(const LineAllocator&) const { return true; }
};

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
            Keys above;
            for (size_t i = 0; i < levels_.back().size(); i += fan) {
                above.push_back(levels_.back()[i]);
            }
            levels_.push_back(std::move(above));
        }
        if constexpr (sizeof(Key) == sizeof(uint32_t)) {
            divide();
        }
        for (auto& level : levels_) {
            counts_.push_back(level.size());
            // What fills the last group, and what is read behind it.
            level.resize((level.size() + fan - 1) / fan * fan + fan, ~Key{0});
        }
    }
    uint32_t find(Key key) const {
        if constexpr (sizeof(Key) == sizeof(uint32_t)) {
            if (!blocks_.empty()) {
                return find_in_block(key);
            }
        }
        return find_from(key, levels_.size(), 0);
    }

private:
    static constexpr size_t fan = 16;
    using Keys = std::vector<Key, LineAllocator<Key>>;

    // How many of sixteen neighbours are not above the key.
    static uint32_t below(const Key* group, Key key) {
        uint32_t before = 0;
        for (size_t i = 0; i < fan; ++i) {
            before += group[i] <= key ? 1U : 0U;
        }
        return before;
    }

    // From that many levels down, in the group `at` of the first of them.
    uint32_t find_from(Key key, size_t levels, size_t at) const {
        for (size_t level = levels; level-- > 0;) {
            if (level == 0) {
                __builtin_prefetch(&numbers_[at * fan]);  // the answer, while its key is found
            }
            const uint32_t before = below(&levels_[level][at * fan], key);
            at = std::min(at * fan + before, counts_[level]) - 1;
        }
        return numbers_[at];
    }

    // For each n << 16, and behind the last one, the interval that it lies in.
    void divide() {
        if (levels_.size() < 3) {
            return;
        }
        const Keys& keys = levels_[0];
        size_t at = 0;
        for (uint64_t block = 0; block < uint64_t{1} << 16; ++block) {
            while (at + 1 < keys.size() && keys[at + 1] <= block << 16) {
                ++at;
            }
            blocks_.push_back(static_cast<uint32_t>(at));
        }
        blocks_.push_back(static_cast<uint32_t>(keys.size() - 1));
    }

    uint32_t find_in_block(Key key) const {
        const uint32_t* block = &blocks_[key >> 16];
        const size_t first = block[0], last = block[1];
        if (last - first <= fan) {
            __builtin_prefetch(&numbers_[first]);
            const size_t at = first + below(&levels_[0][first + 1], key);
            return numbers_[std::min(at, last)];
        }
        const size_t group = first / fan, last_group = last / fan;
        if (last_group - group <= fan) {
            const size_t at = group + below(&levels_[1][group + 1], key);
            return find_from(key, 1, std::min(at, last_group));
        }
        return find_from(key, levels_.size(), 0);
    }

    std::vector<Keys> levels_{1};  // the first has all of them
    std::vector<size_t> counts_;   // of each, without what fills its last group
    std::vector<uint32_t> numbers_;
    std::vector<uint32_t> blocks_;  // of IPv4, where there are many
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
