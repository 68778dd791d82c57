// Which of a sender's numbered messages have come already (RFC 6479: a ring of words, of which
// those that the window leaves are cleared).
//
// A number counts once, and while it is not further behind the highest one than the window reaches:
// the link may spread flows over paths, and what is sent later comes earlier.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace rehome::vipd {

class ReplayWindow {
public:
    static constexpr uint64_t reach = 960;  // numbers: the ring's, but for the word that is filled

    // False: it was here before, or is too old to tell.
    bool take(uint64_t number) {
        const uint64_t word = number / 64;
        if (number > highest_) {
            const uint64_t stale = std::min<uint64_t>(word - highest_ / 64, words_.size());
            for (uint64_t i = 0; i < stale; ++i) {
                words_[(word - i) % words_.size()] = 0;
            }
            highest_ = number;
        } else if (highest_ - number >= reach) {
            return false;
        }
        const uint64_t bit = uint64_t{1} << number % 64;
        uint64_t& seen = words_[word % words_.size()];
        const bool fresh = (seen & bit) == 0;
        seen |= bit;
        return fresh;
    }

private:
    std::array<uint64_t, 16> words_{};
    uint64_t highest_ = 0;
};

}  // namespace rehome::vipd
