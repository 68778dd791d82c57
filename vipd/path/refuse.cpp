#include "vipd/path/refuse.h"

#include "vipd/packet/rewrite.h"
#include "vipd/path/out.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t room = 128;  // before an error of our own, for a tunnel's headers

// How each trouble is counted, and the code of the "destination unreachable" that tells of it
// (RFC 792, RFC 1812 5.2.7.1, RFC 4443 3.1).
struct Told {
    Trouble::Kind kind;
    Drop drop;
    uint8_t code_v4 = 0, code_v6 = 0;
};

constexpr Told told_of(Trouble::Kind kind) {
    constexpr std::array<Told, 7> all{{
        {Trouble::Kind::time_exceeded, Drop::ttl_expired},
        {Trouble::Kind::too_big, Drop::too_big},
        // Host, or address: the client may try again (RFC 1122 4.2.3.9).
        {Trouble::Kind::no_server, Drop::no_server, 1, 3},
        {Trouble::Kind::no_neighbour, Drop::no_neighbour, 1, 3},
        {Trouble::Kind::no_service, Drop::no_service, 3, 4},
        {Trouble::Kind::hairpin, Drop::hairpin, 13, 1},  // administratively prohibited
        {Trouble::Kind::not_admitted, Drop::not_admitted, 3, 4},
    }};
    return all[static_cast<size_t>(kind)];
}

bool unreachable(Trouble::Kind kind) {
    return kind != Trouble::Kind::time_exceeded && kind != Trouble::Kind::too_big;
}

uint32_t write_error(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                     const Address& from, const Trouble& trouble) {
    switch (trouble.kind) {
        case Trouble::Kind::time_exceeded:
            return make_time_exceeded(out, frame, packet, from);
        case Trouble::Kind::too_big:
            return make_packet_too_big(out, frame, packet, from, trouble.mtu);
        default:
            break;
    }
    const Told told = told_of(trouble.kind);
    return make_unreachable(out, frame, packet, from,
                            packet.family == Family::v4 ? told.code_v4 : told.code_v6);
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

bool within_limits(const View& view, Hands& hands, const Packet& packet, Trouble::Kind kind) {
    return unreachable(kind) ? hands.answers.take(packet.source, view.now)
                             : hands.icmp_limit.take(view.now);
}

// Makes the error where it may be, and hands it to send(error, its packet), which gives its
// verdict.
template <typename Send>
void tell_at_once(Hands& hands, const Frame& frame, const Packet& packet, const Address& from,
                  const Trouble& trouble, Send send) {
    std::array<uint8_t, room + ethernet_bytes + icmp_error_bytes_v6> bytes{};
    const uint32_t length =
        write_error(std::span(bytes).subspan(room + ethernet_bytes), frame, packet, from, trouble);
    Frame error{bytes.data() + room, ethernet_bytes + length, room, 0};
    if (auto parsed = parse_packet(error.bytes(), ethernet_bytes)) {
        ++hands.counters.icmp;
        emit(hands, error, send(error, *parsed));
    }
}

template <typename Send>
void tell(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
          const Address& from, const Trouble& trouble, Send send) {
    if (may_answer(frame, packet) && within_limits(view, hands, packet, trouble.kind)) {
        tell_at_once(hands, frame, packet, from, trouble, send);
    }
}

}  // namespace

void tell_port_closed(const View& view, Hands& hands, const FlowKey& flow, const WayBack& back) {
    std::array<uint8_t, ethernet_bytes + 48> bytes{};
    const uint32_t length =
        make_datagram(std::span(bytes).subspan(ethernet_bytes), flow.client, flow.vip);
    const Frame frame{bytes.data(), ethernet_bytes + length, 0, 0};
    const auto packet = parse_packet(frame.bytes(), ethernet_bytes);
    tell_at_once(hands, frame, *packet, flow.vip.address, {Trouble::Kind::no_service},
                 [&](Frame& error, Packet& parsed) {
                     return to_client(view, hands, error, parsed, back, true);
                 });
}

void tell_client(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                 const WayBack& back, const Trouble& trouble) {
    // That a port is closed is said by who has the address (RFC 1122 3.2.2.1).
    const bool of_port =
        trouble.kind == Trouble::Kind::no_service || trouble.kind == Trouble::Kind::not_admitted;
    const Address from = of_port ? packet.destination : own_address(view, back, packet.destination);
    tell(view, hands, frame, packet, from, trouble, [&](Frame& error, Packet& parsed) {
        return to_client(view, hands, error, parsed, back, true);
    });
}

Verdict refuse_client(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                      const WayBack& back, const Trouble& trouble) {
    tell_client(view, hands, frame, packet, back, trouble);
    return dropped(hands, told_of(trouble.kind).drop);
}

Verdict refuse_with_reset(const View& view, Hands& hands, const Frame& frame, const Packet& syn,
                          const WayBack& back, Drop why) {
    if (may_answer(frame, syn) && hands.answers.take(syn.source, view.now)) {
        std::array<uint8_t, room + 128> bytes{};
        const uint32_t length = make_reset(std::span(bytes).subspan(room + ethernet_bytes),
                                           {{syn.destination, syn.destination_port},
                                            {syn.source, syn.source_port},
                                            0,
                                            syn.seq + syn.sequence_length()});
        Frame reset{bytes.data() + room, ethernet_bytes + length, room, 0};
        auto parsed = parse_packet(reset.bytes(), ethernet_bytes);
        ++hands.counters.resets;
        emit(hands, reset, to_client(view, hands, reset, *parsed, back, true));
    }
    return dropped(hands, why);
}

Verdict refuse_server(const View& view, Hands& hands, const Frame& frame, const Packet& packet,
                      const Address& vip, const Trouble& trouble) {
    const uint32_t adjacency = next_hop(hands, packet.source);
    if (adjacency != Routing::none) {
        tell(view, hands, frame, packet, vip, trouble,
             [&](Frame& error, Packet& parsed) { return leave(hands, error, parsed, adjacency); });
    }
    return dropped(hands, told_of(trouble.kind).drop);
}

}  // namespace rehome::vipd
