// Fragmentation of IPv4 packets (RFC 791 3.2) that are too big for where they have to leave by; in
// IPv6 only the source fragments (RFC 8200 4.5).
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include <tl/expected.hpp>

#include "vipd/packet/packet.h"

namespace rehome::vipd {

// Whether it is IPv4 without "do not fragment".
bool may_fragment(const Frame& frame, const Packet& packet);

// Cuts an IPv4 packet, which may be a fragment itself, into IP packets of at most mtu bytes, in
// order; one that fits comes as it is.  Options go with the first piece, and with the others where
// their copy flag says so.  Returns how many there are; too_big: no piece fits mtu; bad_header: the
// header's checksum or options are wrong, and nothing is made.  `out` must not change the frame.
tl::expected<uint32_t, Drop> fragment_v4(
    const Frame& frame, const Packet& packet, uint16_t mtu,
    const std::function<void(std::span<const uint8_t> ip_packet)>& out);

}  // namespace rehome::vipd
