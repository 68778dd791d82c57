// The stage of clients' packets: by a line, or from a peer.
//
//   comes in   what classify() calls a client's, its source still to be believed
//   decided    wrong_source, maps (map.h), ICMP (icmp.h), then judge() (judge.h): the entry is
//              followed, a flow begins here or at a peer, or the client is told that nobody is
//              there
//   ways out   to a server, to a peer (as it came, to one that asked in vain), back to the client
//              (a reset, an error); consumed: a fragment that waits for its first one; beside a
//              packet that was asked about and goes to its server, the word to who asked.
//              Drops: bad_source, forged_source, no_service, closed_flow, no_server, server_taken,
//              no_source_port, flow_table_full, access, client_limit, service_limit,
//              vip_limit, not_admitted, peer_down, hop_limit, question_budget, what join.h
//              and out.h say
#pragma once

#include <tl/expected.hpp>

#include "vipd/packet/gue.h"
#include "vipd/path/context.h"
#include "vipd/path/decide.h"

namespace rehome::vipd {

// Where a client's packet came from.
struct Origin {
    From from = From::line;
    WayBack back;
    bool crossed = false;
    uint8_t hops = gue_hops;
    bool asked = false;                  // who sent it wants to know whether the flow is known here
    std::optional<size_t> refused_by{};  // the peer of another site that does not know it
};

Verdict from_line(const View& view, Hands& hands, Frame& frame, Packet& packet, PortIndex port,
                  const Link& link);

// From wherever; its source is believed, and its ports are in packet if they are anywhere.
Verdict from_client(const View& view, Hands& hands, Frame& frame, Packet& packet,
                    const Origin& origin);

// A flow to begin at that server, which is the one that its client gets.
struct Beginning {
    const FlowKey& key;
    uint64_t hash;  // the key's (FlowTable::hash)
    const ServiceTable& service;
    const ServerConfig& server;
    FlowTable::Ring ring;
};
// It; or why there is none.
tl::expected<Flow*, Drop> begin_flow(const View& view, Hands& hands, const Beginning& of);
// Where it stands until it is answered.
inline FlowTable::Ring ring_of(Decision decision) {
    return decision == Decision::adopt ? FlowTable::Ring::mid_flow : FlowTable::Ring::begun;
}

// What a peer is told of a client's packet that goes on to it.
Gue to_go_on(const Tables& tables, const Origin& origin, size_t peer);

}  // namespace rehome::vipd
