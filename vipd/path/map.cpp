#include "vipd/path/map.h"

#include "vipd/packet/fragment_v4.h"
#include "vipd/packet/rewrite.h"
#include "vipd/path/access.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"
#include "vipd/path/refuse.h"

namespace rehome::vipd {

namespace {

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

// A gateway of the site at which the client is placed; nothing: it stays here.
std::optional<size_t> placed_at(const View& view, const Packet& packet) {
    std::optional<size_t> peer;
    if (view.snapshot.places_maps) {
        const auto takes = [&](SiteNumber site) {
            peer = site == 0 || site == no_site || view.snapshot.disabled->shuts_site(site)
                       ? std::nullopt
                       : other_site_peer(view, packet.destination, site);
            return site == 0 || peer.has_value();
        };
        view.snapshot.placement->choose(std::nullopt, {packet.source, 0}, takes);
    }
    return peer;
}

}  // namespace

Verdict from_mapped_client(const View& view, Hands& hands, Frame& frame, Packet& packet,
                           const Origin& origin, const MapRule& rule) {
    note(hands, "vip", "map {}", rule.name);
    if (view.snapshot.disabled->cuts_maps()) {
        return drop_disabled(view, hands, nullptr, nullptr);
    }
    const auto other = origin.from == From::line ? placed_at(view, packet) : std::nullopt;
    if (other) {
        note(hands, "relay", "the client is placed at site {}", view.tables.peers()[*other].site);
        return to_peer(view, hands, frame, packet, *other, to_go_on(view.tables, origin, *other),
                       origin.back);
    }
    const Address server = rule.to_server(packet.destination);
    if (server == packet.source) {
        return dropped(hands, Drop::forged_source);
    }
    const uint32_t adjacency = next_hop(hands, server);
    if (adjacency == Routing::none) {
        return dropped_on_the_way(hands, server);
    }
    if (packet.ttl <= 1) {
        return refuse_client(view, hands, frame, packet, origin.back,
                             {Trouble::Kind::time_exceeded});
    }
    if (!fits(hands, frame, packet, adjacency)) {
        return refuse_client(view, hands, frame, packet, origin.back,
                             {Trouble::Kind::too_big, hands.routing[adjacency].mtu});
    }
    clamp_to_way_back(view, hands, frame, packet, origin.back);
    take_hop(frame, packet);
    translate_mapped<true>(frame, packet, server, view.tables);
    return leave(hands, frame, packet, adjacency, {Bill::To::server});
}

Verdict from_mapped_server(const View& view, Hands& hands, Frame& frame, Packet& packet,
                           PortIndex port, const MapRule& rule) {
    if (view.tables.is_moved(packet.destination)) {  // who serves that takes no VIP for a client
        return refuse_server(view, hands, frame, packet, packet.destination,
                             {Trouble::Kind::hairpin});
    }
    if (!beyond_lines(view, hands, packet.destination)) {
        note(hands, "vip", "a mapped server's, for this site: the kernel's");
        return punted(view, hands, frame, port);
    }
    note(hands, "vip", "map {}", rule.name);
    FlowKey ends = ends_of_reply(frame, packet);
    ends.vip.address = rule.to_vip(ends.vip.address);
    if (barred(view, hands, ends, nullptr)) {
        return dropped(hands, Drop::access);
    }
    if (view.snapshot.disabled->cuts_maps()) {
        return drop_disabled(view, hands, nullptr, nullptr);
    }
    return leave_as(view, hands, frame, packet, rule.to_vip(packet.source));
}

bool beyond_lines(const View& view, Hands& hands, const Address& to) {
    if (stays_here(view.tables, to)) {
        return false;
    }
    const uint32_t adjacency = next_hop(hands, to);
    if (adjacency == Routing::none) {
        return true;
    }
    const Hop& hop = hands.routing[adjacency].hop;
    return view.tables.role(hop.port, hop.vlan) == PortRole::line;
}

RoutedLine line_by_route(const View& view, Hands& hands, const Address& client) {
    const uint32_t adjacency = next_hop(hands, client);
    if (adjacency == Routing::none) {
        return {};
    }
    hands.routing[adjacency].used = true;  // it has to be known, though what tells it does not
    const uint32_t line = hands.routing.line_of(adjacency);
    if (line == Routing::no_line) {
        return {std::nullopt, hands.routing.tells_line(adjacency)};
    }
    const bool enabled = view.snapshot.line(line) == LineState::enabled;
    return {enabled ? std::optional(by_line(view.tables, line)) : std::nullopt};
}

Verdict leave_as(const View& view, Hands& hands, Frame& frame, Packet& packet, const Address& vip) {
    if (packet.ttl <= 1) {
        return refuse_server(view, hands, frame, packet, vip, {Trouble::Kind::time_exceeded});
    }
    const auto line = line_by_route(view, hands, packet.destination);
    if (line.wait != Routing::none) {
        return waits(hands, line.wait);
    }
    const auto back = line.back ? line.back : view.snapshot.through_any_peer();
    if (!back) {
        return dropped(hands, Drop::no_way_back);
    }
    const uint16_t room = room_to_client(view, hands, *back);
    if (room > 0 && packet.end - packet.ip > room && !may_fragment(frame, packet)) {
        return refuse_server(view, hands, frame, packet, vip, {Trouble::Kind::too_big, room});
    }
    take_hop(frame, packet);
    translate_mapped<false>(frame, packet, vip, view.tables);
    return to_client(view, hands, frame, packet, *back, true);
}

}  // namespace rehome::vipd
