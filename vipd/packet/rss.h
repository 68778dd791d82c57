// Receive-side scaling, as NICs compute it: the Toeplitz hash (Microsoft, "RSS hashing functions";
// DPDK's rte_thash.h) and the indirection table that makes a queue of it.
//
// vipd hashes one end of a packet only, the client's: its address and then its port, in network
// order, without the protocol.  That is what a NIC does that is set to hash source address and port
// on the lines' ports and destination address and port on the servers', so that both directions of
// a flow come to one queue.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "common/address.h"

namespace rehome::vipd {

using RssKey = std::array<uint8_t, 40>;

// Microsoft's verification suite's, which is the default of many NICs: public, so that whoever
// sorts packets before vipd sorts them as vipd does.
inline constexpr RssKey rss_key{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

// Each input bit that is set adds (XOR) the 32 bits of the key that begin at its own place; here
// with a table for each byte of the input.
class Toeplitz {
public:
    static constexpr size_t input_max = 36;  // two IPv6 addresses and two ports

    constexpr explicit Toeplitz(const RssKey& key) {
        for (size_t at = 0; at < input_max; ++at) {
            uint64_t window = 0;  // the key's 40 bits from this byte on
            for (size_t i = 0; i < 5; ++i) {
                window = window << 8 | (at + i < key.size() ? key[at + i] : uint8_t{0});
            }
            for (size_t bit = 0; bit < 8; ++bit) {
                tables_[at][size_t{0x80} >> bit] = static_cast<uint32_t>(window >> (8 - bit));
            }
            for (size_t value = 1; value < 256; ++value) {
                const size_t lowest = value & (~value + 1);
                tables_[at][value] = tables_[at][value ^ lowest] ^ tables_[at][lowest];
            }
        }
    }

    // Of at most input_max bytes; first: how many of the input came before them.
    constexpr uint32_t operator()(std::span<const uint8_t> bytes, size_t first = 0) const {
        uint32_t hash = 0;
        for (size_t i = 0; i < bytes.size(); ++i) {
            hash ^= tables_[first + i][bytes[i]];
        }
        return hash;
    }

private:
    std::array<std::array<uint32_t, 256>, input_max> tables_{};
};

inline constexpr Toeplitz toeplitz{rss_key};

constexpr uint32_t rss_hash(std::span<const uint8_t> address, std::span<const uint8_t, 2> port) {
    return toeplitz(address) ^ toeplitz(port, address.size());
}

inline uint32_t rss_hash(const Endpoint& end) {
    const std::array<uint8_t, 2> port{static_cast<uint8_t>(end.port >> 8),
                                      static_cast<uint8_t>(end.port)};
    return rss_hash(end.address.data(), port);
}

// Which of so many queues has what hashes to that: entry i of the table is i modulo queues, so that
// the first ones may get a little more than the last.
inline constexpr uint32_t rss_entries = 128;
inline constexpr uint32_t rss_queues_max = 128;

constexpr uint32_t rss_queue(uint32_t hash, uint32_t queues) {
    return hash % rss_entries % queues;
}

}  // namespace rehome::vipd
