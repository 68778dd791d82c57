#include "vipd/packet/server_tunnel.h"

#include <algorithm>
#include <cstring>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/gue.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t outer_ttl = 64;
constexpr uint32_t longest_packet = 65535;
constexpr uint8_t ip_in_ip = 4, ipv6_in_ip = 41;

// inner_at: the inner packet's first bytes, whose DSCP and ECN go outside (RFC 6040 4.1).
void write_headers(uint8_t* at, const uint8_t* inner_at, uint32_t inner_bytes,
                   const ServerTunnel& tunnel) {
    const bool v4 = inner_at[0] >> 4 == 4;
    const uint8_t inner_protocol = v4 ? ip_in_ip : ipv6_in_ip;
    const auto total = static_cast<uint16_t>(server_tunnel_bytes(tunnel.gue) + inner_bytes);
    std::memset(at, 0, 20);
    at[0] = 0x45;
    at[1] = v4 ? inner_at[1] : static_cast<uint8_t>(load16(inner_at) >> 4);
    store16(at + 2, total);
    store16(at + 6, 0x4000);
    at[8] = outer_ttl;
    at[9] = tunnel.gue ? static_cast<uint8_t>(Protocol::udp) : inner_protocol;
    std::copy_n(tunnel.local.bytes.begin(), 4, at + 12);
    std::copy_n(tunnel.server.bytes.begin(), 4, at + 16);
    store16(at + 10, fold_checksum(sum_words({at, 20})));
    if (tunnel.gue) {
        store16(at + 20, tunnel.source_port);
        store16(at + 22, gue_port);
        store16(at + 24, static_cast<uint16_t>(total - 20));
        store16(at + 26, 0);  // no UDP checksum: the inner packet has its own
        at[28] = 0;
        at[29] = inner_protocol;
        store16(at + 30, 0);
    }
}

}  // namespace

bool enter(Frame& frame, Packet& packet, const ServerTunnel& tunnel) {
    const uint32_t added = server_tunnel_bytes(tunnel.gue);
    const uint32_t inner_bytes = packet.end - packet.ip;
    if (frame.headroom + packet.ip < added + ethernet_bytes ||
        inner_bytes + added > longest_packet) {
        return false;
    }
    frame.resize(packet.end);  // Ethernet's padding does not travel
    frame.pop_front(packet.ip - ethernet_bytes);
    frame.push_front(added);
    uint8_t* outer = frame.data + ethernet_bytes;
    write_headers(outer, outer + added, inner_bytes, tunnel);
    packet.family = Family::v4;
    packet.protocol = outer[9];
    packet.source = tunnel.local;
    packet.destination = tunnel.server;
    packet.ip = ethernet_bytes;
    packet.l4 = ethernet_bytes + 20;
    packet.end = ethernet_bytes + added + inner_bytes;
    packet.ttl = outer_ttl;
    return true;
}

uint32_t write_in_tunnel(std::span<uint8_t> out, std::span<const uint8_t> inner,
                         const ServerTunnel& tunnel) {
    const uint32_t added = server_tunnel_bytes(tunnel.gue);
    if (inner.size() < 20 || out.size() < added + inner.size()) {
        return 0;
    }
    write_headers(out.data(), inner.data(), static_cast<uint32_t>(inner.size()), tunnel);
    std::copy(inner.begin(), inner.end(), out.begin() + added);
    return added + static_cast<uint32_t>(inner.size());
}

}  // namespace rehome::vipd
