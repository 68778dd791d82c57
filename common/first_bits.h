// Which addresses of a family some prefixes may hold, by the first 16 bits alone: what is asked
// before what takes longer, for where nearly every answer is no.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rehome {

class FirstBits {
public:
    // The prefix of that length whose network begins with those bits.
    constexpr void add(uint16_t first, unsigned length) {
        const size_t count = length < 16 ? size_t{1} << (16 - length) : 1;
        for (size_t i = first; i < first + count; ++i) {
            some_[i / 64] |= uint64_t{1} << i % 64;
        }
    }

    // False: no prefix holds an address that begins so.
    constexpr bool some(uint16_t first) const { return some_[first / 64] >> first % 64 & 1; }

private:
    std::array<uint64_t, 1024> some_{};
};

}  // namespace rehome
