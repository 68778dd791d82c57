// A link probe: whether a packet of that size gets from one gateway to the other (RFC 8899 4.1).
// Sent as Gue::Control::link_probe to peers whose keepalives offer it (option 6).  Big endian:
//     0  kind (8): 0 asks, 1 answers     1  0 (8)     2  size of the IP packet (16)     4  id (32)
// Who asks fills the packet with zeros up to the size that it names; an answer has none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace rehome::vipd {

struct LinkProbe {
    uint32_t id = 0;  // of the question; its copies share it
    uint16_t size = 0;
    bool answer = false;

    bool operator==(const LinkProbe&) const = default;
};

inline constexpr uint32_t link_probe_bytes = 8;

// headers: what stands before it in its IP packet, which a question fills up.
std::vector<uint8_t> encode(const LinkProbe& probe, uint32_t headers);

// Nothing when it is none, or is not as long as it says.
std::optional<LinkProbe> decode_link_probe(std::span<const uint8_t> bytes, uint32_t headers);

}  // namespace rehome::vipd
