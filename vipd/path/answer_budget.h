// How many may be told that nobody is there: of each prefix of clients (/24, /64), so that nobody
// is flooded in the name of whom others forge, and in all (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)).
//
// Prefixes share buckets by a hash that nobody outside knows.  What workers may together is dealt
// out among them.
//
// One worker's own.
#pragma once

#include <vector>

#include "common/address.h"
#include "vipd/packet/icmp.h"

namespace rehome::vipd {

class AnswerBudget {
public:
    static constexpr uint32_t per_s = 1000, prefix_per_s = 100;  // and as many at once

    AnswerBudget(uint64_t hash_key, uint32_t workers)
        : hash_key_(hash_key),
          all_(per_s, per_s, workers),
          prefixes_(buckets, RateLimit(prefix_per_s, prefix_per_s, workers)) {}

    // False: no more for this client now.
    bool take(const Address& client, Micros now);

private:
    static constexpr size_t buckets = 1024;

    uint64_t hash_key_;
    RateLimit all_;
    std::vector<RateLimit> prefixes_;
};

}  // namespace rehome::vipd
