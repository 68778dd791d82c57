// A copy of a flow, as a gateway that serves it gives it to a peer: a UDP packet in GUE (gue.h,
// kind 4) from the flow's client to its VIP, so that it belongs to whoever owns such packets, with
//
//     0  version = 1     1  1: the sender's server has the flow; 0: it is there no more
//     2  0 (16 bits)     4  for how long nothing of it has passed, in ms (32)
//
// behind UDP's header, big endian; what follows is of later versions.  It carries nothing of the
// client's and goes to nobody's server.
#pragma once

#include <optional>
#include <span>

#include "common/address.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

struct FlowCopy {
    bool there = true;
    uint32_t idle_ms = 0;

    bool operator==(const FlowCopy&) const = default;
};

inline constexpr uint32_t flow_copy_bytes_most = 40 + 8 + 8;

// The whole IP packet; out holds at least flow_copy_bytes_most.  Returns its length.
uint32_t make_flow_copy(std::span<uint8_t> out, const Endpoint& client, const Endpoint& vip,
                        const FlowCopy& copy);

// Nothing: the packet is no whole copy that can be read.
std::optional<FlowCopy> read_flow_copy(std::span<const uint8_t> frame, const Packet& packet);

}  // namespace rehome::vipd
