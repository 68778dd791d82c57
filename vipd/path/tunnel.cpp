#include "vipd/path/tunnel.h"

#include "vipd/flow/tcp.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/ecn.h"
#include "vipd/packet/link_probe.h"
#include "vipd/path/access.h"
#include "vipd/path/client.h"
#include "vipd/path/flow_copy.h"
#include "vipd/path/join.h"
#include "vipd/path/judge.h"
#include "vipd/path/map.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"
#include "vipd/path/tags.h"

namespace rehome::vipd {

namespace {

// Takes the headers off up to the inner packet, and puts an Ethernet header's room before it.
// False: the ECN fields say that it must be dropped.
bool decapsulate(Frame& frame, Packet& inner, uint32_t outer_at) {
    const uint8_t* outer = frame.data + outer_at;
    const Family family = outer[0] >> 4 == 4 ? Family::v4 : Family::v6;
    uint8_t* ip = frame.data + inner.ip;
    const Ecn before = ecn_of(ip, inner.family);
    const auto ecn = ecn_out_of_tunnel(before, ecn_of(outer, family));
    if (!ecn) {
        return false;
    }
    if (*ecn != before) {
        set_ecn(ip, inner.family, *ecn);
    }
    const uint32_t off = inner.ip - ethernet_bytes;
    frame.pop_front(off);
    store16(frame.data + 12, inner.family == Family::v4 ? ethertype_v4 : ethertype_v6);
    inner.ip -= off;
    inner.l4 -= off;
    inner.end -= off;
    return true;
}

std::optional<WayBack> line_of_carrier(const Tables& tables, uint32_t carrier) {
    const auto& lines = tables.lines();
    for (size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].carrier_id == carrier) {
            return by_line(tables, i);
        }
    }
    return std::nullopt;
}

// The flow of a reply, where an order has cut it; null: none has.
const Flow* cut_flow(const View& view, Hands& hands, const Packet& packet) {
    const Disabled& disabled = *view.snapshot.disabled;
    const Flow* flow = disabled.cuts().empty()
                           ? nullptr
                           : hands.flows.find({packet.protocol,
                                               {packet.destination, packet.destination_port},
                                               {packet.source, packet.source_port}});
    return flow != nullptr && disabled.cut_of(*flow) != nullptr ? flow : nullptr;
}

// By its entry's line, or by that of the carrier that the peer names: where the flow ends every
// packet of its client is seen, so its way back is the newer one.
RoutedLine back_of_reply(const View& view, Hands& hands, const Packet& packet, const Gue& gue) {
    const FlowKey key{packet.protocol,
                      {packet.destination, packet.destination_port},
                      {packet.source, packet.source_port}};
    Flow* flow = hands.flows.find(key);
    std::optional<WayBack> back = line_of_carrier(view.tables, gue.carrier);
    if (flow != nullptr && flow->kind != Flow::Kind::here) {
        hands.flows.change(*flow, Flow::Kind::relayed, flow->stage);
        flow = follow(hands.flows, *flow, packet, packet.has_ports, Side::server, view.now);
        if (!back || flow->back_by_tunnel) {
            back = hands.flows.way_back(*flow);
        }
    }
    if (!back && gue.carrier == 0) {
        return line_by_route(view, hands, packet.destination);
    }
    return {back};
}

Verdict reply(const View& view, Hands& hands, Frame& frame, Packet& packet, size_t peer,
              const Gue& gue, const RoutedLine& way) {
    const auto& back = way.back;
    if (!back) {
        return dropped(hands, Drop::no_way_back);
    }
    const bool tunnel = back->via == WayBack::Via::tunnel;
    if (tunnel && (back->index == peer || gue.hops == 0)) {
        return dropped(hands, Drop::hop_limit);
    }
    const FlowKey ends = ends_of_reply(frame, packet);
    if (barred_answer(view, hands, ends, hands.flows.find(ends), *back, tunnel)) {
        return dropped(hands, Drop::access);
    }
    return to_client(view, hands, frame, packet, *back, tunnel, gue.hops);
}

Verdict client(const View& view, Hands& hands, Frame& frame, Packet& packet, size_t peer,
               const Gue& gue) {
    if (const auto wrong = wrong_relayed_source(view.tables, packet.source, packet.destination)) {
        return dropped(hands, *wrong);
    }
    const WayBack back{WayBack::Via::tunnel, static_cast<uint16_t>(peer), gue.carrier};
    const From from = view.tables.peers()[peer].same_site ? From::same_site : From::other_site;
    return from_client(view, hands, frame, packet,
                       {from, back, gue.crossed, gue.hops, gue.kind == Gue::Kind::question});
}

// The flow of a client's packet about which that peer is being asked; null: it is not.
Flow* asked_of(Hands& hands, const Packet& packet, size_t peer) {
    Flow* flow = hands.flows.find({packet.protocol,
                                   {packet.source, packet.source_port},
                                   {packet.destination, packet.destination_port}});
    const bool asked =
        flow != nullptr && flow->kind == Flow::Kind::provisional && flow->peer == peer;
    return asked ? flow : nullptr;
}

// The peer that was asked knows the flow, which is relayed there from now on.
Verdict known(Hands& hands, const Packet& packet, size_t peer) {
    Flow* flow = asked_of(hands, packet, peer);
    if (flow == nullptr) {
        return {Verdict::Kind::consumed, Drop::count_};  // a reply was faster
    }
    note(hands, "relay", "known there");
    hands.flows.change(*flow, Flow::Kind::relayed, flow->stage);
    flow->answered = true;
    return {Verdict::Kind::consumed, Drop::count_};
}

// A packet of ours comes back from the peer that was asked: it goes on where the question began,
// behind who has answered.
Verdict not_known(const View& view, Hands& hands, Frame& frame, Packet& packet, size_t peer,
                  const Gue& gue) {
    const Flow* flow = asked_of(hands, packet, peer);
    if (flow == nullptr) {
        return dropped(hands, Drop::stray_answer);
    }
    note(hands, "relay", "not known there");
    const bool crossed = !view.tables.peers()[peer].same_site;
    const WayBack back = hands.flows.way_back(*flow);
    const auto refused_by = crossed ? std::optional(peer) : std::nullopt;
    return from_client(view, hands, frame, packet,
                       {From::same_site, back, crossed, gue.hops, false, refused_by});
}

Verdict keepalive(const View& view, Hands& hands, const Classified& what) {
    const auto said = decode_keepalive(what.carried);
    if (!said) {
        return dropped(hands, Drop::bad_tunnel);
    }
    hands.sink.heard(what.peer, *said, view.now);
    return {Verdict::Kind::consumed, Drop::count_};
}

// A question is answered, an answer goes to the search for the link's size.
Verdict link_probe(const View& view, Hands& hands, const Classified& what) {
    const uint32_t headers = control_bytes(what.packet.family, what.gue.tagged);
    const auto said = decode_link_probe(what.carried, headers);
    if (!said) {
        return dropped(hands, Drop::bad_tunnel);
    }
    if (said->answer) {
        hands.links[what.peer].answered(*said, view.now);
    } else {
        send_control(view, hands, what.peer, Gue::Control::link_probe,
                     encode(LinkProbe{said->id, said->size, true}, headers));
    }
    return {Verdict::Kind::consumed, Drop::count_};
}

Verdict known_flows(Hands& hands, const Classified& what) {
    const auto page = decode_flows_page(what.carried);
    if (!page) {
        return dropped(hands, Drop::bad_tunnel);
    }
    hands.sink.known_flows(what.peer, *page);
    return {Verdict::Kind::consumed, Drop::count_};
}

Verdict services(Hands& hands, const Classified& what) {
    const auto page = decode_services_page(what.carried);
    if (!page) {
        return dropped(hands, Drop::bad_tunnel);
    }
    hands.sink.services(what.peer, *page);
    return {Verdict::Kind::consumed, Drop::count_};
}

// Who has no keys has nothing to agree on.
Verdict handshake(const View& view, Hands& hands, const Classified& what) {
    const auto said = decode_handshake(what.carried);
    if (!said || view.snapshot.peers[what.peer].keys == nullptr) {
        return dropped(hands, Drop::bad_tunnel);
    }
    hands.sink.handshake(what.peer, *said, view.now);
    return {Verdict::Kind::consumed, Drop::count_};
}

// What the peer says itself.
Verdict control(const View& view, Hands& hands, const Classified& what) {
    switch (what.gue.control) {
        case Gue::Control::keepalive:
            return keepalive(view, hands, what);
        case Gue::Control::services:
            return services(hands, what);
        case Gue::Control::link_probe:
            return link_probe(view, hands, what);
        case Gue::Control::flows:
            return known_flows(hands, what);
        case Gue::Control::handshake:
            return handshake(view, hands, what);
    }
    return dropped(hands, Drop::bad_tunnel);
}

}  // namespace

Verdict from_tunnel(const View& view, Hands& hands, Frame& frame, Classified& what,
                    PortIndex port) {
    const Belief belief = believe(view, hands, what);
    if (belief.why_not) {
        return dropped(hands, *belief.why_not);
    }
    Packet& packet = what.packet;
    if (const auto kept = join(view, hands, frame, packet, port)) {
        return *kept;
    }
    if (came_before(hands, what, belief)) {
        return dropped(hands, Drop::replayed);
    }
    if (what.kind == Classified::Kind::control) {
        return control(view, hands, what);
    }
    note(hands, "tunnel", "from gateway {}", view.tables.peers()[what.peer].gateway);
    if (what.gue.kind == Gue::Kind::copy) {
        return take_copy(view, hands, frame, packet, what.peer);
    }
    const bool is_reply = what.kind == Classified::Kind::peer_reply;
    const SiteNumber site = view.tables.peers()[what.peer].site_number;
    if (is_reply && site != 0 && view.snapshot.disabled->shuts_site(site)) {
        note(hands, "disabled", "strong site {}", view.tables.sites()[site]);
        return dropped(hands, Drop::disabled);
    }
    const Flow* cut = is_reply ? cut_flow(view, hands, packet) : nullptr;
    if (cut != nullptr) {
        return drop_disabled(view, hands, cut, nullptr);
    }
    const RoutedLine way = is_reply ? back_of_reply(view, hands, packet, what.gue) : RoutedLine{};
    if (way.wait != Routing::none) {
        return waits(hands, way.wait);
    }
    frame.resize(static_cast<uint32_t>(what.carried.data() + what.carried.size() - frame.data));
    if (!decapsulate(frame, packet, what.link.header_bytes)) {
        return dropped(hands, Drop::congestion_lost);
    }
    if (what.gue.kind == Gue::Kind::known) {
        return known(hands, packet, what.peer);
    }
    if (what.gue.kind == Gue::Kind::unknown) {
        return not_known(view, hands, frame, packet, what.peer, what.gue);
    }
    return is_reply ? reply(view, hands, frame, packet, what.peer, what.gue, way)
                    : client(view, hands, frame, packet, what.peer, what.gue);
}

}  // namespace rehome::vipd
