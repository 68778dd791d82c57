// Where a packet goes next: longest prefix match over the kernel's routes, and the neighbours.
//
// RouteTable is the changeable picture of the kernel's main table, kept by one thread.  build()
// turns it into a Fib, an immutable snapshot that any number of threads read without locks.
// Neighbours is a snapshot of its own, so that a neighbour that changes does not copy a table of
// 1,000,000 routes.
//
// A Fib holds, for each family, the sorted list of addresses at which the answer changes: a lookup
// is one binary search over plain integers, and its size does not depend on how prefixes nest.
// IPv4's begins at what the address's first 16 bits leave of the list, which is mostly one place.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/address.h"
#include "vipd/packet/mac.h"

namespace rehome::vipd {

using PortIndex = uint16_t;  // index into Config::ports

// A way out: the port and its VLAN (0: untagged), and the address that the link layer must resolve
// there.
struct Hop {
    PortIndex port = 0;
    Address address;
    uint16_t vlan = 0;

    auto operator<=>(const Hop&) const = default;
};

// What a route says.  No port: its packets do not leave by any port of ours (blackhole, or another
// interface).  No gateway: the destination itself is on the link.
struct Via {
    std::optional<PortIndex> port;
    std::optional<Address> gateway;
    uint16_t vlan = 0;

    auto operator<=>(const Via&) const = default;
};

class Fib {
public:
    // The next hop for a destination, or nothing: no route, or one that leaves by no port of ours.
    std::optional<Hop> lookup(const Address& destination) const;

    // The way that a destination goes, by number: 0 is no way, n is via(n).
    uint32_t find_v4(uint32_t host_order) const {
        if (blocks_.empty()) {
            return 0;
        }
        const uint32_t* block = &blocks_[host_order >> 16];
        return v4_.answers[v4_.last(host_order, block[0], size_t{block[1]} - block[0] + 1)];
    }
    void prefetch_v4(uint32_t host_order) const {
        __builtin_prefetch(blocks_.data() + (host_order >> 16));
    }
    uint32_t find_v6(const std::array<uint8_t, 16>& address) const {
        const WideNumber key = wide(address);
        if (v6_.starts.empty() || key < v6_.starts[0]) {
            return 0;
        }
        return v6_.answers[v6_.last(key, 0, v6_.starts.size())];
    }
    const Via& via(uint32_t number) const { return vias_[number - 1]; }
    size_t vias() const { return vias_.size(); }

    size_t ranges() const { return v4_.starts.size() + v6_.starts.size(); }

private:
    friend class RouteTable;

    // answers[i] holds from starts[i] up to the next start; 0 is "no way", n is vias_[n - 1].
    template <typename K>
    struct Ranges {
        std::vector<K> starts;
        std::vector<uint32_t> answers;

        // Of count starts from first on, the first of them not above the key, the last one that is
        // not; no branch that a processor could mispredict.
        size_t last(const K& key, size_t first, size_t count) const {
            for (size_t left = count; left > 1;) {
                const size_t half = left / 2;
                first = starts[first + half] <= key ? first + half : first;
                left -= half;
            }
            return first;
        }
    };

    void divide_v4();

    Ranges<uint32_t> v4_;           // from address 0 on; or empty, and so are its blocks
    std::vector<uint32_t> blocks_;  // the place in v4_ of each n << 16, and the last one
    Ranges<WideNumber> v6_;
    std::vector<Via> vias_;
};

class RouteTable {
public:
    // The kernel's identity of a route; of several for one prefix, the lowest metric counts.
    struct Key {
        Prefix prefix;
        uint32_t metric = 0;

        auto operator<=>(const Key&) const = default;
    };

    void set(const Key& key, const Via& via);  // adds or replaces
    bool remove(const Key& key);               // false: was not there
    void clear() { *this = {}; }
    size_t size() const { return routes_.size(); }

    Fib build() const;

private:
    // Many routes share few ways out: each has the number of its own, which build() need not look
    // for.  Ways that no route has any more keep theirs until clear().
    std::map<Key, uint32_t> routes_;  // sorted by address, then length, then metric
    std::map<Via, uint32_t> numbers_;
    std::vector<Via> vias_;  // by number
};

struct Neighbour {
    Mac mac{};
    bool usable = false;  // the kernel has resolved it; mac holds

    bool operator==(const Neighbour&) const = default;
};

class Neighbours {
public:
    // Null when the kernel does not know that neighbour (yet).
    const Neighbour* find(const Hop& hop) const;

    bool set(const Hop& hop, const Neighbour& neighbour);  // false: nothing changed
    bool remove(const Hop& hop);
    void clear() { entries_.clear(); }
    size_t size() const { return entries_.size(); }

private:
    std::map<Hop, Neighbour> entries_;
};

}  // namespace rehome::vipd
