// The relay's rules: where a client's packet goes (the design, "The relay between sites").
//
// decide() is a function of what is known about one packet and nothing else; who asks gathers the
// facts (judge.h) and does what is decided (client.h).  Numbers in comments are the design's rules.
#pragma once

#include <cstdint>
#include <string_view>

namespace rehome::vipd {

// The flow's entry at this gateway.
enum class Entry : uint8_t { none, here, relayed, provisional };

// How the packet reached this gateway.
enum class From : uint8_t { line, same_site, other_site };

struct Arrival {
    From from = From::line;
    bool crossed = false;  // it has gone from one site to the other already
    bool asked = false;    // whether its flow is known here; who asks adopts it otherwise
    bool tcp = true;
    bool first = false;  // a SYN; for other protocols this is ignored
    Entry entry = Entry::none;
    bool replaceable = false;      // the entry is closing, or its server or peer is down
    bool peer_up = false;          // of a relayed or provisional entry
    bool peer_gone = false;        // it has been down for so long that waiting is pointless
    bool share_relays = false;     // it is placed at another site, which takes it
    bool other_up = false;         // a gateway of another site is alive and serves the prefix
    bool other_takes = false;      // and one such takes new flows of the service
    bool other_has_flows = false;  // and some flows end there, which nobody there was asked for
    bool other_silent = false;     // a site may be alive, and has not been heard
    bool refused = false;          // one of these knows nothing of the flow
    bool home_is_peer = false;     // the flow's home gateway at this site is another one, and alive
    bool can_serve = false;        // the service has a live server here
    bool source_nat = false;       // of the service: in mid-flow its server knows another client
};

enum class Decision : uint8_t {
    serve_entry,    // to the server that the entry fixes
    relay_entry,    // to the peer that the entry fixes
    place_here,     // a new entry: a server by Maglev
    place_relayed,  // a new entry: another site
    try_home,       // second chance: this site's home gateway
    try_other,      // second chance: another site
    adopt,          // like place_here, in mid-flow
    reset,          // nobody knows the flow: tell its client
    say_unknown,    // it is not known here: tell who asks
    drop_no_server,
    drop_peer_down,
};

std::string_view name(Decision decision);

Decision decide(const Arrival& arrival);

}  // namespace rehome::vipd
