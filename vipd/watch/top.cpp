#include "vipd/watch/top.h"

#include "vipd/packet/bytes.h"

namespace rehome::vipd {

uint64_t top_hash(const Address& address, uint64_t key) {
    return hash_bytes(address.bytes, key);
}

uint64_t top_hash(const TopEnd& end, uint64_t key) {
    std::array<uint8_t, 19> bytes{};
    std::copy(end.end.address.bytes.begin(), end.end.address.bytes.end(), bytes.begin());
    store16(&bytes[16], end.end.port);
    bytes[18] = end.protocol;
    return hash_bytes(bytes, key);
}

Top::Top(uint64_t seed, uint32_t counters_each)
    : state_(seed),
      clients_(counters_each, mix(seed)),
      vips_(counters_each, mix(seed)),
      servers_(counters_each, mix(seed)) {
    draw();
}

// From 1 to 2 * one_in - 1, each as likely: one_in on average.
void Top::draw() {
    state_ += 0x9e3779b97f4a7c15ULL;
    left_ = static_cast<uint32_t>(mix(state_) % (2 * one_in - 1)) + 1;
}

}  // namespace rehome::vipd
