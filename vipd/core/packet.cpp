#include "vipd/core/packet.h"

#include <algorithm>

#include "vipd/core/bytes.h"

namespace rehome {

namespace {

using Parsed = tl::expected<Packet, Drop>;

Address address_at(Family family, const uint8_t* at) {
    Address address;
    address.family = family;
    std::copy_n(at, family == Family::v4 ? 4 : 16, address.bytes.begin());
    return address;
}

Parsed parse_tcp(Packet packet, std::span<const uint8_t> segment) {
    if (segment.size() < 20) {
        return tl::unexpected(Drop::truncated);
    }
    const uint32_t header = uint32_t{segment[12]} >> 4 << 2;
    if (header < 20) {
        return tl::unexpected(Drop::bad_header);
    }
    if (header > segment.size()) {
        return tl::unexpected(Drop::truncated);
    }
    packet.seq = load32(&segment[4]);
    packet.ack = load32(&segment[8]);
    packet.tcp_flags = segment[13];
    packet.payload_bytes = static_cast<uint32_t>(segment.size()) - header;
    return packet;
}

Parsed parse_transport(Packet packet, std::span<const uint8_t> frame) {
    if (packet.fragment || !(packet.tcp() || packet.udp())) {
        return packet;
    }
    const auto segment = frame.subspan(packet.l4, packet.end - packet.l4);
    if (segment.size() < 8) {
        return tl::unexpected(Drop::truncated);
    }
    packet.source_port = load16(&segment[0]);
    packet.destination_port = load16(&segment[2]);
    if (packet.tcp()) {
        return parse_tcp(packet, segment);
    }
    if (load16(&segment[4]) < 8 || load16(&segment[4]) > segment.size()) {
        return tl::unexpected(Drop::bad_header);
    }
    return packet;
}

Parsed parse_v4(std::span<const uint8_t> frame, uint32_t ip) {
    const auto header = frame.subspan(ip);
    if (header.size() < 20) {
        return tl::unexpected(Drop::truncated);
    }
    const uint32_t header_bytes = (header[0] & 0x0fU) * 4;
    const uint32_t total = load16(&header[2]);
    if (header_bytes < 20 || total < header_bytes) {
        return tl::unexpected(Drop::bad_header);
    }
    if (total > header.size()) {
        return tl::unexpected(Drop::truncated);
    }
    Packet packet;
    packet.family = Family::v4;
    packet.protocol = header[9];
    packet.fragment = (load16(&header[6]) & 0x3fff) != 0;
    packet.source = address_at(Family::v4, &header[12]);
    packet.destination = address_at(Family::v4, &header[16]);
    packet.ip = ip;
    packet.l4 = ip + header_bytes;
    packet.end = ip + total;
    packet.ttl = header[8];
    return parse_transport(packet, frame);
}

// Extension headers are not walked: what has one is handled as the protocol of that header.
Parsed parse_v6(std::span<const uint8_t> frame, uint32_t ip) {
    const auto header = frame.subspan(ip);
    if (header.size() < 40) {
        return tl::unexpected(Drop::truncated);
    }
    const uint32_t payload = load16(&header[4]);
    if (payload > header.size() - 40) {
        return tl::unexpected(Drop::truncated);
    }
    Packet packet;
    packet.family = Family::v6;
    packet.protocol = header[6];
    packet.source = address_at(Family::v6, &header[8]);
    packet.destination = address_at(Family::v6, &header[24]);
    packet.ip = ip;
    packet.l4 = ip + 40;
    packet.end = ip + 40 + payload;
    packet.ttl = header[7];
    return parse_transport(packet, frame);
}

}  // namespace

Parsed parse_packet(std::span<const uint8_t> frame, uint32_t ip) {
    if (frame.size() <= ip) {
        return tl::unexpected(Drop::truncated);
    }
    switch (frame[ip] >> 4) {
        case 4:
            return parse_v4(frame, ip);
        case 6:
            return parse_v6(frame, ip);
        default:
            return tl::unexpected(Drop::bad_header);
    }
}

uint16_t ethertype(std::span<const uint8_t> frame) {
    return frame.size() < ethernet_bytes ? uint16_t{0} : load16(&frame[12]);
}

}  // namespace rehome
