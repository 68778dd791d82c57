#include "vipd/path/icmp.h"

#include "vipd/packet/rewrite.h"
#include "vipd/path/access.h"
#include "vipd/path/judge.h"
#include "vipd/path/map.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"
#include "vipd/path/server.h"

namespace rehome::vipd {

namespace {

// A server, and how a client's packet comes to it.
struct Target {
    Endpoint server;
    Endpoint client;  // as the server sees it
    Flow::Reach reach = Flow::Reach::nat;
};

Target target_of(const Hands& hands, const Flow& flow) {
    return {flow.server(), hands.source_nat.seen(flow), flow.reach};
}

Target target_of(const ServiceTable& service, const Endpoint& client) {
    return {choose_server(service, client).server.endpoint(), client, service.reach};
}

Verdict error_to_server(const View& view, Hands& hands, Frame& frame, Packet& packet, Quote& quote,
                        const Target& target) {
    const uint32_t adjacency = next_hop(hands, target.server.address);
    if (adjacency == Routing::none) {
        return dropped_on_the_way(hands, target.server.address);
    }
    if (!take_hop(frame, packet)) {
        return dropped(hands, Drop::ttl_expired);
    }
    const Bill bill{Bill::To::server};
    note(hands, "icmp", "to server {}", target.server);
    if (Flow::direct_return(target.reach)) {
        return to_server_in_tunnel(view, hands, frame, packet, target.server.address,
                                   target.reach == Flow::Reach::gue, adjacency, bill);
    }
    Translation to = unchanged(packet, quote);
    to.destination = target.server.address;
    to.quoted_source = target.server;
    to.quoted_destination = target.client;
    translate_error(frame, packet, quote, to);
    return leave(hands, frame, packet, adjacency, bill);
}

Verdict error_to_peer(const View& view, Hands& hands, Frame& frame, Packet& packet,
                      const Origin& origin, size_t peer) {
    if (origin.hops == 0) {
        return dropped(hands, Drop::hop_limit);
    }
    return to_peer(view, hands, frame, packet, peer, to_go_on(view.tables, origin, peer),
                   origin.back);
}

// An error from the Internet about what a client was sent: it quotes a packet from the VIP.
Verdict error_from_client(const View& view, Hands& hands, Frame& frame, Packet& packet,
                          Quote& quote, const Origin& origin) {
    note(hands, "icmp", "an error that quotes {} to {}", quote.source, quote.destination);
    const FlowKey key{quote.protocol, quote.destination, quote.source};
    const ServiceTable* service = view.tables.service(quote.protocol, quote.source);
    const Flow* flow = hands.flows.find(key);
    // An error goes to who sent what it quotes.
    if (quote.source.address != packet.destination || (flow == nullptr && service == nullptr)) {
        return dropped(hands, Drop::no_service);
    }
    if (flow != nullptr && view.snapshot.disabled->cut_of(*flow) != nullptr) {
        return drop_disabled(view, hands, flow, service);
    }
    Arrival arrival;
    arrival.from = origin.from;
    arrival.crossed = origin.crossed;
    gather(view, key, flow, service, std::nullopt, arrival);
    arrival.peer_gone = false;  // nobody is reset by an error
    const Decision decision = decide(arrival);
    note(hands, "relay", "{}", name(decision));
    switch (decision) {
        case Decision::serve_entry:
            return error_to_server(view, hands, frame, packet, quote, target_of(hands, *flow));
        case Decision::relay_entry:
        case Decision::try_home:
        case Decision::try_other:
            return error_to_peer(view, hands, frame, packet, origin,
                                 peer_of(view, decision, key, flow));
        case Decision::adopt:  // by the quoted tuple: to the server that its flow would get
            return error_to_server(view, hands, frame, packet, quote,
                                   target_of(*service, quote.destination));
        case Decision::drop_peer_down:
            return dropped(hands, Drop::peer_down);
        default:  // nobody knows the flow, and no error is answered
            return dropped(hands, Drop::closed_flow);
    }
}

}  // namespace

Verdict icmp_from_client(const View& view, Hands& hands, Frame& frame, Packet& packet,
                         const Origin& origin) {
    const bool echo = is_echo_request(packet) ||
                      (packet.later_fragment() && packet.icmp_type == echo_request(packet.family));
    if (echo && view.tables.is_vip(packet.destination)) {
        note(hands, "vip", "an echo request, answered");
        make_echo_reply(frame, packet);
        return to_client(view, hands, frame, packet, origin.back, true);
    }
    auto quote = quoted_packet(frame, packet);
    return quote ? error_from_client(view, hands, frame, packet, *quote, origin)
                 : dropped(hands, Drop::no_service);
}

// An error from a server, or from a router on the way there, about what a client sent.
std::optional<Verdict> icmp_from_server(const View& view, Hands& hands, Frame& frame,
                                        Packet& packet) {
    auto quote = quoted_packet(frame, packet);
    if (!quote || quote->source.address != packet.destination) {
        return std::nullopt;
    }
    // What it quotes would be answered by its destination.
    Flow* flow = flow_of_reply(view, hands, quote->protocol, quote->destination, quote->source);
    if (flow == nullptr) {
        const MapRule* rule = view.tables.map_of_server(quote->destination.address);
        if (rule == nullptr || !beyond_lines(view, hands, packet.destination)) {
            return std::nullopt;
        }
        note(hands, "icmp", "an error about a client of map {}", rule->name);
        const FlowKey ends{quote->protocol,
                           quote->source,
                           {rule->to_vip(quote->destination.address), quote->destination.port}};
        if (barred(view, hands, ends, nullptr)) {
            return dropped(hands, Drop::access);
        }
        if (view.snapshot.disabled->cuts_maps()) {
            return drop_disabled(view, hands, nullptr, nullptr);
        }
        return leave_as(view, hands, frame, packet, rule->to_vip(quote->destination.address));
    }
    note(hands, "icmp", "an error about the flow of {}", flow->client());
    if (barred_answer(view, hands, flow->key(), flow, hands.flows.way_back(*flow))) {
        return dropped(hands, Drop::access);
    }
    if (view.snapshot.disabled->cut_of(*flow) != nullptr) {
        return drop_disabled(view, hands, flow, nullptr);
    }
    if (!take_hop(frame, packet)) {
        return dropped(hands, Drop::ttl_expired);
    }
    const Translation to{flow->vip().address, flow->client().address, flow->client(), flow->vip()};
    translate_error(frame, packet, *quote, to);
    return to_client(view, hands, frame, packet, hands.flows.way_back(*flow), true);
}

}  // namespace rehome::vipd
