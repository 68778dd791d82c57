// Reading and writing big-endian fields of packets, which are not aligned.  The caller has checked
// the bounds.
//
// Each is one load or store: what is read back whole from narrower stores has to wait for them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace rehome::vipd {

static_assert(std::endian::native == std::endian::little, "what is swapped below");

inline uint16_t load16(const uint8_t* at) {
    uint16_t value;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}

inline uint32_t load32(const uint8_t* at) {
    uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value);
}

inline uint64_t load64(const uint8_t* at) {
    uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap64(value);
}

inline void store16(uint8_t* at, uint16_t value) {
    value = __builtin_bswap16(value);
    std::memcpy(at, &value, sizeof value);
}

inline void store32(uint8_t* at, uint32_t value) {
    value = __builtin_bswap32(value);
    std::memcpy(at, &value, sizeof value);
}

inline void store64(uint8_t* at, uint64_t value) {
    value = __builtin_bswap64(value);
    std::memcpy(at, &value, sizeof value);
}

}  // namespace rehome::vipd
