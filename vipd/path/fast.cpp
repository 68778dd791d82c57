// The fast path: most packets of a burst are segments and datagrams of flows that are known or
// begin here, or fall under a map.  Those are taken here, in three rounds over the burst, so that
// the memory accesses of many packets overlap: look at the headers and prefetch the index, find the
// candidate and prefetch the entry, compare and rewrite.
//
// Nothing is decided here that datapath.cpp would decide otherwise: whatever is not plain (options,
// fragments, ICMP, a TTL that ends, a VLAN, an unresolved next hop, a packet that does not fit, a
// line that drains, source NAT, a flow that a peer serves, a share, ...) is left to it, packet by
// packet and in order.  A test holds the two against each other (datapath_fast_test).
#include <bit>
#include <cassert>
#include <cstring>

#include "common/special_addresses.h"
#include "vipd/flow/tcp.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/server_tunnel.h"
#include "vipd/path/datapath.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t tcp = static_cast<uint8_t>(Protocol::tcp);
constexpr uint8_t udp = static_cast<uint8_t>(Protocol::udp);
constexpr uint8_t special_flags = tcp_flag::syn | tcp_flag::fin | tcp_flag::rst;

// What is read and summed in the machine's byte order: the ones' complement sum does not mind, as
// long as everything that goes into it is read the same way (RFC 1071 2(B)).
template <typename T>
T raw(const uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <typename T>
void put_raw(uint8_t* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

uint16_t native(uint16_t value) {
    return static_cast<uint16_t>(value << 8 | value >> 8);
}

// RFC 1624, equation 3: HC' = ~(~HC + ~m + m'); delta is the sum of all ~m + m'.
uint16_t updated(uint16_t checksum, uint64_t delta) {
    // Each fold adds a sum's halves, exchanged, to it: the upper half is then their sum with the
    // carry brought round.
    const uint64_t sum = static_cast<uint16_t>(~checksum) + delta;
    const auto half = static_cast<uint32_t>((sum + std::rotl(sum, 32)) >> 32);
    return static_cast<uint16_t>(~(half + std::rotl(half, 16)) >> 16);
}

uint64_t replaced16(uint16_t before, uint16_t after) {
    return static_cast<uint64_t>(static_cast<uint16_t>(~before)) + after;
}

uint64_t replaced32(uint32_t before, uint32_t after) {
    return uint64_t{static_cast<uint32_t>(~before)} + after;
}

[[gnu::always_inline]] inline void update_transport(uint8_t* l4, uint8_t protocol, uint64_t delta) {
    uint8_t* at = l4 + (protocol == tcp ? 16 : 6);
    const auto checksum = raw<uint16_t>(at);
    if (protocol == udp && checksum == 0) {
        return;  // none was made (RFC 768)
    }
    const uint16_t now = updated(checksum, delta);
    put_raw<uint16_t>(at, protocol == udp && now == 0 ? uint16_t{0xffff} : now);
}

// One family's header: where its fields stand, and how its flows hold addresses.
struct HeaderV4 {
    using Flow = FlowV4;
    using Stored = uint32_t;
    static constexpr uint32_t bytes = 20, source = 12, destination = 16;

    static Stored stored(const uint8_t* at) { return load32(at); }
    static Stored stored(const Address& address) { return address.v4_host_order(); }
    // The words that choose_server takes.
    static uint64_t high(const uint8_t* at) { return raw<uint32_t>(at); }
    static uint64_t low(const uint8_t*) { return 0; }
    static void write(uint8_t* at, Stored address) { store32(at, address); }
    static uint64_t replaced(const uint8_t* before, Stored after) {
        return replaced32(raw<uint32_t>(before), __builtin_bswap32(after));
    }
    static bool plain(const uint8_t* ip, uint32_t room, uint32_t& total) {
        total = load16(ip + 2);
        const auto fragment = static_cast<uint16_t>(load16(ip + 6) & 0x3fff);
        return ip[0] == 0x45 && total <= room && total >= bytes + 8 && fragment == 0 && ip[8] > 1;
    }
    static uint8_t protocol(const uint8_t* ip) { return ip[9]; }
    static bool special(const uint8_t* at) { return is_special_v4(load32(at)); }
    // Takes a hop off, and sums what else has changed in the header.  The TTL is the word's first
    // byte, which a little-endian machine has lowest; it is not read back: a load of what a
    // narrower store has just written would have to wait for it.
    static void finish(uint8_t* ip, uint64_t delta) {
        const auto before = raw<uint16_t>(ip + 8);
        const auto after = static_cast<uint16_t>(before - 1);
        ip[8] = static_cast<uint8_t>(after);
        put_raw(ip + 10, updated(raw<uint16_t>(ip + 10), delta + replaced16(before, after)));
    }
};

struct HeaderV6 {
    using Flow = FlowV6;
    using Stored = std::array<uint8_t, 16>;
    static constexpr uint32_t bytes = 40, source = 8, destination = 24;

    static Stored stored(const uint8_t* at) {
        Stored address;
        std::memcpy(address.data(), at, 16);
        return address;
    }
    static Stored stored(const Address& address) { return address.bytes; }
    static uint64_t high(const uint8_t* at) { return raw<uint64_t>(at); }
    static uint64_t low(const uint8_t* at) { return raw<uint64_t>(at + 8); }
    static void write(uint8_t* at, const Stored& address) { std::memcpy(at, address.data(), 16); }
    static uint64_t replaced(const uint8_t* before, const Stored& after) {
        uint64_t delta = 0;
        for (uint32_t i = 0; i < 16; i += 4) {
            delta += replaced32(raw<uint32_t>(before + i), raw<uint32_t>(after.data() + i));
        }
        return delta;
    }
    static bool plain(const uint8_t* ip, uint32_t room, uint32_t& total) {
        total = bytes + load16(ip + 4);
        return ip[0] >> 4 == 6 && total <= room && total >= bytes + 8 && ip[7] > 1;
    }
    static uint8_t protocol(const uint8_t* ip) { return ip[6]; }
    static bool special(const uint8_t* at) { return is_special_v6(load64(at), load64(at + 8)); }
    static void finish(uint8_t* ip, uint64_t) { --ip[7]; }
};

// A whole UDP datagram or TCP segment, as far as its lengths say.
bool whole_transport(const uint8_t* l4, uint8_t protocol, uint32_t bytes) {
    if (protocol == udp) {
        const uint32_t length = load16(l4 + 4);
        return length >= 8 && length <= bytes;
    }
    if (protocol != tcp || bytes < 20) {
        return false;
    }
    const uint32_t header = uint32_t{l4[12]} >> 4 << 2;
    return header >= 20 && header <= bytes;
}

// Nothing that could change its flow's stage, if that is established.
bool mid_flow(const uint8_t* l4, uint8_t protocol) {
    return protocol == udp || (l4[13] & (special_flags | tcp_flag::ack)) == tcp_flag::ack;
}

// What following a flow needs of a packet.
Segment segment_of(const uint8_t* l4, uint8_t protocol, uint32_t bytes) {
    Segment segment;
    segment.protocol = protocol;
    if (protocol == tcp) {
        segment.tcp_flags = l4[13];
        segment.seq = load32(l4 + 4);
        segment.ack = load32(l4 + 8);
        segment.payload_bytes = bytes - (uint32_t{l4[12]} >> 4 << 2);
    }
    return segment;
}

// The sequence number behind a plain segment.
uint32_t behind(const uint8_t* l4, uint32_t bytes) {
    return load32(l4 + 4) + bytes - (uint32_t{l4[12]} >> 4 << 2);
}

bool moved(const Tables& tables, uint32_t address) {
    return tables.is_moved_v4(address);
}

bool moved(const Tables& tables, const std::array<uint8_t, 16>& address) {
    return tables.is_moved({Family::v6, address});
}

const ServiceTable* service_of(const Tables& tables, uint8_t protocol, uint32_t vip,
                               uint16_t port) {
    return tables.service_v4(protocol, vip, port);
}

const ServiceTable* service_of(const Tables& tables, uint8_t protocol,
                               const std::array<uint8_t, 16>& vip, uint16_t port) {
    return tables.service(protocol, {{Family::v6, vip}, port});
}

const MapRule* map_of_vip(const Tables& tables, uint32_t address) {
    return tables.map_of_vip_v4(address);
}

const MapRule* map_of_vip(const Tables& tables, const std::array<uint8_t, 16>& address) {
    return tables.map_of_vip({Family::v6, address});
}

const MapRule* map_of_server(const Tables& tables, uint32_t address) {
    return tables.map_of_server_v4(address);
}

const MapRule* map_of_server(const Tables& tables, const std::array<uint8_t, 16>& address) {
    return tables.map_of_server({Family::v6, address});
}

uint32_t counterpart(const MapRule& rule, uint32_t address, bool in) {
    return in ? rule.to_server_v4(address) : rule.to_vip_v4(address);
}

std::array<uint8_t, 16> counterpart(const MapRule& rule, const std::array<uint8_t, 16>& address,
                                    bool in) {
    const Address whole{Family::v6, address};
    return (in ? rule.to_server(whole) : rule.to_vip(whole)).bytes;
}

// The IPv4 address of a server that is tunnelled to, as entries hold it.
uint32_t tunnel_server(uint32_t stored) {
    return stored;
}

uint32_t tunnel_server(const std::array<uint8_t, 16>& stored) {
    return load32(stored.data());
}

// Whether the slow path would follow the entry with a segment that may change its stage: not one
// that was reset by us, nor one that the segment begins anew.
template <bool client>
bool may_follow(const Flow& flow, const Segment& segment) {
    if (flow.stage == Flow::Stage::reset) {
        return false;
    }
    return !client || !(of_another_connection(flow, segment) ||
                        (flow.over() && (segment.first_segment() || !segment.tcp())));
}

template <typename H>
bool goes_on(const typename H::Flow& flow) {
    return flow.stage == Flow::Stage::established && flow.answered && flow.client_known &&
           (flow.server_known || !flow.tcp());
}

}  // namespace

// What the look at a packet leaves for the later rounds.
struct Datapath::Plain {
    enum class Kind : uint8_t { no, flow, map };

    Kind kind;
    uint8_t protocol;
    bool v6;
    bool mid_flow;
    uint32_t total;  // bytes of the IP packet
    uint64_t hash;
    union {
        FlowV4* v4;
        FlowV6* v6;
    } flow;
    const MapRule* rule;
    uint32_t adjacency;  // of what falls under a map
};

// client: the packet is from a client's side, for a VIP; else from a server's.
template <typename H, bool client>
inline void Datapath::look_at(const Frame& frame, Plain& plain) const {
    const uint8_t* ip = frame.data + ethernet_bytes;
    const uint32_t room = frame.length - ethernet_bytes;
    if (room < H::bytes + 8 || !H::plain(ip, room, plain.total) || H::special(ip + H::source) ||
        (!client && H::special(ip + H::destination))) [[unlikely]] {
        return;
    }
    const uint8_t* l4 = ip + H::bytes;
    plain.protocol = H::protocol(ip);
    if (!whole_transport(l4, plain.protocol, plain.total - H::bytes)) [[unlikely]] {
        return;
    }
    constexpr bool v6 = std::is_same_v<H, HeaderV6>;
    plain.v6 = v6;
    const auto source = H::stored(ip + H::source), destination = H::stored(ip + H::destination);
    if (client && moved(*tables_, source)) [[unlikely]] {
        return;
    }
    if (!tables_->maps().empty()) {  // a map's VIPs have moved, whatever else has
        plain.rule = client ? map_of_vip(*tables_, destination) : map_of_server(*tables_, source);
        if (plain.rule != nullptr) {
            plain.kind = Plain::Kind::map;
            if (client) {
                prefetch_next_hop(counterpart(*plain.rule, destination, true));
            } else {
                prefetch_route(destination);
            }
            return;
        }
    }
    if (client && !moved(*tables_, destination)) [[unlikely]] {
        return;
    }
    plain.kind = Plain::Kind::flow;
    plain.mid_flow = mid_flow(l4, plain.protocol);
    const auto& end = client ? source : destination;
    const uint16_t end_port = load16(l4 + (client ? 0 : 2));
    if constexpr (v6) {
        plain.hash = flows_.hash_v6(plain.protocol, end.data(), end_port);
        flows_.prefetch_v6(plain.hash);
    } else {
        plain.hash = flows_.hash_v4(plain.protocol, end, end_port);
        flows_.prefetch_v4(plain.hash);
    }
}

// Whether a packet of that size, as it is, leaves by an untagged adjacency.
inline bool Datapath::ready(const Adjacency& way, uint32_t ip_bytes) {
    return way.usable && way.hop.vlan == 0 && ip_bytes <= way.mtu;
}

inline void Datapath::leave_plain(Job& job, uint32_t adjacency, Adjacency& way) {
    way.used = true;
    std::memcpy(job.frame.data, way.macs.data(), 12);
    job.verdict = {Verdict::Way::forward, Drop::count_, way.hop.port, adjacency};
}

// A client's packet of an established flow goes to its server, a server's to its client.
template <typename H, bool client>
inline bool Datapath::pass_flow(Job& job, const Plain& plain, typename H::Flow* flow, Turn& turn) {
    if (flow == nullptr) [[unlikely]] {
        return false;
    }
    uint8_t* ip = job.frame.data + ethernet_bytes;
    uint8_t* l4 = ip + H::bytes;
    constexpr uint32_t near = client ? H::source : H::destination;  // the client's end
    constexpr uint32_t far = client ? H::destination : H::source;   // the VIP's, or the server's
    constexpr uint32_t near_port = client ? 0 : 2, far_port = client ? 2 : 0;
    const auto& before = client ? flow->vip_address : flow->server_address;
    const uint16_t before_port = client ? flow->vip_port : flow->server_port;
    const auto& after = client ? flow->server_address : flow->vip_address;
    const bool same = flow->client_address == H::stored(ip + near) &&
                      flow->client_port == load16(l4 + near_port) &&
                      before == H::stored(ip + far) && before_port == load16(l4 + far_port) &&
                      flow->protocol == plain.protocol;
    const bool nat = flow->forward == Flow::Forward::nat;
    if (!same || !flow->served || flow->forward == Flow::Forward::source_nat ||
        (client ? flow->checked != generation_ : !nat)) [[unlikely]] {
        return false;
    }
    const bool settled = plain.mid_flow && goes_on<H>(*flow);
    const auto segment = [&] { return segment_of(l4, plain.protocol, plain.total - H::bytes); };
    if (!settled && !may_follow<client>(*flow, segment())) [[unlikely]] {
        return false;
    }
    if (!client && (flow->way_tunnel || snapshot_->line(flow->way_index) != LineState::enabled))
        [[unlikely]] {
        return false;
    }
    const uint32_t overhead = nat ? 0 : server_tunnel_bytes(flow->forward == Flow::Forward::gue);
    const uint32_t adjacency = !client ? line_adjacencies_[flow->way_index]
                               : nat   ? next_hop_stored(after)
                                       : next_hop_stored(tunnel_server(after));
    if (adjacency == Adjacencies::none || overhead > job.frame.headroom ||
        !ready(adjacencies_[adjacency], plain.total + overhead)) [[unlikely]] {
        return false;
    }
    flow->last_seen_ms = turn.now_ms;
    if (client && (flow->way_index != turn.line || flow->way_tunnel)) [[unlikely]] {
        flows_.set_way(*flow, line_way(turn.line));
    }
    if (!settled) [[unlikely]] {
        track(flows_, *flow, segment(), client ? Side::client : Side::server);
        if (flow->confirmed()) {
            flow = static_cast<typename H::Flow*>(flows_.settle(flow));
        }
    } else if (plain.protocol == tcp) {
        advance(client ? flow->client_next : flow->server_next, behind(l4, plain.total - H::bytes));
    }
    if (nat) [[likely]] {
        translate_plain<H, client>(job, plain, *flow, adjacency, turn);
    } else {
        encapsulate_plain<H>(job, plain, *flow, adjacency, turn);
    }
    return true;
}

// Sends a client's packet of the flow through the tunnel to its server.
template <typename H>
void Datapath::encapsulate_plain(Job& job, const Plain& plain, const typename H::Flow& flow,
                                 uint32_t adjacency, Turn& turn) {
    uint8_t* ip = job.frame.data + ethernet_bytes;
    H::finish(ip, 0);
    Packet packet;
    packet.end = ethernet_bytes + plain.total;
    packet.ip = ethernet_bytes;
    ServerTunnel tunnel;
    tunnel.local = tables_->tunnel();
    tunnel.server = Address::v4(tunnel_server(flow.server_address));
    tunnel.gue = flow.forward == Flow::Forward::gue;
    if (tunnel.gue) {
        tunnel.source_port = tunnel_source_port(flow.client(), flow.vip());
    }
    [[maybe_unused]] const bool entered = enter(job.frame, packet, tunnel);
    assert(entered);  // who calls has looked for the room
    ++counters_.services[flow.service].to_servers;
    ++turn.passed;
    Adjacency& way = adjacencies_[adjacency];
    way.used = true;
    write_link_header(job.frame, ethernet_bytes, way);
    job.verdict = {Verdict::Way::forward, Drop::count_, way.hop.port, adjacency};
}

// Rewrites a packet of the flow by its entry, and sends it.
template <typename H, bool client>
inline void Datapath::translate_plain(Job& job, const Plain& plain, const typename H::Flow& flow,
                                      uint32_t adjacency, Turn& turn) {
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
    const uint16_t raw_after = native(after_port);
    put_raw(l4 + far_port, raw_after);
    update_transport(l4, plain.protocol, delta + replaced16(raw_before, raw_after));
    ServiceCounters& service = counters_.services[flow.service];
    ++(client ? service.to_servers : service.to_clients);
    if (!client) {
        ++counters_.lines[flow.way_index].tx_vip_packets;
    }
    ++turn.passed;
    leave_plain(job, adjacency, adjacencies_[adjacency]);
}

// A client's packet that begins a flow, or is met in mid-flow, where nobody else could have it.
template <typename H>
[[gnu::noinline]] bool Datapath::pass_new(Job& job, const Plain& plain, Turn& turn) {
    uint8_t* ip = job.frame.data + ethernet_bytes;
    const uint8_t* l4 = ip + H::bytes;
    const Segment segment = segment_of(l4, plain.protocol, plain.total - H::bytes);
    const bool first = plain.protocol == udp ||
                       (segment.tcp_flags & (special_flags | tcp_flag::ack)) == tcp_flag::syn;
    if (!first && !(plain.mid_flow && turn.adopts)) {
        return false;
    }
    const auto client = H::stored(ip + H::source), vip = H::stored(ip + H::destination);
    const uint16_t client_port = load16(l4), vip_port = load16(l4 + 2);
    const ServiceTable* service = service_of(*tables_, plain.protocol, vip, vip_port);
    if (!turn.places || service == nullptr || !service->has_live_server() ||
        service->config.forward != vipd::Forward::nat || service->config.pool ||
        flows_.knows<typename H::Flow>(plain.hash, plain.protocol, client, client_port)) {
        return false;
    }
    const ServerConfig& server =
        choose_server(*service, H::high(ip + H::source), H::low(ip + H::source), client_port);
    const auto server_address = H::stored(server.address);
    const uint32_t adjacency = next_hop_stored(server_address);
    if (server_address == client || adjacency == Adjacencies::none ||
        !ready(adjacencies_[adjacency], plain.total)) {
        return false;
    }
    auto* flow = flows_.open<typename H::Flow>(plain.hash, plain.protocol, client, client_port, vip,
                                               vip_port, server_address, server.port, turn.now_ms);
    if (flow == nullptr) {
        return false;
    }
    flow->set_service(service->number);
    flow->checked = generation_;
    flows_.set_way(*flow, line_way(turn.line));
    track(flows_, *flow, segment, Side::client);
    ++counters_.services[service->number].new_flows;
    translate_plain<H, true>(job, plain, *flow, adjacency, turn);
    return true;
}

// Where a packet under a map goes.
// Servers are few and their next hops cached; clients are many, and the routes to them few.
template <typename H, bool client>
inline uint32_t Datapath::way_of_map(const Frame& frame, const MapRule& rule) {
    const auto to = H::stored(frame.data + ethernet_bytes + H::destination);
    return client ? next_hop_stored(counterpart(rule, to, true)) : next_hop_by_route(to);
}

// Both directions of a map: the bits behind the prefix stay.
template <typename H, bool client>
inline bool Datapath::pass_map(Job& job, const Plain& plain, Turn& turn) {
    uint8_t* ip = job.frame.data + ethernet_bytes;
    constexpr uint32_t far = client ? H::destination : H::source;
    const uint32_t adjacency = plain.adjacency;
    if (adjacency == Adjacencies::none || !ready(adjacencies_[adjacency], plain.total))
        [[unlikely]] {
        return false;
    }
    const auto after = counterpart(*plain.rule, H::stored(ip + far), client);
    if (client && after == H::stored(ip + H::source)) [[unlikely]] {
        return false;
    }
    Adjacency& way = adjacencies_[adjacency];
    if (client ? snapshot_->share.hundredths != 0
               : way.line == no_line || snapshot_->line(way.line) != LineState::enabled)
        [[unlikely]] {
        return false;
    }
    const uint64_t delta = H::replaced(ip + far, after);
    H::write(ip + far, after);
    H::finish(ip, delta);
    update_transport(ip + H::bytes, plain.protocol, delta);
    if (!client) {
        ++counters_.lines[way.line].tx_vip_packets;
    }
    ++turn.passed;
    leave_plain(job, adjacency, way);
    return true;
}

template <bool client>
void Datapath::pass_burst(std::span<Job> burst, Turn& turn, Micros now) {
    constexpr uint16_t raw_v4 = 0x0008;  // as a little-endian machine reads the EtherType
    constexpr uint16_t raw_v6 = 0xdd86;
    std::array<Plain, burst_max> plain;
    for (size_t i = 0; i < burst.size(); ++i) {
        const Frame& frame = burst[i].frame;
        plain[i].kind = Plain::Kind::no;
        if (frame.length < ethernet_bytes || (frame.data[0] & 1) != 0) [[unlikely]] {
            continue;
        }
        const auto type = raw<uint16_t>(frame.data + 12);
        if (type == raw_v4) {
            look_at<HeaderV4, client>(frame, plain[i]);
        } else if (type == raw_v6) {
            look_at<HeaderV6, client>(frame, plain[i]);
        }
    }
    for (size_t i = 0; i < burst.size(); ++i) {
        Plain& p = plain[i];
        if (p.kind == Plain::Kind::map) {
            p.adjacency = p.v6 ? way_of_map<HeaderV6, client>(burst[i].frame, *p.rule)
                               : way_of_map<HeaderV4, client>(burst[i].frame, *p.rule);
            adjacencies_.prefetch(p.adjacency);
        } else if (p.kind == Plain::Kind::flow) {
            if (p.v6) {
                p.flow.v6 = flows_.candidate_v6(p.hash, p.protocol == tcp);
            } else {
                p.flow.v4 = flows_.candidate_v4(p.hash, p.protocol == tcp);
            }
        }
    }
    for (size_t i = 0; i < burst.size(); ++i) {
        const Plain& p = plain[i];
        bool passed = false;
        if (p.kind == Plain::Kind::map) {
            passed = p.v6 ? pass_map<HeaderV6, client>(burst[i], p, turn)
                          : pass_map<HeaderV4, client>(burst[i], p, turn);
        } else if (p.kind == Plain::Kind::flow) {
            passed = p.v6 ? pass_flow<HeaderV6, client>(burst[i], p, p.flow.v6, turn)
                          : pass_flow<HeaderV4, client>(burst[i], p, p.flow.v4, turn);
            if (client && !passed) [[unlikely]] {
                passed = p.v6 ? pass_new<HeaderV6>(burst[i], p, turn)
                              : pass_new<HeaderV4>(burst[i], p, turn);
            }
        }
        if (!passed) [[unlikely]] {
            burst[i].verdict = handle(burst[i].frame, turn.port, now);
        }
    }
}

// Whether a segment in mid-flow without an entry would be adopted here: no other gateway of this
// site is up, and none of the other site that is up has flows (rule 3).
bool Datapath::nobody_else_has_flows() const {
    const auto& peers = tables_->peers();
    for (size_t i = 0; i < peers.size(); ++i) {
        if (snapshot_->peer_up(i) && (peers[i].same_site || snapshot_->peer_has_flows(i))) {
            return false;
        }
    }
    return true;
}

void Datapath::handle(std::span<Job> burst, PortIndex port, Micros now) {
    const PlainPort& at = plain_ports_[port];
    Turn turn{FlowTable::milliseconds(now), port, at.line, false, false, 0};
    if (at.plain && trace_ == nullptr && at.role == PortRole::line) {
        turn.places = snapshot_->share.hundredths == 0;
        turn.adopts = turn.places && nobody_else_has_flows();
        pass_burst<true>(burst, turn, now);
        counters_.to_servers += turn.passed;
        counters_.lines[at.line].rx_vip_packets += turn.passed;
    } else if (at.plain && trace_ == nullptr) {
        pass_burst<false>(burst, turn, now);
        counters_.to_clients += turn.passed;
    } else {
        for (Job& job : burst) {
            job.verdict = handle(job.frame, port, now);
        }
    }
}

}  // namespace rehome::vipd
