// nftables' registers while a rule runs: 64 bytes (NFT_REG_1..4 of 16, over NFT_REG32_00..15 of 4),
// and of each byte where it came from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "lbsync/kernel/normal_rule.h"

namespace rehome::lbsync::kernel {

class Registers {
public:
    static constexpr size_t bytes = 64;
    static constexpr uint64_t verdict = 0;  // the number of the one that holds no bytes

    // False: no such register, nothing to write, or beyond the end.  What fills up the last cell of
    // four bytes is zeros.
    bool write(uint64_t number, const Word& word);

    // None: no such register, beyond the end, or nothing was loaded there.
    std::optional<Word> read(uint64_t number, size_t length) const;

private:
    std::array<std::optional<Byte>, bytes> file_{};
};

}  // namespace rehome::lbsync::kernel
