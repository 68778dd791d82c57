// Clamping the TCP maximum segment size (RFC 9293 3.7.1, RFC 4459 3.2): what a SYN offers is
// lowered to what fits the tunnel, so that hardly any packet is too big for it.
#pragma once

#include <cstdint>

#include "vipd/packet/packet.h"

namespace rehome::vipd {

// Lowers the MSS option of a segment with SYN to mss bytes; the checksum follows.  True: it was
// larger.  Options that cannot be followed are left alone, and so is what stands behind them.
bool clamp_mss(Frame& frame, const Packet& packet, uint16_t mss);

}  // namespace rehome::vipd
