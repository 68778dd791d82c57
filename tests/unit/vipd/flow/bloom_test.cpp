// The Bloom filter: it forgets nothing, and is seldom wrong.
#include "vipd/flow/bloom.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "vipd/packet/hash.h"

namespace rehome::vipd {

TEST_CASE("a Bloom filter has what was added, and little else") {
    for (const uint32_t pages : {1U, 2U, 100U}) {
        CAPTURE(pages);
        Bloom bloom(pages, Bloom::Begin::empty);
        const uint64_t keys = uint64_t{pages} * Bloom::keys_a_page;
        CHECK_FALSE(bloom.may_have(mix(1)));
        for (uint64_t n = 0; n < keys; ++n) {
            bloom.add(mix(n));
        }
        uint64_t wrong = 0;
        for (uint64_t n = 0; n < keys; ++n) {
            REQUIRE(bloom.may_have(mix(n)));
            wrong += bloom.may_have(mix(n + keys)) ? 1 : 0;
        }
        CHECK(wrong * 100 < keys + 500);  // the fewer the keys, the more is chance
    }
}

TEST_CASE("a full Bloom filter has everything, page by page until it is written") {
    Bloom full(2, Bloom::Begin::full);
    for (uint64_t n = 0; n < 1000; ++n) {
        REQUIRE(full.may_have(mix(n)));
    }
    std::fill(full.page(0).begin(), full.page(0).end(), uint8_t{0});
    uint64_t there = 0;
    for (uint64_t n = 0; n < 1000; ++n) {
        there += full.may_have(mix(n)) ? 1 : 0;
    }
    CHECK(there > 400);
    CHECK(there < 600);
}

}  // namespace rehome::vipd
