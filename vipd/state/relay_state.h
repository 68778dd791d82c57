// What changes while the move is under way: which lines may carry VIPs, which peers live and what
// they can serve, which share of the clients the other site gets.  One thread's own; time is handed
// in.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vipd/flow/flow.h"
#include "vipd/state/keepalive.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

enum class LineState : uint8_t {
    disabled,  // never carries a packet with a VIP as source
    draining,  // being disabled: own replies go through the tunnel already, a peer's may still
               // leave
    enabled,
};

enum class ShareBy : uint8_t { address, address_port };

struct Share {
    uint32_t hundredths = 0;  // of a percent: 10,000 is everybody
    ShareBy by = ShareBy::address;

    // Whether this client's new flows go to the other site.  A larger share contains the smaller.
    bool relays(const Endpoint& client) const;
};

class RelayState {
public:
    RelayState(const Tables& tables, std::vector<LineState> lines, Micros now);

    Share share;

    LineState line(size_t index) const { return lines_[index]; }
    void set_line(size_t index, LineState state);
    // Every live peer has seen the lines as they are now; lines that drain are disabled from then
    // on.
    bool lines_confirmed(Micros now) const;
    void finish_draining(Micros now);

    void hear(size_t peer, const Keepalive& keepalive, Micros now);
    bool peer_up(size_t peer, Micros now) const;
    bool peer_gone(size_t peer, Micros now) const;  // down for 3 s: its flows are lost
    bool peer_serves(size_t peer, const Address& vip) const;
    uint32_t peer_flows(size_t peer) const { return peers_[peer].last.flows_here; }
    Micros peer_heard(size_t peer) const { return peers_[peer].heard; }  // 0: never

    // What to tell a peer now.
    Keepalive keepalive_for(size_t peer, const Tables& tables, uint32_t flows_here);

    // The way out of a reply: a line of this gateway, or a peer's tunnel.  Nothing: no line can
    // carry it.  `ours` is false for a reply that a peer sent here to leave by a line.
    std::optional<WayBack> way_out(const WayBack& way, bool ours, Micros now) const;
    // A live peer with a line that may carry VIPs, for a reply whose carrier nobody has noted.
    std::optional<WayBack> through_any_peer(Micros now) const;

private:
    struct Peer {
        Micros heard = 0;
        Keepalive last;
        uint32_t sequence = 0;

        bool line_usable(uint32_t carrier) const;
    };

    std::optional<WayBack> own_line(uint32_t carrier) const;
    std::optional<WayBack> through_peer(uint32_t carrier, Micros now) const;

    std::vector<uint32_t> carriers_;  // of the lines, by index
    std::vector<LineState> lines_;
    std::vector<Peer> peers_;
    uint32_t line_version_;  // begins anywhere: a peer may still echo what an earlier run told it
    Micros started_;
};

}  // namespace rehome::vipd
