// How many answers a second a reflector gives, in all and to each source.
//
// Buckets of tokens: each fills with its rate and holds a tenth of a second's worth, at least two.
// The sources share a fixed number of buckets by a keyed hash of the address (of IPv6 its /64,
// which one host may have wholly), so that no number of them takes more memory, and nobody can
// choose addresses that fall together.  Pure; not thread-safe.
#pragma once

#include "probe/core/flow.h"

namespace rehome::probe {

// Mixes all bits (the finaliser of splitmix64).
uint64_t mixed(uint64_t bits);
uint64_t hash_of(const Address& address, uint64_t secret);

class RateLimit {
public:
    explicit RateLimit(double rate_pps);

    struct Bucket {
        double missing = 0;  // tokens below the full bucket
        Nanos last = 0;
    };
    // False: there are not so many tokens, and none is taken.  now: monotonic.
    bool take(Bucket& bucket, double tokens, Nanos now) const;

private:
    double rate_pps_;
    double most_;
};

class SourceLimits {
public:
    SourceLimits(double rate_pps, size_t buckets, uint64_t secret)
        : limit_(rate_pps), secret_(secret), buckets_(buckets) {}

    bool take(const Address& source, double tokens, Nanos now);

private:
    RateLimit limit_;
    uint64_t secret_;
    std::vector<RateLimit::Bucket> buckets_;
};

}  // namespace rehome::probe
