// Following a TCP connection from outside: its stage, and the number at which each end goes on.
#pragma once

#include "vipd/flow/flow.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

enum class Side : uint8_t { client, server };

// Takes a segment that passes, sent by that side.  Other protocols: established by the first reply;
// where replies do not pass here (direct return) by the client's second packet.
void track(FlowTable& flows, Flow& flow, const Segment& segment, Side sender);

// Takes to in sequence numbers what is not yet (RFC 9293 3.4: modulo 2^32).
void advance(uint32_t& next, uint32_t to);

// Whether a client's segment in mid-flow cannot be of this flow, which is over or half open, but of
// a connection of the same ends that began at another gateway: the client uses its port again, or
// the server that answered first was another one.
bool of_another_connection(const Flow& flow, const Segment& segment);

}  // namespace rehome::vipd
