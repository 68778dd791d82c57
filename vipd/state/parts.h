// The parts of the tables on which decisions about a flow depend, counted by the address of the
// flow's server: whether that is one of its service's servers, and what addresses are for (prefixes
// that move, maps, pools), which is a part of all.
//
// Slots are few, so that servers share them: a part may seem changed that is not.
#pragma once

#include <array>
#include <cstdint>

#include "common/address.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

inline constexpr unsigned part_bits = 12;
inline constexpr uint32_t part_slots = 1U << part_bits;

// How often each slot's parts have changed.
using PartVersions = std::array<uint32_t, part_slots>;

// hash: address_hash() of the server's address.
inline uint32_t part_slot(uint32_t hash) {
    return hash >> (32 - part_bits);
}

inline uint32_t part_slot(const Address& server) {
    return part_slot(hash_of(server));
}

}  // namespace rehome::vipd
