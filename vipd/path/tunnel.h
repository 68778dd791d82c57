// The stage of what peers send through the tunnel, as classify() has opened it.
//
//   comes in   a keepalive; a client's packet that a peer got, or asks about; one of ours that
//              comes back from who was asked, or the word that the flow is known there; a reply
//              that leaves by a line here; a copy of a flow
//   decided    a keepalive goes to who keeps the peers' state; a client's packet goes on as one
//              (client.h), and uses only entries that end here; a reply takes its entry's line, or
//              that of the carrier that the peer names
//   ways out   what client.h and flow_copy.h say; to a client by a line, or through a third
//              gateway; consumed.
//              Drops: bad_tunnel, forged_source, bad_source, no_way_back, hop_limit, stray_answer,
//              congestion_lost, and those of tags.h
#pragma once

#include "vipd/path/classify.h"
#include "vipd/path/context.h"

namespace rehome::vipd {

Verdict from_tunnel(const View& view, Hands& hands, Frame& frame, Classified& what, PortIndex port);

}  // namespace rehome::vipd
