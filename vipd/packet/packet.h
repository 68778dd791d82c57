// A received frame and the IP packet in it: what parsing finds, with every bound checked.
//
// A Frame is contiguous bytes with room in front (for a tunnel header); it owns nothing.  A Packet
// holds offsets into its frame and the fields that decisions need, copied out once; rewriting goes
// through the offsets (rewrite.h).  Sources: RFC 791, 8200, 9293, 768, 792, 4443; IEEE 802.1Q.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <tl/expected.hpp>

#include "common/address.h"
#include "vipd/packet/drop.h"

namespace rehome::vipd {

inline constexpr uint32_t ethernet_bytes = 14;
inline constexpr uint32_t vlan_tag_bytes = 4;
inline constexpr uint16_t ethertype_v4 = 0x0800;
inline constexpr uint16_t ethertype_v6 = 0x86dd;
inline constexpr uint16_t ethertype_vlan = 0x8100;

struct Frame {
    uint8_t* data = nullptr;  // the Ethernet header
    uint32_t length = 0;      // bytes from data
    uint32_t headroom = 0;    // bytes that may be written before data
    uint32_t tailroom = 0;    // bytes that may be written behind data + length
    bool resized = false;     // it does not stand where it stood any more

    std::span<uint8_t> bytes() const { return {data, length}; }
    void push_front(uint32_t count) {
        data -= count, length += count, headroom -= count, resized = true;
    }
    void pop_front(uint32_t count) {
        data += count, length -= count, headroom += count, resized = true;
    }
    // The frame's new length; the caller has checked the tailroom.
    void resize(uint32_t bytes) {
        tailroom = tailroom + length - bytes, length = bytes, resized = true;
    }
};

// What stands before the IP header: Ethernet, with at most one 802.1Q tag.
struct Link {
    uint16_t ethertype = 0;  // behind the tag; 0: the frame is too short to have one
    uint16_t vlan = 0;       // the VLAN identifier; 0: none
    uint32_t header_bytes = ethernet_bytes;
};

Link link_of(std::span<const uint8_t> frame);

namespace tcp_flag {
inline constexpr uint8_t fin = 0x01, syn = 0x02, rst = 0x04, ack = 0x10;
}

// What following a flow needs of a packet.
struct Segment {
    uint8_t protocol = 0;  // the last header's, behind IPv6 extension headers
    // TCP with ports only; of a first fragment, payload_bytes is what it carries itself.
    uint8_t tcp_flags = 0;
    uint32_t seq = 0, ack = 0;
    uint32_t payload_bytes = 0;
    bool sound = true;  // its checksum is right; looked at where FIN or RST is set, else believed

    bool tcp() const { return protocol == static_cast<uint8_t>(Protocol::tcp); }
    bool udp() const { return protocol == static_cast<uint8_t>(Protocol::udp); }
    // The first segment of a connection (RFC 9293 3.5).
    bool first_segment() const {
        return tcp() && (tcp_flags & (tcp_flag::syn | tcp_flag::ack)) == tcp_flag::syn;
    }
    // What the segment adds to the sender's sequence number.
    uint32_t sequence_length() const {
        return payload_bytes + (tcp_flags & tcp_flag::syn ? 1U : 0U) +
               (tcp_flags & tcp_flag::fin ? 1U : 0U);
    }
};

struct Packet : Segment {
    Family family = Family::v4;
    bool fragment = false;        // any fragment, the first one too
    bool more_fragments = false;  // not the last one
    bool has_ports = false;       // TCP or UDP, and the ports are in this packet
    uint8_t ttl = 0;
    uint8_t icmp_type = 0, icmp_code = 0;  // ICMP and ICMPv6, not later fragments
    Address source, destination;
    uint16_t source_port = 0, destination_port = 0;  // when has_ports
    uint16_t fragment_offset = 0;                    // bytes
    uint32_t fragment_id = 0;                        // fragments only
    uint32_t fragment_data = 0;                      // of fragments: offset of what it carries
    uint32_t ip = 0;                                 // offset of the IP header in the frame
    uint32_t l4 = 0;   // offset of the transport header; of what a later fragment carries
    uint32_t end = 0;  // offset behind the packet (a frame may be padded)

    // ICMP of the packet's own family.
    bool icmp() const {
        return protocol ==
               static_cast<uint8_t>(family == Family::v4 ? Protocol::icmp : Protocol::icmp6);
    }
    bool later_fragment() const { return fragment_offset != 0; }
};

// The packet whose IP header stands at offset ip of the frame.
//
// IPv6 extension headers are walked (walk_extensions).  A first fragment holds its whole transport
// header (RFC 1858, 7112), and no fragment reaches beyond the largest datagram: else bad_fragment.
tl::expected<Packet, Drop> parse_packet(std::span<const uint8_t> frame, uint32_t ip);

// The packet behind a link header, of the version that its EtherType says, else bad_header.
tl::expected<Packet, Drop> parse_packet(std::span<const uint8_t> frame, const Link& link);

// Why an IP header that could be read is not to be believed, nor answered: an IPv4 checksum that
// does not hold (bad_header), a source route (source_route; RFC 7126 4.3, 4.4); nothing: it is
// sound.
std::optional<Drop> unsound_header(std::span<const uint8_t> frame, const Packet& packet);

// Where IPv6's extension headers end: at a transport header, at what hides one (ESP, No Next
// Header), or at what a later fragment carries.
struct Extensions {
    uint8_t protocol = 0;
    uint32_t end = 0;  // offset of the header that follows them
    bool fragment = false, more_fragments = false;
    uint16_t fragment_offset = 0;  // bytes
    uint32_t fragment_id = 0;
    uint32_t fragment_data = 0;  // offset behind the fragment header
};

// Walks from the header of that type at offset `at`; the packet ends where the span ends (RFC 8200
// 4.1).  An atomic fragment is none (RFC 6946).  bad_extension: more than eight headers, one beyond
// the packet, hop-by-hop options that are not first, or a routing header that is still to be
// followed or of type 0 (RFC 5095), since nobody here follows one.
tl::expected<Extensions, Drop> walk_extensions(std::span<const uint8_t> packet, uint32_t at,
                                               uint8_t type);

// Whether nobody can have sent the packet from there: from its own destination ("LAND"), or an
// address that nobody has (common/special_addresses.h).
bool impossible_source(const Packet& packet);

// The frame's EtherType, 0 when it is too short to have one.
uint16_t ethertype(std::span<const uint8_t> frame);

}  // namespace rehome::vipd
