// Following a TCP connection from outside: its stage, and the number at which each end goes on.
#pragma once

#include "vipd/flow/flow_table.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

enum class Side : uint8_t { client, server };

// A packet of the flow passes, sent by that side: its time, its stage, and its place, which is what
// is returned.  has_ports: of a later fragment the segment says nothing.
Flow* follow(FlowTable& flows, Flow& flow, const Segment& segment, bool has_ports, Side sender,
             Micros now);

// Takes a segment that passes, sent by that side.  Other protocols: established by the first reply;
// where replies do not pass here (direct return) by the client's second packet.
void track(FlowTable& flows, Flow& flow, const Segment& segment, Side sender);

// Most packets are plain: mid-flow segments, and datagrams, of a flow that is settled.  They change
// nothing of it but its numbers and its time; track_plain() does what track() would.
constexpr bool mid_flow(uint8_t tcp_flags) {
    return (tcp_flags & (tcp_flag::syn | tcp_flag::fin | tcp_flag::rst | tcp_flag::ack)) ==
           tcp_flag::ack;
}
inline bool settled(const Flow& flow) {
    return flow.stage == Flow::Stage::established && flow.answered && flow.client_known &&
           (flow.server_known || !flow.tcp());
}
// behind: the sequence number behind what it carries.
inline void track_plain(Flow& flow, Side sender, uint32_t behind);

// Takes to in sequence numbers what is not yet (RFC 9293 3.4: modulo 2^32).
inline void advance(uint32_t& next, uint32_t to) {
    next = static_cast<int32_t>(to - next) > 0 ? to : next;
}

inline void track_plain(Flow& flow, Side sender, uint32_t behind) {
    advance(sender == Side::client ? flow.client_next : flow.server_next, behind);
}

// Whether a client's segment in mid-flow cannot be of this flow, which is over or half open, but of
// a connection of the same ends that began at another gateway: the client uses its port again, or
// the server that answered first was another one.
bool of_another_connection(const Flow& flow, const Segment& segment);

}  // namespace rehome::vipd
