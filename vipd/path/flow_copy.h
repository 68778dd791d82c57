// The stage of flows' copies: what this gateway tells its peers of the flows that it serves, and
// what they tell it.
//
//   comes in   a copy (packet/flow_copy.h) from a peer
//   decided    whether it makes an entry: relayed to the peer, established, and from then on like
//              any that was placed there: the client's packets by a line go to the peer, which
//              answers by this gateway's line, and when the peer is gone they are placed anew.
//              Not where this gateway has an answered flow of the same ends, or one relayed to
//              another peer that lives, has no such service, or has no room but what it keeps for
//              flows of its own.  A flow that is there no more takes the peer's entry along.
//   ways out   consumed.  Drops: bad_source, forged_source, bad_tunnel, no_service
//
// Both of two gateways may have the same flow: each keeps its own, and none sends the other its
// packets.  Should both have given theirs up behind their copies, each entry leads to the other
// gateway, which places there what comes through the tunnel (rule 4): nothing circles.
#pragma once

#include "vipd/path/context.h"

namespace rehome::vipd {

// Gives a flow to the peers that may get its packets: that live, take copies and serve its VIP.
// False: there is none.
bool send_copy(const View& view, Hands& hands, const Flow& flow);
// Tells the same peers that it is here no more.
void tell_gone(const View& view, Hands& hands, const FlowKey& key);

Verdict take_copy(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                  size_t peer);

}  // namespace rehome::vipd
