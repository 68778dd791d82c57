// A set of entry numbers found by hash, made for one memory access a lookup.
//
// A bucket is a cache line of 12 slots: the numbers, and 8 bits of each one's hash, compared all at
// once.  A number whose bucket is full stands in one of the next few; its own bucket counts it, so
// that a search goes on only where there is something to find.  Nothing moves but by erase().
#pragma once

#include <emmintrin.h>

#include <bit>
#include <cstdint>

#include "vipd/flow/huge_array.h"

namespace rehome::vipd {

class FlowIndex {
public:
    static constexpr uint32_t none = UINT32_MAX;

    FlowIndex() = default;
    // Holds capacity numbers, with few of them away from their buckets.
    explicit FlowIndex(uint64_t capacity) : buckets_(capacity / 10 + 2) {}

    // False: the bucket and its neighbours are full (many numbers under one hash).
    bool insert(uint64_t hash, uint32_t id);
    void erase(uint64_t hash, uint32_t id);                 // it is in
    void replace(uint64_t hash, uint32_t id, uint32_t by);  // id is in

    void prefetch(uint64_t hash) const { __builtin_prefetch(&buckets_[home(hash)]); }

    // The first number in the hash's own bucket that its 8 bits allow, not verified.
    uint32_t candidate(uint64_t hash) const {
        const Bucket& bucket = buckets_[home(hash)];
        const uint32_t hits = bucket.hits(tag(hash));
        return hits == 0 ? none : bucket.ids[std::countr_zero(hits)];
    }

    // Whether some number may be under that hash; false is sure.
    bool any(uint64_t hash) const {
        const Bucket& bucket = buckets_[home(hash)];
        return (bucket.hits(tag(hash)) | bucket.away) != 0;
    }

    // The first number under that hash for which matches(id) is true, or none.
    template <typename Matches>
    uint32_t find(uint64_t hash, Matches matches) const {
        uint64_t at = home(hash);
        uint32_t away = buckets_[at].away;
        for (uint32_t step = 0;; ++step) {
            const Bucket& bucket = buckets_[at];
            for (uint32_t hits = bucket.hits(tag(hash)); hits != 0; hits &= hits - 1) {
                const uint32_t id = bucket.ids[std::countr_zero(hits)];
                if (matches(id)) {
                    return id;
                }
            }
            if (away == 0 || step == reach) {
                return none;
            }
            at = next(at);
        }
    }

    uint64_t bytes() const { return buckets_.bytes(); }

private:
    static constexpr uint32_t slots = 12;
    static constexpr uint32_t reach = 32;  // buckets behind its own where a number may stand

    struct alignas(64) Bucket {
        uint8_t tags[slots];
        uint16_t used;  // one bit a slot
        uint16_t away;  // numbers of this bucket that stand in others
        uint32_t ids[slots];

        uint32_t hits(uint8_t tag) const {
            const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(tags));
            const __m128i same = _mm_cmpeq_epi8(all, _mm_set1_epi8(static_cast<char>(tag)));
            return static_cast<uint32_t>(_mm_movemask_epi8(same)) & used;
        }
    };
    static_assert(sizeof(Bucket) == 64);

    static uint8_t tag(uint64_t hash) { return static_cast<uint8_t>(hash); }
    uint64_t home(uint64_t hash) const { return (hash >> 32) * buckets_.size() >> 32; }
    uint64_t next(uint64_t at) const { return at + 1 < buckets_.size() ? at + 1 : 0; }
    Bucket& bucket_of(uint64_t hash, uint32_t id, uint32_t& slot);

    HugeArray<Bucket> buckets_;
};

}  // namespace rehome::vipd
