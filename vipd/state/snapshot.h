// What every worker acts on: the configuration's tables, what the operator has ordered and what is
// known of the peers, as of one moment.
//
// Made by compile() (compile.h) and never changed, so that workers read it without locks; each has
// an epoch, one more than the one before.  The control thread hands it over between two bursts, and
// frees it once every worker has a newer one (state.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/vipd_config/config.h"
#include "vipd/access/access.h"
#include "vipd/access/limits.h"
#include "vipd/flow/flow.h"
#include "vipd/health/health.h"
#include "vipd/placement/placement.h"
#include "vipd/route/adjacency.h"
#include "vipd/state/disabled.h"
#include "vipd/state/keepalive.h"
#include "vipd/state/known_flows.h"
#include "vipd/state/orders.h"
#include "vipd/state/peer_keys.h"
#include "vipd/state/served.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

enum class LineState : uint8_t {
    disabled,  // never carries a packet with a VIP as source
    draining,  // being disabled: own replies go through the tunnel already, a peer's may still
               // leave
    down,      // enabled, but its port's link is down
    enabled,
};

std::string_view name(LineState state);

struct Snapshot {
    struct Peer {
        bool up = false;  // heard, and it hears this gateway
        bool heard = false;
        bool gone = false;         // down for so long that its flows are lost
        bool resets_idle = false;  // and that their clients are told, who ask for nothing
        bool silent = false;       // neither up nor given up: it may come back
        bool has_flows = false;    // some end there
        bool answers = false;      // that it does not know a flow (packet/gue.h)
        bool hears_known = false;  // that a flow is known here
        bool hears_flows = false;  // which ones are (known_flows.h)
        std::shared_ptr<const KnownFlows> known;  // which ones it says it knows; null: it does not
        bool copies = false;                      // it takes copies of flows (packet/flow_copy.h)
        uint32_t arrivals = 0;                    // how often it was heard after a silence
        std::vector<Prefix> prefixes;             // that it can serve
        std::vector<uint32_t> carriers;           // of its lines that may carry VIPs
        uint32_t line_version = 0;                // of those
        uint32_t seen_version = 0;   // the one that all workers act on, which it is told
        bool probes = false;         // it answers link probes (packet/link_probe.h)
        uint16_t link_mtu = 0;       // the longest packet that gets there; 0: not known
        uint16_t link_mtu_back = 0;  // that gets here from there, as it says; likewise
        bool narrow = false;         // one of these is less than it should be
        std::shared_ptr<const ReadyServices> services;  // that it can serve; null: not known
        bool hears_services = false;                    // which ones can be served here
        uint32_t services_held = 0;                     // digest of those that it has heard
        std::optional<uint64_t> placement;     // the digest of its rules; nothing: it does not say
        std::optional<uint64_t> access;        // likewise
        std::optional<uint64_t> sites;         // of what it is ordered about sites; likewise
        std::shared_ptr<const PeerKeys> keys;  // null: there are none, and it is believed

        bool has_line(uint32_t carrier) const;
    };
    uint64_t epoch = 0;
    std::shared_ptr<const Config> config;
    std::shared_ptr<const Tables> tables;
    Share share;
    std::shared_ptr<const Placement> placement;      // of new flows; never null
    std::shared_ptr<const Placement> placed_before;  // by the words before these; may be null
    bool places_maps = false;                        // what maps serve may go to another site
    uint64_t access_digest = 0;                      // of what is said of access
    std::shared_ptr<const Access> access;            // null: nothing is dropped by rules
    std::shared_ptr<const Limits> limits;            // null: there are none, all are admitted
    std::vector<LineState> lines;                    // by number, as Tables::lines
    std::vector<uint32_t> carriers;                  // theirs
    uint32_t line_version = 0;             // rises when a peer must know of another state of a line
    std::vector<Peer> peers;               // by number, as Tables::peers
    bool tags_required = false;            // what a peer sends without a tag is dropped
    std::vector<PortLink> ports;           // by number; empty: as the workers were started with
    std::shared_ptr<const Served> served;  // what this gateway can serve
    std::shared_ptr<const ServersHealth> health;  // null: nobody is checked
    bool holds_routes = true;                  // for these; else it waits to be confirmed (state.h)
    std::shared_ptr<const Disabled> disabled;  // never null
    double idle_reset_per_s = 0;               // of all workers together
    Micros answers_from = 0;  // the configuration has settled: closed ports are answered

    LineState line(size_t index) const { return lines[index]; }
    bool peer_up(size_t peer) const { return peers[peer].up; }
    bool peer_gone(size_t peer) const { return peers[peer].gone; }
    bool peer_has_flows(size_t peer) const { return peers[peer].has_flows; }
    // What is known to get to a peer of packets of so many bytes.
    uint16_t link_mtu(size_t peer, uint16_t mtu) const {
        const uint16_t known = peers[peer].link_mtu;
        return known == 0 ? mtu : std::min(known, mtu);
    }
    bool peer_serves(size_t peer, const Address& vip) const;
    // Checks have found that server of the service down, and it was set aside for that.
    bool is_down(const ServiceTable& service, const Endpoint& server) const;
    // All its servers are down, and its new clients are to be refused.
    bool refuses(const ServiceTable& service) const;

    // The way out of a reply: a line of this gateway, or a peer's tunnel.  Nothing: no line can
    // carry it.  `ours` is false for a reply that a peer sent here to leave by a line.
    std::optional<WayBack> way_out(const WayBack& way, bool ours) const;
    // Whether the line carries packets, and neither this gateway nor a live peer has another one of
    // its carrier that is: without it nobody could answer the carrier's clients.
    bool is_last(size_t line) const;
    // A live peer with a line that may carry VIPs, for a reply whose carrier nobody has noted.
    std::optional<WayBack> through_any_peer() const;

    // What to tell a peer; flows_here and sequence are the sender's.
    Keepalive keepalive_for(size_t peer) const;
    bool tells_the_same(const Snapshot& other) const;

private:
    std::optional<WayBack> own_line(uint32_t carrier) const;
    std::optional<WayBack> through_peer(uint32_t carrier) const;
};

}  // namespace rehome::vipd
