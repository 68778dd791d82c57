#include "vipd/packet/rewrite.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/ip_header.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t tcp_bytes = 20;
constexpr uint32_t tcp_checksum_at = 16;
constexpr uint8_t udp = static_cast<uint8_t>(Protocol::udp), udp_lite = 136, dccp = 33;

void apply(const Delta& delta, uint8_t* checksum) {
    store16(checksum, delta.apply(load16(checksum)));
}

// One end of the packet becomes `to`: the address at address_at, and the port at port_at if any.
void rewrite(Frame& frame, const Packet& packet, uint8_t* address_at, const Address& to,
             uint8_t* port_at, uint16_t port) {
    const bool v4 = packet.family == Family::v4;
    const size_t bytes = v4 ? 4 : 16;
    Delta delta;
    delta.replace({address_at, bytes}, to.data());
    std::memcpy(address_at, to.bytes.data(), bytes);
    if (v4) {
        apply(delta, frame.data + packet.ip + 10);
    }
    if (port_at != nullptr) {
        delta.replace16(load16(port_at), port);
        store16(port_at, port);
    }
    if (packet.later_fragment()) {
        return;
    }
    const auto checksum = checksum_over_addresses(packet.family, packet.protocol);
    if (checksum && packet.l4 + *checksum + 2 <= packet.end) {
        apply_to_transport(delta, packet.protocol, frame.data + packet.l4 + *checksum);
    }
}

uint8_t* source_at(const Frame& frame, const Packet& packet) {
    return frame.data + packet.ip + (packet.family == Family::v4 ? 12 : 8);
}

uint8_t* destination_at(const Frame& frame, const Packet& packet) {
    return frame.data + packet.ip + (packet.family == Family::v4 ? 16 : 24);
}

}  // namespace

std::optional<uint32_t> checksum_over_addresses(Family family, uint8_t protocol) {
    switch (protocol) {
        case static_cast<uint8_t>(Protocol::tcp):
            return tcp_checksum_at;
        case udp:
        case udp_lite:
        case dccp:
            return 6;
        case static_cast<uint8_t>(Protocol::icmp6):
            return family == Family::v6 ? std::optional<uint32_t>(2) : std::nullopt;
        default:
            return std::nullopt;
    }
}

void apply_to_transport(const Delta& delta, uint8_t protocol, uint8_t* checksum) {
    const bool zero_is_none = protocol == udp || protocol == udp_lite;
    if (zero_is_none && load16(checksum) == 0) {
        return;
    }
    apply(delta, checksum);
    if (zero_is_none && load16(checksum) == 0) {
        store16(checksum, 0xffff);
    }
}

void rewrite_destination(Frame& frame, Packet& packet, const Endpoint& to) {
    rewrite(frame, packet, destination_at(frame, packet), to.address,
            packet.has_ports ? frame.data + packet.l4 + 2 : nullptr, to.port);
    packet.destination = to.address;
    packet.destination_port = to.port;
}

void rewrite_source(Frame& frame, Packet& packet, const Endpoint& from) {
    rewrite(frame, packet, source_at(frame, packet), from.address,
            packet.has_ports ? frame.data + packet.l4 : nullptr, from.port);
    packet.source = from.address;
    packet.source_port = from.port;
}

void rewrite_destination_address(Frame& frame, Packet& packet, const Address& to) {
    rewrite(frame, packet, destination_at(frame, packet), to, nullptr, 0);
    packet.destination = to;
}

void rewrite_source_address(Frame& frame, Packet& packet, const Address& from) {
    rewrite(frame, packet, source_at(frame, packet), from, nullptr, 0);
    packet.source = from;
}

std::span<const uint8_t> ip_packet(const Frame& frame) {
    return frame.bytes().subspan(link_of(frame.bytes()).header_bytes);
}

bool take_hop(Frame& frame, Packet& packet) {
    if (packet.ttl <= 1) {
        return false;
    }
    uint8_t* ip = frame.data + packet.ip;
    if (packet.family == Family::v6) {
        ip[7] = --packet.ttl;
        return true;
    }
    Delta delta;
    const uint16_t before = load16(ip + 8);  // TTL and protocol
    ip[8] = --packet.ttl;
    delta.replace16(before, load16(ip + 8));
    apply(delta, ip + 10);
    return true;
}

bool is_echo_request(const Packet& packet) {
    return packet.icmp() && !packet.later_fragment() && packet.icmp_code == 0 &&
           packet.icmp_type == echo_request(packet.family);
}

void make_echo_reply(Frame& frame, Packet& packet) {
    const bool v4 = packet.family == Family::v4;
    uint8_t* ip = frame.data + packet.ip;
    if (!packet.later_fragment()) {
        uint8_t* icmp = frame.data + packet.l4;
        const uint16_t before = load16(icmp);
        icmp[0] = packet.icmp_type = v4 ? 0 : 129;
        Delta delta;
        delta.replace16(before, load16(icmp));
        apply(delta, icmp + 2);
        // A reply to ping's first empty request may be all zeros, whose checksum is 0xffff; 0 would
        // not do, and where 0 does so does 0xffff (RFC 1071: both are zero).
        if (v4 && load16(icmp + 2) == 0) {
            store16(icmp + 2, 0xffff);
        }
    }

    // Swapping the addresses leaves every sum as it is.
    const size_t bytes = v4 ? 4 : 16;
    uint8_t* source = source_at(frame, packet);
    std::swap_ranges(source, source + bytes, source + bytes);
    std::swap(packet.source, packet.destination);
    packet.ttl = fresh_ttl;
    if (!v4) {
        ip[7] = packet.ttl;
        return;
    }
    Delta ttl;
    const uint16_t ttl_before = load16(ip + 8);
    ip[8] = packet.ttl;
    ttl.replace16(ttl_before, load16(ip + 8));
    apply(ttl, ip + 10);
}

uint32_t make_reset(std::span<uint8_t> out, const Reset& reset) {
    const uint32_t ip_bytes =
        write_ip_header(out.data(), reset.from.address, reset.to.address, Protocol::tcp, tcp_bytes);
    uint8_t* tcp = out.data() + ip_bytes;
    std::memset(tcp, 0, tcp_bytes);
    store16(tcp, reset.from.port);
    store16(tcp + 2, reset.to.port);
    store32(tcp + 4, reset.seq);
    store32(tcp + 8, reset.ack);
    tcp[12] = 5 << 4;
    tcp[13] = tcp_flag::rst | tcp_flag::ack;
    store16(tcp + tcp_checksum_at,
            transport_checksum(reset.from.address.data(), reset.to.address.data(),
                               static_cast<uint8_t>(Protocol::tcp), {tcp, tcp_bytes}));
    return ip_bytes + tcp_bytes;
}

uint32_t make_datagram(std::span<uint8_t> out, const Endpoint& from, const Endpoint& to) {
    constexpr uint32_t udp_bytes = 8, checksum_at = 6;
    const uint32_t ip_bytes =
        write_ip_header(out.data(), from.address, to.address, Protocol::udp, udp_bytes);
    uint8_t* udp = out.data() + ip_bytes;
    std::memset(udp, 0, udp_bytes);
    store16(udp, from.port);
    store16(udp + 2, to.port);
    store16(udp + 4, udp_bytes);
    const uint16_t sum = transport_checksum(from.address.data(), to.address.data(),
                                            static_cast<uint8_t>(Protocol::udp), {udp, udp_bytes});
    store16(udp + checksum_at, sum == 0 ? uint16_t{0xffff} : sum);  // RFC 768
    return ip_bytes + udp_bytes;
}

void answer_with_reset(Frame& frame, Packet& packet) {
    Reset reset;
    reset.from = {packet.destination, packet.destination_port};
    reset.to = {packet.source, packet.source_port};
    reset.seq = (packet.tcp_flags & tcp_flag::ack) != 0 ? packet.ack : 0;
    reset.ack = packet.seq + packet.sequence_length();
    std::array<uint8_t, 60> bytes{};
    const uint32_t length = make_reset(bytes, reset);
    std::copy_n(bytes.begin(), length, frame.data + packet.ip);
    frame.resize(packet.ip + length);
    packet = *parse_packet(frame.bytes(), packet.ip);
    packet.ttl = fresh_ttl;
}

}  // namespace rehome::vipd
