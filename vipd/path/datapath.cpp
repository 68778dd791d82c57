// The stages of clients' and servers' packets; every other way through the datapath begins here.
#include "vipd/path/datapath.h"

#include <cassert>

#include "common/special_addresses.h"
#include "vipd/flow/tcp.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/fragment_v4.h"
#include "vipd/packet/rewrite.h"
#include "vipd/path/note.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t icmp_per_s = 1000;  // errors that vipd makes itself (RFC 1812 4.3.2.8)

Endpoint source_of(const Packet& packet) {
    return {packet.source, packet.source_port};
}

Endpoint destination_of(const Packet& packet) {
    return {packet.destination, packet.destination_port};
}

// The ICMP type of an echo request.
uint8_t echo_request(Family family) {
    return family == Family::v4 ? 8 : 128;
}

FlowKey key_of(const Packet& from_client) {
    return {from_client.protocol, source_of(from_client), destination_of(from_client)};
}

// One end of a map's packet becomes its counterpart: the destination of a client's, the source of a
// server's.  An error quotes a packet that went the other way, so that there it is the other end,
// by the map of that address: routers tell of others.
template <bool from_client>
void translate_mapped(Frame& frame, Packet& packet, const Address& counterpart,
                      const Tables& tables) {
    if (auto quote = quoted_packet(frame, packet)) {
        Translation to = unchanged(packet, *quote);
        (from_client ? to.destination : to.source) = counterpart;
        Address& quoted = (from_client ? to.quoted_source : to.quoted_destination).address;
        if (const MapRule* rule =
                from_client ? tables.map_of_vip(quoted) : tables.map_of_server(quoted)) {
            quoted = from_client ? rule->to_server(quoted) : rule->to_vip(quoted);
        }
        translate_error(frame, packet, *quote, to);
    } else if (from_client) {
        rewrite_destination_address(frame, packet, counterpart);
    } else {
        rewrite_source_address(frame, packet, counterpart);
    }
}

}  // namespace

Datapath::Datapath(std::shared_ptr<const Snapshot> snapshot, const Settings& settings)
    : snapshot_(std::move(snapshot)),
      tables_(snapshot_->tables.get()),
      routes_(std::make_shared<const Fib>()),
      adjacencies_(settings.ports),
      flows_(settings.flows, settings.hash_key),
      source_nat_(settings.worker, settings.workers),
      fragments_(settings.fragments, settings.hash_key),
      icmp_limit_(icmp_per_s, icmp_per_s),
      flows_served_([this] { return flows_.served(); }),
      worker_(settings.worker),
      workers_(settings.workers) {
    counters_.lines.resize(tables_->lines().size());
    hops_v4_.entries = HugeArray<HopCache<uint32_t>::Entry>(1U << hop_cache_v4_bits);
    hops_v6_.entries = HugeArray<HopCache<std::array<uint8_t, 16>>::Entry>(1U << hop_cache_v6_bits);
    plain_ports_.resize(settings.ports.size());
    flows_.on_moved(
        [](void* self, const Flow& flow, uint32_t to) {
            if (flow.nat_port != 0) {
                static_cast<Datapath*>(self)->source_nat_.moved(flow, to);
            }
        },
        this);
    take_tables();
    replace_routes(routes_);
}

void Datapath::take(std::shared_ptr<const Snapshot> snapshot, Micros now) {
    const auto before = std::exchange(snapshot_, std::move(snapshot));
    if (before->tables != snapshot_->tables) {
        take_tables();
    }
    if (!before->tells_the_same(*snapshot_)) {
        next_keepalive_ = now;  // the peers wait for it
    }
    if (before->relogin.id != snapshot_->relogin.id) {
        begin_relogin(now);
    }
}

void Datapath::take_tables() {
    tables_ = snapshot_->tables.get();
    ++generation_;
    counters_.services.resize(
        std::max<size_t>(counters_.services.size(), tables_->service_numbers()));
    flows_.set_lifetimes(tables_->lifetimes());
    source_nat_.set_pools(tables_->pools());
    find_plain_ports();
}

// What the fast path asks of a port, and the lines' adjacencies, which tell lines apart.
void Datapath::find_plain_ports() {
    line_adjacencies_.resize(tables_->lines().size(), Adjacencies::none);
    for (size_t i = 0; i < line_adjacencies_.size(); ++i) {
        line_adjacency(i);
    }
    for (size_t i = 0; i < plain_ports_.size(); ++i) {
        const auto port = static_cast<PortIndex>(i);
        const PortRole role = tables_->role(port, 0);
        const auto lines = tables_->lines_at(port, 0);
        const bool plain =
            role == PortRole::servers || (role == PortRole::line && lines.size() == 1);
        plain_ports_[i] = {plain, role, lines.empty() ? uint16_t{0} : lines.front()};
    }
}

Verdict Datapath::handle(Frame& frame, PortIndex port, Micros now) {
    Classified what = classify(frame.bytes(), port, *tables_);
    if (!what.first_fragment()) {
        return handle(frame, what, port, now);
    }
    const FragmentKey key = fragment_key(what.packet);
    const Verdict verdict = handle(frame, what, port, now);
    release(key, now);
    return verdict;
}

Verdict Datapath::handle(Frame& frame, Classified& what, PortIndex port, Micros now) {
    switch (what.kind) {
        case Classified::Kind::client:
            return from_line(frame, what.packet, port, what.link, now);
        case Classified::Kind::server:
            return from_servers(frame, what.packet, port, now);
        case Classified::Kind::peer_client:
        case Classified::Kind::peer_reply:
        case Classified::Kind::keepalive:
            return from_tunnel(frame, what, port, now);
        case Classified::Kind::bad:
            return dropped(what.drop);
        case Classified::Kind::kernel:
            break;
    }
    note("parse", "no VIP's, and nothing that a server or a gateway sent: the kernel's");
    ++counters_.punted;
    return {};
}

// Which of the lines of a port's VLAN the frame came in by: where there are several, that of the
// router whose MAC address it has.
std::optional<uint16_t> Datapath::line_of(PortIndex port, const Link& link,
                                          const Frame& frame) const {
    const auto lines = tables_->lines_at(port, link.vlan);
    if (lines.size() == 1) {
        return lines.front();
    }
    for (const uint16_t line : lines) {
        const uint32_t adjacency = line_adjacencies_[line];
        if (adjacency != Adjacencies::none && adjacencies_[adjacency].usable &&
            std::equal(frame.data + 6, frame.data + 12, adjacencies_[adjacency].macs.begin())) {
            return line;
        }
    }
    return lines.empty() ? std::nullopt : std::optional(lines.front());
}

WayBack Datapath::line_way(size_t line) const {
    return {WayBack::Via::line, static_cast<uint16_t>(line), tables_->lines()[line].carrier_id};
}

Verdict Datapath::from_line(Frame& frame, Packet& packet, PortIndex port, const Link& link,
                            Micros now) {
    const auto line = line_of(port, link, frame);
    if (!line) {
        return dropped(Drop::bad_source);
    }
    ++counters_.lines[*line].rx_vip_packets;
    note("parse", "from {} by line {}", packet.source, tables_->lines()[*line].carrier);
    if (tables_->is_moved(packet.source)) {
        // A reply to it would come back in by that line, for ever if two services answer.
        return dropped(Drop::forged_source);
    }
    if (impossible_source(packet)) {
        return dropped(Drop::bad_source);
    }
    const bool mapped = tables_->map_of_vip(packet.destination) != nullptr;
    if (const auto waits = mapped ? std::nullopt : join(frame, packet, port, now)) {
        if (waits->way == Verdict::Way::consumed) {
            --counters_.lines[*line].rx_vip_packets;  // it comes this way again, with its ports
        }
        return *waits;
    }
    return from_client(frame, packet, {From::line, line_way(*line), false, gue_hops}, now);
}

std::optional<Verdict> Datapath::join(const Frame& frame, Packet& packet, PortIndex port,
                                      Micros now) {
    if (!packet.fragment) {
        return std::nullopt;
    }
    const auto lost = [this](uint32_t, Drop why) { count_drop(why); };
    if (!packet.later_fragment()) {
        const bool agrees = fragments_.learn(packet, now, lost);
        return agrees ? std::nullopt : std::optional(dropped(Drop::bad_fragment));
    }
    if (const auto* first = fragments_.find(packet)) {
        packet.protocol = first->protocol;
        packet.source_port = first->source_port;
        packet.destination_port = first->destination_port;
        packet.icmp_type = first->echo ? echo_request(packet.family) : uint8_t{0};
        note("fragment", "at {} of a datagram from port {} to {}", packet.fragment_offset,
             packet.source_port, packet.destination_port);
        return std::nullopt;
    }
    note("fragment", "its first one has not come: it waits");
    const bool held = fragments_.hold(packet, frame.bytes(), port, now, lost);
    return held ? Verdict{Verdict::Way::consumed, Drop::count_} : dropped(Drop::fragments_full);
}

// Sends on what waited for a first fragment.
void Datapath::release(const FragmentKey& key, Micros now) {
    fragments_.release(key, [&](std::span<uint8_t> bytes, uint32_t tag) {
        constexpr uint32_t room = 128;
        const auto port = static_cast<PortIndex>(tag);
        std::vector<uint8_t> buffer(room + bytes.size() + room);
        std::copy(bytes.begin(), bytes.end(), buffer.begin() + room);
        Frame frame{buffer.data() + room, static_cast<uint32_t>(bytes.size()), room, room};
        const Verdict verdict = handle(frame, port, now);
        if (verdict.way == Verdict::Way::punt) {
            sink_.punt(frame.bytes(), port);
        } else {
            emit(frame, verdict);
        }
    });
}

Verdict Datapath::from_client(Frame& frame, Packet& packet, const Origin& origin, Micros now) {
    if (const MapRule* rule = tables_->map_of_vip(packet.destination)) {
        return from_mapped_client(frame, packet, origin, *rule, now);
    }
    const bool echo_fragment =
        packet.later_fragment() && packet.icmp() && packet.icmp_type == echo_request(packet.family);
    if ((echo_fragment || is_echo_request(packet)) && tables_->is_vip(packet.destination)) {
        return echo(frame, packet, origin, now);
    }
    if (packet.icmp()) {
        auto quote = quoted_packet(frame, packet);
        return quote ? error_from_client(frame, packet, *quote, origin, now)
                     : dropped(Drop::no_service);
    }
    const ServiceTable* service = tables_->service(packet.protocol, destination_of(packet));
    const FlowKey key = key_of(packet);
    Flow* flow = flows_.find(key);
    if (flow != nullptr && of_another_connection(*flow, packet)) {
        note("flow", "an entry of another connection with the same ends, replaced");
        flows_.erase(*flow);
        flow = nullptr;
    }
    if (service == nullptr) {
        // Connections of a service that was taken away go on until they end.
        const bool goes_on = flow != nullptr && flow->tcp() && flow->served && !flow->over() &&
                             !packet.first_segment();
        return goes_on ? serve(frame, packet, origin, nullptr, flow, now)
                       : dropped(Drop::no_service);
    }
    note("vip", "service {}", service->config.name);
    if (flow != nullptr && flow->stage == Flow::Stage::reset && !packet.first_segment()) {
        // A challenge ACK, or a segment sent before the reset arrived: both show the number wanted.
        flows_.seen(*flow, now);
        flows_.set_way(*flow, origin.way);
        if ((packet.tcp_flags & tcp_flag::rst) != 0 || !packet.has_ports) {
            return dropped(Drop::closed_flow);
        }
        ++counters_.resets;
        note("flow", "was reset to make its client log in again: reset again");
        answer_with_reset(frame, packet);
        return to_client(frame, packet, origin.way, true, now);
    }
    const Decision decision = decide(gather(packet, origin, flow, *service));
    note("relay", "{}", name(decision));
    const Verdict verdict = act(decision, frame, packet, origin, *service, flow, now);
    if (verdict.way == Verdict::Way::drop) {
        ++counters_.services[service->number].dropped;
    }
    return verdict;
}

// A map keeps no flows: any gateway serves any packet of it, a fragment without ports too.  The
// share moves clients whole, by address; the second chance is of no use.
Verdict Datapath::from_mapped_client(Frame& frame, Packet& packet, const Origin& origin,
                                     const MapRule& rule, Micros now) {
    const auto other = other_site_peer(packet.destination);
    note("vip", "map {}", rule.name);
    if (origin.from == From::line && other && snapshot_->share.relays({packet.source, 0})) {
        note("relay", "the client's share is the other site's");
        const Gue gue{Gue::Kind::client, static_cast<uint8_t>(origin.hops - 1), true,
                      origin.way.carrier};
        return to_peer(frame, packet, *other, gue, origin.way, now);
    }
    const Address server = rule.to_server(packet.destination);
    if (server == packet.source) {
        return dropped(Drop::forged_source);
    }
    const uint32_t adjacency = next_hop(server);
    if (adjacency == Adjacencies::none) {
        return dropped(Drop::no_route);
    }
    if (packet.ttl <= 1) {
        return refuse_client(frame, packet, origin.way, Trouble::time_exceeded, 0, now);
    }
    if (!fits(frame, packet, adjacency, 0)) {
        return refuse_client(frame, packet, origin.way, Trouble::too_big,
                             adjacencies_[adjacency].mtu, now);
    }
    take_hop(frame, packet);
    translate_mapped<true>(frame, packet, server, *tables_);
    ++counters_.to_servers;
    return leave(frame, packet, adjacency);
}

Arrival Datapath::gather(const Packet& packet, const Origin& origin, Flow* flow,
                         const ServiceTable& service) {
    const FlowKey key = key_of(packet);
    Arrival a;
    a.from = origin.from;
    a.crossed = origin.crossed;
    a.tcp = packet.tcp();
    a.first = packet.first_segment();
    if (flow != nullptr) {
        const bool here = flow->kind == Flow::Kind::here;
        a.entry = here                                ? Entry::here
                  : flow->kind == Flow::Kind::relayed ? Entry::relayed
                                                      : Entry::provisional;
        a.peer_up = !here && snapshot_->peer_up(flow->peer);
        a.peer_gone = !here && snapshot_->peer_gone(flow->peer);
        const bool has_server = here && service.has_server(flow->server());
        flow->checked = has_server ? generation_ : flow->checked;
        a.replaceable = flow->over() || flow->kind == Flow::Kind::provisional ||
                        (here ? !has_server : !a.peer_up);
    }
    a.can_serve = service.has_live_server();
    a.source_nat = service.config.pool.has_value();
    if (a.entry == Entry::here && !a.replaceable) {
        return a;  // rule 1: nothing else counts
    }
    a.share_relays = snapshot_->share.relays(key.client);
    const auto other = other_site_peer(key.vip.address);
    a.other_up = other.has_value();
    a.other_has_flows = other && snapshot_->peer_has_flows(*other);
    a.home_is_peer = home_peer(key).has_value();
    return a;
}

Verdict Datapath::act(Decision decision, Frame& frame, Packet& packet, const Origin& origin,
                      const ServiceTable& service, Flow* flow, Micros now) {
    switch (decision) {
        case Decision::serve_entry:
            return serve(frame, packet, origin, &service, flow, now);
        case Decision::place_here:
        case Decision::adopt:
            if (flow != nullptr) {
                flows_.erase(*flow);
            }
            return serve(frame, packet, origin, &service, nullptr, now);
        case Decision::relay_entry:
        case Decision::place_relayed:
        case Decision::try_home:
        case Decision::try_other:
            return relay(frame, packet, origin, flow, &service, decision, now);
        case Decision::reset:
            if (flow != nullptr) {
                flows_.erase(*flow);
            }
            if ((packet.tcp_flags & tcp_flag::rst) != 0 || packet.fragment) {
                return dropped(Drop::closed_flow);
            }
            ++counters_.resets;
            answer_with_reset(frame, packet);
            return to_client(frame, packet, origin.way, true, now);
        case Decision::drop_no_server:
            return refuse_client(frame, packet, origin.way, Trouble::no_server, 0, now);
        case Decision::drop_peer_down:
            return dropped(Drop::peer_down);
    }
    return dropped(Drop::no_server);
}

// Gives a new flow its server, and its place in the pool where the service wants one.
std::optional<Drop> Datapath::choose(Flow& flow, const ServiceTable& service) {
    const ServerConfig& server = choose_server(service, flow.client()).server;
    const ServiceConfig& config = service.config;
    if (server.address == flow.client().address) {
        return Drop::forged_source;
    }
    if (!flows_.serve(flow, server.endpoint(), forward_of(config))) {
        return Drop::server_taken;
    }
    if (config.pool) {
        const auto place = source_nat_.take(*config.pool, flow, flows_.id(flow));
        if (!place) {
            return Drop::no_source_port;
        }
        flow.nat_address = place->address;
        flow.nat_port = place->port;
    }
    flow.checked = generation_;
    ++counters_.services[service.number].new_flows;
    note("flow", "new: server {} ({})", server.name, flow.server());
    return std::nullopt;
}

// flow: the entry to follow, or null for a new one.  service: of a new one at least.
Verdict Datapath::serve(Frame& frame, Packet& packet, const Origin& origin,
                        const ServiceTable* service, Flow* flow, Micros now) {
    if (flow == nullptr) {
        flow = flows_.insert(key_of(packet), now);
        if (flow == nullptr) {
            return dropped(Drop::flow_table_full);
        }
        flow->set_service(service->number);
        if (const auto drop = choose(*flow, *service)) {
            flows_.erase(*flow);
            return dropped(*drop);
        }
    } else {
        note("flow", "entry: server {}", flow->server());
    }
    flows_.set_way(*flow, origin.way);
    flows_.seen(*flow, now);
    if (packet.has_ports) {
        track(flows_, *flow, packet, Side::client);
    }
    if (flow->confirmed()) {
        flow = flows_.settle(flow);
    }
    return to_server(frame, packet, *flow, now);
}

Verdict Datapath::relay(Frame& frame, Packet& packet, const Origin& origin, Flow* flow,
                        const ServiceTable* service, Decision decision, Micros now) {
    const FlowKey key = key_of(packet);
    size_t peer = 0;
    if (decision == Decision::relay_entry) {
        assert(flow != nullptr);  // decide() follows entries that are there
        peer = flow->peer;
    } else if (decision == Decision::try_home) {
        peer = *home_peer(key);
    } else {
        peer = *other_site_peer(key.vip.address);
    }
    if (origin.hops == 0) {
        return dropped(Drop::hop_limit);
    }
    const bool stray = (packet.tcp_flags & tcp_flag::rst) != 0 && flow == nullptr;
    if (decision != Decision::relay_entry && !stray) {
        if (flow != nullptr) {
            flows_.erase(*flow);
        }
        flow = flows_.insert(key, now);
        if (flow == nullptr) {
            return dropped(Drop::flow_table_full);
        }
        flow->set_service(service->number);
        flow->peer = static_cast<uint16_t>(peer);
        const bool placed = decision == Decision::place_relayed;
        flows_.change(*flow, placed ? Flow::Kind::relayed : Flow::Kind::provisional, flow->stage);
    }
    if (flow != nullptr) {
        flows_.set_way(*flow, origin.way);
        flows_.seen(*flow, now);
        if (packet.has_ports) {
            track(flows_, *flow, packet, Side::client);
        }
        if (flow->confirmed()) {
            flows_.settle(flow);
        }
    }
    const bool crossing = !tables_->peers()[peer].same_site;
    const Gue gue{Gue::Kind::client, static_cast<uint8_t>(origin.hops - 1),
                  origin.crossed || crossing, origin.way.carrier};
    return to_peer(frame, packet, peer, gue, origin.way, now);
}

// The flow that a packet from a server's side belongs to.
Flow* Datapath::flow_of_reply(const Packet& packet) {
    if (const auto address = tables_->pool_address(packet.destination)) {
        const uint32_t id = source_nat_.find(
            packet.protocol, {source_nat_.number(*address), packet.destination_port});
        Flow* flow = id == FlowIndex::none ? nullptr : flows_.at(packet.family == Family::v6, id);
        const bool its_server = flow != nullptr && flow->server() == source_of(packet);
        return its_server ? flow : nullptr;
    }
    return flows_.find_reply(packet.protocol, source_of(packet), destination_of(packet));
}

// Whether what a server sends there is for beyond the lines: neither for the gateway, nor for its
// link, nor by a route that leads back to this site.
bool Datapath::beyond_lines(const Address& to) {
    const auto& lines = tables_->lines();
    if (is_special(to) || to == tables_->tunnel() ||
        std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return line.own == to; })) {
        return false;
    }
    const uint32_t adjacency = next_hop(to);
    if (adjacency == Adjacencies::none) {
        return true;
    }
    const Hop& hop = adjacencies_[adjacency].hop;
    return tables_->role(hop.port, hop.vlan) == PortRole::line;
}

Verdict Datapath::from_servers(Frame& frame, Packet& packet, PortIndex port, Micros now) {
    if (const MapRule* rule = tables_->map_of_server(packet.source)) {
        if (beyond_lines(packet.destination)) {
            note("vip", "map {}", rule->name);
            return from_mapped_server(frame, packet, rule->to_vip(packet.source), now);
        }
        note("vip", "a mapped server's, for this site: the kernel's");
        ++counters_.punted;
        return {};
    }
    if (const auto waits = join(frame, packet, port, now)) {
        return *waits;
    }
    if (packet.tcp() || packet.udp()) {
        if (Flow* flow = flow_of_reply(packet)) {
            return from_server(frame, packet, *flow, now);
        }
    }
    if (auto quote = quoted_packet(frame, packet)) {
        if (const auto verdict = error_from_server(frame, packet, *quote, now)) {
            return *verdict;
        }
    }
    note("flow", "from a server's side, of no flow: the kernel's");
    ++counters_.punted;
    return {};
}

Verdict Datapath::from_server(Frame& frame, Packet& packet, Flow& flow, Micros now) {
    note("flow", "reply of server {}", flow.server());
    if (flow.stage == Flow::Stage::reset) {
        if ((packet.tcp_flags & tcp_flag::rst) != 0 || !packet.has_ports) {
            return dropped(Drop::closed_flow);
        }
        ++counters_.resets;
        answer_with_reset(frame, packet);
        const uint32_t adjacency = next_hop(packet.destination);
        return adjacency == Adjacencies::none ? dropped(Drop::no_route)
                                              : leave(frame, packet, adjacency);
    }
    flows_.seen(flow, now);
    Flow* entry = &flow;
    if (packet.has_ports) {
        track(flows_, flow, packet, Side::server);
    }
    if (flow.confirmed()) {
        entry = flows_.settle(&flow);
    }
    const WayBack way = flows_.way(*entry);
    if (packet.ttl <= 1) {
        return refuse_server(frame, packet, entry->vip().address, Trouble::time_exceeded, 0, now);
    }
    const uint16_t room = room_to_client(way);
    if (room > 0 && packet.end - packet.ip > room && !may_fragment(frame, packet)) {
        return refuse_server(frame, packet, entry->vip().address, Trouble::too_big, room, now);
    }
    take_hop(frame, packet);
    rewrite_source(frame, packet, entry->vip());
    if (entry->nat_port != 0) {
        rewrite_destination(frame, packet, entry->client());
    }
    ++counters_.services[entry->service].to_clients;
    return to_client(frame, packet, way, true, now);
}

// Stateless: it leaves by the route to its client where that is an enabled line of ours, and
// through a peer that has one otherwise.  vip: as whose it leaves.
Verdict Datapath::from_mapped_server(Frame& frame, Packet& packet, const Address& vip, Micros now) {
    if (packet.ttl <= 1) {
        return refuse_server(frame, packet, vip, Trouble::time_exceeded, 0, now);
    }
    const auto line = line_by_route(packet.destination);
    const auto way = line ? line : snapshot_->through_any_peer();
    if (!way) {
        return dropped(Drop::no_way_back);
    }
    const uint16_t room = room_to_client(*way);
    if (room > 0 && packet.end - packet.ip > room && !may_fragment(frame, packet)) {
        return refuse_server(frame, packet, vip, Trouble::too_big, room, now);
    }
    take_hop(frame, packet);
    translate_mapped<false>(frame, packet, vip, *tables_);
    return to_client(frame, packet, *way, true, now);
}

}  // namespace rehome::vipd
