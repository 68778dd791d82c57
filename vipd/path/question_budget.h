// How much may be asked of peers: bytes in a time, shared fairly among the clients' prefixes
// (max-min fairness), so that whoever forges segments of flows
// that nobody knows takes little of the link and nothing from clients elsewhere.
//
// Time is cut into slices.  In each a prefix (/24, /48) may take up to a level: that at which the
// demands of the slice before, each cut to it, would have filled that slice.  Prefixes share slots
// by a hash that nobody outside knows.
//
// One worker's own.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "common/address.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

class FairBudget {
public:
    static constexpr Micros slice = 100'000;

    explicit FairBudget(uint64_t hash_key) : hash_key_(hash_key) {}

    void set_rate(uint64_t bytes_per_s) { of_slice_ = bytes_per_s * slice / 1'000'000; }
    // False: no more for this client now.
    bool take(const Address& client, uint32_t bytes, Micros now);

private:
    static constexpr size_t slots = 256;

    void begin_slice(Micros now);

    uint64_t hash_key_;
    uint64_t of_slice_ = 0;  // bytes
    uint64_t taken_ = 0;
    uint64_t level_ = std::numeric_limits<uint64_t>::max();
    Micros until_ = 0;
    std::array<uint64_t, slots> demand_{};
};

// What questions to peers may take of the link: half of it for flows that the peer may know by its
// own word (state/known_flows.h), half for all others.
struct QuestionBudget {
    explicit QuestionBudget(uint64_t hash_key) : likely(hash_key), others(hash_key) {}
    void set_rate(uint64_t bytes_per_s) {
        likely.set_rate(bytes_per_s / 2);
        others.set_rate(bytes_per_s / 2);
    }

    FairBudget likely, others;
};

}  // namespace rehome::vipd
