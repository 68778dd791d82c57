#include "vipd/packet/server_tunnel.h"

#include <algorithm>
#include <cstring>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/gue.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t outer_ttl = 64;
constexpr uint32_t longest_packet = 65535;
constexpr uint32_t ip_in_ip = 4, ipv6_in_ip = 41;

// inner_at: the inner packet's first bytes, whose DSCP and ECN go outside (RFC 6040 4.1).
//
// The words of the header are put together and summed before they are written: 32-bit words sum to
// the same as their halves (RFC 1071 2(A)).
void write_headers(uint8_t* at, const uint8_t* inner_at, uint32_t inner_bytes,
                   const ServerTunnel& tunnel) {
    const uint16_t first = load16(inner_at);  // version, and more
    const bool v4 = first >> 12 == 4;
    const uint32_t traffic_class = (v4 ? first : first >> 4) & 0xff;
    const uint32_t inner_protocol = v4 ? ip_in_ip : ipv6_in_ip;
    const uint32_t protocol = tunnel.gue ? static_cast<uint32_t>(Protocol::udp) : inner_protocol;
    const uint32_t total = server_tunnel_bytes(tunnel.gue) + inner_bytes;
    const uint32_t length_word = 0x45U << 24 | traffic_class << 16 | total;
    const uint32_t fragment_word = 0x4000;
    const uint32_t ttl_word = outer_ttl << 24 | protocol << 16;
    const uint64_t sum =
        uint64_t{length_word} + fragment_word + ttl_word + tunnel.local + tunnel.server;
    store64(at, uint64_t{length_word} << 32 | fragment_word);
    store64(at + 8, uint64_t{ttl_word | fold_checksum(sum)} << 32 | tunnel.local);
    store32(at + 16, tunnel.server);
    if (tunnel.gue) {  // without a UDP checksum: the inner packet has its own
        store64(at + 20, uint64_t{tunnel.source_port} << 48 | uint64_t{gue_port} << 32 |
                             uint64_t{total - 20} << 16);
        store32(at + 28, inner_protocol << 16);
    }
}

}  // namespace

void put_in_tunnel(Frame& frame, uint32_t ip, uint32_t end, const ServerTunnel& tunnel) {
    const uint32_t added = server_tunnel_bytes(tunnel.gue);
    frame.resize(end);  // Ethernet's padding does not travel
    frame.pop_front(ip - ethernet_bytes);
    frame.push_front(added);
    uint8_t* outer = frame.data + ethernet_bytes;
    write_headers(outer, outer + added, end - ip, tunnel);
}

bool enter(Frame& frame, Packet& packet, const ServerTunnel& tunnel) {
    const uint32_t added = server_tunnel_bytes(tunnel.gue);
    const uint32_t inner_bytes = packet.end - packet.ip;
    if (frame.headroom + packet.ip < added + ethernet_bytes ||
        inner_bytes + added > longest_packet) {
        return false;
    }
    put_in_tunnel(frame, packet.ip, packet.end, tunnel);
    packet.family = Family::v4;
    packet.protocol = frame.data[ethernet_bytes + 9];
    packet.source = Address::v4(tunnel.local);
    packet.destination = Address::v4(tunnel.server);
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
