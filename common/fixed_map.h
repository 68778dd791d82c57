// Keys to small numbers, filled once and then only looked up: open addressing with linear probing,
// at most half full, so that a lookup is about one cache line.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rehome {

// An IPv6 address, or what is masked from it, and what belongs to it.
struct WideKey {
    uint64_t high = 0;
    uint64_t low = 0;
    uint32_t more = 0;

    bool operator==(const WideKey&) const = default;
};

// The upper bits are the good ones (Knuth's multiplicative hashing).
constexpr uint64_t spread(uint64_t key) {
    return (key ^ key >> 32) * 0x9e3779b97f4a7c15ULL;
}
constexpr uint64_t spread(const WideKey& key) {
    return spread(key.high + 0xc2b2ae3d27d4eb4fULL * key.low +
                  (uint64_t{key.more} << 32 | key.more));
}

template <typename Key>
class FixedMap {
public:
    static constexpr uint32_t none = UINT32_MAX;

    FixedMap() : FixedMap(0) {}

    // count: how many keys will be put in at most.
    explicit FixedMap(size_t count)
        : cells_(std::bit_ceil(2 * count + 2)), shift_(64 - std::countr_zero(cells_.size())) {}

    // The first value of a key stays.  value is not `none`.
    void put(const Key& key, uint32_t value) {
        Cell& cell = cells_[place(key)];
        if (cell.value == none) {
            cell = {key, value};
        }
    }

    // `none` when it is not there.
    uint32_t find(const Key& key) const { return cells_[place(key)].value; }

    size_t bytes() const { return cells_.size() * sizeof(Cell); }

private:
    struct Cell {
        Key key{};
        uint32_t value = none;
    };

    // Where the key is, or the empty cell where it would be.
    size_t place(const Key& key) const {
        size_t at = spread(key) >> shift_;
        while (cells_[at].value != none && !(cells_[at].key == key)) {
            at = (at + 1) & (cells_.size() - 1);
        }
        return at;
    }

    std::vector<Cell> cells_;
    int shift_;
};

}  // namespace rehome
