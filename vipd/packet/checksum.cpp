#include "vipd/packet/checksum.h"

#include "vipd/packet/bytes.h"

namespace rehome::vipd {

uint64_t sum_words(std::span<const uint8_t> bytes) {
    uint64_t sum = 0;
    size_t at = 0;
    for (; at + 1 < bytes.size(); at += 2) {
        sum += load16(&bytes[at]);
    }
    if (at < bytes.size()) {
        sum += uint64_t{bytes[at]} << 8;
    }
    return sum;
}

uint16_t transport_checksum(std::span<const uint8_t> source, std::span<const uint8_t> destination,
                            uint8_t protocol, std::span<const uint8_t> segment) {
    const uint64_t length = segment.size();
    return fold_checksum(sum_words(source) + sum_words(destination) + protocol + (length >> 16) +
                         (length & 0xffff) + sum_words(segment));
}

void Delta::replace(std::span<const uint8_t> before, std::span<const uint8_t> after) {
    for (size_t at = 0; at + 1 < before.size(); at += 2) {
        replace16(load16(&before[at]), load16(&after[at]));
    }
}

void Delta::replace16(uint16_t before, uint16_t after) {
    sum_ += static_cast<uint16_t>(~before);
    sum_ += after;
}

uint16_t Delta::apply(uint16_t checksum) const {
    return fold_checksum(static_cast<uint16_t>(~checksum) + sum_);
}

}  // namespace rehome::vipd
