// ICMP through the datapath: echo requests to a VIP, errors about flows (RFC 5508), and the errors
// that vipd makes itself.
#include "vipd/packet/rewrite.h"
#include "vipd/path/datapath.h"
#include "vipd/path/note.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t room = 128;            // before an error of our own, for a tunnel's headers
constexpr uint32_t longest_error = 1280;  // RFC 4443 2.4(c)

}  // namespace

Verdict Datapath::echo(Frame& frame, Packet& packet, const Origin& origin, Micros now) {
    note("vip", "an echo request, answered");
    make_echo_reply(frame, packet);
    return to_client(frame, packet, origin.way, true, now);
}

// An error from the Internet about what a client was sent: it quotes a packet from the VIP.
Verdict Datapath::error_from_client(Frame& frame, Packet& packet, Quote& quote,
                                    const Origin& origin, Micros now) {
    note("icmp", "an error that quotes {} to {}", quote.source, quote.destination);
    if (quote.source.address != packet.destination) {
        return dropped(Drop::no_service);  // an error goes to who sent what it quotes
    }
    const FlowKey key{quote.protocol, quote.destination, quote.source};
    const ServiceTable* service = tables_->service(quote.protocol, quote.source);
    Flow* flow = flows_.find(key);
    if (flow == nullptr && service == nullptr) {
        return dropped(Drop::no_service);
    }
    Arrival a;
    a.from = origin.from;
    a.crossed = origin.crossed;
    a.can_serve = service != nullptr && service->has_live_server();
    a.source_nat = service != nullptr && service->config.pool.has_value();
    if (flow != nullptr) {
        a.entry = flow->kind == Flow::Kind::here ? Entry::here : Entry::relayed;
        a.peer_up = a.entry == Entry::relayed && snapshot_->peer_up(flow->peer);
    }
    const auto other = other_site_peer(quote.source.address);
    a.other_up = other.has_value();
    a.other_has_flows = other && snapshot_->peer_has_flows(*other);
    const auto home = home_peer(key);
    a.home_is_peer = home.has_value();
    const Decision decision = decide(a);
    note("relay", "{}", name(decision));
    switch (decision) {
        case Decision::serve_entry:
            return error_to_server(frame, packet, quote, target_of(*flow));
        case Decision::relay_entry:
            return error_to_peer(frame, packet, flow->peer, origin, now);
        case Decision::try_home:
            return error_to_peer(frame, packet, *home, origin, now);
        case Decision::try_other:
            return error_to_peer(frame, packet, *other, origin, now);
        case Decision::adopt:  // by the quoted tuple: to the server that its flow would get
            return error_to_server(frame, packet, quote, target_of(*service, quote.destination));
        case Decision::drop_peer_down:
            return dropped(Drop::peer_down);
        default:  // nobody knows the flow, and no error is answered
            return dropped(Drop::closed_flow);
    }
}

Verdict Datapath::error_to_peer(Frame& frame, Packet& packet, size_t peer, const Origin& origin,
                                Micros now) {
    if (origin.hops == 0) {
        return dropped(Drop::hop_limit);
    }
    const bool crossing = !tables_->peers()[peer].same_site;
    const Gue gue{Gue::Kind::client, static_cast<uint8_t>(origin.hops - 1),
                  origin.crossed || crossing, origin.way.carrier};
    return to_peer(frame, packet, peer, gue, origin.way, now);
}

Datapath::Target Datapath::target_of(const Flow& flow) const {
    const Endpoint client = flow.nat_port == 0
                                ? flow.client()
                                : source_nat_.endpoint({flow.nat_address, flow.nat_port});
    return {flow.server(), client, flow.forward};
}

Datapath::Target Datapath::target_of(const ServiceTable& service, const Endpoint& client) const {
    return {choose_server(service, client).server.endpoint(), client, forward_of(service.config)};
}

Verdict Datapath::error_to_server(Frame& frame, Packet& packet, Quote& quote,
                                  const Target& target) {
    const uint32_t adjacency = next_hop(target.server.address);
    if (adjacency == Adjacencies::none) {
        return dropped(Drop::no_route);
    }
    if (!take_hop(frame, packet)) {
        return dropped(Drop::ttl_expired);
    }
    ++counters_.to_servers;
    note("icmp", "to server {}", target.server);
    if (Flow::direct_return(target.forward)) {
        return to_server_in_tunnel(frame, packet, target.server.address,
                                   target.forward == Flow::Forward::gue, adjacency);
    }
    Translation to = unchanged(packet, quote);
    to.destination = target.server.address;
    to.quoted_source = target.server;
    to.quoted_destination = target.client;
    translate_error(frame, packet, quote, to);
    return leave(frame, packet, adjacency);
}

// An error from a server, or from a router on the way there, about what a client sent.  Nothing: it
// is about no flow of ours.
std::optional<Verdict> Datapath::error_from_server(Frame& frame, Packet& packet, Quote& quote,
                                                   Micros now) {
    if (quote.source.address != packet.destination) {
        return std::nullopt;
    }
    Packet reply;  // what the quoted packet would be answered with
    reply.family = packet.family;
    reply.protocol = quote.protocol;
    reply.source = quote.destination.address;
    reply.source_port = quote.destination.port;
    reply.destination = quote.source.address;
    reply.destination_port = quote.source.port;
    const Flow* flow = flow_of_reply(reply);
    if (flow == nullptr) {
        const MapRule* rule = tables_->map_of_server(reply.source);
        if (rule == nullptr || !beyond_lines(packet.destination)) {
            return std::nullopt;
        }
        note("icmp", "an error about a client of map {}", rule->name);
        return from_mapped_server(frame, packet, rule->to_vip(reply.source), now);
    }
    note("icmp", "an error about the flow of {}", flow->client());
    if (!take_hop(frame, packet)) {
        return dropped(Drop::ttl_expired);
    }
    const Translation to{flow->vip().address, flow->client().address, flow->client(), flow->vip()};
    translate_error(frame, packet, quote, to);
    return to_client(frame, packet, flows_.way(*flow), true, now);
}

uint32_t Datapath::write_error(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                               const Address& from, Trouble trouble, uint16_t mtu) const {
    switch (trouble) {
        case Trouble::time_exceeded:
            return make_time_exceeded(out, frame, packet, from);
        case Trouble::too_big:
            return make_packet_too_big(out, frame, packet, from, mtu);
        case Trouble::no_server:
            break;
    }
    // Host, or address, unreachable: the client may try again (RFC 1122 4.2.3.9).
    const uint8_t code = packet.family == Family::v4 ? 1 : 3;
    return make_unreachable(out, frame, packet, from, code);
}

Drop Datapath::drop_of(Trouble trouble) {
    return trouble == Trouble::time_exceeded ? Drop::ttl_expired
           : trouble == Trouble::too_big     ? Drop::too_big
                                             : Drop::no_server;
}

// The address of an error to a client: this gateway's on the line by which it leaves, or the VIP,
// which every carrier takes where the line's is of the other family or another gateway's.
Address Datapath::own_address(const WayBack& way, const Address& vip) const {
    const auto out = snapshot_->way_out(way, true);
    if (!out || out->via == WayBack::Via::tunnel) {
        return vip;
    }
    const Address& own = tables_->lines()[out->index].own;
    return own.family == vip.family ? own : vip;
}

Verdict Datapath::refuse_client(const Frame& frame, const Packet& packet, const WayBack& way,
                                Trouble trouble, uint16_t mtu, Micros now) {
    if (may_answer(frame, packet) && icmp_limit_.take(now)) {
        std::array<uint8_t, room + ethernet_bytes + longest_error> bytes{};
        const Address from = own_address(way, packet.destination);
        const uint32_t length = write_error(std::span(bytes).subspan(room + ethernet_bytes), frame,
                                            packet, from, trouble, mtu);
        Frame error{bytes.data() + room, ethernet_bytes + length, room, 0};
        if (auto parsed = parse_packet(error.bytes(), ethernet_bytes)) {
            ++counters_.icmp;
            emit(error, to_client(error, *parsed, way, true, now));
        }
    }
    return dropped(drop_of(trouble));
}

Verdict Datapath::refuse_server(const Frame& frame, const Packet& packet, const Address& vip,
                                Trouble trouble, uint16_t mtu, Micros now) {
    const uint32_t adjacency = next_hop(packet.source);
    if (adjacency != Adjacencies::none && may_answer(frame, packet) && icmp_limit_.take(now)) {
        std::array<uint8_t, room + ethernet_bytes + longest_error> bytes{};
        const uint32_t length = write_error(std::span(bytes).subspan(room + ethernet_bytes), frame,
                                            packet, vip, trouble, mtu);
        Frame error{bytes.data() + room, ethernet_bytes + length, room, 0};
        if (auto parsed = parse_packet(error.bytes(), ethernet_bytes)) {
            ++counters_.icmp;
            emit(error, leave(error, *parsed, adjacency));
        }
    }
    return dropped(drop_of(trouble));
}

}  // namespace rehome::vipd
