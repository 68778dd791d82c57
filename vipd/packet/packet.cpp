#include "vipd/packet/packet.h"

#include <algorithm>
#include <cstring>

#include "common/special_addresses.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"

namespace rehome::vipd {

namespace {

constexpr Drop fine = Drop::count_;

// How IPv6 numbers its extension headers (RFC 8200 4, RFC 4302).
namespace extension {
constexpr uint8_t hop_by_hop = 0, routing = 43, fragment = 44, authentication = 51,
                  destination_options = 60;
}

void read_address(Address& address, Family family, const uint8_t* at) {
    address.family = family;
    std::memcpy(address.bytes.data(), at, family == Family::v4 ? 4 : 16);
}

Drop parse_tcp(Packet& packet, const uint8_t* segment, uint32_t bytes) {
    if (bytes < 20) {
        return Drop::truncated;
    }
    const uint32_t header = uint32_t{segment[12]} >> 4 << 2;
    if (header < 20) {
        return Drop::bad_header;
    }
    if (header > bytes) {
        return Drop::truncated;
    }
    packet.seq = load32(segment + 4);
    packet.ack = load32(segment + 8);
    packet.tcp_flags = segment[13];
    packet.payload_bytes = bytes - header;
    if ((packet.tcp_flags & (tcp_flag::fin | tcp_flag::rst)) != 0) {
        packet.sound =
            !packet.fragment && transport_checksum(packet.source.data(), packet.destination.data(),
                                                   packet.protocol, {segment, bytes}) == 0;
    }
    return fine;
}

// UDP's length is that of the whole datagram.
Drop parse_udp(const Packet& packet, const uint8_t* segment, uint32_t bytes) {
    const uint32_t length = load16(segment + 4);
    return length < 8 || (length > bytes && !packet.fragment) ? Drop::bad_header : fine;
}

// Whole packets and first fragments.
Drop parse_transport(Packet& packet, const uint8_t* frame) {
    const uint8_t* segment = frame + packet.l4;
    const uint32_t bytes = packet.end - packet.l4;
    const bool ports = packet.tcp() || packet.udp();
    if (!ports && !packet.icmp()) {
        return fine;
    }
    if (bytes < 8) {
        return Drop::truncated;
    }
    if (!ports) {
        packet.icmp_type = segment[0];
        packet.icmp_code = segment[1];
        return fine;
    }
    packet.has_ports = true;
    packet.source_port = load16(segment);
    packet.destination_port = load16(segment + 2);
    return packet.tcp() ? parse_tcp(packet, segment, bytes) : parse_udp(packet, segment, bytes);
}

// data: offset of what the fragment carries; limit: of bytes in the largest datagram.
Drop parse_fragment(Packet& packet, const uint8_t* frame, uint32_t data, uint32_t limit) {
    constexpr uint32_t shortest_tcp_header = 20;
    const uint32_t bytes = packet.end - data;
    packet.fragment_data = data;
    if (bytes == 0 || (packet.more_fragments && bytes % 8 != 0) ||
        packet.fragment_offset + bytes > limit) {
        return Drop::bad_fragment;
    }
    if (packet.later_fragment()) {
        // It would overwrite the flags that its first fragment was judged by (RFC 1858 3.2.2).
        return packet.tcp() && packet.fragment_offset < shortest_tcp_header ? Drop::bad_fragment
                                                                            : fine;
    }
    const Drop drop = parse_transport(packet, frame);
    return drop == Drop::truncated ? Drop::bad_fragment : drop;
}

Drop parse_v4(Packet& packet, std::span<const uint8_t> frame, uint32_t ip) {
    const uint8_t* header = frame.data() + ip;
    const size_t bytes = frame.size() - ip;
    if (bytes < 20) {
        return Drop::truncated;
    }
    const uint32_t header_bytes = (header[0] & 0x0fU) * 4;
    const uint32_t total = load16(header + 2);
    if (header_bytes < 20 || total < header_bytes) {
        return Drop::bad_header;
    }
    if (total > bytes) {
        return Drop::truncated;
    }
    packet.protocol = header[9];
    packet.ttl = header[8];
    read_address(packet.source, Family::v4, header + 12);
    read_address(packet.destination, Family::v4, header + 16);
    packet.ip = ip;
    packet.l4 = ip + header_bytes;
    packet.end = ip + total;
    const uint16_t field = load16(header + 6);
    if ((field & 0x3fff) == 0) {
        return parse_transport(packet, frame.data());
    }
    packet.fragment = true;
    packet.more_fragments = (field & 0x2000) != 0;
    packet.fragment_offset = static_cast<uint16_t>((field & 0x1fff) * 8);
    packet.fragment_id = load16(header + 4);
    return parse_fragment(packet, frame.data(), packet.l4, 65535 - 20);
}

Drop parse_v6_extensions(Packet& packet, std::span<const uint8_t> frame) {
    const auto extensions = walk_extensions(frame.first(packet.end), packet.l4, packet.protocol);
    if (!extensions) {
        return extensions.error();
    }
    packet.protocol = extensions->protocol;
    packet.l4 = extensions->end;
    if (!extensions->fragment) {
        return parse_transport(packet, frame.data());
    }
    packet.fragment = true;
    packet.more_fragments = extensions->more_fragments;
    packet.fragment_offset = extensions->fragment_offset;
    packet.fragment_id = extensions->fragment_id;
    return parse_fragment(packet, frame.data(), extensions->fragment_data, 65535);
}

Drop parse_v6(Packet& packet, std::span<const uint8_t> frame, uint32_t ip) {
    const uint8_t* header = frame.data() + ip;
    const size_t bytes = frame.size() - ip;
    if (bytes < 40) {
        return Drop::truncated;
    }
    const uint32_t payload = load16(header + 4);
    if (payload > bytes - 40) {
        return Drop::truncated;
    }
    packet.family = Family::v6;
    packet.protocol = header[6];
    packet.ttl = header[7];
    read_address(packet.source, Family::v6, header + 8);
    read_address(packet.destination, Family::v6, header + 24);
    packet.ip = ip;
    packet.l4 = ip + 40;
    packet.end = ip + 40 + payload;
    if (packet.tcp() || packet.udp() || packet.icmp()) {
        return parse_transport(packet, frame.data());
    }
    return parse_v6_extensions(packet, frame);
}

}  // namespace

tl::expected<Packet, Drop> parse_packet(std::span<const uint8_t> frame, uint32_t ip) {
    tl::expected<Packet, Drop> parsed;
    Drop drop = Drop::bad_header;
    if (frame.size() <= ip) {
        drop = Drop::truncated;
    } else if (const int version = frame[ip] >> 4; version == 4) {
        drop = parse_v4(*parsed, frame, ip);
    } else if (version == 6) {
        drop = parse_v6(*parsed, frame, ip);
    }
    if (drop != fine) {
        parsed = tl::unexpected(drop);
    }
    return parsed;
}

tl::expected<Packet, Drop> parse_packet(std::span<const uint8_t> frame, const Link& link) {
    const uint32_t ip = link.header_bytes;
    if (frame.size() > ip && frame[ip] >> 4 != (link.ethertype == ethertype_v4 ? 4 : 6)) {
        return tl::unexpected(Drop::bad_header);
    }
    return parse_packet(frame, ip);
}

tl::expected<Extensions, Drop> walk_extensions(std::span<const uint8_t> packet, uint32_t at,
                                               uint8_t type) {
    constexpr int most_headers = 8;
    const uint32_t first = at;
    Extensions out;
    for (int count = 0;; ++count) {
        const bool known = type == extension::hop_by_hop || type == extension::routing ||
                           type == extension::fragment || type == extension::authentication ||
                           type == extension::destination_options;
        if (!known) {
            out.protocol = type;
            out.end = at;
            return out;
        }
        if (count == most_headers || packet.size() < size_t{at} + 8 ||
            (type == extension::hop_by_hop && at != first)) {
            return tl::unexpected(Drop::bad_extension);
        }
        const uint8_t* header = packet.data() + at;
        uint32_t bytes = (header[1] + 1U) * 8;
        if (type == extension::authentication) {
            bytes = (header[1] + 2U) * 4;
        } else if (type == extension::fragment) {
            bytes = 8;
        } else if (type == extension::routing && (header[2] == 0 || header[3] != 0)) {
            return tl::unexpected(Drop::bad_extension);
        }
        if (packet.size() - at < bytes) {
            return tl::unexpected(Drop::bad_extension);
        }
        const uint16_t field = load16(header + 2);  // a fragment's offset and "more" flag
        if (type == extension::fragment && (field & 0xfff9) != 0) {
            if (out.fragment) {
                return tl::unexpected(Drop::bad_extension);
            }
            out.fragment = true;
            out.more_fragments = (field & 1) != 0;
            out.fragment_offset = field & 0xfff8;
            out.fragment_id = load32(header + 4);
            out.fragment_data = at + bytes;
        }
        type = header[0];
        at += bytes;
        if (out.fragment_offset != 0) {
            out.protocol = type;
            out.end = at;
            return out;
        }
    }
}

std::optional<Drop> unsound_header(std::span<const uint8_t> frame, const Packet& packet) {
    if (packet.family == Family::v6) {
        return std::nullopt;
    }
    const auto header = frame.subspan(packet.ip, size_t{frame[packet.ip] & 0x0fU} * 4);
    if (fold_checksum(sum_words(header)) != 0) {
        return Drop::bad_header;
    }
    constexpr uint8_t end = 0, no_operation = 1, loose = 131, strict = 137;
    for (size_t at = 20; at < header.size() && header[at] != end;) {
        if (header[at] == loose || header[at] == strict) {
            return Drop::source_route;
        }
        const size_t bytes = header[at] == no_operation ? 1
                             : at + 1 < header.size()   ? header[at + 1]
                                                        : 0;
        if (bytes == 0) {
            return std::nullopt;  // what follows says nothing
        }
        at += bytes;
    }
    return std::nullopt;
}

bool impossible_source(const Packet& packet) {
    return packet.source == packet.destination || is_special(packet.source);
}

Link link_of(std::span<const uint8_t> frame) {
    Link link;
    if (frame.size() < ethernet_bytes) {
        return link;
    }
    link.ethertype = load16(&frame[12]);
    if (link.ethertype != ethertype_vlan) {
        return link;
    }
    if (frame.size() < ethernet_bytes + vlan_tag_bytes) {
        return {};
    }
    link.vlan = load16(&frame[14]) & 0x0fff;
    link.ethertype = load16(&frame[16]);
    link.header_bytes = ethernet_bytes + vlan_tag_bytes;
    return link;
}

uint16_t ethertype(std::span<const uint8_t> frame) {
    return frame.size() < ethernet_bytes ? uint16_t{0} : load16(&frame[12]);
}

}  // namespace rehome::vipd
