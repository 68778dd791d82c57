// A Bloom filter (Bloom 1970), blocked: the bits of a key lie in one cache line (Putze, Sanders,
// Singler 2007).  With at most keys_a_page keys for each of its pages it takes a key that was not
// added for one that was less than once in 100 times.
//
// It is cut into pages, each of which fits a message to another gateway.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rehome::vipd {

class Bloom {
public:
    static constexpr uint32_t page_bytes = 1280;
    static constexpr uint32_t keys_a_page = page_bytes * 8 / 12;
    enum class Begin : uint8_t {
        empty,
        full,  // has every key, until its pages are written
    };

    // Of one page at least.
    Bloom(uint32_t pages, Begin begin)
        : bytes_(size_t{pages} * page_bytes, begin == Begin::full ? 0xff : 0) {}

    // Keys are good hashes: all of their bits are used.
    void add(uint64_t key);
    bool may_have(uint64_t key) const;

    uint32_t pages() const { return static_cast<uint32_t>(bytes_.size() / page_bytes); }
    std::span<uint8_t, page_bytes> page(uint32_t number) {
        return std::span<uint8_t, page_bytes>(&bytes_[size_t{number} * page_bytes], page_bytes);
    }

private:
    std::vector<uint8_t> bytes_;
};

}  // namespace rehome::vipd
