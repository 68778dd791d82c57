#include "vipd/placement/client_ranges.h"

#include <algorithm>

namespace rehome::vipd {

namespace {

uint32_t key_of(const Address& address, uint32_t /*family*/) {
    return address.v4_host_order();
}

WideNumber key_of(const Address& address, WideNumber /*family*/) {
    return wide(address.bytes);
}

// The last key of a prefix.
template <typename Key>
Key last_of(Key first, unsigned length) {
    const Key all = ~Key{0};
    return length == 0 ? all : first | static_cast<Key>(~(all << (8 * sizeof(Key) - length)));
}

// By where they begin, the longer behind the one that holds it, so that those that are open at any
// key are in each other: the last one is the longest.
template <typename Key>
Intervals<Key> intervals_of(std::span<const Prefix> prefixes, Family family) {
    struct Open {
        Key last;
        uint32_t index;
    };
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < prefixes.size(); ++i) {
        if (prefixes[i].address.family == family) {
            order.push_back(i);
        }
    }
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return prefixes[a] < prefixes[b]; });
    Intervals<Key> intervals;
    intervals.add(0, ClientRanges::none);
    std::vector<Open> open;
    const auto close_before = [&](Key first) {
        while (!open.empty() && open.back().last < first) {
            const Key next = open.back().last + 1;
            open.pop_back();
            intervals.add(next, open.empty() ? ClientRanges::none : open.back().index);
        }
    };
    for (const uint32_t i : order) {
        const Key first = key_of(prefixes[i].address, Key{});
        close_before(first);
        open.push_back({last_of(first, prefixes[i].length), i});
        intervals.add(first, i);
    }
    close_before(~Key{0});
    intervals.finish();
    return intervals;
}

}  // namespace

ClientRanges::ClientRanges(std::span<const Prefix> prefixes)
    : v4_(intervals_of<uint32_t>(prefixes, Family::v4)),
      v6_(intervals_of<WideNumber>(prefixes, Family::v6)) {}

}  // namespace rehome::vipd
