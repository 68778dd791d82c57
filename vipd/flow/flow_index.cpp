#include "vipd/flow/flow_index.h"

namespace rehome::vipd {

bool FlowIndex::insert(uint64_t hash, uint32_t id) {
    constexpr uint32_t all = (1U << slots) - 1;
    const uint64_t own = home(hash);
    uint64_t at = own;
    for (uint32_t step = 0; step <= reach; ++step, at = next(at)) {
        Bucket& bucket = buckets_[at];
        const uint32_t free = ~uint32_t{bucket.used} & all;
        if (free == 0) {
            continue;
        }
        const auto slot = static_cast<uint32_t>(std::countr_zero(free));
        bucket.tags[slot] = tag(hash);
        bucket.ids[slot] = id;
        bucket.used = static_cast<uint16_t>(bucket.used | 1U << slot);
        if (at != own) {
            ++buckets_[own].away;
        }
        return true;
    }
    return false;
}

FlowIndex::Bucket& FlowIndex::bucket_of(uint64_t hash, uint32_t id, uint32_t& slot) {
    for (uint64_t at = home(hash);; at = next(at)) {
        Bucket& bucket = buckets_[at];
        for (uint32_t hits = bucket.hits(tag(hash)); hits != 0; hits &= hits - 1) {
            slot = static_cast<uint32_t>(std::countr_zero(hits));
            if (bucket.ids[slot] == id) {
                return bucket;
            }
        }
    }
}

void FlowIndex::erase(uint64_t hash, uint32_t id) {
    uint32_t slot = 0;
    Bucket& bucket = bucket_of(hash, id, slot);
    bucket.used = static_cast<uint16_t>(bucket.used & ~(1U << slot));
    Bucket& own = buckets_[home(hash)];
    if (&own != &bucket) {
        --own.away;
    }
}

void FlowIndex::replace(uint64_t hash, uint32_t id, uint32_t by) {
    uint32_t slot = 0;
    bucket_of(hash, id, slot).ids[slot] = by;
}

}  // namespace rehome::vipd
