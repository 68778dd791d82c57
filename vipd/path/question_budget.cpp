#include "vipd/path/question_budget.h"

#include <algorithm>
#include <numeric>

#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

uint64_t prefix_hash(const Address& client, uint64_t key) {
    const size_t bytes = client.family == Family::v4 ? 3 : 6;
    return hash_bytes(client.data().first(bytes), key);
}

// The level at which the demands, each cut to it, together come to all.
template <size_t n>
uint64_t fair_level(std::array<uint64_t, n> demands, uint64_t all) {
    std::sort(demands.begin(), demands.end());
    uint64_t rest = all;
    for (size_t i = 0; i < n; ++i) {
        const uint64_t each = rest / (n - i);
        if (demands[i] > each) {
            return each;
        }
        rest -= demands[i];
    }
    return std::numeric_limits<uint64_t>::max();
}

}  // namespace

void FairBudget::begin_slice(Micros now) {
    const bool next = now < until_ + slice;  // else nobody has asked for a while
    level_ = next ? fair_level(demand_, of_slice_) : std::numeric_limits<uint64_t>::max();
    demand_.fill(0);
    taken_ = 0;
    until_ = now + slice;
}

bool FairBudget::take(const Address& client, uint32_t bytes, Micros now) {
    if (now >= until_) {
        begin_slice(now);
    }
    uint64_t& demand = demand_[prefix_hash(client, hash_key_) % slots];
    demand += bytes;
    if (demand > level_ || taken_ + bytes > of_slice_) {
        return false;
    }
    taken_ += bytes;
    return true;
}

}  // namespace rehome::vipd
