#include "vipd/packet/server_tunnel.h"

#include <algorithm>
#include <cstring>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/gue.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t longest_packet = 65535;
constexpr uint32_t ip_in_ip = 4, ipv6_in_ip = 41;

// What of the inner packet shows outside: its DSCP and ECN (RFC 6040 4.1), and its family.
struct Shown {
    uint32_t traffic_class, protocol;
};

Shown shown(const uint8_t* inner_at) {
    const uint16_t first = load16(inner_at);  // version, and more
    const bool v4 = first >> 12 == 4;
    return {(v4 ? first : first >> 4) & 0xffU, v4 ? ip_in_ip : ipv6_in_ip};
}

// The words of the header are put together and summed before they are written: 32-bit words sum to
// the same as their halves (RFC 1071 2(A)).
void write_v4(uint8_t* at, const ServerTunnel& tunnel, uint32_t traffic_class, uint32_t protocol,
              uint32_t payload_bytes) {
    const uint32_t local = tunnel.local.v4_host_order(), server = tunnel.server.v4_host_order();
    const uint32_t length_word = 0x45U << 24 | traffic_class << 16 | (20 + payload_bytes);
    const uint32_t fragment_word = 0x4000;
    const uint32_t ttl_word = uint32_t{fresh_ttl} << 24 | protocol << 16;
    const uint64_t sum = uint64_t{length_word} + fragment_word + ttl_word + local + server;
    store64(at, uint64_t{length_word} << 32 | fragment_word);
    store64(at + 8, uint64_t{ttl_word | fold_checksum(sum)} << 32 | local);
    store32(at + 16, server);
}

void write_v6(uint8_t* at, const ServerTunnel& tunnel, uint32_t traffic_class, uint32_t protocol,
              uint32_t payload_bytes) {
    store64(at, uint64_t{6U << 28 | traffic_class << 20 | tunnel.spread} << 32 |
                    payload_bytes << 16 | protocol << 8 | fresh_ttl);
    std::memcpy(at + 8, tunnel.local.bytes.data(), 16);
    std::memcpy(at + 24, tunnel.server.bytes.data(), 16);
}

void write_headers(uint8_t* at, const uint8_t* inner_at, uint32_t inner_bytes,
                   const ServerTunnel& tunnel) {
    const auto [traffic_class, inner_protocol] = shown(inner_at);
    const Family family = tunnel.local.family;
    const uint32_t protocol = tunnel.gue ? static_cast<uint32_t>(Protocol::udp) : inner_protocol;
    const uint32_t ip_bytes = ip_header_bytes(family);
    const uint32_t payload_bytes = server_tunnel_bytes(family, tunnel.gue) - ip_bytes + inner_bytes;
    (family == Family::v4 ? write_v4 : write_v6)(at, tunnel, traffic_class, protocol,
                                                 payload_bytes);
    if (tunnel.gue) {  // without a UDP checksum: the inner packet has its own (RFC 6935, RFC 6936)
        store64(at + ip_bytes, uint64_t{tunnel.spread} << 48 | uint64_t{gue_port} << 32 |
                                   uint64_t{payload_bytes} << 16);
        store32(at + ip_bytes + 8, inner_protocol << 16);
    }
}

}  // namespace

void put_in_tunnel(Frame& frame, uint32_t ip, uint32_t end, const ServerTunnel& tunnel) {
    const uint32_t added = server_tunnel_bytes(tunnel.local.family, tunnel.gue);
    frame.resize(end);  // Ethernet's padding does not travel
    frame.pop_front(ip - ethernet_bytes);
    frame.push_front(added);
    uint8_t* outer = frame.data + ethernet_bytes;
    write_headers(outer, outer + added, end - ip, tunnel);
}

bool enter(Frame& frame, Packet& packet, const ServerTunnel& tunnel) {
    const uint32_t added = server_tunnel_bytes(tunnel.local.family, tunnel.gue);
    const uint32_t inner_bytes = packet.end - packet.ip;
    if (frame.headroom + packet.ip < added + ethernet_bytes ||
        inner_bytes + added > longest_packet) {
        return false;
    }
    put_in_tunnel(frame, packet.ip, packet.end, tunnel);
    packet.family = tunnel.local.family;
    packet.protocol = frame.data[ethernet_bytes + (packet.family == Family::v4 ? 9 : 6)];
    packet.source = tunnel.local;
    packet.destination = tunnel.server;
    packet.ip = ethernet_bytes;
    packet.l4 = ethernet_bytes + ip_header_bytes(packet.family);
    packet.end = ethernet_bytes + added + inner_bytes;
    packet.ttl = fresh_ttl;
    return true;
}

uint32_t write_in_tunnel(std::span<uint8_t> out, std::span<const uint8_t> inner,
                         const ServerTunnel& tunnel) {
    const uint32_t added = server_tunnel_bytes(tunnel.local.family, tunnel.gue);
    if (inner.size() < 20 || out.size() < added + inner.size()) {
        return 0;
    }
    write_headers(out.data(), inner.data(), static_cast<uint32_t>(inner.size()), tunnel);
    std::copy(inner.begin(), inner.end(), out.begin() + added);
    return added + static_cast<uint32_t>(inner.size());
}

}  // namespace rehome::vipd
