#include "vipd/packet/partial_checksum.h"

#include <algorithm>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

namespace {

constexpr uint8_t tcp = 6, udp = 17;

// What stands where the checksum belongs while it is left to a device.
uint16_t pseudo_sum(const Packet& packet, uint32_t segment_bytes) {
    const uint64_t sum = sum_words(packet.source.data()) + sum_words(packet.destination.data()) +
                         packet.protocol + segment_bytes;
    return static_cast<uint16_t>(~fold_checksum(sum));
}

}  // namespace

LeftToDevice finish(std::span<uint8_t> frame, uint16_t mtu) {
    const Link link = link_of(frame);
    const bool v4 = link.ethertype == ethertype_v4;
    if (!v4 && link.ethertype != ethertype_v6) {
        return LeftToDevice::nothing;
    }
    const auto packet = parse_packet(frame, link);
    if (!packet) {
        const auto ip = frame.subspan(std::min<size_t>(link.header_bytes, frame.size()));
        // Cut off by the ring, which no packet of the MTU is.
        const bool long_tcp = v4 && ip.size() >= 20 && ip[9] == tcp && load16(&ip[2]) > mtu;
        return long_tcp ? LeftToDevice::cutting : LeftToDevice::nothing;
    }
    const bool is_tcp = packet->protocol == tcp;
    if (packet->fragment || !packet->has_ports || (!is_tcp && packet->protocol != udp)) {
        return LeftToDevice::nothing;
    }
    if (is_tcp && packet->end - packet->ip > mtu) {
        return LeftToDevice::cutting;
    }
    const auto segment = frame.subspan(packet->l4, packet->end - packet->l4);
    const uint32_t field = is_tcp ? 16 : 6;
    if (segment.size() < field + 2) {
        return LeftToDevice::nothing;
    }
    const uint16_t there = load16(&segment[field]);
    if (there != pseudo_sum(*packet, static_cast<uint32_t>(segment.size())) ||
        (!is_tcp && there == 0)) {
        return LeftToDevice::nothing;
    }
    store16(&segment[field], 0);
    const uint16_t whole = transport_checksum(packet->source.data(), packet->destination.data(),
                                              packet->protocol, segment);
    store16(&segment[field], !is_tcp && whole == 0 ? uint16_t{0xffff} : whole);
    return whole == there ? LeftToDevice::nothing : LeftToDevice::checksum;
}

}  // namespace rehome::vipd
