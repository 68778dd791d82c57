// The longest of many client prefixes, against a plain look at each of them.
#include "vipd/placement/client_ranges.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <set>

#include "tests/unit/vipd/packets.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

uint32_t longest(const std::vector<Prefix>& prefixes, const Address& client) {
    uint32_t best = ClientRanges::none;
    for (uint32_t i = 0; i < prefixes.size(); ++i) {
        const bool longer =
            best == ClientRanges::none || prefixes[i].length > prefixes[best].length;
        best = prefixes[i].contains(client) && longer ? i : best;
    }
    return best;
}

// Close to each other, so that they nest, and at both ends.
Address any_address(Random& random) {
    Address address;
    address.family = random.below(2) == 0 ? Family::v4 : Family::v6;
    const uint8_t fill = random.below(3) == 0 ? 0xff : 0;
    for (unsigned i = 0; i < address.bits() / 8; ++i) {
        address.bytes[i] = random.below(3) == 0 ? static_cast<uint8_t>(random.any32()) : fill;
    }
    if (random.below(3) == 0) {  // a crowd, more of them with the same 16 bits than one step tells
        address.bytes = {10, 1, static_cast<uint8_t>(random.any32()),
                         static_cast<uint8_t>(random.any32())};
    }
    return address;
}

Prefix any_prefix(Random& random) {
    Prefix prefix{any_address(random), 0};
    prefix.length = random.below(prefix.address.bits() + 1);
    for (unsigned bit = prefix.length; bit < prefix.address.bits(); ++bit) {
        prefix.address.bytes[bit / 8] =
            static_cast<uint8_t>(prefix.address.bytes[bit / 8] & ~(0x80U >> bit % 8));
    }
    return prefix;
}

}  // namespace

TEST_CASE("any client finds the longest of any prefixes") {
    CHECK(rc::check([] {
        Random random(*rc::gen::arbitrary<uint32_t>());
        std::set<Prefix> distinct;
        const uint32_t count = *rc::gen::element(0U, 1U, 3U, 15U, 40U, 400U, 4000U);
        while (distinct.size() < count) {
            distinct.insert(any_prefix(random));
        }
        const std::vector<Prefix> prefixes(distinct.begin(), distinct.end());
        const ClientRanges ranges(prefixes);
        for (int i = 0; i < 300; ++i) {
            const Address client = any_address(random);
            RC_ASSERT(ranges.find(client) == longest(prefixes, client));
        }
        for (size_t i = 0; i < prefixes.size(); i += 1 + prefixes.size() / 400) {
            const Prefix& prefix = prefixes[i];
            RC_ASSERT(ranges.find(prefix.address) == longest(prefixes, prefix.address));
        }
    }));
}
