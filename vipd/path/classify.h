// What a frame is, before anything is decided about it: said once, for the datapath, for the
// workers' sorting (owner.h), for whoever looks on (watch/observer.h) and for `why`.
//
//     it came in by    and is
//     a line           client: an IP packet to a moved prefix
//     the servers'     server: any IP packet
//     the link         peer_client, peer_reply: GUE to this gateway, by a peer, about a VIP
//                      control: what a peer says itself
//     the servers', the link   tunnel_error: an ICMP error to this gateway's tunnel address
//     any of these     kernel: everything else, ARP and multicast among it
//                      bad: IP that cannot be parsed; GUE that cannot be, is of no peer or no VIP
//     anything else    kernel
//
// Pure: nothing but the frame, its port and the tables is asked.
#pragma once

#include <optional>
#include <span>

#include <tl/expected.hpp>

#include "vipd/packet/gue.h"
#include "vipd/packet/packet.h"
#include "vipd/state/tables.h"

namespace rehome::vipd {

struct Classified {
    enum class Kind : uint8_t {
        kernel,
        bad,
        client,
        server,
        peer_client,
        peer_reply,
        control,
        tunnel_error
    };

    Kind kind = Kind::kernel;
    Drop drop = Drop::count_;         // bad
    PortRole role = PortRole::other;  // of the port's VLAN, if it is IP
    Link link;
    // As it came in, or as the tunnel carries it (peer_client, peer_reply): offsets are into the
    // frame.  Of control the outer one; what is bad, or the kernel's, may have none.
    Packet packet;
    size_t peer = 0;  // of the tunnel: index into Tables::peers
    Gue gue;
    std::span<const uint8_t> carried;  // behind GUE's header; views the frame

    bool from_tunnel() const {
        return kind == Kind::peer_client || kind == Kind::peer_reply || kind == Kind::control;
    }
    // It has ports that fragments behind it lack.
    bool first_fragment() const { return packet.fragment && !packet.later_fragment(); }
};

Classified classify(std::span<const uint8_t> frame, PortIndex port, const Tables& tables);

// Whether the packet is what gateways send each other.
bool is_gue(const Packet& packet);

// GUE's header, and what stands behind it, of an outer packet that is_gue; or why it cannot be.
struct Carried {
    Gue gue;
    uint32_t at = 0, end = 0;  // offsets into the frame
};
tl::expected<Carried, Drop> carried_by(std::span<const uint8_t> frame, const Packet& outer);

// The client's or server's packet in a frame that leaves: what GUE carries, or the packet itself.
std::optional<Packet> innermost_packet(std::span<const uint8_t> frame);

}  // namespace rehome::vipd
