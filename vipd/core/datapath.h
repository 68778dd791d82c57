// The path of a packet: parse -> punt? -> vip -> flow -> relay's rules -> rewrite | encapsulate ->
// next hop.
//
// One Datapath is one worker's: its flows, its counters, no locks, no I/O, no clock.  handle()
// decides one packet, changes it in place and says which way out it takes; tick() does what time
// brings (keepalives, paced resets, forgetting old flows) and emits packets of its own.
//
//   from a line     to a moved prefix       from_client
//   from the link   GUE from a peer         from_tunnel: keepalive | from_client | from_peer_reply
//   from servers    a served flow's reply   from_server
//   anything else                           punt to the kernel's twin
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "vipd/core/drop.h"
#include "vipd/core/fib.h"
#include "vipd/core/flow.h"
#include "vipd/core/gue.h"
#include "vipd/core/packet.h"
#include "vipd/core/relay.h"
#include "vipd/core/relay_state.h"
#include "vipd/core/relogin.h"
#include "vipd/core/tables.h"

namespace rehome {

struct Verdict {
    enum class Way : uint8_t {
        forward,   // leaves by hop, whose link-layer address is still to be found
        punt,      // to the twin of the port it came in by, unchanged
        consumed,  // was for vipd itself
        drop,
    };
    Way way = Way::punt;
    Drop drop = Drop::count_;
    Hop hop;
};

struct LineCounters {
    uint64_t rx_vip_packets = 0;
    uint64_t tx_vip_packets = 0;
};

struct Counters {
    uint64_t to_servers = 0;
    uint64_t to_clients = 0;  // by a line
    uint64_t to_peers = 0;
    uint64_t resets = 0;  // made by vipd: paced, repeated, or for unknown flows
    uint64_t punted = 0;
    std::array<uint64_t, drop_count> drops{};
    std::vector<LineCounters> lines;
};

struct FlowCounts {
    uint64_t here = 0, relayed = 0, provisional = 0, closing = 0;
};

class Datapath {
public:
    // Takes an IP packet that vipd made itself.
    using Emit = std::function<void(std::span<const uint8_t> ip_packet, const Hop& hop)>;

    struct Settings {
        uint32_t flow_capacity = 1u << 18;
        uint64_t hash_key = 0;  // drawn at random by the caller
    };

    Datapath(std::shared_ptr<const Tables> tables, std::vector<LineState> lines,
             const Settings& settings, Micros now);

    Verdict handle(Frame& frame, PortIndex port, Micros now);
    void tick(Micros now, const Emit& emit, const Relogin::Log& log);
    Micros next_tick(Micros now) const;  // when tick has something to do again

    // Counts a drop that the caller made (no neighbour, port full, too big).
    void count_drop(Drop drop) { ++counters_.drops[static_cast<size_t>(drop)]; }

    void replace_tables(std::shared_ptr<const Tables> tables) { tables_ = std::move(tables); }
    void replace_routes(std::shared_ptr<const Fib> routes) { routes_ = std::move(routes); }

    const Tables& tables() const { return *tables_; }
    const Counters& counters() const { return counters_; }
    FlowCounts count_flows();
    FlowTable& flows() { return flows_; }
    RelayState& relay() { return relay_; }
    Relogin& relogin() { return relogin_; }
    // Tells the peers at once, not at the next 100 ms.
    void announce_soon() { next_keepalive_ = 0; }

private:
    // Where a client's packet came from.
    struct Origin {
        From from = From::line;
        WayBack way;
        bool crossed = false;
        uint8_t hops = gue_hops;
    };

    Verdict from_client(Frame& frame, Packet& packet, const Origin& origin, Micros now);
    Verdict from_server(Frame& frame, Packet& packet, Flow& flow, Micros now);
    Verdict from_tunnel(Frame& frame, const Packet& outer, Micros now);
    Verdict from_peer_reply(Frame& frame, Packet& packet, size_t peer, const Gue& gue, Micros now);
    Verdict echo(Frame& frame, Packet& packet, const Origin& origin, Micros now);

    Arrival gather(const Packet& packet, const Origin& origin, const Flow* flow,
                   const ServiceTable& service, Micros now) const;
    Verdict act(Decision decision, Frame& frame, Packet& packet, const Origin& origin,
                const ServiceTable& service, Flow* flow, Micros now);
    Verdict serve(Frame& frame, Packet& packet, const Origin& origin, const ServiceTable& service,
                  Flow* flow, Micros now);
    Verdict relay(Frame& frame, Packet& packet, const Origin& origin, const ServiceTable& service,
                  Flow* flow, Decision decision, Micros now);
    Flow* entry(const FlowKey& key, Flow* flow, const ServiceTable& service, Micros now);
    bool choose_and_serve(Flow& flow, const ServiceTable& service);

    Verdict to_server(Frame& frame, Packet& packet, const Flow& flow);
    Verdict to_peer(Frame& frame, Packet& packet, size_t peer, const Gue& gue);
    Verdict to_client(Frame& frame, Packet& packet, const WayBack& way, bool ours, Micros now,
                      uint8_t hops = gue_hops);
    Verdict forward(const Address& to);
    Verdict dropped(Drop drop);

    std::optional<size_t> home_peer(const FlowKey& key, Micros now) const;
    std::optional<size_t> other_site_peer(const Address& vip, Micros now) const;
    std::optional<size_t> line_of_port(PortIndex port) const;
    std::optional<WayBack> line_of_carrier(uint32_t carrier) const;
    void send_keepalives(const Emit& emit);
    void send_reset(const Flow& flow, const Reset& reset, bool to_client, Micros now,
                    const Emit& emit);

    std::shared_ptr<const Tables> tables_;
    std::shared_ptr<const Fib> routes_;
    FlowTable flows_;
    RelayState relay_;
    Relogin relogin_;
    Counters counters_;
    Micros next_keepalive_ = 0;
    uint32_t told_flows_ = 0;  // by the last keepalives
    Micros next_expiry_ = 0;
};

}  // namespace rehome
