#include "vipd/path/tunnel_error.h"

#include "vipd/packet/bytes.h"
#include "vipd/packet/fragment_v4.h"
#include "vipd/packet/link_probe.h"
#include "vipd/packet/server_tunnel.h"
#include "vipd/path/note.h"
#include "vipd/path/out.h"
#include "vipd/path/refuse.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t ip_in_ip = 4, ipv6_in_ip = 41;

bool is_reply(Gue::Kind kind) {
    return kind == Gue::Kind::reply;
}

// What GUE's header and the quote say, of a tunnel to a peer.
void open_peer(QuotedTunnel& out, std::span<const uint8_t> quoted, uint32_t at) {
    const auto gue = decode_gue(quoted.subspan(at));
    if (!gue) {
        return;  // it is quoted in part
    }
    out.header = *gue;
    const uint32_t inside = at + gue->header_bytes;
    if (gue->kind == Gue::Kind::control) {
        out.said_at = quoted.size() >= inside + link_probe_bytes ? inside : 0;
    } else {
        out.inner = quoted_at(quoted, inside);
    }
}

FlowKey key_of(const QuotedTunnel& about) {
    const Quote& inner = *about.inner;
    return about.peer && is_reply(about.header.kind)
               ? FlowKey{inner.protocol, inner.destination, inner.source}
               : FlowKey{inner.protocol, inner.source, inner.destination};
}

bool goes_there(const QuotedTunnel& about, const Flow& flow, const WayBack& back) {
    if (!about.peer) {
        const bool gue = flow.reach == Flow::Reach::gue;
        return flow.kind == Flow::Kind::here && flow.direct_return() && gue == about.gue &&
               flow.server().address == about.far_end;
    }
    if (is_reply(about.header.kind)) {
        return back.via == WayBack::Via::tunnel && back.index == *about.peer;
    }
    return flow.kind != Flow::Kind::here && flow.peer == *about.peer;
}

// A map's packets have no flow.
bool mapped(const View& view, const QuotedTunnel& about) {
    const Quote& inner = *about.inner;
    return about.peer && view.tables.map_of_vip(is_reply(about.header.kind)
                                                    ? inner.source.address
                                                    : inner.destination.address) != nullptr;
}

// Whether it quotes what was sent.
bool was_sent(const View& view, Hands& hands, const Frame& frame, const QuotedTunnel& about) {
    if (about.control()) {
        const uint8_t* said = frame.data + about.said_at;
        const bool probe = about.header.control == Gue::Control::link_probe;
        return about.source_port == gue_port &&
               (!probe || (about.said_at != 0 && hands.links[*about.peer].asks(load32(said + 4))));
    }
    if (!about.inner || !about.inner->has_ports) {
        return false;
    }
    const Quote& inner = *about.inner;
    if (about.gue && tunnel_source_port(inner.source, inner.destination) != about.source_port) {
        return false;
    }
    const Flow* flow = hands.flows.find(key_of(about));
    return flow == nullptr ? mapped(view, about)
                           : goes_there(about, *flow, hands.flows.way_back(*flow));
}

uint32_t overhead_of(const View& view, const QuotedTunnel& about) {
    if (!about.peer) {
        return server_tunnel_bytes(about.far_end.family, about.gue);
    }
    return tunnel_bytes(view.tables.tunnel()->family) +
           (about.header.tagged ? tag_bytes(about.header.kind) : 0);
}

// The client whose packet did not get through, if it can be told by its flow.
void tell(const View& view, Hands& hands, const Frame& frame, const QuotedTunnel& about,
          const Trouble& trouble) {
    const Flow* flow = about.control() || (about.peer && is_reply(about.header.kind))
                           ? nullptr
                           : hands.flows.find(key_of(about));
    if (flow != nullptr) {
        tell_client(view, hands, frame, packet_of(*about.inner), hands.flows.way_back(*flow),
                    trouble);
    }
}

void too_big(const View& view, Hands& hands, const Frame& frame, const QuotedTunnel& about,
             uint32_t told) {
    const auto mtu = static_cast<uint16_t>(
        std::clamp<uint32_t>(told, least_link_mtu(about.far_end.family), UINT16_MAX));
    ++hands.counters.tunnel_too_big;
    note(hands, "tunnel", "too big on the way to {}: {} bytes pass", about.far_end, mtu);
    if (about.peer) {
        hands.sink.told_mtu(*about.peer, mtu, view.now);
    } else {
        hands.path_mtus.tell(about.far_end, mtu, view.now);
    }
    if (about.inner && !may_fragment(frame, packet_of(*about.inner))) {
        const auto room = static_cast<uint16_t>(mtu - overhead_of(view, about));
        tell(view, hands, frame, about, {Trouble::Kind::too_big, room});
    }
}

}  // namespace

std::optional<Endpoint> QuotedTunnel::client() const {
    if (!inner || !inner->has_ports) {
        return std::nullopt;
    }
    return peer && is_reply(header.kind) ? inner->destination : inner->source;
}

std::optional<QuotedTunnel> quoted_tunnel(const Frame& frame, const Packet& error,
                                          const Tables& tables) {
    const auto outer = quoted_packet(frame, error);
    if (!outer || outer->later_fragment) {
        return std::nullopt;
    }
    const auto quoted = frame.bytes().first(outer->end);
    QuotedTunnel about;
    about.far_end = outer->destination.address;
    about.peer = tables.peer_at(about.far_end);
    const auto from =
        about.peer ? tables.tunnel() : tables.server_tunnel_from(about.far_end.family);
    if (outer->source.address != from) {
        return std::nullopt;
    }
    if (outer->protocol == ip_in_ip || outer->protocol == ipv6_in_ip) {
        about.inner = quoted_at(quoted, outer->l4);
        return about.peer ? std::nullopt : std::optional(about);
    }
    about.gue = outer->protocol == static_cast<uint8_t>(Protocol::udp) && outer->has_ports &&
                outer->destination.port == gue_port;
    if (!about.gue) {
        return std::nullopt;
    }
    about.source_port = outer->source.port;
    if (about.peer) {
        open_peer(about, quoted, outer->l4 + 8);
    } else {
        about.inner = quoted_at(quoted, outer->l4 + 8 + 4);
    }
    return about;
}

Verdict from_tunnel_error(const View& view, Hands& hands, Frame& frame, const Packet& error,
                          PortIndex port) {
    const auto about = quoted_tunnel(frame, error, view.tables);
    if (!about) {
        note(hands, "tunnel", "an error about no tunnel: the kernel's");
        return punted(view, hands, frame, port);
    }
    if (!sound_icmp(frame, error) || !was_sent(view, hands, frame, *about)) {
        return dropped(hands, Drop::stray_error);
    }
    if (const auto mtu = told_mtu(frame, error)) {
        too_big(view, hands, frame, *about, *mtu);
    } else {
        ++hands.counters.tunnel_unreachable;
        note(hands, "tunnel", "{} cannot be reached", about->far_end);
        tell(view, hands, frame, *about, {Trouble::Kind::no_server});
    }
    return {Verdict::Kind::consumed, Drop::count_};
}

}  // namespace rehome::vipd
