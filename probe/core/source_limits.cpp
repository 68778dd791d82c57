// See source_limits.h.
#include "probe/core/source_limits.h"

#include <algorithm>

namespace rehome::probe {

uint64_t mixed(uint64_t bits) {
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
    return bits ^ bits >> 31;
}

uint64_t hash_of(const Address& address, uint64_t secret) {
    const ByteView bytes(address.bytes);
    const uint64_t high = mixed(secret ^ get<uint64_t>(bytes, 0));
    return mixed(high + get<uint64_t>(bytes, 8) + static_cast<uint64_t>(address.family));
}

RateLimit::RateLimit(double rate_pps) : rate_pps_(rate_pps), most_(std::max(2.0, rate_pps / 10)) {}

bool RateLimit::take(Bucket& bucket, double tokens, Nanos now) const {
    const double filled = static_cast<double>(now - bucket.last) / 1e9 * rate_pps_;
    const double missing = std::max(0.0, bucket.missing - filled);
    bucket = {.missing = missing, .last = now};
    if (missing + tokens > most_) {
        return false;
    }
    bucket.missing += tokens;
    return true;
}

bool SourceLimits::take(const Address& source, double tokens, Nanos now) {
    Address network = source;
    if (source.family == Family::v6) {
        std::fill(network.bytes.begin() + 8, network.bytes.end(), uint8_t{0});
    }
    return limit_.take(buckets_[hash_of(network, secret_) % buckets_.size()], tokens, now);
}

}  // namespace rehome::probe
