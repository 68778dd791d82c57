// Explicit congestion notification through tunnels (RFC 3168, RFC 6040): going in, the outer header
// has what the inner one has (normal mode, 4.1), where the far end looks at it coming out; else it
// has Not-ECT (compatibility mode), or a mark on the way would be lost.
#pragma once

#include <cstdint>
#include <optional>

#include "common/address.h"

namespace rehome::vipd {

enum class Ecn : uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

// Of the IP header that stands there.
Ecn ecn_of(const uint8_t* ip, Family family);
// IPv4's checksum follows.
void set_ecn(uint8_t* ip, Family family, Ecn ecn);

// What a packet has that comes out of a tunnel (4.2, figure 4); nothing: it is dropped, since
// congestion was marked and its transport could not be told.
std::optional<Ecn> ecn_out_of_tunnel(Ecn inner, Ecn outer);

}  // namespace rehome::vipd
