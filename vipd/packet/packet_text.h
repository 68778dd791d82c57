// A packet as text, and text as a packet: the language of `vipd why`, `vipctl why` and the packet
// tests.
//
//     tcp 198.51.100.7:40000 > 203.0.113.5:14000 syn mss 1460
//     udp [2001:db8::1]:5 > [2001:db8:1::9]:53 len 512
//     icmp 192.0.2.1 > 198.51.100.7 too-big 1400 quote (tcp 198.51.100.7:1 > 203.0.113.5:2 ack)
//
// The grammar stands in packet_text_help.  What is not said has a default, and every checksum and
// length is right unless one is given.  Printing is the exact inverse: parse_packet_text of
// packet_text gives the same bytes, whatever they are; bytes that the language cannot say are
// "raw HEX".
//
// Sources: RFC 791, 8200 (IP), 9293 (TCP), 768 (UDP), 792, 4443 (ICMP).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace rehome::vipd {

struct TextPacket {
    std::vector<uint8_t> ip;       // the IP packet, at most 65,575 bytes
    std::optional<uint16_t> vlan;  // IEEE 802.1Q VLAN ID; nothing: untagged
};

// Exit::usage, with the column (from 1) and what was expected there.
Result<TextPacket> parse_packet_text(std::string_view text);

// The canonical text of an IP packet.
std::string packet_text(std::span<const uint8_t> ip_packet, std::optional<uint16_t> vlan = {});

// The packet's Ethernet frame, with a VLAN tag where it has one; addresses are locally administered
// ones, the destination is not a group's.
std::vector<uint8_t> frame_of(const TextPacket& packet);

// The grammar, to be printed by --help: lines of at most 80 columns, each with its line feed.
extern const std::string_view packet_text_help;

}  // namespace rehome::vipd
