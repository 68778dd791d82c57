// The Internet checksum (RFC 1071) and its incremental update (RFC 1624, equation 3).
//
// A Delta collects what a rewrite changes and is then applied to each checksum that covers it: the
// IPv4 header's, and the TCP or UDP checksum, which covers the addresses through the pseudo header.
#pragma once

#include <cstdint>
#include <span>

namespace rehome::vipd {

// The ones' complement sum of the bytes, not folded; an odd last byte counts as its high half.
uint64_t sum_words(std::span<const uint8_t> bytes);

// Folds a sum to 16 bits and complements it: what stands in a header.
inline uint16_t fold_checksum(uint64_t sum) {
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

// The checksum of a transport segment with its pseudo header (RFC 9293 3.1, RFC 8200 8.1).
// source and destination: 4 or 16 bytes each.
uint16_t transport_checksum(std::span<const uint8_t> source, std::span<const uint8_t> destination,
                            uint8_t protocol, std::span<const uint8_t> segment);

class Delta {
public:
    // Both spans have the same, even length and start at an even offset of what is summed.
    void replace(std::span<const uint8_t> before, std::span<const uint8_t> after);
    void replace16(uint16_t before, uint16_t after);

    uint16_t apply(uint16_t checksum) const;

private:
    uint64_t sum_ = 0;
};

}  // namespace rehome::vipd
