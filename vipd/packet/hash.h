// Keyed 64-bit hashes.
//
// The choices that a client's address and port make (share, Maglev, home gateway, flow table) use
// independent keys: with one key they would be correlated, and a share of 10 % would meet only a
// part of the servers.  All gateways must agree, so the keys of those choices are constants; only
// the flow table's key is drawn at start, so that nobody can aim at one bucket.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "common/address.h"

namespace rehome::vipd {

enum class HashKey : uint64_t {
    share = 0x9ae16a3b2f90404fULL,
    share_first = 0x2d358dccaa6c78a5ULL,
    share_second = 0x8bb84b93962eacc9ULL,
    share_site = 0x4b33a62ed433d4a3ULL,
    maglev = 0xc3a5c85c97cb3127ULL,
    maglev_offset = 0xb492b66fbe98f273ULL,
    maglev_skip = 0x8648dbbb3a5f1e2dULL,
    refill = 0x6c62272e07bb0142ULL,
    home = 0xd6e8feb86659fd93ULL,
    carrier = 0xa0761d6478bd642fULL,
    tunnel_port = 0xe7037ed1a0b428dbULL,
    service = 0x8ebc6af09c88c6e3ULL,
    admission = 0x589965cc75374cc3ULL,
};

// The finaliser of MurmurHash3 (Appleby): every input bit reaches every output bit.
constexpr uint64_t mix(uint64_t value) {
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    return value ^ value >> 33;
}

// Both halves of the 128-bit product, folded: one multiplication, for tables whose key is secret.
inline uint64_t fold_multiply(uint64_t a, uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{a} * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t hash_bytes(std::span<const uint8_t> bytes, uint64_t key) {
    uint64_t hash = mix(key ^ bytes.size());
    while (bytes.size() >= 8) {
        uint64_t word;
        std::memcpy(&word, bytes.data(), 8);
        hash = mix(hash ^ word) + 0x9e3779b97f4a7c15ULL;
        bytes = bytes.subspan(8);
    }
    uint64_t rest = 0;
    if (!bytes.empty()) {
        std::memcpy(&rest, bytes.data(), bytes.size());
    }
    return mix(hash ^ rest);
}

// Of a client's address (as two words of its bytes; IPv4: four of them, then zeros) and port.
inline uint64_t hash_client(uint64_t high, uint64_t low, uint16_t port, HashKey key) {
    constexpr uint64_t step = 0x9e3779b97f4a7c15ULL;
    const uint64_t hash = mix(static_cast<uint64_t>(key) ^ port ^ high) + step;
    return low == 0 ? mix(hash) : mix(hash ^ low);
}

// Of an address alone, as entries hold it (IPv4 in host order), for what is kept by a server's: the
// upper bits are the good ones.
inline uint32_t address_hash(uint32_t address) {
    return address * 0x9e3779b1U;
}
inline uint32_t address_hash(const std::array<uint8_t, 16>& address) {
    std::array<uint64_t, 2> words;
    std::memcpy(words.data(), address.data(), sizeof words);
    return static_cast<uint32_t>(
        fold_multiply(words[0] ^ 0x9e3779b97f4a7c15ULL, words[1] ^ 0xc4ceb9fe1a85ec53ULL) >> 32);
}
inline uint32_t hash_of(const Address& address) {
    return address.family == Family::v4 ? address_hash(address.v4_host_order())
                                        : address_hash(address.bytes);
}

inline uint64_t hash_bytes(std::span<const uint8_t> bytes, HashKey key) {
    return hash_bytes(bytes, static_cast<uint64_t>(key));
}

}  // namespace rehome::vipd
