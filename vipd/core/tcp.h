// Following a TCP connection from outside: its stage, and the number at which each end goes on.
#pragma once

#include "vipd/core/flow.h"
#include "vipd/core/packet.h"

namespace rehome {

enum class Side : uint8_t { client, server };

// Takes a segment that passes, sent by that side.  Other protocols: established by the first reply.
void track(Flow& flow, const Packet& packet, Side sender);

}  // namespace rehome
