// The busiest clients, VIPs and servers, from a sample of the packets and in fixed memory.
//
// SpaceSaving is the sketch of Metwally, Agrawal and El Abbadi (Efficient Computation of Frequent
// and Top-k Elements in Data Streams, ICDT 2005): of N counted units with m counters, every key
// that has more than N/m is in it, and a count is too high by at most its own error, never too low.
//
// A Top is one worker's, fed while somebody asks; samples are taken at random distances, so that
// traffic with a period cannot hide.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "common/address.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

// Where a client's counters stand; key: drawn at random.
uint64_t top_hash(const Address& address, uint64_t key);

// Key: with operator== and top_hash(key, hash_key).  No memory is taken after it is made.
template <typename Key>
class SpaceSaving {
public:
    struct Entry {
        Key key{};
        uint64_t count = 0;
        uint64_t error = 0;  // of count, at most
        uint64_t bytes = 0;  // since the key was last taken in: never too high
    };

    // hash_key: drawn at random, so that nobody can aim at one cell.
    SpaceSaving(uint32_t counters, uint64_t hash_key) : counters_(counters), hash_key_(hash_key) {
        uint32_t cells = 4;
        while (cells < counters * 2) {
            cells *= 2;
        }
        cells_.assign(cells, none);
        entries_.reserve(counters);
        heap_.reserve(counters);
        places_.reserve(counters);
    }

    void add(const Key& key, uint64_t bytes) {
        ++total_;
        uint32_t id = find(key);
        if (id == none && entries_.size() < counters_) {
            id = static_cast<uint32_t>(entries_.size());
            entries_.push_back({key, 0, 0, 0});
            heap_.push_back(id);
            places_.push_back(id);
            link(id);
            sift_up(id);
        } else if (id == none) {
            id = heap_[0];  // the least: its key gives way, its count is the newcomer's error
            unlink(id);
            const uint64_t least = entries_[id].count;
            entries_[id] = {key, least, least, 0};
            link(id);
        }
        ++entries_[id].count;
        entries_[id].bytes += bytes;
        sift_down(places_[id]);
    }

    uint64_t total() const { return total_; }
    std::span<const Entry> entries() const { return entries_; }  // in no order

private:
    static constexpr uint32_t none = UINT32_MAX;

    size_t home(const Key& key) const { return top_hash(key, hash_key_) & (cells_.size() - 1); }
    size_t next(size_t cell) const { return (cell + 1) & (cells_.size() - 1); }

    uint32_t find(const Key& key) const {
        for (size_t at = home(key); cells_[at] != none; at = next(at)) {
            if (entries_[cells_[at]].key == key) {
                return cells_[at];
            }
        }
        return none;
    }

    void link(uint32_t id) {
        size_t at = home(entries_[id].key);
        while (cells_[at] != none) {
            at = next(at);
        }
        cells_[at] = id;
    }

    // Linear probing without tombstones: what follows moves back (Knuth, 6.4, algorithm R).
    void unlink(uint32_t id) {
        size_t hole = home(entries_[id].key);
        while (cells_[hole] != id) {
            hole = next(hole);
        }
        cells_[hole] = none;
        for (size_t at = next(hole); cells_[at] != none; at = next(at)) {
            const size_t mask = cells_.size() - 1;
            const size_t wanted = home(entries_[cells_[at]].key);
            if (((at - wanted) & mask) >= ((at - hole) & mask)) {
                cells_[hole] = std::exchange(cells_[at], none);
                hole = at;
            }
        }
    }

    // heap_: ids, the least count first; places_: where each id stands in it.
    bool less(size_t a, size_t b) const {
        return entries_[heap_[a]].count < entries_[heap_[b]].count;
    }
    void swap(size_t a, size_t b) {
        std::swap(heap_[a], heap_[b]);
        places_[heap_[a]] = static_cast<uint32_t>(a);
        places_[heap_[b]] = static_cast<uint32_t>(b);
    }
    void sift_up(size_t at) {
        while (at > 0 && less(at, (at - 1) / 2)) {
            swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }
    void sift_down(size_t at) {
        for (;;) {
            size_t least = at;
            for (const size_t child : {2 * at + 1, 2 * at + 2}) {
                least = child < heap_.size() && less(child, least) ? child : least;
            }
            if (least == at) {
                return;
            }
            swap(at, least);
            at = least;
        }
    }

    uint32_t counters_;
    uint64_t hash_key_;
    uint64_t total_ = 0;
    std::vector<Entry> entries_;
    std::vector<uint32_t> heap_, places_, cells_;
};

// A VIP or a server: protocol, address, port (0 where there is none).
struct TopEnd {
    uint8_t protocol = 0;
    Endpoint end;

    auto operator<=>(const TopEnd&) const = default;
};

uint64_t top_hash(const TopEnd& end, uint64_t key);

class Top {
public:
    static constexpr uint32_t one_in = 64;  // packets, on average
    static constexpr uint32_t counters = 4096;

    explicit Top(uint64_t seed, uint32_t counters_each = counters);

    // Whether this packet is one of the sample.
    bool due() {
        if (--left_ != 0) {
            return false;
        }
        draw();
        return true;
    }

    // A packet of the sample, in either direction.
    void add_client(const Address& client, uint32_t bytes) { clients_.add(client, bytes); }
    void add_vip(const TopEnd& vip, uint32_t bytes) { vips_.add(vip, bytes); }
    void add_server(const TopEnd& server, uint32_t bytes) { servers_.add(server, bytes); }

    const SpaceSaving<Address>& clients() const { return clients_; }
    const SpaceSaving<TopEnd>& vips() const { return vips_; }
    const SpaceSaving<TopEnd>& servers() const { return servers_; }

private:
    void draw();

    uint64_t state_;
    uint32_t left_ = 1;
    SpaceSaving<Address> clients_;
    SpaceSaving<TopEnd> vips_;
    SpaceSaving<TopEnd> servers_;
};

// The first `limit` of several workers' sketches together, largest first; counts and errors of one
// key add up.
template <typename Key>
std::vector<typename SpaceSaving<Key>::Entry> busiest(
    std::span<const SpaceSaving<Key>* const> sketches, size_t limit) {
    using Counted = typename SpaceSaving<Key>::Entry;
    std::vector<Counted> all;
    for (const auto* sketch : sketches) {
        all.insert(all.end(), sketch->entries().begin(), sketch->entries().end());
    }
    std::sort(all.begin(), all.end(),
              [](const Counted& a, const Counted& b) { return a.key < b.key; });
    std::vector<Counted> merged;
    for (const Counted& entry : all) {
        if (!merged.empty() && merged.back().key == entry.key) {
            merged.back().count += entry.count;
            merged.back().error += entry.error;
            merged.back().bytes += entry.bytes;
        } else {
            merged.push_back(entry);
        }
    }
    const size_t kept = std::min(limit, merged.size());
    std::partial_sort(merged.begin(), merged.begin() + static_cast<std::ptrdiff_t>(kept),
                      merged.end(),
                      [](const Counted& a, const Counted& b) { return a.count > b.count; });
    merged.resize(kept);
    return merged;
}

}  // namespace rehome::vipd
