// What a packet's text says, field by field: between the words (packet_text.cpp) and the bytes
// (packet_spec.cpp).  Optional fields are overrides: nothing means "what is right".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/address.h"

namespace rehome::vipd {

struct PacketSpec {
    using Bytes = std::vector<uint8_t>;

    // An IPv6 extension header (RFC 8200 4); body is what stands behind its length byte.
    struct Extension {
        uint8_t kind = 0;
        Bytes body;

        bool operator==(const Extension&) const = default;
    };

    bool is_raw = false;
    Bytes raw;  // is_raw: the whole packet, and nothing else counts

    uint8_t protocol = 0;
    Endpoint source, destination;  // ports: where has_ports()
    std::optional<uint16_t> vlan;

    uint8_t ttl = 64;
    uint8_t tos = 0;          // or traffic class
    uint32_t flow_label = 0;  // IPv6
    uint32_t id = 0;          // IPv6: of fragments
    bool dont_fragment = false;
    bool fragment = false;
    uint32_t offset = 0;  // bytes, a multiple of 8
    bool more = false;
    Bytes options;  // IPv4, a multiple of 4 bytes
    std::vector<Extension> extensions;

    uint8_t flags = 0;  // TCP
    uint32_t seq = 0, ack = 0;
    uint16_t window = 65535, urgent = 0;
    std::optional<uint16_t> mss;
    Bytes tcp_options;  // behind the MSS option

    uint8_t type = 0, code = 0;  // ICMP
    uint32_t rest = 0;           // bytes 4 to 7 of its header

    Bytes data;  // how the payload begins; behind it, at i, payload_byte(start + i)
    uint8_t start = 0;
    uint32_t length = 0;                      // of the payload, without inner
    std::shared_ptr<const PacketSpec> inner;  // a packet behind it: quoted or carried

    std::optional<uint16_t> sum;         // of the transport header
    std::optional<uint16_t> ip_sum;      // of the IPv4 header
    std::optional<uint16_t> udp_length;  // field
    std::optional<uint16_t> total;       // IPv4: total length field; IPv6: payload length field
    std::optional<uint32_t> cut;         // bytes of the packet that are there

    bool v6() const { return source.address.family == Family::v6; }
    bool later_fragment() const { return fragment && offset != 0; }  // has no transport header
    bool tcp() const { return protocol == 6; }
    bool udp() const { return protocol == 17; }
    bool icmp() const { return protocol == (v6() ? 58 : 1); }
    bool has_ports() const { return (tcp() || udp()) && !later_fragment(); }
};

// The i-th byte of a payload that nobody has said.
constexpr uint8_t payload_byte(size_t i) {
    return static_cast<uint8_t>(i);
}

inline constexpr uint16_t gue_text_port = 6080;  // a UDP datagram to it may carry a packet

// The bytes of the packet.  What does not fit a length field wraps; parsing refuses that before.
std::vector<uint8_t> build_packet(const PacketSpec& spec);

// The spec whose bytes are these.
PacketSpec describe_packet(std::span<const uint8_t> ip_packet);

// The body of an extension header that says nothing: one PadN option, or zeros in a routing header.
std::vector<uint8_t> empty_extension(uint8_t kind);

}  // namespace rehome::vipd
