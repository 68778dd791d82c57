#include "vipd/path/fast.h"

#include "vipd/flow/tcp.h"
#include "vipd/packet/gue.h"
#include "vipd/packet/server_tunnel.h"
#include "vipd/path/access.h"
#include "vipd/path/arrive.h"
#include "vipd/path/client.h"
#include "vipd/path/headers.h"
#include "vipd/path/judge.h"
#include "vipd/path/map.h"
#include "vipd/path/out.h"

namespace rehome::vipd {

namespace {

using plain::raw;
using HeaderV4 = plain::V4;
using HeaderV6 = plain::V6;

// What a burst has in common.
struct Turn {
    const View& view;
    Hands& hands;
    uint32_t now_ms;
    PortIndex port;
    uint16_t line;  // of the port, where it is one
    bool maps;      // there are some
    const PortLink& link;
    const Access* access;  // null: nothing is dropped by rules
    uint64_t passed = 0;
};

// What the look at a packet leaves for the later rounds.
struct Plain {
    enum class Kind : uint8_t { no, flow, map };

    Kind kind;
    uint8_t protocol;
    bool v6;
    bool mid_flow;
    bool looked_at;  // by the access rules, where there are some, which let it pass
    uint32_t total;  // bytes of the IP packet
    uint64_t hash;
    union {
        FlowV4* v4;
        FlowV6* v6;
    } flow;
    const MapRule* rule;
    uint32_t adjacency;           // of what falls under a map
    uint32_t access_rule;         // by which the access rules let it pass
    const ServiceTable* service;  // where no entry was found
};

FlowV4* entry_of(const Plain& plain, const HeaderV4*) {
    return plain.flow.v4;
}
FlowV6* entry_of(const Plain& plain, const HeaderV6*) {
    return plain.flow.v6;
}
void set_entry(Plain& plain, FlowV4* flow) {
    plain.flow.v4 = flow;
}
void set_entry(Plain& plain, FlowV6* flow) {
    plain.flow.v6 = flow;
}

// The keys of a burst's packets that the access rules are to look at, and whose they are.
template <typename Key>
struct Asked {
    std::array<Key, burst_max> keys;
    std::array<uint8_t, burst_max> of;
    size_t count = 0;

    Key& add(size_t packet) {
        of[count] = static_cast<uint8_t>(packet);
        return keys[count++];
    }
    std::span<const Key> all() const { return std::span(keys).first(count); }
};

// Those of packets under maps, and where the memo would have them.
template <typename Memo>
struct Mapped {
    Asked<typename Memo::Key> asked;
    std::array<typename Memo::Place, burst_max> places;
};
struct MappedBoth {
    Mapped<AccessMemo<4>> v4;
    Mapped<AccessMemo<16>> v6;
};

template <typename H, bool client, typename Memo>
inline void fetch(const Frame& frame, const Plain& of, size_t number, Memo& memo,
                  Mapped<Memo>& mapped) {
    const uint8_t* ip = frame.data + ethernet_bytes;
    const uint8_t* l4 = ip + H::bytes;
    auto& place = mapped.places[mapped.asked.count];
    auto& key = mapped.asked.add(number);
    if (client) {
        key.set(of.protocol, ip + H::source, ip + H::destination, load16(l4 + 2));
    } else {
        std::array<uint8_t, H::destination - H::source> vip;
        H::write(vip.data(), of.rule->to_vip(H::stored(ip + H::source)));
        key.set(of.protocol, ip + H::destination, vip.data(), load16(l4));
    }
    place = memo.fetch(key);
}

// client: the packet is from a client's side, by a line; else from a server's.
template <typename H, bool client>
inline void look_at(const Turn& turn, const Frame& frame, Plain& out, size_t number,
                    MappedBoth& mapped) {
    const uint8_t* ip = frame.data + ethernet_bytes;
    const uint32_t room = frame.length - ethernet_bytes;
    if (room < H::bytes + 8 || !H::is_plain(ip, room, out.total)) [[unlikely]] {
        return;
    }
    const uint8_t* l4 = ip + H::bytes;
    out.protocol = H::protocol(ip);
    if (!plain::whole_transport(l4, out.protocol, out.total - H::bytes)) [[unlikely]] {
        return;
    }
    out.v6 = H::family == Family::v6;
    const Tables& tables = turn.view.tables;
    const auto source = H::stored(ip + H::source), destination = H::stored(ip + H::destination);
    if (turn.maps) {
        out.rule = client ? tables.map_of_vip(destination) : tables.map_of_server(source);
        if (out.rule != nullptr) {
            const bool left = client ? wrong_source(tables, source, destination).has_value()
                                     : stays_here(tables, destination);
            out.kind = left ? Plain::Kind::no : Plain::Kind::map;
            if (client) {
                turn.hands.routing.prefetch(out.rule->to_server(destination));
            } else {
                turn.hands.routing.prefetch_route(destination);
            }
            if (turn.access != nullptr && !left) {
                if constexpr (H::family == Family::v4) {
                    fetch<H, client>(frame, out, number, turn.hands.memo_v4, mapped.v4);
                } else {
                    fetch<H, client>(frame, out, number, turn.hands.memo_v6, mapped.v6);
                }
            }
            return;
        }
    }
    if (!client && !tables.ordinary(destination) && tables.pool_address(destination)) [[unlikely]] {
        return;
    }
    out.kind = Plain::Kind::flow;
    out.mid_flow = out.protocol == plain::udp || mid_flow(l4[13]);
    const auto& end = client ? source : destination;
    const uint16_t end_port = load16(l4 + (client ? 0 : 2));
    out.hash = turn.hands.flows.hash(out.protocol, end, end_port);
    turn.hands.flows.prefetch<typename H::Entry>(out.hash);
}

// Whether a packet of that size, as it is, leaves by an untagged adjacency.
inline bool ready(const Adjacency& adjacency, uint32_t ip_bytes) {
    return adjacency.usable && adjacency.hop.vlan == 0 && ip_bytes <= adjacency.mtu;
}

// Whether a segment offers larger ones (a SYN) than a port's packets, which are below the usual,
// can hold: the stages see to that.
inline bool offers_too_much(uint16_t mtu, const Job& job, const Plain& of, uint32_t header_bytes) {
    return mtu < line_mtu && of.protocol == plain::tcp &&
           (job.frame.data[ethernet_bytes + header_bytes + 13] & tcp_flag::syn) != 0;
}

inline void leave_plain(Job& job, uint32_t number, Adjacency& adjacency) {
    adjacency.used = true;
    std::memcpy(job.frame.data, adjacency.macs.data(), 12);
    job.verdict = {Verdict::Kind::forward, Drop::count_, adjacency.hop.port, number};
}

// Rewrites a packet of the flow by its entry, and sends it.
template <typename H, bool client>
inline void translate(Turn& turn, Job& job, const Plain& of, const typename H::Entry& flow,
                      uint32_t adjacency) {
    uint8_t* ip = job.frame.data + ethernet_bytes;
    uint8_t* l4 = ip + H::bytes;
    constexpr uint32_t far = client ? H::destination : H::source;
    constexpr uint32_t far_port = client ? 2 : 0;
    const auto& after = client ? flow.server_address : flow.vip_address;
    const uint16_t after_port = client ? flow.server_port : flow.vip_port;
    const uint64_t delta = H::replaced(ip + far, after);
    H::write(ip + far, after);
    H::finish(ip, delta);
    const auto raw_before = raw<uint16_t>(l4 + far_port);
    const uint16_t raw_after = plain::swapped(after_port);
    plain::put_raw(l4 + far_port, raw_after);
    plain::update_transport(l4, of.protocol, delta + plain::replaced16(raw_before, raw_after));
    Counters& counters = turn.hands.counters;
    ServiceCounters& service = counters.services[flow.service];
    ++(client ? service.to_servers : service.to_clients);
    if (!client) {
        ++counters.lines[flow.back_index].tx_vip_packets;
    }
    ++turn.passed;
    leave_plain(job, adjacency, turn.hands.routing[adjacency]);
}

// Sends a client's packet of the flow through the tunnel to its server.
template <typename H>
void encapsulate(Turn& turn, Job& job, const Plain& of, const typename H::Entry& flow,
                 uint32_t number) {
    H::finish(job.frame.data + ethernet_bytes, 0);
    const Address server = flow.tunnel_server();
    ServerTunnel tunnel{*turn.view.tables.server_tunnel_from(server.family), server,
                        flow.reach == Flow::Reach::gue};
    if (tunnel.spreads()) {
        tunnel.spread = tunnel_source_port(flow.client(), flow.vip());
    }
    put_in_tunnel(job.frame, ethernet_bytes, ethernet_bytes + of.total, tunnel);
    ++turn.hands.counters.services[flow.service].to_servers;
    ++turn.passed;
    store16(job.frame.data + 12, server.family == Family::v4 ? ethertype_v4 : ethertype_v6);
    leave_plain(job, number, turn.hands.routing[number]);
}

template <typename H>
inline void put(Turn& turn, Job& job, const Plain& of, const typename H::Entry& flow,
                uint32_t adjacency) {
    if (flow.reach == Flow::Reach::nat) [[likely]] {
        translate<H, true>(turn, job, of, flow, adjacency);
    } else {
        encapsulate<H>(turn, job, of, flow, adjacency);
    }
}

// Whether a client's packet can leave by the adjacency to its server, which has that family.
inline bool leaves(const Turn& turn, const Job& job, const Plain& of, uint32_t adjacency,
                   Flow::Reach reach, Family server) {
    const bool tunnel = Flow::direct_return(reach);
    const uint32_t overhead = tunnel ? server_tunnel_bytes(server, reach == Flow::Reach::gue) : 0;
    const bool goes_on = !tunnel || (of.total + overhead <= turn.hands.path_mtus.least() &&
                                     turn.view.tables.server_tunnel_from(server).has_value());
    return adjacency != Routing::none && overhead <= job.frame.headroom && goes_on &&
           ready(turn.hands.routing[adjacency], of.total + overhead);
}

inline uint32_t hop_to(Routing& routing, const FlowV4& flow, uint32_t hash) {
    return routing.next_hop(flow.server_address, hash);
}

inline uint32_t hop_to(Routing& routing, const FlowV6& flow, uint32_t hash) {
    return flow.direct_return() ? routing.next_hop(flow.tunnel_server(), hash)
                                : routing.next_hop(flow.server_address, hash);
}

inline Family server_family(const FlowV4& /*flow*/) {
    return Family::v4;
}

inline Family server_family(const FlowV6& flow) {
    return flow.direct_return() ? flow.tunnel_server().family : Family::v6;
}

// By the rule that let it pass, if one was asked for.
inline void count_passed(const Turn& turn, const Plain& of) {
    if (turn.access != nullptr && of.looked_at) {
        count_rule(turn.hands, *turn.access, of.access_rule);
    }
}

// A client's packet that meets no entry that was decided about: it begins a flow, or may change
// one.
template <typename H>
[[gnu::noinline]] bool meet(Turn& turn, Job& job, const Plain& of, Flow* flow) {
    const View& view = turn.view;
    Hands& hands = turn.hands;
    const uint8_t* ip = job.frame.data + ethernet_bytes;
    const uint8_t* l4 = ip + H::bytes;
    const auto source = H::stored(ip + H::source), vip = H::stored(ip + H::destination);
    if (!view.tables.is_moved(vip) || wrong_source(view.tables, source, vip) ||
        offers_too_much(turn.link.mtu, job, of, H::bytes)) {
        return false;
    }
    const FlowKey key{
        of.protocol, {H::address(source), load16(l4)}, {H::address(vip), load16(l4 + 2)}};
    const Segment segment = plain::segment_of<H>(ip, of.protocol, of.total - H::bytes);
    const ServiceTable* service = entry_of(of, static_cast<const H*>(nullptr)) == nullptr
                                      ? of.service
                                      : view.tables.service(of.protocol, vip, key.vip.port);
    flow = flow == nullptr ? hands.flows.find(key, of.hash) : flow;
    if (flow != nullptr && (flow->barred || (turn.access != nullptr && flow->back_by_tunnel))) {
        return false;
    }
    const Judgement judged = judge(view, {key, segment, service, true, From::line, false}, flow);
    const bool unknown = turn.access != nullptr && flow == nullptr && !of.looked_at;
    const bool follows = flow != nullptr && judged.decision == Decision::serve_entry;
    const bool begins = flow == nullptr && (judged.decision == Decision::place_here ||
                                            judged.decision == Decision::adopt);
    if (judged.kind != Judgement::Kind::decided || judged.forgets || !(follows || begins) ||
        unknown) {
        return false;
    }
    const ServerConfig* chosen =
        begins ? &choose_server(*judged.service, key.client).server : nullptr;
    const Flow::Reach reach = begins ? judged.service->reach : flow->reach;
    const Address server = begins ? chosen->address : flow->server().address;
    const uint32_t adjacency = hands.routing.next_hop(server);
    if (reach == Flow::Reach::source_nat ||
        !leaves(turn, job, of, adjacency, reach, server.family)) {
        return false;
    }
    if (begins) {
        if (judged.decision == Decision::place_here &&
            refuses(view, hands, key, judged.service->number)) {
            return false;  // the stages say so
        }
        const auto opened = begin_flow(
            view, hands, {key, of.hash, *judged.service, *chosen, ring_of(judged.decision)});
        if (!opened || (*opened)->reach == Flow::Reach::source_nat) {
            return false;  // the stages follow the entry, if there is one now
        }
        flow = *opened;
        count_passed(turn, of);
    } else {
        hands.flows.stamp(*flow);
    }
    if (moves_way_back(*flow, segment, true)) {
        hands.flows.set_way_back(*flow, by_line(view.tables, turn.line));
    }
    flow = follow(hands.flows, *flow, segment, true, Side::client, view.now);
    put<H>(turn, job, of, static_cast<typename H::Entry&>(*flow), adjacency);
    return true;
}

// Whether the entry is that of the packet's ends.
template <typename H, bool client>
inline bool same_ends(const Job& job, const Plain& of, const typename H::Entry& flow) {
    const uint8_t* ip = job.frame.data + ethernet_bytes;
    const uint8_t* l4 = ip + H::bytes;
    constexpr uint32_t near = client ? H::source : H::destination;  // the client's end
    constexpr uint32_t far = client ? H::destination : H::source;   // the VIP's, or the server's
    constexpr uint32_t near_port = client ? 0 : 2, far_port = client ? 2 : 0;
    const auto& before = client ? flow.vip_address : flow.server_address;
    const uint16_t before_port = client ? flow.vip_port : flow.server_port;
    return same(flow.client_address, H::stored(ip + near)) &&
           flow.client_port == load16(l4 + near_port) && same(before, H::stored(ip + far)) &&
           before_port == load16(l4 + far_port) && flow.protocol == of.protocol;
}

// Follows a flow whose packet changes nothing but its numbers and its time.
template <typename H>
inline void pass_by(const Turn& turn, const Job& job, const Plain& of, Flow& flow, Side sender) {
    flow.last_seen_ms = turn.now_ms;
    if (of.protocol == plain::tcp) {
        const uint8_t* l4 = job.frame.data + ethernet_bytes + H::bytes;
        track_plain(flow, sender, plain::behind(l4, of.total - H::bytes), load32(l4 + 8));
    }
}

template <typename H>
inline bool pass_client(Turn& turn, Job& job, const Plain& of, typename H::Entry* flow) {
    const bool met = flow != nullptr && same_ends<H, true>(job, of, *flow);
    if (!met || !of.mid_flow || !settled(*flow) || flow->reach == Flow::Reach::source_nat)
        [[unlikely]] {
        return meet<H>(turn, job, of, met ? flow : nullptr);
    }
    const uint32_t hash = FlowTable::server_hash(*flow);
    if (!turn.hands.flows.decided(*flow, hash)) [[unlikely]] {
        return meet<H>(turn, job, of, flow);
    }
    const uint32_t adjacency = hop_to(turn.hands.routing, *flow, hash);
    if (!leaves(turn, job, of, adjacency, flow->reach, server_family(*flow))) [[unlikely]] {
        return false;
    }
    if (flow->back_index != turn.line || flow->back_by_tunnel) [[unlikely]] {
        const uint8_t* ip = job.frame.data + ethernet_bytes;
        const Segment segment = plain::segment_of<H>(ip, of.protocol, of.total - H::bytes);
        if (turn.access != nullptr && flow->back_by_tunnel) {
            return false;  // the rules have not seen it yet
        }
        if (moves_way_back(*flow, segment, true)) {
            turn.hands.flows.set_way_back(*flow, by_line(turn.view.tables, turn.line));
        }
    }
    pass_by<H>(turn, job, of, *flow, Side::client);
    put<H>(turn, job, of, *flow, adjacency);
    return true;
}

template <typename H>
inline bool pass_server(Turn& turn, Job& job, const Plain& of, typename H::Entry* flow) {
    if (flow == nullptr || !same_ends<H, false>(job, of, *flow) || !flow->served ||
        flow->reach != Flow::Reach::nat) [[unlikely]] {
        return false;
    }
    if (flow->back_by_tunnel || turn.view.snapshot.line(flow->back_index) != LineState::enabled)
        [[unlikely]] {
        return false;
    }
    const uint32_t adjacency = turn.hands.routing.to_line(flow->back_index);
    if (adjacency == Routing::none || !ready(turn.hands.routing[adjacency], of.total))
        [[unlikely]] {
        return false;
    }
    if (of.mid_flow && settled(*flow)) [[likely]] {
        pass_by<H>(turn, job, of, *flow, Side::server);
    } else if (flow->stage == Flow::Stage::reset || flow->barred ||
               offers_too_much(turn.hands.routing[adjacency].mtu, job, of, H::bytes)) {
        return false;
    } else {
        const uint8_t* ip = job.frame.data + ethernet_bytes;
        const Segment segment = plain::segment_of<H>(ip, of.protocol, of.total - H::bytes);
        flow = static_cast<typename H::Entry*>(
            follow(turn.hands.flows, *flow, segment, true, Side::server, turn.view.now));
    }
    translate<H, false>(turn, job, of, *flow, adjacency);
    return true;
}

// Where a packet under a map goes: servers are few and their next hops remembered, clients are many
// and the routes to them few.
template <typename H, bool client>
inline uint32_t hop_of_map(Routing& routing, const Frame& frame, const MapRule& rule) {
    const auto to = H::stored(frame.data + ethernet_bytes + H::destination);
    return client ? routing.next_hop(rule.to_server(to)) : routing.next_hop_by_route(to);
}

// Both directions of a map: the bits behind the prefix stay.
template <typename H, bool client>
inline bool pass_map(Turn& turn, Job& job, const Plain& of) {
    if (of.adjacency == Routing::none) [[unlikely]] {
        return false;
    }
    Adjacency& adjacency = turn.hands.routing[of.adjacency];
    if (!ready(adjacency, of.total) ||
        offers_too_much(client ? turn.link.mtu : adjacency.mtu, job, of, H::bytes)) [[unlikely]] {
        return false;
    }
    uint8_t* ip = job.frame.data + ethernet_bytes;
    constexpr uint32_t far = client ? H::destination : H::source;
    const auto before = H::stored(ip + far);
    const auto after = client ? of.rule->to_server(before) : of.rule->to_vip(before);
    const Snapshot& snapshot = turn.view.snapshot;
    if (client ? snapshot.places_maps || same(after, H::stored(ip + H::source))
               : adjacency.line == Routing::no_line ||
                     snapshot.line(adjacency.line) != LineState::enabled) [[unlikely]] {
        return false;
    }
    const uint64_t delta = H::replaced(ip + far, after);
    H::write(ip + far, after);
    H::finish(ip, delta);
    plain::update_transport(ip + H::bytes, of.protocol, delta);
    if (!client) {
        ++turn.hands.counters.lines[adjacency.line].tx_vip_packets;
    }
    count_passed(turn, of);
    ++turn.passed;
    leave_plain(job, of.adjacency, adjacency);
    return true;
}

// The service of a client's packet, which will be wanted soon.
template <typename H>
const ServiceTable* service_of(const Tables& tables, const Frame& frame, uint8_t protocol) {
    const uint8_t* ip = frame.data + ethernet_bytes;
    const ServiceTable* service =
        tables.service(protocol, H::stored(ip + H::destination), load16(ip + H::bytes + 2));
    if (service != nullptr) {
        __builtin_prefetch(service);
    }
    return service;
}

// The second round: finds what the first one has fetched the index for, and fetches that.
template <typename H, bool client>
inline void find(Turn& turn, const Frame& frame, Plain& of) {
    if (of.kind == Plain::Kind::map) {
        of.adjacency = hop_of_map<H, client>(turn.hands.routing, frame, *of.rule);
        turn.hands.routing.adjacencies().prefetch(of.adjacency);
    } else {
        auto* entry =
            turn.hands.flows.candidate<typename H::Entry>(of.hash, of.protocol == plain::tcp);
        set_entry(of, entry);
        if (client && entry == nullptr) {
            of.service = service_of<H>(turn.view.tables, frame, of.protocol);
        }
    }
}

template <typename H, bool client>
inline bool pass(Turn& turn, Job& job, const Plain& of) {
    if (of.kind == Plain::Kind::map) {
        return pass_map<H, client>(turn, job, of);
    }
    typename H::Entry* flow = entry_of(of, static_cast<const H*>(nullptr));
    if constexpr (client) {
        return pass_client<H>(turn, job, of, flow);
    } else {
        return pass_server<H>(turn, job, of, flow);
    }
}

// Asks for what no entry stands for: first packets, and those of flows that the round after a
// change of the rules has not come to yet.
template <typename H, bool client, typename Key>
inline void ask(const Turn& turn, const Frame& frame, const Plain& of, size_t number,
                Asked<Key>& asked) {
    const typename H::Entry* entry = entry_of(of, static_cast<const H*>(nullptr));
    if (entry == nullptr && client) {
        const uint8_t* ip = frame.data + ethernet_bytes;
        asked.add(number).set(of.protocol, ip + H::source, ip + H::destination,
                              load16(ip + H::bytes + 2));
    } else if (entry != nullptr && turn.hands.flows.sweeping() && !entry->barred &&
               !turn.hands.flows.swept(*entry)) {
        const FlowKey key = entry->key();
        asked.add(number).set(key.protocol, key.client.address.bytes.data(),
                              key.vip.address.bytes.data(), key.vip.port);
    }
}

// What the rules drop is left to the stages.
template <typename Key>
inline void answer(const Turn& turn, const Asked<Key>& asked, const uint32_t* rules,
                   std::array<Plain, burst_max>& plain) {
    for (size_t i = 0; i < asked.count; ++i) {
        Plain& of = plain[asked.of[i]];
        if (turn.access->drops(rules[i])) {
            of.kind = Plain::Kind::no;
        } else {
            of.looked_at = true;
            of.access_rule = rules[i];
        }
    }
}

template <typename Key>
inline void find_rules(const Turn& turn, const Asked<Key>& asked,
                       std::array<Plain, burst_max>& plain) {
    if (asked.count > 0) {
        std::array<uint32_t, burst_max> rules;
        turn.access->classifier->find(asked.all(), rules.data());
        answer(turn, asked, rules.data(), plain);
    }
}

template <typename Memo>
inline void find_rules(const Turn& turn, Memo& memo, const Mapped<Memo>& mapped,
                       std::array<Plain, burst_max>& plain) {
    if (mapped.asked.count > 0) {
        std::array<uint32_t, burst_max> rules;
        memo.find(*turn.access->classifier, mapped.asked.all(), mapped.places.data(), rules.data());
        answer(turn, mapped.asked, rules.data(), plain);
    }
}

// While not all flows that an order has cut are marked: those are left to the stages.
[[gnu::noinline]] void leave_cut(std::span<const Job> burst, const Turn& turn,
                                 std::array<Plain, burst_max>& plain) {
    const Disabled& disabled = *turn.view.snapshot.disabled;
    for (size_t i = 0; i < burst.size(); ++i) {
        Plain& of = plain[i];
        if (of.kind == Plain::Kind::flow) {
            const Flow* entry = of.v6 ? static_cast<const Flow*>(of.flow.v6) : of.flow.v4;
            const bool cut = entry != nullptr && disabled.cut_of(*entry) != nullptr;
            of.kind = cut ? Plain::Kind::no : of.kind;
        }
    }
}

template <bool client>
[[gnu::noinline]] void ask_access(std::span<Job> burst, const Turn& turn, const MappedBoth& mapped,
                                  std::array<Plain, burst_max>& plain) {
    Asked<AccessKeyV4> v4;
    Asked<AccessKeyV6> v6;
    for (size_t i = 0; i < burst.size(); ++i) {
        Plain& of = plain[i];
        of.looked_at = false;
        if (of.kind == Plain::Kind::flow) {
            of.v6 ? ask<HeaderV6, client>(turn, burst[i].frame, of, i, v6)
                  : ask<HeaderV4, client>(turn, burst[i].frame, of, i, v4);
        }
    }
    find_rules(turn, v4, plain);
    find_rules(turn, v6, plain);
    find_rules(turn, turn.hands.memo_v4, mapped.v4, plain);
    find_rules(turn, turn.hands.memo_v6, mapped.v6, plain);
}

// Where the loop begins in a cache line would else depend on what is linked before it: 9 % of a
// packet of nat.
template <bool client>
[[gnu::aligned(64)]] void pass_burst(std::span<Job> burst, Turn& turn) {
    constexpr uint16_t raw_v4 = 0x0008;  // as a little-endian machine reads the EtherType
    constexpr uint16_t raw_v6 = 0xdd86;
    std::array<Plain, burst_max> plain;
    MappedBoth mapped;
    for (size_t i = 0; i < burst.size(); ++i) {
        const Frame& frame = burst[i].frame;
        plain[i].kind = Plain::Kind::no;
        if (frame.length < ethernet_bytes || (frame.data[0] & 1) != 0 ||
            !turn.link.takes(frame.data)) [[unlikely]] {
            continue;
        }
        const auto type = raw<uint16_t>(frame.data + 12);
        if (type == raw_v4) {
            look_at<HeaderV4, client>(turn, frame, plain[i], i, mapped);
        } else if (type == raw_v6) {
            look_at<HeaderV6, client>(turn, frame, plain[i], i, mapped);
        }
    }
    for (size_t i = 0; i < burst.size(); ++i) {
        Plain& of = plain[i];
        if (of.kind != Plain::Kind::no) [[likely]] {
            of.v6 ? find<HeaderV6, client>(turn, burst[i].frame, of)
                  : find<HeaderV4, client>(turn, burst[i].frame, of);
        }
    }
    if (turn.hands.severing) [[unlikely]] {
        leave_cut(burst, turn, plain);
    }
    if (turn.access != nullptr) {
        ask_access<client>(burst, turn, mapped, plain);
    }
    for (size_t i = 0; i < burst.size(); ++i) {
        const Plain& of = plain[i];
        const bool passed =
            of.kind != Plain::Kind::no && (of.v6 ? pass<HeaderV6, client>(turn, burst[i], of)
                                                 : pass<HeaderV4, client>(turn, burst[i], of));
        if (!passed) [[unlikely]] {
            burst[i].verdict = arrive(turn.view, turn.hands, burst[i].frame, turn.port);
        }
    }
}

}  // namespace

void FastPath::take(const Tables& tables) {
    for (size_t i = 0; i < ports_.size(); ++i) {
        const auto port = static_cast<PortIndex>(i);
        const PortRole role = tables.role(port, 0);
        const auto lines = tables.lines_at(port, 0);
        const bool plain =
            role == PortRole::servers || (role == PortRole::line && lines.size() == 1);
        ports_[i] = {plain, role, lines.empty() ? uint16_t{0} : lines.front()};
    }
}

void FastPath::handle(const View& view, Hands& hands, std::span<Job> burst, PortIndex port) const {
    const Untagged& at = ports_[port];
    const Disabled& disabled = *view.snapshot.disabled;
    const bool cut = at.role == PortRole::line && disabled.cuts_line(at.line);
    if (!at.plain || cut || hands.trace != nullptr) {
        for (Job& job : burst) {
            job.verdict = arrive(view, hands, job.frame, port);
        }
        return;
    }
    Turn turn{view,
              hands,
              FlowTable::milliseconds(view.now),
              port,
              at.line,
              !view.tables.maps().empty() && !disabled.cuts_maps(),
              hands.routing.adjacencies().ports()[port],
              view.snapshot.access.get()};
    if (at.role == PortRole::line) {
        pass_burst<true>(burst, turn);
        hands.counters.to_servers += turn.passed;
        hands.counters.lines[at.line].rx_vip_packets += turn.passed;
    } else {
        pass_burst<false>(burst, turn);
        hands.counters.to_clients += turn.passed;
    }
}

}  // namespace rehome::vipd
