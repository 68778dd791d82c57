#include "vipd/path/classify.h"

#include "vipd/packet/bytes.h"
#include "vipd/packet/icmp.h"

namespace rehome::vipd {

namespace {

using Kind = Classified::Kind;

void refuse(Classified& out, Drop drop) {
    out.kind = Kind::bad;
    out.drop = drop;
}

// GUE to this gateway, in out.packet.
void open_tunnel(Classified& out, std::span<const uint8_t> frame, const Tables& tables) {
    const auto peer = tables.peer_at(out.packet.source);
    if (!peer) {
        return refuse(out, Drop::unknown_peer);
    }
    const auto carried = carried_by(frame, out.packet);
    if (!carried) {
        return refuse(out, carried.error());
    }
    out.peer = *peer;
    out.gue = carried->gue;
    out.carried = frame.subspan(carried->at, carried->end - carried->at);
    if (out.gue.kind == Gue::Kind::control) {
        out.kind = Kind::control;
        return;
    }
    auto inner = parse_packet(frame.first(carried->end), carried->at);
    if (!inner) {
        return refuse(out, inner.error());
    }
    if (const auto unsound = unsound_header(frame, *inner)) {
        return refuse(out, *unsound);
    }
    out.packet = *inner;
    const bool reply = out.gue.kind == Gue::Kind::reply;
    if (!tables.is_moved(reply ? inner->source : inner->destination)) {
        return refuse(out, Drop::not_for_vip);
    }
    out.kind = reply ? Kind::peer_reply : Kind::peer_client;
}

// An ICMP error to this gateway's end of a tunnel.
bool about_tunnels(const Packet& packet, const Tables& tables) {
    return is_icmp_error(packet) &&
           (packet.destination == tables.tunnel() ||
            packet.destination == tables.server_tunnel_from(packet.family));
}

}  // namespace

Classified classify(std::span<const uint8_t> frame, PortIndex port, const Tables& tables) {
    Classified out;
    out.link = link_of(frame);
    const bool ip = out.link.ethertype == ethertype_v4 || out.link.ethertype == ethertype_v6;
    out.role = ip ? tables.role(port, out.link.vlan) : PortRole::other;
    if (out.role == PortRole::other || (frame[0] & 1) != 0) {  // multicast
        return out;
    }
    auto packet = parse_packet(frame, out.link);
    if (!packet) {
        refuse(out, packet.error());
        return out;
    }
    out.packet = *packet;
    switch (out.role) {
        case PortRole::line:
            out.kind = tables.is_moved(out.packet.destination) ? Kind::client : Kind::kernel;
            break;
        case PortRole::servers:
            out.kind = about_tunnels(out.packet, tables) ? Kind::tunnel_error : Kind::server;
            break;
        case PortRole::link:
            if (is_gue(out.packet) && out.packet.destination == tables.tunnel()) {
                open_tunnel(out, frame, tables);
            } else if (about_tunnels(out.packet, tables)) {
                out.kind = Kind::tunnel_error;
            }
            break;
        case PortRole::other:
            break;
    }
    const auto unsound = out.kind == Kind::kernel ? std::nullopt : unsound_header(frame, *packet);
    if (unsound) {
        refuse(out, *unsound);
    }
    return out;
}

bool is_gue(const Packet& packet) {
    return packet.udp() && packet.has_ports && !packet.fragment &&
           packet.destination_port == gue_port;
}

tl::expected<Carried, Drop> carried_by(std::span<const uint8_t> frame, const Packet& outer) {
    const uint32_t payload = outer.l4 + 8;
    const uint32_t end = outer.l4 + load16(&frame[outer.l4 + 4]);  // UDP may be shorter than IP
    const auto gue = decode_gue(frame.subspan(payload, end - payload));
    if (!gue) {
        return tl::unexpected(gue.error());
    }
    return Carried{*gue, payload + gue->header_bytes, end};
}

std::optional<Packet> innermost_packet(std::span<const uint8_t> frame) {
    const auto outer = parse_packet(frame, link_of(frame));
    if (!outer || !is_gue(*outer)) {
        return outer ? std::optional(*outer) : std::nullopt;
    }
    const auto carried = carried_by(frame, *outer);
    if (!carried || carried->gue.kind == Gue::Kind::control) {
        return std::nullopt;
    }
    const auto inner = parse_packet(frame.first(carried->end), carried->at);
    return inner ? std::optional(*inner) : std::nullopt;
}

}  // namespace rehome::vipd
