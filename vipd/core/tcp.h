// Following a TCP connection from outside: its stage, and the number at which each end goes on.
#pragma once

#include "vipd/core/flow.h"
#include "vipd/core/packet.h"

namespace rehome {

enum class Side : uint8_t { client, server };

// Takes a segment that passes, sent by that side.  Other protocols: established by the first reply.
void track(Flow& flow, const Packet& packet, Side sender);

// Whether a client's segment in mid-flow cannot be of this flow, which is over or half open, but of
// a connection of the same ends that began at another gateway: the client uses its port again, or
// the server that answered first was another one.
bool of_another_connection(const Flow& flow, const Packet& packet);

}  // namespace rehome
