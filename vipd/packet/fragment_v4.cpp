#include "vipd/packet/fragment_v4.h"

#include <algorithm>
#include <array>
#include <optional>

#include "vipd/packet/bytes.h"
#include "vipd/packet/checksum.h"

namespace rehome::vipd {

namespace {

constexpr uint16_t more_fragments = 0x2000, do_not_fragment = 0x4000, offset_bits = 0x1fff;

struct Header {
    std::array<uint8_t, 60> bytes;
    uint32_t length = 20;
};

// The header of the pieces behind the first one: with those options that are copied into each.
std::optional<Header> later_header(const uint8_t* ip, uint32_t header_bytes) {
    constexpr uint8_t end_of_options = 0, no_operation = 1, copied = 0x80;
    Header header;
    std::copy_n(ip, 20, header.bytes.begin());
    for (uint32_t at = 20; at < header_bytes && ip[at] != end_of_options;) {
        if (ip[at] == no_operation) {
            ++at;
            continue;
        }
        if (at + 1 == header_bytes || ip[at + 1] < 2 || at + ip[at + 1] > header_bytes) {
            return std::nullopt;
        }
        if ((ip[at] & copied) != 0) {
            std::copy_n(ip + at, ip[at + 1], header.bytes.begin() + header.length);
            header.length += ip[at + 1];
        }
        at += ip[at + 1];
    }
    while (header.length % 4 != 0) {
        header.bytes[header.length++] = end_of_options;
    }
    header.bytes[0] = static_cast<uint8_t>(0x40 | header.length / 4);
    return header;
}

}  // namespace

bool may_fragment(const Frame& frame, const Packet& packet) {
    return packet.family == Family::v4 &&
           (load16(frame.data + packet.ip + 6) & do_not_fragment) == 0;
}

tl::expected<uint32_t, Drop> fragment_v4(
    const Frame& frame, const Packet& packet, uint16_t mtu,
    const std::function<void(std::span<const uint8_t> ip_packet)>& out) {
    const uint8_t* ip = frame.data + packet.ip;
    if (packet.end - packet.ip <= mtu) {
        out({ip, packet.end - packet.ip});
        return 1;
    }
    const uint32_t header_bytes = packet.l4 - packet.ip;
    const auto later = later_header(ip, header_bytes);
    if (!later || fold_checksum(sum_words({ip, header_bytes})) != 0) {
        return tl::unexpected(Drop::bad_header);
    }
    if (header_bytes + 8 > mtu) {
        return tl::unexpected(Drop::too_big);
    }
    Header header;
    std::copy_n(ip, header_bytes, header.bytes.begin());
    header.length = header_bytes;

    std::array<uint8_t, 65536> piece;  // not cleared
    const uint16_t reserved =
        load16(ip + 6) & static_cast<uint16_t>(~(offset_bits | more_fragments));
    uint32_t pieces = 0;
    for (uint32_t at = packet.l4; at < packet.end; header = *later, ++pieces) {
        const uint32_t rest = packet.end - at;
        const uint32_t room = mtu - header.length;
        const uint32_t bytes = rest <= room ? rest : room & ~7U;
        const bool more = bytes < rest || packet.more_fragments;
        const uint32_t offset = (packet.fragment_offset + at - packet.l4) / 8;
        std::copy_n(header.bytes.begin(), header.length, piece.begin());
        store16(&piece[2], static_cast<uint16_t>(header.length + bytes));
        store16(&piece[6], static_cast<uint16_t>(reserved | offset | (more ? more_fragments : 0)));
        store16(&piece[10], 0);
        store16(&piece[10], fold_checksum(sum_words({piece.data(), header.length})));
        std::copy_n(frame.data + at, bytes, &piece[header.length]);
        out({piece.data(), header.length + bytes});
        at += bytes;
    }
    return pieces;
}

}  // namespace rehome::vipd
