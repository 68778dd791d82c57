// The ways out of the datapath: to a server, to a peer, to a client; what does not fit is cut into
// fragments or refused.
#include "vipd/packet/bytes.h"
#include "vipd/packet/fragment_v4.h"
#include "vipd/packet/hash.h"
#include "vipd/packet/mss.h"
#include "vipd/packet/rewrite.h"
#include "vipd/packet/server_tunnel.h"
#include "vipd/path/datapath.h"
#include "vipd/path/note.h"

namespace rehome::vipd {

namespace {

// The largest segment that a packet of that size carries without options (RFC 6691).
uint16_t mss_of(Family family, uint32_t ip_bytes) {
    return static_cast<uint16_t>(ip_bytes - (family == Family::v4 ? 40 : 60));
}

}  // namespace

Verdict Datapath::dropped(Drop drop) {
    count_drop(drop);
    note("out", "dropped: {}, {}", name(drop), drop_names[static_cast<size_t>(drop)].meaning);
    return {Verdict::Way::drop, drop};
}

void Datapath::replace_routes(std::shared_ptr<const Fib> routes) {
    routes_ = std::move(routes);
    hops_v4_.clear();
    hops_v6_.clear();
    via_adjacencies_.assign(routes_->vias() + 1, Adjacencies::none);
    for (uint32_t i = 1; i <= routes_->vias(); ++i) {
        const Via& via = routes_->via(i);
        if (via.gateway) {
            via_adjacencies_[i] = adjacencies_.find({*via.port, *via.gateway, via.vlan});
        }
    }
    find_lines_by_mac();
}

uint32_t Datapath::look_up(const Address& to) {
    const auto hop = routes_->lookup(to);
    return hop ? adjacencies_.find(*hop) : Adjacencies::none;
}

uint32_t Datapath::fill_hop(HopCache<uint32_t>::Entry& entry, uint32_t to) {
    entry = {to, look_up(Address::v4(to)) + 1};  // none and 1 is 0: empty
    return entry.adjacency - 1;
}

uint32_t Datapath::fill_hop(HopCache<std::array<uint8_t, 16>>::Entry& entry,
                            const std::array<uint8_t, 16>& to) {
    entry = {to, look_up({Family::v6, to}) + 1};
    return entry.adjacency - 1;
}

uint32_t Datapath::next_hop(const Address& to) {
    const uint32_t adjacency =
        to.family == Family::v4 ? next_hop_stored(to.v4_host_order()) : next_hop_stored(to.bytes);
    if (adjacency == Adjacencies::none) {
        note("route", "none to {}", to);
    }
    return adjacency;
}

bool Datapath::fits(const Frame& frame, const Packet& packet, uint32_t adjacency,
                    uint32_t overhead) const {
    const uint32_t bytes = packet.end - packet.ip + overhead;
    return bytes <= adjacencies_[adjacency].mtu || may_fragment(frame, packet);
}

// The packet, done, leaves; one that is too long for the adjacency may be cut into fragments here.
Verdict Datapath::leave(Frame& frame, const Packet& packet, uint32_t adjacency) {
    Adjacency& way = adjacencies_[adjacency];
    way.used = true;
    if (packet.end - packet.ip > way.mtu) {
        if (!may_fragment(frame, packet)) {
            return dropped(Drop::too_big);
        }
        note("out", "in fragments of {} bytes", way.mtu);
        const auto cut = fragment_v4(frame, packet, way.mtu, [&](std::span<const uint8_t> piece) {
            sink_.emit(piece, adjacency);
        });
        return cut ? Verdict{Verdict::Way::consumed, Drop::count_} : dropped(cut.error());
    }
    note("out", "next hop {}{}", way.hop.address,
         way.usable ? "" : ", once its neighbour is resolved");
    if (way.usable) {
        write_link_header(frame, packet.ip, way);
    }
    return {Verdict::Way::forward, Drop::count_, way.usable ? way.hop.port : Verdict::no_port,
            adjacency};
}

Verdict Datapath::to_server(Frame& frame, Packet& packet, const Flow& flow, Micros now) {
    const Endpoint server = flow.server();
    const uint32_t adjacency = next_hop(server.address);
    if (adjacency == Adjacencies::none) {
        return dropped(Drop::no_route);
    }
    const WayBack way = flows_.way(flow);
    if (packet.ttl <= 1) {
        return refuse_client(frame, packet, way, Trouble::time_exceeded, 0, now);
    }
    const uint32_t overhead =
        flow.direct_return() ? server_tunnel_bytes(flow.forward == Flow::Forward::gue) : 0;
    if (!fits(frame, packet, adjacency, overhead)) {
        const auto mtu = static_cast<uint16_t>(adjacencies_[adjacency].mtu - overhead);
        return refuse_client(frame, packet, way, Trouble::too_big, mtu, now);
    }
    take_hop(frame, packet);
    ++counters_.to_servers;
    ++counters_.services[flow.service].to_servers;
    if (!flow.direct_return()) {
        rewrite_destination(frame, packet, server);
        if (flow.nat_port != 0) {
            rewrite_source(frame, packet, source_nat_.endpoint({flow.nat_address, flow.nat_port}));
            note("rewrite", "from {} to {}", packet.source, server);
        } else {
            note("rewrite", "to {}", server);
        }
        return leave(frame, packet, adjacency);
    }
    return to_server_in_tunnel(frame, packet, server.address, flow.forward == Flow::Forward::gue,
                               adjacency);
}

Flow::Forward Datapath::forward_of(const ServiceConfig& config) {
    if (config.forward == Forward::nat) {
        return config.pool ? Flow::Forward::source_nat : Flow::Forward::nat;
    }
    return config.encapsulation == Encapsulation::ipip ? Flow::Forward::ipip : Flow::Forward::gue;
}

// Direct return: the packet goes to its server as it is, in a tunnel; what is too long and may be,
// is cut before it goes in.
Verdict Datapath::to_server_in_tunnel(Frame& frame, Packet& packet, const Address& server, bool gue,
                                      uint32_t adjacency) {
    const ServerTunnel tunnel{tables_->tunnel(), server, gue,
                              tunnel_source_port({packet.source, packet.source_port},
                                                 {packet.destination, packet.destination_port})};
    note("tunnel", "{} to {}", tunnel.gue ? "gue" : "ipip", tunnel.server);
    const uint32_t room = adjacencies_[adjacency].mtu - server_tunnel_bytes(tunnel.gue);
    if (packet.end - packet.ip <= room) {
        if (!enter(frame, packet, tunnel)) {
            return dropped(Drop::too_big);
        }
        return leave(frame, packet, adjacency);
    }
    if (!may_fragment(frame, packet)) {
        return dropped(Drop::too_big);  // an error: others were refused by who sends them here
    }
    adjacencies_[adjacency].used = true;
    const auto in_tunnel = [&](std::span<const uint8_t> piece) {
        std::array<uint8_t, 65535> bytes;
        const uint32_t length = write_in_tunnel(bytes, piece, tunnel);
        sink_.emit(std::span(bytes).first(length), adjacency);
    };
    const auto cut = fragment_v4(frame, packet, static_cast<uint16_t>(room), in_tunnel);
    return cut ? Verdict{Verdict::Way::consumed, Drop::count_} : dropped(cut.error());
}

// way: by which a client that must be told that its packet is too big is reached.
Verdict Datapath::to_peer(Frame& frame, Packet& packet, size_t peer, const Gue& gue,
                          const WayBack& way, Micros now) {
    const TunnelEnds ends{tables_->tunnel(), tables_->peers()[peer].tunnel,
                          tunnel_source_port({packet.source, packet.source_port},
                                             {packet.destination, packet.destination_port})};
    const uint32_t adjacency = next_hop(ends.peer);
    if (adjacency == Adjacencies::none) {
        return dropped(Drop::no_route);
    }
    const uint32_t overhead = tunnel_bytes(ends.local.family);
    const auto room = static_cast<uint16_t>(adjacencies_[adjacency].mtu - overhead);
    if (packet.end - packet.ip > room) {
        if (may_fragment(frame, packet)) {
            return to_peer_in_fragments(frame, packet, gue, ends, adjacency);
        }
        return gue.kind == Gue::Kind::client
                   ? refuse_client(frame, packet, way, Trouble::too_big, room, now)
                   : dropped(Drop::too_big);  // who sent it was told before it was rewritten
    }
    clamp_mss(frame, packet, mss_of(packet.family, room));
    note("tunnel", "to gateway {}", tables_->peers()[peer].gateway);
    if (const auto done = encapsulate(frame, packet, gue, ends); !done) {
        return dropped(done.error());
    }
    ++counters_.to_peers;
    return leave(frame, packet, adjacency);
}

// What is too long for the tunnel and may be cut is cut before it goes in.
Verdict Datapath::to_peer_in_fragments(const Frame& frame, const Packet& packet, const Gue& gue,
                                       const TunnelEnds& ends, uint32_t adjacency) {
    constexpr uint32_t before = 128;
    const auto room =
        static_cast<uint16_t>(adjacencies_[adjacency].mtu - tunnel_bytes(ends.local.family));
    adjacencies_[adjacency].used = true;
    note("tunnel", "in fragments of {} bytes", room);
    std::vector<uint8_t> bytes(before + ethernet_bytes + room);
    const auto cut = fragment_v4(frame, packet, room, [&](std::span<const uint8_t> piece) {
        std::copy(piece.begin(), piece.end(), bytes.begin() + before + ethernet_bytes);
        const auto length = static_cast<uint32_t>(ethernet_bytes + piece.size());
        Frame inner{bytes.data() + before, length, before, 0};
        const auto parsed = parse_packet(inner.bytes(), ethernet_bytes);
        if (parsed && encapsulate(inner, *parsed, gue, ends)) {
            sink_.emit(ip_packet(inner), adjacency);
        }
    });
    if (!cut) {
        return dropped(cut.error());
    }
    ++counters_.to_peers;
    return {Verdict::Way::consumed, Drop::count_};
}

uint32_t Datapath::line_adjacency(size_t line) {
    const TableLine& at = tables_->lines()[line];
    if (line_adjacencies_[line] == Adjacencies::none) {
        line_adjacencies_[line] = adjacencies_.find({at.port, at.peer, at.vlan});
        if (line_adjacencies_[line] != Adjacencies::none) {
            adjacencies_[line_adjacencies_[line]].line = static_cast<uint32_t>(line);
        }
    }
    return line_adjacencies_[line];
}

// The longest packet that the way out of a reply takes; 0 where there is none.
uint16_t Datapath::room_to_client(const WayBack& way) {
    const auto out = snapshot_->way_out(way, true);
    if (!out) {
        return 0;
    }
    const bool tunnel = out->via == WayBack::Via::tunnel;
    const uint32_t adjacency =
        tunnel ? next_hop(tables_->peers()[out->index].tunnel) : line_adjacency(out->index);
    const uint32_t overhead = tunnel ? tunnel_bytes(tables_->tunnel().family) : 0;
    return adjacency == Adjacencies::none
               ? uint16_t{0}
               : static_cast<uint16_t>(adjacencies_[adjacency].mtu - overhead);
}

// ours: a reply of this site; otherwise one that a peer sent here to leave by a line.  hops: how
// many gateways may still pass it on, at least one.
Verdict Datapath::to_client(Frame& frame, Packet& packet, const WayBack& way, bool ours, Micros now,
                            uint8_t hops) {
    const auto out = snapshot_->way_out(way, ours);
    if (!out) {
        return dropped(ours ? Drop::no_way_back : Drop::line_disabled);
    }
    if (out->via == WayBack::Via::tunnel) {
        const bool crossing = !tables_->peers()[out->index].same_site;
        return to_peer(frame, packet, out->index,
                       {Gue::Kind::reply, static_cast<uint8_t>(hops - 1), crossing, out->carrier},
                       way, now);
    }
    const uint32_t adjacency = line_adjacency(out->index);
    if (adjacency == Adjacencies::none) {
        return dropped(Drop::no_route);
    }
    note("out", "line {}", tables_->lines()[out->index].carrier);
    ++counters_.to_clients;
    ++counters_.lines[out->index].tx_vip_packets;
    return leave(frame, packet, adjacency);
}

}  // namespace rehome::vipd
