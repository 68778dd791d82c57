// What gateways say to each other: GUE (draft-ietf-intarea-gue-09, variant 0) over UDP port 6080.
//
//      0                   1                   2                   3
//      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//     +---+-+---------+---------------+-------------------------------+
//     | 0 |C| Hlen=2  | Proto/ctype   |            Flags = 0          |
//     +---+-+---------+---------------+---------------+---------------+
//     |  Version = 1  |     Kind      |     Hops      |   Crossed     |  private data
//     +---------------+---------------+---------------+---------------+
//     |                       Carrier                                 |  private data
//     +---------------------------------------------------------------+
//
// Kind: 0 from a client, 1 from a server (a reply), 2 from a client whose flow the sender does not
// know and asks for, 3 such a packet back from who does not know it either, 5 an empty segment from
// the client that stands for its flow, from who knows it; 2 and 3 only to peers whose keepalives
// say that they answer, 5 to those that say they hear it; 4 a copy of a flow (flow_copy.h), only to
// peers that say they take copies.  Hops: how many more gateways may pass it on.  Crossed: 1 once
// the packet has gone from one site to the other.  Carrier: by whose line the client came in and
// the reply has to leave (carrier_id of its name); 0 is unknown.
//
// With C set the packet is what a gateway says itself, ctype says what, and this private data is
// absent: 0 a keepalive (state/keepalive.h), 3 which flows it knows (state/known_flows.h), to peers
// that hear it, 4 a link probe (link_probe.h), 5 a handshake (state/agreement.h).
//
// Behind it stands the tag (tag.h), if the header is longer by that: only to a peer with which keys
// are agreed (state/agreement.h).  A counter follows where each message counts once: with C, and
// with any kind but 0 and 1.
//
//     +---------------+---------------+-------------------------------+
//     |    Key id     |    Worker     |           Key epoch           |
//     +---------------+---------------+-------------------------------+
//     |                             Tag (64)                          |
//     +---------------------------------------------------------------+
//     |                           Counter (64)                        |
//     +---------------------------------------------------------------+
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <tl/expected.hpp>

#include "vipd/packet/packet.h"
#include "vipd/packet/tag.h"

namespace rehome::vipd {

inline constexpr uint16_t gue_port = 6080;
inline constexpr uint32_t gue_bytes = 12;
inline constexpr uint8_t gue_hops = 4;

struct Gue {
    enum class Kind : uint8_t {
        client = 0,
        reply = 1,
        question = 2,
        unknown = 3,
        copy = 4,
        known = 5,
        control = 255
    };
    enum class Control : uint8_t {
        keepalive = 0,
        services = 2,
        flows = 3,
        link_probe = 4,
        handshake = 5
    };
    Kind kind = Kind::client;
    uint8_t hops = gue_hops;
    bool crossed = false;
    uint32_t carrier = 0;
    uint32_t header_bytes = gue_bytes;     // decoded: where what it carries begins
    Control control = Control::keepalive;  // of Kind::control
    bool tagged = false;                   // decoded: there is a tag, which tag_in() reads
};

// Whether each message of the kind counts once.
inline constexpr bool counted(Gue::Kind kind) {
    return kind != Gue::Kind::client && kind != Gue::Kind::reply;
}

// What a tag takes in a message of that kind.
inline constexpr uint32_t tag_bytes(Gue::Kind kind) {
    return counted(kind) ? 20 : 12;
}
inline constexpr uint32_t tag_bytes_max = 20;

// What the tunnel adds to an inner packet: the outer IP header, UDP and GUE, without a tag.
inline constexpr uint32_t tunnel_bytes(Family outer) {
    return (outer == Family::v4 ? 20U : 40U) + 8 + gue_bytes;
}
// The same at its longest; tagged: there are keys.
inline constexpr uint32_t tunnel_bytes_max(Family outer, bool tagged) {
    return tunnel_bytes(outer) + (tagged ? tag_bytes_max : 0);
}

// The outer source port: from the inner flow, so that the link may spread flows over paths (RFC
// 7510, the dynamic ports).
uint16_t tunnel_source_port(const Endpoint& from, const Endpoint& to);

uint32_t carrier_id(std::string_view carrier);  // never 0

// Reads the header at the start of a UDP payload.
tl::expected<Gue, Drop> decode_gue(std::span<const uint8_t> payload);

struct TunnelEnds {
    Address local, peer;
    uint16_t source_port = 0;
    bool copies_ecn = false;  // of the packet inside (ecn.h)
    Signing signing{};

    // What the tunnel adds to a packet of that kind.
    uint32_t overhead(Gue::Kind kind) const {
        return tunnel_bytes(local.family) + (signing.keys != nullptr ? tag_bytes(kind) : 0);
    }
};

// The tag of a message that has one.  carried: what stands behind GUE's header.
Tag tag_in(const Gue& gue, std::span<const uint8_t> carried);
// Whether it is the one that these keys give.  inner: the packet that it carries, if it does.
bool tag_holds(const TagKeys& keys, const Gue& gue, const Tag& tag,
               std::span<const uint8_t> carried, const Packet& inner);

// Puts the outer headers before the packet, the outer IP header at offset ethernet_bytes of the
// frame, whose headroom must hold them; of the new Ethernet header only the EtherType is written.
// Drop::too_big, with nothing changed, without the room or beyond what an IP header can tell.
tl::expected<void, Drop> encapsulate(Frame& frame, const Packet& inner, const Gue& gue,
                                     const TunnelEnds& ends);

// What stands before what a gateway says: the outer IP header, UDP, GUE's first word, the tag.
inline constexpr uint32_t control_bytes(Family outer, bool tagged) {
    return (outer == Family::v4 ? 20U : 40U) + 8 + 4 + (tagged ? tag_bytes(Gue::Kind::control) : 0);
}

// A whole IP packet that carries what a gateway says; returns its length, 0 when out is too small.
uint32_t make_control_packet(std::span<uint8_t> out, Gue::Control control,
                             std::span<const uint8_t> said, const TunnelEnds& ends);

}  // namespace rehome::vipd
