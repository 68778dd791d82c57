#include "vipd/path/refuse.h"

#include "vipd/path/out.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t room = 128;  // before an error of our own, for a tunnel's headers

uint32_t write_error(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                     const Address& from, const Trouble& trouble) {
    switch (trouble.kind) {
        case Trouble::Kind::time_exceeded:
            return make_time_exceeded(out, frame, packet, from);
        case Trouble::Kind::too_big:
            return make_packet_too_big(out, frame, packet, from, trouble.mtu);
        case Trouble::Kind::no_server:
            break;
    }
    // Host, or address, unreachable: the client may try again (RFC 1122 4.2.3.9).
    const uint8_t code = packet.family == Family::v4 ? 1 : 3;
    return make_unreachable(out, frame, packet, from, code);
}

Drop drop_of(Trouble::Kind kind) {
    return kind == Trouble::Kind::time_exceeded ? Drop::ttl_expired
           : kind == Trouble::Kind::too_big     ? Drop::too_big
                                                : Drop::no_server;
}

// The address of an error to a client: this gateway's on the line by which it leaves, or the VIP,
// which every carrier takes where the line's is of the other family or another gateway's.
Address own_address(const View& view, const WayBack& back, const Address& vip) {
    const auto out = view.snapshot.way_out(back, true);
    if (!out || out->via == WayBack::Via::tunnel) {
        return vip;
    }
    const Address& own = view.tables.lines()[out->index].own;
    return own.family == vip.family ? own : vip;
}

// Makes the error where it may be, and hands it to send(error, its packet), which gives its
// verdict.
template <typename Send>
void tell(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
          const Address& from, const Trouble& trouble, Send send) {
    if (!may_answer(frame, packet) || !hands.icmp_limit.take(view.now)) {
        return;
    }
    std::array<uint8_t, room + ethernet_bytes + icmp_error_bytes_v6> bytes{};
    const uint32_t length =
        write_error(std::span(bytes).subspan(room + ethernet_bytes), frame, packet, from, trouble);
    Frame error{bytes.data() + room, ethernet_bytes + length, room, 0};
    if (auto parsed = parse_packet(error.bytes(), ethernet_bytes)) {
        ++hands.counters.icmp;
        emit(hands, error, send(error, *parsed));
    }
}

}  // namespace

void tell_client(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                 const WayBack& back, const Trouble& trouble) {
    const Address from = own_address(view, back, packet.destination);
    tell(view, hands, frame, packet, from, trouble, [&](Frame& error, Packet& parsed) {
        return to_client(view, hands, error, parsed, back, true);
    });
}

Verdict refuse_client(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                      const WayBack& back, const Trouble& trouble) {
    tell_client(view, hands, frame, packet, back, trouble);
    return dropped(hands, drop_of(trouble.kind));
}

Verdict refuse_server(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                      const Address& vip, const Trouble& trouble) {
    const uint32_t adjacency = next_hop(hands, packet.source);
    if (adjacency != Routing::none) {
        tell(view, hands, frame, packet, vip, trouble,
             [&](Frame& error, Packet& parsed) { return leave(hands, error, parsed, adjacency); });
    }
    return dropped(hands, drop_of(trouble.kind));
}

}  // namespace rehome::vipd
