#include "vipd/path/answer_budget.h"

#include "vipd/packet/hash.h"

namespace rehome::vipd {

bool AnswerBudget::take(const Address& client, Micros now) {
    const size_t prefix_bytes = client.family == Family::v4 ? 3 : 8;
    const uint64_t hash = hash_bytes(client.data().first(prefix_bytes), hash_key_);
    return prefixes_[hash % buckets].take(now) && all_.take(now);
}

}  // namespace rehome::vipd
