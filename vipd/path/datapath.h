// The path of a packet: parse -> punt? -> vip -> flow -> relay's rules -> rewrite | encapsulate ->
// next hop.
//
// One Datapath is one worker's: its flows, its counters, no locks, no I/O, no clock.  handle()
// decides a packet (or a burst of them), changes it in place and says which way out it takes;
// tick() does what time brings (keepalives, paced resets, forgetting old flows).  Packets of its
// own go to the Sink.
//
//   from a line     to a moved prefix       from_client
//   from the link   GUE from a peer         from_tunnel: keepalive | from_client | from_peer_reply
//   from servers    a served flow's reply   from_server, from_mapped_server
//   anything else                           punt to the kernel's twin
//
// The stages of clients' and servers' packets are in datapath.cpp, the ways out in
// datapath_out.cpp, the tunnel in datapath_tunnel.cpp, ICMP in datapath_icmp.cpp, time in
// datapath_time.cpp; datapath_fast.cpp takes what is plain in a burst without going through them.
#pragma once

#include <fmt/core.h>
#include <array>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "vipd/flow/flow.h"
#include "vipd/flow/fragments.h"
#include "vipd/flow/relogin.h"
#include "vipd/flow/source_nat.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/drop.h"
#include "vipd/packet/gue.h"
#include "vipd/packet/hash.h"
#include "vipd/packet/icmp.h"
#include "vipd/packet/packet.h"
#include "vipd/path/classify.h"
#include "vipd/path/decide.h"
#include "vipd/path/trace.h"
#include "vipd/route/adjacency.h"
#include "vipd/route/fib.h"
#include "vipd/state/snapshot.h"
#include "vipd/watch/counters.h"

namespace rehome::vipd {

struct Verdict {
    enum class Way : uint8_t {
        forward,   // leaves by the adjacency, whose header stands before it if it is usable
        punt,      // to the twin of the port it came in by, unchanged
        consumed,  // was for vipd itself, or is kept, or went to the Sink in pieces
        drop,
    };
    static constexpr PortIndex no_port = UINT16_MAX;

    Way way = Way::punt;
    Drop drop = Drop::count_;
    PortIndex port = no_port;  // of a usable adjacency
    uint32_t adjacency = 0;
};

// One packet of a burst.
struct Job {
    Frame frame;
    Verdict verdict;
};

inline constexpr size_t burst_max = 64;

// What takes the packets that are not the one handed to handle().
struct Sink {
    // An IP packet that leaves by the adjacency.
    std::function<void(std::span<const uint8_t> ip_packet, uint32_t adjacency)> emit =
        [](std::span<const uint8_t>, uint32_t) {};
    // A frame for the twin of that port.
    std::function<void(std::span<const uint8_t> frame, PortIndex port)> punt =
        [](std::span<const uint8_t>, PortIndex) {};
    // What a peer says; it is acted on with the next snapshot.
    std::function<void(size_t peer, const Keepalive& keepalive, Micros now)> heard =
        [](size_t, const Keepalive&, Micros) {};
};

class Datapath {
public:
    struct Settings {
        FlowTable::Size flows;
        uint64_t hash_key = 0;  // drawn at random by the caller
        std::vector<PortLink> ports;
        Fragments::Limits fragments;
        uint32_t worker = 0, workers = 1;  // this one's number, and how many there are
    };

    Datapath(std::shared_ptr<const Snapshot> snapshot, const Settings& settings);
    Datapath(const Datapath&) = delete;
    Datapath& operator=(const Datapath&) = delete;

    void set_sink(Sink sink) { sink_ = std::move(sink); }

    // At most burst_max packets that came in by one port; their verdicts, in order.
    void handle(std::span<Job> burst, PortIndex port, Micros now);
    Verdict handle(Frame& frame, PortIndex port, Micros now);

    // What handle() would do with the packet now, noted decision by decision; changes nothing but
    // the frame.  Fragments that wait for this one are not told.
    struct Explained {
        struct Emitted {
            std::vector<uint8_t> ip_packet;
            Adjacency out;
        };
        Verdict verdict;
        Adjacency out;  // forward
        std::vector<Emitted> emitted;
    };
    Explained explain(Frame& frame, PortIndex port, Micros now, Trace& trace);

    void tick(Micros now, const Relogin::Log& log);
    Micros next_tick(Micros now) const;  // when tick has something to do again

    // Counts a drop that the caller made (no neighbour, port full).
    void count_drop(Drop drop) { ++counters_.drops[static_cast<size_t>(drop)]; }

    // Acts on another snapshot from now on, between two bursts.
    void take(std::shared_ptr<const Snapshot> snapshot, Micros now);
    void replace_routes(std::shared_ptr<const Fib> routes);
    void replace_neighbours(std::shared_ptr<const Neighbours> neighbours) {
        adjacencies_.update(std::move(neighbours));
        find_lines_by_mac();
    }

    // Notes each decision from now on; null: no more.
    void trace(Trace* trace) { trace_ = trace; }

    const Snapshot& snapshot() const { return *snapshot_; }
    const Tables& tables() const { return *tables_; }
    const Counters& counters() const { return counters_; }
    Adjacencies& adjacencies() { return adjacencies_; }
    const Hop& hop(const Verdict& verdict) const { return adjacencies_[verdict.adjacency].hop; }
    FlowTable& flows() { return flows_; }
    const SourceNat& source_nat() const { return source_nat_; }
    Relogin& relogin() { return relogin_; }
    // How many flows end at all workers of this gateway, which keepalives tell.
    void set_flows_served(std::function<uint32_t()> all) { flows_served_ = std::move(all); }

private:
    // Where a client's packet came from.
    struct Origin {
        From from = From::line;
        WayBack way;
        bool crossed = false;
        uint8_t hops = gue_hops;
    };
    struct Plain;
    // What the fast path must know of a port's untagged traffic.
    struct PlainPort {
        bool plain = false;
        PortRole role = PortRole::other;
        uint16_t line = 0;
    };
    template <typename Stored>
    struct HopCache {
        struct Entry {
            Stored to;
            uint32_t adjacency;  // its number and 1; 0: empty
        };
        HugeArray<Entry> entries;

        void clear() { std::fill_n(entries.data(), entries.size(), Entry{}); }
    };

    static constexpr uint32_t no_line = UINT32_MAX;
    static constexpr unsigned hop_cache_v4_bits = 14;
    static constexpr unsigned hop_cache_v6_bits = 12;

    // datapath.cpp
    Verdict handle(Frame& frame, Classified& what, PortIndex port, Micros now);
    Verdict from_line(Frame& frame, Packet& packet, PortIndex port, const Link& link, Micros now);
    Verdict from_servers(Frame& frame, Packet& packet, PortIndex port, Micros now);
    Verdict from_client(Frame& frame, Packet& packet, const Origin& origin, Micros now);
    Verdict from_mapped_client(Frame& frame, Packet& packet, const Origin& origin,
                               const MapRule& rule, Micros now);
    Verdict from_server(Frame& frame, Packet& packet, Flow& flow, Micros now);
    bool beyond_lines(const Address& to);
    Verdict from_mapped_server(Frame& frame, Packet& packet, const Address& vip, Micros now);
    Flow* flow_of_reply(const Packet& packet);
    std::optional<uint16_t> line_of(PortIndex port, const Link& link, const Frame& frame) const;

    // Puts a fragment's ports into packet, or says what becomes of a fragment that has none yet.
    std::optional<Verdict> join(const Frame& frame, Packet& packet, PortIndex port, Micros now);
    void release(const FragmentKey& key, Micros now);

    Arrival gather(const Packet& packet, const Origin& origin, Flow* flow,
                   const ServiceTable& service);
    Verdict act(Decision decision, Frame& frame, Packet& packet, const Origin& origin,
                const ServiceTable& service, Flow* flow, Micros now);
    Verdict serve(Frame& frame, Packet& packet, const Origin& origin, const ServiceTable* service,
                  Flow* flow, Micros now);
    Verdict relay(Frame& frame, Packet& packet, const Origin& origin, Flow* flow,
                  const ServiceTable* service, Decision decision, Micros now);
    std::optional<Drop> choose(Flow& flow, const ServiceTable& service);

    // datapath_out.cpp
    Verdict to_server(Frame& frame, Packet& packet, const Flow& flow, Micros now);
    Verdict to_server_in_tunnel(Frame& frame, Packet& packet, const Address& server, bool gue,
                                uint32_t adjacency);
    static Flow::Forward forward_of(const ServiceConfig& config);
    Verdict to_peer(Frame& frame, Packet& packet, size_t peer, const Gue& gue, const WayBack& way,
                    Micros now);
    Verdict to_peer_in_fragments(const Frame& frame, const Packet& packet, const Gue& gue,
                                 const TunnelEnds& ends, uint32_t adjacency);
    Verdict to_client(Frame& frame, Packet& packet, const WayBack& way, bool ours, Micros now,
                      uint8_t hops = gue_hops);
    Verdict leave(Frame& frame, const Packet& packet, uint32_t adjacency);
    Verdict dropped(Drop drop);
    uint32_t next_hop(const Address& to);
    static uint32_t hop_place(uint32_t to) {
        return (to * 0x9e3779b1U) >> (32 - hop_cache_v4_bits);
    }
    static uint64_t hop_place(const std::array<uint8_t, 16>& to) {
        return fold_multiply(load64(to.data()) ^ 0x9e3779b97f4a7c15ULL,
                             load64(to.data() + 8) ^ 0xc4ceb9fe1a85ec53ULL) >>
               (64 - hop_cache_v6_bits);
    }
    // The same for an address as flows hold it, from a cache of what was looked up.
    uint32_t next_hop_stored(uint32_t to) {
        auto& entry = hops_v4_.entries[hop_place(to)];
        const bool hit = entry.to == to && entry.adjacency != 0;
        return hit ? entry.adjacency - 1 : fill_hop(entry, to);
    }
    uint32_t next_hop_stored(const std::array<uint8_t, 16>& to) {
        auto& entry = hops_v6_.entries[hop_place(to)];
        const bool hit = entry.to == to && entry.adjacency != 0;
        return hit ? entry.adjacency - 1 : fill_hop(entry, to);
    }
    // The same by the routes first, where their next hop is a gateway.
    uint32_t next_hop_by_route(uint32_t to) {
        const uint32_t adjacency = via_adjacencies_[routes_->find_v4(to)];
        return adjacency != Adjacencies::none ? adjacency : next_hop_stored(to);
    }
    uint32_t next_hop_by_route(const std::array<uint8_t, 16>& to) {
        const uint32_t adjacency = via_adjacencies_[routes_->find_v6(to)];
        return adjacency != Adjacencies::none ? adjacency : next_hop_stored(to);
    }
    void prefetch_next_hop(uint32_t to) const {
        __builtin_prefetch(&hops_v4_.entries[hop_place(to)]);
    }
    void prefetch_next_hop(const std::array<uint8_t, 16>& to) const {
        __builtin_prefetch(&hops_v6_.entries[hop_place(to)]);
    }
    void prefetch_route(uint32_t to) const { routes_->prefetch_v4(to); }
    void prefetch_route(const std::array<uint8_t, 16>&) const {}  // found by a search
    uint32_t fill_hop(HopCache<uint32_t>::Entry& entry, uint32_t to);
    uint32_t fill_hop(HopCache<std::array<uint8_t, 16>>::Entry& entry,
                      const std::array<uint8_t, 16>& to);
    uint32_t line_adjacency(size_t line);
    bool fits(const Frame& frame, const Packet& packet, uint32_t adjacency,
              uint32_t overhead) const;
    uint16_t room_to_client(const WayBack& way);
    uint32_t look_up(const Address& to);
    WayBack line_way(size_t line) const;

    // datapath_icmp.cpp
    enum class Trouble : uint8_t { time_exceeded, too_big, no_server };
    // A server, and how a client's packet comes to it.
    struct Target {
        Endpoint server;
        Endpoint client;  // as the server sees it
        Flow::Forward forward = Flow::Forward::nat;
    };
    Verdict echo(Frame& frame, Packet& packet, const Origin& origin, Micros now);
    Verdict error_from_client(Frame& frame, Packet& packet, Quote& quote, const Origin& origin,
                              Micros now);
    std::optional<Verdict> error_from_server(Frame& frame, Packet& packet, Quote& quote,
                                             Micros now);
    Verdict error_to_server(Frame& frame, Packet& packet, Quote& quote, const Target& target);
    Verdict error_to_peer(Frame& frame, Packet& packet, size_t peer, const Origin& origin,
                          Micros now);
    Target target_of(const Flow& flow) const;
    Target target_of(const ServiceTable& service, const Endpoint& client) const;
    // Drops the client's packet, and tells the client why where that may be told.  mtu: of too_big.
    Verdict refuse_client(const Frame& frame, const Packet& packet, const WayBack& way,
                          Trouble trouble, uint16_t mtu, Micros now);
    // The same about what a server sent, from the VIP that it would have come from.
    Verdict refuse_server(const Frame& frame, const Packet& packet, const Address& vip,
                          Trouble trouble, uint16_t mtu, Micros now);
    uint32_t write_error(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                         const Address& from, Trouble trouble, uint16_t mtu) const;
    static Drop drop_of(Trouble trouble);
    Address own_address(const WayBack& way, const Address& vip) const;

    // datapath_tunnel.cpp
    Verdict from_tunnel(Frame& frame, Classified& what, PortIndex port, Micros now);
    Verdict from_peer_reply(Frame& frame, Packet& packet, size_t peer, const Gue& gue, Micros now);
    Verdict from_peer_client(Frame& frame, Packet& packet, size_t peer, const Gue& gue, Micros now);
    std::optional<WayBack> line_by_route(const Address& client);
    void find_lines_by_mac();
    uint32_t line_of_hop(uint32_t adjacency) const;
    std::optional<size_t> home_peer(const FlowKey& key) const;
    std::optional<size_t> other_site_peer(const Address& vip) const;
    std::optional<WayBack> line_of_carrier(uint32_t carrier) const;

    // datapath_time.cpp
    void send_keepalives();
    void begin_relogin(Micros now);
    void send_reset(const Flow& flow, Side to, Micros now);
    void emit(const Frame& frame, const Verdict& verdict);

    // datapath_explain.cpp
    void copy_what_it_meets(Datapath& from, const Frame& frame, const Packet& packet, Micros now);
    void copy_flows(Datapath& from, uint8_t protocol, const Endpoint& end);

    // datapath_fast.cpp
    struct Turn {
        uint32_t now_ms;
        PortIndex port;
        uint16_t line;    // of the port, where it is one
        bool places;      // new flows are served here, whoever their client is
        bool adopts;      // and so are segments in mid-flow that have no entry
        uint64_t passed;  // packets that took the fast path
    };
    template <bool client>
    void pass_burst(std::span<Job> burst, Turn& turn, Micros now);
    template <typename H, bool client>
    void look_at(const Frame& frame, Plain& plain) const;
    template <typename H, bool client>
    bool pass_flow(Job& job, const Plain& plain, typename H::Flow* flow, Turn& turn);
    template <typename H, bool client>
    void translate_plain(Job& job, const Plain& plain, const typename H::Flow& flow,
                         uint32_t adjacency, Turn& turn);
    template <typename H>
    void encapsulate_plain(Job& job, const Plain& plain, const typename H::Flow& flow,
                           uint32_t adjacency, Turn& turn);
    template <typename H>
    bool pass_new(Job& job, const Plain& plain, Turn& turn);
    bool nobody_else_has_flows() const;
    template <typename H, bool client>
    uint32_t way_of_map(const Frame& frame, const MapRule& rule);
    template <typename H, bool client>
    bool pass_map(Job& job, const Plain& plain, Turn& turn);
    static bool ready(const Adjacency& way, uint32_t ip_bytes);
    static void leave_plain(Job& job, uint32_t adjacency, Adjacency& way);
    void find_plain_ports();

    template <typename... Parts>  // datapath_note.h
    void note(std::string_view stage, fmt::format_string<Parts...> format, Parts&&... parts);

    void take_tables();

    std::shared_ptr<const Snapshot> snapshot_;
    const Tables* tables_;  // the snapshot's
    std::shared_ptr<const Fib> routes_;
    uint16_t generation_ = 1;  // of the tables; Flow::checked
    Adjacencies adjacencies_;
    HopCache<uint32_t> hops_v4_;
    HopCache<std::array<uint8_t, 16>> hops_v6_;
    std::vector<uint32_t> line_adjacencies_;
    std::vector<uint32_t>
        via_adjacencies_;  // of the routes' gateways; none: on the link, or not yet
    std::vector<PlainPort> plain_ports_;
    FlowTable flows_;
    SourceNat source_nat_;
    Fragments fragments_;
    Relogin relogin_;
    RateLimit icmp_limit_;
    Counters counters_;
    Sink sink_;
    Trace* trace_ = nullptr;
    std::function<uint32_t()> flows_served_;
    uint32_t worker_ = 0, workers_ = 1;
    uint32_t keepalives_ = 0;  // rounds of them sent
    Micros next_keepalive_ = 0;
    uint32_t told_flows_ = 0;  // by the last keepalives
    Micros next_expiry_ = 0;
};

}  // namespace rehome::vipd
