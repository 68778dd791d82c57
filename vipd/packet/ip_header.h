// The IP header of a packet that vipd makes itself: without options, not to be fragmented, with a
// fresh TTL (RFC 791, RFC 8200).
#pragma once

#include <cstdint>

#include "common/address.h"

namespace rehome::vipd {

inline constexpr uint8_t fresh_ttl = 64;

inline constexpr uint32_t ip_header_bytes(Family family) {
    return family == Family::v4 ? 20 : 40;
}

// Both addresses of one family; what follows has so many bytes.  Returns the header's.
uint32_t write_ip_header(uint8_t* at, const Address& from, const Address& to, Protocol protocol,
                         uint32_t payload_bytes);

}  // namespace rehome::vipd
