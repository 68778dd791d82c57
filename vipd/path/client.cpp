#include "vipd/path/client.h"

#include "vipd/flow/tcp.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/rewrite.h"
#include "vipd/path/access.h"
#include "vipd/path/icmp.h"
#include "vipd/path/join.h"
#include "vipd/path/judge.h"
#include "vipd/path/map.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"
#include "vipd/path/refuse.h"
#include "vipd/path/tags.h"

namespace rehome::vipd {

namespace {

FlowKey key_of(const Packet& packet) {
    return {packet.protocol,
            {packet.source, packet.source_port},
            {packet.destination, packet.destination_port}};
}

// Answers the packet with a reset, unless it is one, or what it says does not suffice.
Verdict reset(const View& view, Hands& hands, Frame& frame, Packet& packet, const Origin& origin,
              bool suffices) {
    if ((packet.tcp_flags & tcp_flag::rst) != 0 || !suffices) {
        return dropped(hands, Drop::closed_flow);
    }
    ++hands.counters.resets;
    answer_with_reset(frame, packet);
    return to_client(view, hands, frame, packet, origin.back, true);
}

// Replies go where the client is now, as far as its packet shows that.
void note_way_back(Hands& hands, Flow& flow, const Packet& packet, const Origin& origin) {
    if (moves_way_back(flow, packet, packet.has_ports)) {
        hands.flows.set_way_back(flow, origin.back);
    }
}

// Tells who asked that the flow is known here, by an empty segment between its ends: its replies
// may pass elsewhere, and then nothing else would tell.
void say_known(const View& view, Hands& hands, const Origin& origin, const Flow& flow) {
    constexpr uint32_t room = 128;  // for the tunnel's headers
    std::array<uint8_t, room + 128> bytes{};
    const uint32_t length = make_reset(std::span(bytes).subspan(room + ethernet_bytes),
                                       {flow.client(), flow.vip(), 0, 0});
    Frame frame{bytes.data() + room, ethernet_bytes + length, room, 0};
    auto packet = parse_packet(frame.bytes(), ethernet_bytes);
    note(hands, "relay", "known here: said so");
    const Gue gue{Gue::Kind::known, origin.hops, true, origin.back.carrier};
    emit(hands, frame, to_peer(view, hands, frame, *packet, origin.back.index, gue, origin.back));
}

Verdict serve(const View& view, Hands& hands, Frame& frame, Packet& packet, const Origin& origin,
              Flow& flow) {
    note_way_back(hands, flow, packet, origin);
    if (origin.asked && view.snapshot.peers[origin.back.index].hears_known) {
        say_known(view, hands, origin, flow);
    }
    return to_server(view, hands, frame, packet,
                     *follow(hands.flows, flow, packet, packet.has_ports, Side::client, view.now));
}

// Which servers a new flow does not get, as checks have found.
void note_down(const View& view, Hands& hands, const ServiceTable& service) {
    const auto& health = view.snapshot.health;
    for (size_t i = 0; hands.trace != nullptr && health != nullptr && i < service.servers.size();
         ++i) {
        const EndpointHealth* server = health->of(service.config->name, i);
        if (server != nullptr && server->down()) {
            note(hands, "health", "{} is down{}: {}", service.servers[i].name,
                 service.takes_new_flows(i) ? ", and kept as all are" : "", server->why);
        }
    }
}

Verdict place(const View& view, Hands& hands, Frame& frame, Packet& packet, const Origin& origin,
              const FlowKey& key, const Judgement& judged) {
    const ServiceTable& service = *judged.service;
    const ServerConfig& server = choose_server(service, key.client).server;
    const auto flow = begin_flow(
        view, hands, {key, hands.flows.hash(key), service, server, ring_of(judged.decision)});
    if (!flow && flow.error() == Drop::server_taken && judged.decision == Decision::adopt) {
        note(hands, "flow", "its server knows another flow by these ends");
        return reset(view, hands, frame, packet, origin, !packet.fragment);
    }
    if (!flow) {
        return dropped(hands, flow.error());
    }
    note(hands, "flow", "new: server {} ({})", server.name, server.endpoint());
    note_down(view, hands, service);
    return serve(view, hands, frame, packet, origin, **flow);
}

// Whether a segment or datagram arrived as it was sent.
bool whole(const Frame& frame, const Packet& packet) {
    const std::span<const uint8_t> l4(frame.data + packet.l4, packet.end - packet.l4);
    const bool none = packet.udp() && l4.size() >= 8 && load16(&l4[6]) == 0 &&
                      packet.family == Family::v4;  // none was made (RFC 768)
    return none || transport_checksum(packet.source.data(), packet.destination.data(),
                                      packet.protocol, l4) == 0;
}

// A flow that may not begin.  Who limits refuse is told nothing: a flood would be answered.
Verdict turned_away(const View& view, Hands& hands, Frame& frame, Packet& packet,
                    const Origin& origin, Drop why) {
    const bool tells = why == Drop::not_admitted && view.snapshot.limits->resets() &&
                       !packet.fragment && packet.has_ports && whole(frame, packet);
    if (tells && packet.udp()) {
        return refuse_client(view, hands, frame, packet, origin.back,
                             {Trouble::Kind::not_admitted});
    }
    return tells ? refuse_with_reset(view, hands, frame, packet, origin.back, why)
                 : dropped(hands, why);
}

// Whether the peer may be asked now: what it says it knows comes first.
bool may_ask(const View& view, Hands& hands, const Packet& packet, const FlowKey& key,
             size_t peer) {
    const auto& known = view.snapshot.peers[peer].known;
    const bool likely = known == nullptr || known->may_know(key);
    FairBudget& budget = likely ? hands.questions.likely : hands.questions.others;
    const uint32_t bytes = packet.end - packet.ip + overhead_to(view, peer, Gue::Kind::question);
    return budget.take(key.client.address, bytes, view.now);
}

// A port that is closed: UDP's sender and a SYN's are told, as by any host, once it is certain that
// nobody serves it (RFC 1122 3.2.2.1, 4.1.3.1; RFC 9293 3.10.7.1; RFC 4443 3.1).
Verdict closed_port(const View& view, Hands& hands, Frame& frame, Packet& packet,
                    const Origin& origin, const FlowKey& key) {
    const bool certain = view.now >= view.snapshot.answers_from && !served_elsewhere(view, key);
    if (!certain || packet.fragment || !packet.has_ports ||
        !view.tables.is_vip(packet.destination) || !whole(frame, packet)) {
        return dropped(hands, Drop::no_service);
    }
    if (packet.udp()) {
        return refuse_client(view, hands, frame, packet, origin.back, {Trouble::Kind::no_service});
    }
    const uint8_t others = tcp_flag::ack | tcp_flag::rst | tcp_flag::fin;
    return (packet.tcp_flags & (tcp_flag::syn | others)) == tcp_flag::syn
               ? refuse_with_reset(view, hands, frame, packet, origin.back)
               : dropped(hands, Drop::no_service);
}

// To a peer, by its entry or by a new one.
Verdict pass_on(const View& view, Hands& hands, Frame& frame, Packet& packet, const Origin& origin,
                Flow* flow, const Judgement& judged, const FlowKey& key) {
    const size_t peer = peer_of(view, judged.decision, key, flow, origin.refused_by);
    if (origin.hops == 0) {
        return dropped(hands, Drop::hop_limit);
    }
    const bool asks =
        judged.decision == Decision::try_home || judged.decision == Decision::try_other;
    if (asks) {
        if (!may_ask(view, hands, packet, key, peer)) {
            return dropped(hands, Drop::question_budget);
        }
        ++hands.counters.questions;
    }
    const bool stray = (packet.tcp_flags & tcp_flag::rst) != 0 && flow == nullptr;
    if (judged.decision != Decision::relay_entry && !stray) {
        if (flow != nullptr) {
            hands.flows.erase(*flow);
        }
        const bool placed = judged.decision == Decision::place_relayed;
        flow = hands.flows.insert(key, view.now,
                                  placed ? FlowTable::Ring::begun : FlowTable::Ring::mid_flow);
        if (flow == nullptr) {
            return dropped(hands, Drop::flow_table_full);
        }
        flow->set_service(judged.service->number);
        flow->peer = static_cast<uint16_t>(peer);
        hands.flows.change(*flow, placed ? Flow::Kind::relayed : Flow::Kind::provisional,
                           flow->stage);
    }
    if (flow != nullptr) {
        note_way_back(hands, *flow, packet, origin);
        follow(hands.flows, *flow, packet, packet.has_ports, Side::client, view.now);
    }
    Gue gue = to_go_on(view.tables, origin, peer);
    if (asks && flow != nullptr && view.snapshot.peers[peer].answers) {
        gue.kind = Gue::Kind::question;
    }
    return to_peer(view, hands, frame, packet, peer, gue, origin.back);
}

// To who asked, as it came.
Verdict say_unknown(const View& view, Hands& hands, Frame& frame, Packet& packet,
                    const Origin& origin) {
    note(hands, "relay", "not known here: said so");
    const Gue gue{Gue::Kind::unknown, origin.hops, true, origin.back.carrier};
    return to_peer(view, hands, frame, packet, origin.back.index, gue, origin.back);
}

Verdict act(const View& view, Hands& hands, Frame& frame, Packet& packet, const Origin& origin,
            Flow* flow, const Judgement& judged, const FlowKey& key) {
    switch (judged.decision) {
        case Decision::serve_entry:
            note(hands, "flow", "entry: server {}", flow->server());
            hands.flows.stamp(*flow);
            return serve(view, hands, frame, packet, origin, *flow);
        case Decision::place_here:
        case Decision::adopt:
            if (flow != nullptr) {
                hands.flows.erase(*flow);
            }
            return place(view, hands, frame, packet, origin, key, judged);
        case Decision::relay_entry:
        case Decision::place_relayed:
        case Decision::try_home:
        case Decision::try_other:
            return pass_on(view, hands, frame, packet, origin, flow, judged, key);
        case Decision::reset:
            if (flow != nullptr) {
                hands.flows.erase(*flow);
            }
            return reset(view, hands, frame, packet, origin, !packet.fragment);
        case Decision::say_unknown:
            return say_unknown(view, hands, frame, packet, origin);
        case Decision::drop_no_server:
            note_down(view, hands, *judged.service);
            return refuse_client(view, hands, frame, packet, origin.back,
                                 {Trouble::Kind::no_server});
        case Decision::drop_peer_down:
            return dropped(hands, Drop::peer_down);
    }
    return dropped(hands, Drop::no_server);
}

Verdict of_service(Hands& hands, uint32_t service, const Verdict& verdict) {
    if (verdict.kind == Verdict::Kind::drop) {
        ++hands.counters.services[service].dropped;
    }
    return verdict;
}

// Which set, or whose weights, decided about a new flow.
void note_placement(const View& view, Hands& hands, const FlowKey& key, const Judgement& judged) {
    const bool places =
        judged.decision == Decision::place_here || judged.decision == Decision::place_relayed;
    const Placement& placement = *view.snapshot.placement;
    const bool masked =
        judged.service != nullptr && view.snapshot.disabled->masks(judged.service->number);
    if (hands.trace != nullptr && places && !placement.empty()) {
        const NewFlow placed = place_new(view, key, *judged.service);
        note(hands, "place", "{}", placement.text(placed.choice, judged.service->number));
    }
    if (places && masked) {
        note(hands, "disabled", "{} here: new flows go elsewhere{}",
             view.snapshot.disabled->text_of(judged.service->number),
             judged.decision == Decision::place_here ? ", where somebody takes them" : "");
    }
}

// TCP, UDP, and whatever else has no ports and so no service.
Verdict of_flow(const View& view, Hands& hands, Frame& frame, Packet& packet,
                const Origin& origin) {
    const FlowKey key = key_of(packet);
    Flow* flow = hands.flows.find(key);
    const Judgement judged =
        judge(view,
              {key, packet, view.tables.service(key.protocol, key.vip), packet.has_ports,
               origin.from, origin.crossed, origin.asked, origin.refused_by},
              flow);
    if (judged.forgets && !origin.asked) {
        note(hands, "flow", "an entry of another connection with the same ends, replaced");
        hands.flows.erase(*flow);
        flow = nullptr;
    }
    if (judged.service != nullptr) {
        note(hands, "vip", "service {}", judged.service->config->name);
    }
    switch (judged.kind) {
        case Judgement::Kind::no_service:
            return origin.asked ? say_unknown(view, hands, frame, packet, origin)
                                : closed_port(view, hands, frame, packet, origin, key);
        case Judgement::Kind::goes_on:
            note(hands, "flow", "entry of a service that is gone: server {}", flow->server());
            return of_service(hands, flow->service,
                              serve(view, hands, frame, packet, origin, *flow));
        case Judgement::Kind::reset_again:
            // A challenge ACK, or a segment from before the reset: both show the number wanted.
            note(hands, "flow", "was reset to make its client log in again: reset again");
            hands.flows.seen(*flow, view.now);
            note_way_back(hands, *flow, packet, origin);
            return reset(view, hands, frame, packet, origin, packet.has_ports);
        case Judgement::Kind::disabled:
            return of_service(hands, judged.service->number,
                              drop_disabled(view, hands, flow, judged.service));
        case Judgement::Kind::decided:
            break;
    }
    const bool begins =
        judged.decision == Decision::place_here || judged.decision == Decision::place_relayed;
    if (const auto why = begins && origin.from == From::line
                             ? refuses(view, hands, key, judged.service->number)
                             : std::nullopt) {
        return of_service(hands, judged.service->number,
                          turned_away(view, hands, frame, packet, origin, *why));
    }
    note_placement(view, hands, key, judged);
    note(hands, "relay", "{}", name(judged.decision));
    return of_service(hands, judged.service->number,
                      act(view, hands, frame, packet, origin, flow, judged, key));
}

}  // namespace

Verdict from_line(const View& view, Hands& hands, Frame& frame, Packet& packet, PortIndex port,
                  const Link& link) {
    const auto line = hands.routing.line_of(view.tables.lines_at(port, link.vlan), frame.data + 6);
    if (!line) {
        return dropped(hands, Drop::bad_source);
    }
    ++hands.counters.lines[*line].rx_vip_packets;
    note(hands, "parse", "from {} by line {}", packet.source, view.tables.lines()[*line].carrier);
    if (view.snapshot.disabled->cuts_line(*line)) {
        note(hands, "disabled", "strong line {}", view.tables.lines()[*line].carrier);
        return dropped(hands, Drop::disabled);
    }
    const auto wrong = wrong_source(view.tables, packet.source, packet.destination);
    // A router of the site's own may stand between it and the carrier: what it says quotes a flow.
    const bool routers = wrong == Drop::site_source && is_icmp_error(packet);
    if (wrong && !routers) {
        return dropped(hands, *wrong);
    }
    // Maps need no ports of fragments, but for rules.
    const bool mapped = view.tables.map_of_vip(packet.destination) != nullptr;
    if (const auto waits = mapped && view.snapshot.access == nullptr
                               ? std::nullopt
                               : join(view, hands, frame, packet, port)) {
        if (waits->kind == Verdict::Kind::kept) {
            --hands.counters.lines[*line].rx_vip_packets;  // it comes again, with its ports
        }
        return *waits;
    }
    if (barred_by_line(view, hands, frame, packet)) {
        return dropped(hands, Drop::access);
    }
    return from_client(view, hands, frame, packet,
                       {From::line, by_line(view.tables, *line), false, gue_hops});
}

Verdict from_client(const View& view, Hands& hands, Frame& frame, Packet& packet,
                    const Origin& origin) {
    if (const MapRule* rule = view.tables.map_of_vip(packet.destination)) {
        return from_mapped_client(view, hands, frame, packet, origin, *rule);
    }
    return packet.icmp() ? icmp_from_client(view, hands, frame, packet, origin)
                         : of_flow(view, hands, frame, packet, origin);
}

tl::expected<Flow*, Drop> begin_flow(const View& view, Hands& hands, const Beginning& of) {
    if (of.server.address == of.key.client.address) {
        return tl::unexpected(Drop::forged_source);
    }
    const Endpoint server = of.server.endpoint();
    const auto open = [&](Flow::Reach reach) {
        return hands.flows.open(of.key, of.hash, server, reach, view.now, of.ring);
    };
    const Flow::Reach reach = of.service.reach;
    const bool held = reach == Flow::Reach::nat &&
                      hands.source_nat.find(of.key.protocol, server, of.key.client) != nullptr;
    tl::expected<Flow*, Drop> opened = tl::unexpected(Drop::server_taken);
    if (!held) {
        opened = open(reach);
    }
    // The server has another flow by these ends (through another VIP): it gets another port to see.
    // In mid-flow that would be too late.
    const bool other_port =
        !opened && opened.error() == Drop::server_taken && of.ring == FlowTable::Ring::begun;
    if (other_port) {
        opened = open(Flow::Reach::source_nat);
    }
    if (!opened) {
        return opened;
    }
    Flow& flow = **opened;
    hands.flows.set_service(flow, of.service.number);
    const bool pooled = reach == Flow::Reach::source_nat;
    const bool sees_other_end = pooled || other_port;
    if (sees_other_end && !(pooled ? hands.source_nat.take(*of.service.config->pool, flow)
                                   : hands.source_nat.take_other_port(flow))) {
        hands.flows.erase(flow);
        return tl::unexpected(pooled ? Drop::no_source_port : Drop::server_taken);
    }
    ++hands.counters.services[of.service.number].new_flows;
    ++hands.counters.begun_at[of.service.first_server + of.service.index_of(of.server)];
    return &flow;
}

Gue to_go_on(const Tables& tables, const Origin& origin, size_t peer) {
    const bool crossing = !tables.peers()[peer].same_site;
    return {Gue::Kind::client, static_cast<uint8_t>(origin.hops - 1), origin.crossed || crossing,
            origin.back.carrier};
}

}  // namespace rehome::vipd
