#include "vipd/flow/bloom.h"

#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t block_bytes = 64;
constexpr int bits_a_key = 7;  // of 9 bits each, the place in the block
static_assert(Bloom::page_bytes % block_bytes == 0);

size_t block_of(uint64_t key, size_t bytes) {
    return ((key >> 32) * (bytes / block_bytes) >> 32) * block_bytes;
}

// Calls each(byte, mask) for the key's bits in its block, until that says no.
template <typename Each>
bool all_bits(uint64_t key, Each each) {
    uint64_t places = mix(key);
    for (int i = 0; i < bits_a_key; ++i, places >>= 9) {
        if (!each(places >> 3 & (block_bytes - 1), static_cast<uint8_t>(1U << (places & 7)))) {
            return false;
        }
    }
    return true;
}

}  // namespace

void Bloom::add(uint64_t key) {
    uint8_t* block = &bytes_[block_of(key, bytes_.size())];
    all_bits(key, [&](size_t byte, uint8_t mask) {
        block[byte] |= mask;
        return true;
    });
}

bool Bloom::may_have(uint64_t key) const {
    const uint8_t* block = &bytes_[block_of(key, bytes_.size())];
    return all_bits(key, [&](size_t byte, uint8_t mask) { return (block[byte] & mask) != 0; });
}

}  // namespace rehome::vipd
