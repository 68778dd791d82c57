// The blocks of a capture file (pcapng, draft-ietf-opsawg-pcapng), as bytes to be written one after
// another: one section, an interface a port, then packets, at last each interface's statistics.  A
// file is valid after each block.  All in little-endian byte order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rehome::vipd::pcapng {

using Bytes = std::vector<uint8_t>;

// 4.1 Section Header Block.  application: who wrote it ("vipd 0.1.0"); comment: may be empty.
Bytes section(std::string_view application, std::string_view comment);

// 4.2 Interface Description Block: Ethernet, times in microseconds.  Interfaces are numbered from 0
// in the order of their blocks.  snap: no packet has more bytes; 0 is no limit.
Bytes interface(std::string_view name, uint32_t snap, std::string_view filter);

enum class Direction : uint8_t { in = 1, out = 2 };

struct PacketInfo {
    uint32_t interface = 0;
    int64_t time_us = 0;           // since 1970, UTC
    uint32_t original_length = 0;  // of the frame on the wire
    Direction direction = Direction::in;
};

// 4.3 Enhanced Packet Block.  frame: what was kept of it; comment: UTF-8, cut at 1,000 bytes.
Bytes packet(const PacketInfo& info, std::span<const uint8_t> frame, std::string_view comment);

// 4.6 Interface Statistics Block.
struct Statistics {
    int64_t time_us = 0;
    uint64_t missed = 0;  // isb_ifdrop: there was no room for them
};
Bytes statistics(uint32_t interface, const Statistics& statistics);

}  // namespace rehome::vipd::pcapng
