#include "vipd/packet/flow_copy.h"

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/ip_header.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t copy_version = 1;
constexpr uint32_t udp_bytes = 8;
constexpr uint32_t said_bytes = 8;

}  // namespace

uint32_t make_flow_copy(std::span<uint8_t> out, const Endpoint& client, const Endpoint& vip,
                        const FlowCopy& copy) {
    constexpr uint32_t bytes = udp_bytes + said_bytes;
    const uint32_t header =
        write_ip_header(out.data(), client.address, vip.address, Protocol::udp, bytes);
    uint8_t* udp = out.data() + header;
    store16(udp, client.port);
    store16(udp + 2, vip.port);
    store16(udp + 4, bytes);
    store16(udp + 6, 0);
    uint8_t* said = udp + udp_bytes;
    said[0] = copy_version;
    said[1] = copy.there ? 1 : 0;
    store16(said + 2, 0);
    store32(said + 4, copy.idle_ms);
    const uint16_t sum = transport_checksum(client.address.data(), vip.address.data(),
                                            static_cast<uint8_t>(Protocol::udp), {udp, bytes});
    store16(udp + 6, sum == 0 ? uint16_t{0xffff} : sum);  // 0 says that there is none (RFC 768)
    return header + bytes;
}

std::optional<FlowCopy> read_flow_copy(std::span<const uint8_t> frame, const Packet& packet) {
    const bool whole = packet.udp() && packet.has_ports && !packet.fragment &&
                       packet.end - packet.l4 >= udp_bytes + said_bytes;
    if (!whole) {
        return std::nullopt;
    }
    const auto said = frame.subspan(packet.l4 + udp_bytes, said_bytes);
    if (said[0] != copy_version || said[1] > 1) {
        return std::nullopt;
    }
    return FlowCopy{said[1] == 1, load32(&said[4])};
}

}  // namespace rehome::vipd
