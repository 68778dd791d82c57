// Following a TCP connection from outside: its stage, and the number at which each end goes on.
//
// Only what an end could have sent moves an entry (RFC 9293 3.10.7.4, RFC 5961 3 and 4); all else
// is forwarded and changes nothing: the ends judge.  What is known of an end is the number at which
// it goes on, its next one.  A number is near another when no more than `sequence_reach` lies
// between them.
//
//   a segment advances its sender's next number, a client's by at most the reach, when what it
//     acknowledges is near; a server's also tells how far the client has come, by what it
//     acknowledges, and a client's FIN has its number from nobody else
//   a FIN counts when its sequence number and its acknowledgement are near
//   a reset counts at exactly its sender's next number, and as a refusal of a SYN by acknowledging
//     that SYN (RFC 9293 3.10.7.3)
//   another way back needs a segment that acknowledges, both numbers near
//   a checksum that is wrong makes FIN and reset count for nothing
//
// Closing shortens an entry's life.  It is taken back where the end that closed goes on: after its
// reset by a segment that is near, after its FIN by one beyond it.
//
// A SYN changes nothing in mid-flow; that the server answers it does: it knows of no other
// connection, and the client's retransmission of it says where the client is.
//
// These hold once numbers are bound, which is when the server has answered: who sends from its
// side is believed.  Until then the client's last segment says all, and the server's first answer
// replaces what that said of both, so that nobody who forges can bind numbers of his own:
//   met in mid-flow   (picked up, or adopted after a second chance) the first segment is believed
//   direct return     answers do not pass: data, or an acknowledgement beyond the handshake's, near
//                     what was known, shows one and binds; until then the flow is half open.  A FIN
//                     or a reset that is near closes, for nobody sees the other end's
//   relayed           the same rules for what passes; the numbers bind where the flow ends
#pragma once

#include "vipd/flow/flow_table.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

enum class Side : uint8_t { client, server };

// What may be in flight and unseen here, when a path changes or packets are lost on the way to us:
// as much as Linux buffers for a sender (tcp_wmem).  Who guesses two numbers is near both once in
// 262,144 times.
inline constexpr uint32_t sequence_reach = 1U << 22;

inline bool near(uint32_t a, uint32_t b) {
    return a - b + sequence_reach <= 2 * sequence_reach;
}

// A packet of the flow passes, sent by that side: its time, its stage, and its place, which is what
// is returned.  has_ports: of a later fragment the segment says nothing.
Flow* follow(FlowTable& flows, Flow& flow, const Segment& segment, bool has_ports, Side sender,
             Micros now);

// Takes a segment that passes, sent by that side.  Other protocols: established by the first reply,
// and settled by the second exchange (client, server, client, server), from which on peers are to
// have copies (copier.h); where replies do not pass here (direct return), the client's next packet
// shows that there was one.
void track(FlowTable& flows, Flow& flow, const Segment& segment, Side sender);

// Whether a client's packet shows that its client is now where the packet came from, so that
// replies go there.  Datagrams show it always, as they have no numbers.
bool moves_way_back(const Flow& flow, const Segment& segment, bool has_ports);

// Most packets are plain: mid-flow segments, and datagrams, of a flow that is settled.  They change
// nothing of it but its numbers and its time; track_plain() does what track() would.
constexpr bool mid_flow(uint8_t tcp_flags) {
    return (tcp_flags & (tcp_flag::syn | tcp_flag::fin | tcp_flag::rst | tcp_flag::ack)) ==
           tcp_flag::ack;
}
inline bool settled(const Flow& flow) {
    return flow.stage == Flow::Stage::established && flow.answered && flow.client_known &&
           flow.server_known && !flow.barred;
}
// Takes to in sequence numbers what is not yet (RFC 9293 3.4: modulo 2^32), within the reach.
inline void advance_near(uint32_t& next, uint32_t to) {
    next = to - next <= sequence_reach ? to : next;
}
inline void advance(uint32_t& next, uint32_t to) {
    next = static_cast<int32_t>(to - next) > 0 ? to : next;
}

// behind: the sequence number behind what it carries; acknowledged: its acknowledgement.
inline void track_plain(Flow& flow, Side sender, uint32_t behind, uint32_t acknowledged) {
    if (sender == Side::client) {
        if (near(acknowledged, flow.server_next)) {
            advance_near(flow.client_next, behind);
        }
        if (flow.direct_return()) {
            advance_near(flow.server_next, acknowledged);
        }
    } else {
        advance(flow.server_next, behind);
        advance(flow.client_next, acknowledged);
    }
}

// Whether a client's segment in mid-flow cannot be of this flow, which is over or half open, but of
// a connection of the same ends that began at another gateway: the client uses its port again, or
// the server that answered first was another one.
bool of_another_connection(const Flow& flow, const Segment& segment);

}  // namespace rehome::vipd
