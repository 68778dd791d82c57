// See wire.h.
#include "probe/core/wire.h"

namespace rehome::probe {

uint16_t ones_sum(ByteView bytes, uint32_t start) {
    uint64_t sum = start;
    size_t i = 0;
    for (; i + 1 < bytes.size(); i += 2) {
        sum += get<uint16_t>(bytes, i);
    }
    if (i < bytes.size()) {
        sum += static_cast<uint64_t>(bytes[i]) << 8;  // an odd last byte counts as a high byte
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(sum);
}

// RFC 793 section 3.1 and RFC 8200 section 8.1: both sum the same numbers, if in another order.
uint16_t pseudo_header_sum(const Address& source, const Address& target, Protocol protocol,
                           size_t length) {
    uint32_t sum = static_cast<uint32_t>(length) + static_cast<uint32_t>(protocol);
    sum = ones_sum(source.data(), sum);
    return ones_sum(target.data(), sum);
}

tl::expected<ByteView, Refusal> inside_ipv4(ByteView packet, Protocol protocol) {
    constexpr size_t shortest_header = 20;
    if (packet.size() < shortest_header) {
        return tl::unexpected(Refusal::truncated);
    }
    const size_t header = static_cast<size_t>(packet[0] & 0x0f) * 4;
    const size_t total = get<uint16_t>(packet, 2);
    if (packet[0] >> 4 != 4 || packet[9] != static_cast<uint8_t>(protocol)) {
        return tl::unexpected(Refusal::not_ours);
    }
    if (header < shortest_header || total < header || total > packet.size()) {
        return tl::unexpected(Refusal::truncated);
    }
    return packet.subspan(header, total - header);
}

tl::expected<ByteView, Refusal> inside_ipv6(ByteView packet, Protocol protocol) {
    constexpr size_t header = 40;
    if (packet.size() < header) {
        return tl::unexpected(Refusal::truncated);
    }
    if (packet[0] >> 4 != 6 || packet[6] != static_cast<uint8_t>(protocol)) {
        return tl::unexpected(Refusal::not_ours);
    }
    const size_t length = get<uint16_t>(packet, 4);
    if (header + length > packet.size()) {
        return tl::unexpected(Refusal::truncated);
    }
    return packet.subspan(header, length);
}

tl::expected<ByteView, Refusal> inside_udp(ByteView datagram, const Address& from,
                                           const Address& to) {
    constexpr size_t header = 8;
    if (datagram.size() < header) {
        return tl::unexpected(Refusal::truncated);
    }
    const size_t length = get<uint16_t>(datagram, 4);
    if (length < header || length > datagram.size()) {
        return tl::unexpected(Refusal::truncated);
    }
    const ByteView whole = datagram.first(length);
    const uint16_t sum = get<uint16_t>(whole, 6);
    const uint16_t pseudo = pseudo_header_sum(from, to, Protocol::udp, length);
    const bool unsummed = sum == 0 && from.family == Family::v4;
    if (!unsummed && sum != pseudo && ones_sum(whole, pseudo) != 0xffff) {
        return tl::unexpected(Refusal::wrong_checksum);
    }
    return whole.subspan(header);
}

}  // namespace rehome::probe
