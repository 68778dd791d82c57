#include "vipd/path/out.h"

#include <algorithm>

#include "vipd/packet/bytes.h"
#include "vipd/packet/fragment_v4.h"
#include "vipd/packet/mss.h"
#include "vipd/packet/rewrite.h"
#include "vipd/packet/server_tunnel.h"
#include "vipd/path/note.h"
#include "vipd/path/refuse.h"
#include "vipd/path/tags.h"

namespace rehome::vipd {

namespace {

// The largest segment that a packet of that size carries without options (RFC 6691).
uint16_t mss_of(Family family, uint32_t ip_bytes) {
    return static_cast<uint16_t>(ip_bytes - (family == Family::v4 ? 40 : 60));
}

// The outer source port of a packet's tunnel.
uint16_t spread_port(const Packet& packet) {
    return tunnel_source_port({packet.source, packet.source_port},
                              {packet.destination, packet.destination_port});
}

// What is too long for the tunnel and may be cut is cut before it goes in.
Verdict to_peer_in_fragments(Hands& hands, const Frame& frame, const Packet& packet, const Gue& gue,
                             const TunnelEnds& ends, uint32_t adjacency, uint16_t room,
                             const Bill& bill) {
    constexpr uint32_t before = 128;
    hands.routing[adjacency].used = true;
    note(hands, "tunnel", "in fragments of {} bytes", room);
    std::vector<uint8_t> bytes(before + ethernet_bytes + room);
    const auto cut = fragment_v4(frame, packet, room, [&](std::span<const uint8_t> piece) {
        std::copy(piece.begin(), piece.end(), bytes.begin() + before + ethernet_bytes);
        const auto length = static_cast<uint32_t>(ethernet_bytes + piece.size());
        Frame inner{bytes.data() + before, length, before, 0};
        const auto parsed = parse_packet(inner.bytes(), ethernet_bytes);
        if (parsed && encapsulate(inner, *parsed, gue, ends)) {
            hands.sink.emit(ip_packet(inner), adjacency);
        }
    });
    if (!cut) {
        return dropped(hands, cut.error());
    }
    settle(hands, bill);
    return {Verdict::Kind::consumed, Drop::count_};
}

}  // namespace

Verdict dropped(Hands& hands, Drop drop) {
    hands.count(drop);
    note(hands, "out", "dropped: {}, {}", name(drop),
         drop_names[static_cast<size_t>(drop)].meaning);
    return {Verdict::Kind::drop, drop};
}

Verdict drop_disabled(const View& view, Hands& hands, const Flow* flow,
                      const ServiceTable* service) {
    if (hands.trace != nullptr) {
        const Disabled& disabled = *view.snapshot.disabled;
        const Disabled::Cut* cut = flow == nullptr ? nullptr : disabled.cut_of(*flow);
        note(hands, "disabled", "{}",
             cut != nullptr       ? cut->text
             : service != nullptr ? disabled.text_of(service->number)
                                  : disabled.text_of(UINT32_MAX));
    }
    return dropped(hands, Drop::disabled);
}

Verdict punted(const View& view, Hands& hands, const Frame& frame, PortIndex port) {
    const auto refused = hands.punt->refuse(frame.bytes(), port, view.tables,
                                            view.snapshot.config->punt_per_s, view.now);
    if (refused) {
        return dropped(hands, *refused);
    }
    ++hands.counters.punted;
    return {};
}

Verdict answers_check(const View& view, Hands& hands, const Frame& frame, PortIndex port) {
    Verdict verdict = punted(view, hands, frame, port);
    if (verdict.kind == Verdict::Kind::punt) {
        verdict.kind = Verdict::Kind::check;
    }
    return verdict;
}

void settle(Hands& hands, const Bill& bill) {
    Counters& counters = hands.counters;
    const bool of_service = bill.service != Bill::no_service;
    if (bill.to == Bill::To::server) {
        ++counters.to_servers;
    } else if (bill.to == Bill::To::client) {
        ++counters.to_clients;
        ++counters.lines[bill.line].tx_vip_packets;
    } else if (bill.to == Bill::To::peer) {
        ++counters.to_peers;
    }
    if (of_service) {
        ServiceCounters& service = counters.services[bill.service];
        ++(bill.to == Bill::To::server ? service.to_servers : service.to_clients);
    }
}

Verdict waits(Hands& hands, uint32_t adjacency) {
    note(hands, "route", "by which line, the link address of {} has to tell",
         hands.routing[adjacency].hop.address);
    return {Verdict::Kind::wait, Drop::count_, Verdict::no_port, adjacency};
}

uint32_t next_hop(Hands& hands, const Address& to) {
    const uint32_t adjacency = hands.routing.next_hop(to);
    if (adjacency == Routing::none && hands.trace != nullptr) {
        const auto port = hands.routing.port_without_link(to);
        port ? note(hands, "route", "to {} leaves by port {}, whose link is down", to, *port)
             : note(hands, "route", "none to {}", to);
    }
    return adjacency;
}

Verdict dropped_on_the_way(Hands& hands, const Address& to) {
    return dropped(hands, hands.routing.port_without_link(to) ? Drop::link_down : Drop::no_route);
}

bool fits(const Hands& hands, const Frame& frame, const Packet& packet, uint32_t adjacency) {
    return packet.end - packet.ip <= hands.routing[adjacency].mtu || may_fragment(frame, packet);
}

Verdict leave(Hands& hands, Frame& frame, const Packet& packet, uint32_t number, const Bill& bill) {
    Adjacency& adjacency = hands.routing[number];
    adjacency.used = true;
    if (packet.end - packet.ip > adjacency.mtu) {
        if (!may_fragment(frame, packet)) {
            return dropped(hands, Drop::too_big);
        }
        note(hands, "out", "in fragments of {} bytes", adjacency.mtu);
        const auto cut =
            fragment_v4(frame, packet, adjacency.mtu,
                        [&](std::span<const uint8_t> piece) { hands.sink.emit(piece, number); });
        if (!cut) {
            return dropped(hands, cut.error());
        }
        settle(hands, bill);
        return {Verdict::Kind::consumed, Drop::count_};
    }
    note(hands, "out", "next hop {}{}", adjacency.hop.address,
         adjacency.usable ? "" : ", once its neighbour is resolved");
    if (!adjacency.usable) {
        return {Verdict::Kind::forward, Drop::count_, Verdict::no_port, number, bill};
    }
    settle(hands, bill);
    write_link_header(frame, packet.ip, adjacency);
    return {Verdict::Kind::forward, Drop::count_, adjacency.hop.port, number};
}

void send_control(const View& view, Hands& hands, size_t peer, Gue::Control control,
                  std::span<const uint8_t> said) {
    std::array<uint8_t, whole_link_mtu(Family::v6, true)> packet;
    TunnelEnds ends = ends_to(view, hands, peer, gue_port);
    if (control == Gue::Control::handshake) {
        ends.signing = {};  // it comes before any epoch
    }
    const uint32_t length = make_control_packet(packet, control, said, ends);
    const uint32_t adjacency = next_hop(hands, ends.peer);
    if (length > 0 && adjacency != Routing::none) {
        hands.routing[adjacency].used = true;
        hands.sink.emit(std::span(packet).first(length), adjacency);
    }
}

void emit(Hands& hands, const Frame& frame, const Verdict& verdict) {
    if (verdict.kind == Verdict::Kind::forward) {
        settle(hands, verdict.bill);
        hands.sink.emit(ip_packet(frame), verdict.adjacency);
    }
}

// Whether each server of the service was asked for in vain: one that merely has not answered yet
// may still, and an error would end what its client waits for.
bool all_failed(const View& view, Hands& hands, uint32_t service) {
    const ServiceTable* table = view.tables.service_by_number(service);
    const auto may_answer = [&](size_t server) {
        const uint32_t adjacency = hands.routing.next_hop(table->servers[server].address);
        return table->takes_new_flows(server) &&
               (adjacency == Routing::none || !hands.routing[adjacency].failed);
    };
    for (size_t i = 0; table != nullptr && i < table->servers.size(); ++i) {
        if (may_answer(i)) {
            return false;
        }
    }
    return table != nullptr;
}

Verdict to_server(const View& view, Hands& hands, Frame& frame, Packet& packet, const Flow& flow) {
    const Endpoint server = flow.server();
    const uint32_t adjacency = next_hop(hands, server.address);
    if (adjacency == Routing::none) {
        return dropped_on_the_way(hands, server.address);
    }
    const WayBack back = hands.flows.way_back(flow);
    if (hands.routing[adjacency].failed && all_failed(view, hands, flow.service)) {
        hands.routing[adjacency].used = true;  // the kernel goes on asking
        return refuse_client(view, hands, frame, packet, back, {Trouble::Kind::no_neighbour});
    }
    if (packet.ttl <= 1) {
        return refuse_client(view, hands, frame, packet, back, {Trouble::Kind::time_exceeded});
    }
    const bool gue = flow.reach == Flow::Reach::gue;
    const uint16_t room = flow.direct_return()
                              ? room_to_server(hands, server.address, gue, adjacency)
                              : hands.routing[adjacency].mtu;
    if (packet.end - packet.ip > room && !may_fragment(frame, packet)) {
        return refuse_client(view, hands, frame, packet, back, {Trouble::Kind::too_big, room});
    }
    clamp_to_way_back(view, hands, frame, packet, back);
    take_hop(frame, packet);
    const Bill bill{Bill::To::server, 0, flow.service};
    if (flow.direct_return()) {
        return to_server_in_tunnel(view, hands, frame, packet, server.address, gue, adjacency,
                                   bill);
    }
    rewrite_destination(frame, packet, server);
    if (flow.nat_port == 0) {
        note(hands, "rewrite", "to {}", server);
    } else {
        rewrite_source(frame, packet, hands.source_nat.seen(flow));
        note(hands, "rewrite", "from {} to {}", packet.source, server);
    }
    return leave(hands, frame, packet, adjacency, bill);
}

// What is too long and may be, is cut before it goes in.
Verdict to_server_in_tunnel(const View& view, Hands& hands, Frame& frame, Packet& packet,
                            const Address& server, bool gue, uint32_t adjacency, const Bill& bill) {
    const auto local = view.tables.server_tunnel_from(server.family);
    if (!local) {  // of a service that is gone
        return dropped(hands, Drop::no_route);
    }
    const ServerTunnel tunnel{*local, server, gue, spread_port(packet)};
    note(hands, "tunnel", "{} to {}", tunnel.gue ? "gue" : "ipip", server);
    const uint16_t room = room_to_server(hands, server, gue, adjacency);
    if (packet.end - packet.ip <= room) {
        return enter(frame, packet, tunnel) ? leave(hands, frame, packet, adjacency, bill)
                                            : dropped(hands, Drop::too_big);
    }
    if (!may_fragment(frame, packet)) {
        return dropped(hands, Drop::too_big);  // an error: others were refused by who sends them
    }
    hands.routing[adjacency].used = true;
    const auto in_tunnel = [&](std::span<const uint8_t> piece) {
        std::array<uint8_t, 65535> bytes;
        const uint32_t length = write_in_tunnel(bytes, piece, tunnel);
        hands.sink.emit(std::span(bytes).first(length), adjacency);
    };
    const auto cut = fragment_v4(frame, packet, room, in_tunnel);
    if (!cut) {
        return dropped(hands, cut.error());
    }
    settle(hands, bill);
    return {Verdict::Kind::consumed, Drop::count_};
}

Verdict to_peer(const View& view, Hands& hands, Frame& frame, Packet& packet, size_t peer,
                const Gue& gue, const WayBack& back, uint32_t service) {
    const TablePeer& to = view.tables.peers()[peer];
    const TunnelEnds ends = ends_to(view, hands, peer, spread_port(packet));
    const uint32_t adjacency = next_hop(hands, ends.peer);
    if (adjacency == Routing::none) {
        return dropped_on_the_way(hands, ends.peer);
    }
    const Bill bill{Bill::To::peer, 0, service};
    const uint16_t room = room_to_peer(view, hands, peer, adjacency, gue.kind);
    if (packet.end - packet.ip > room) {
        if (may_fragment(frame, packet)) {
            return to_peer_in_fragments(hands, frame, packet, gue, ends, adjacency, room, bill);
        }
        return gue.kind == Gue::Kind::reply
                   ? dropped(hands, Drop::too_big)  // its sender was told before it was rewritten
                   : refuse_client(view, hands, frame, packet, back,
                                   {Trouble::Kind::too_big, room});
    }
    clamp_mss(frame, packet, mss_of(packet.family, room));
    if (gue.kind != Gue::Kind::reply) {
        clamp_to_way_back(view, hands, frame, packet, back);
    }
    note(hands, "tunnel", "to gateway {}", to.gateway);
    if (const auto done = encapsulate(frame, packet, gue, ends); !done) {
        return dropped(hands, done.error());
    }
    return leave(hands, frame, packet, adjacency, bill);
}

uint16_t room_to_server(const Hands& hands, const Address& server, bool gue, uint32_t adjacency) {
    const uint16_t mtu = hands.path_mtus.to(server, hands.routing[adjacency].mtu);
    return static_cast<uint16_t>(mtu - server_tunnel_bytes(server.family, gue));
}

uint16_t room_to_peer(const View& view, const Hands& hands, size_t peer, uint32_t adjacency,
                      Gue::Kind kind) {
    return static_cast<uint16_t>(view.snapshot.link_mtu(peer, hands.routing[adjacency].mtu) -
                                 overhead_to(view, peer, kind));
}

uint16_t room_to_client(const View& view, Hands& hands, const WayBack& back) {
    const auto out = view.snapshot.way_out(back, true);
    if (!out) {
        return 0;
    }
    const bool tunnel = out->via == WayBack::Via::tunnel;
    const uint32_t adjacency = tunnel ? next_hop(hands, view.tables.peers()[out->index].tunnel)
                                      : hands.routing.to_line(out->index);
    if (adjacency == Routing::none) {
        return 0;
    }
    return tunnel ? room_to_peer(view, hands, out->index, adjacency, Gue::Kind::reply)
                  : hands.routing[adjacency].mtu;
}

void clamp_to_way_back(const View& view, Hands& hands, Frame& frame, const Packet& packet,
                       const WayBack& back) {
    if ((packet.tcp_flags & tcp_flag::syn) == 0) {
        return;
    }
    if (const uint16_t room = room_to_client(view, hands, back); room > 0) {
        clamp_mss(frame, packet, mss_of(packet.family, room));
    }
}

Verdict to_client(const View& view, Hands& hands, Frame& frame, Packet& packet, const WayBack& back,
                  bool ours, uint8_t hops, uint32_t service) {
    const auto out = view.snapshot.way_out(back, ours);
    if (!out) {
        const bool cut =
            back.via == WayBack::Via::line && view.snapshot.disabled->cuts_line(back.index);
        return dropped(hands, cut    ? Drop::disabled
                              : ours ? Drop::no_way_back
                                     : Drop::line_disabled);
    }
    if (out->via == WayBack::Via::tunnel) {
        const bool crossing = !view.tables.peers()[out->index].same_site;
        const Gue gue{Gue::Kind::reply, static_cast<uint8_t>(hops - 1), crossing, out->carrier};
        return to_peer(view, hands, frame, packet, out->index, gue, back, service);
    }
    const uint32_t adjacency = hands.routing.to_line(out->index);
    if (adjacency == Routing::none) {
        return dropped(hands, Drop::no_route);
    }
    note(hands, "out", "line {}", view.tables.lines()[out->index].carrier);
    clamp_mss(frame, packet, mss_of(packet.family, hands.routing[adjacency].mtu));
    return leave(hands, frame, packet, adjacency, {Bill::To::client, out->index, service});
}

}  // namespace rehome::vipd
