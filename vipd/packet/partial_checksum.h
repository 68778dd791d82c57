// Transport checksums that were left to a device and never reached one.
//
// A kernel that sends by a virtual device (a veth, a TAP) with offloads on writes the folded sum of
// the pseudo header where the checksum belongs and leaves the rest to a device (Linux:
// CHECKSUM_PARTIAL), or sends TCP segments longer than any packet, for the device to cut.  The mark
// of that stays with the kernel; what a port receives looks damaged, or too long.
#pragma once

#include <cstdint>
#include <span>

namespace rehome::vipd {

enum class LeftToDevice : uint8_t {
    nothing,
    checksum,  // has been finished
    cutting,   // a TCP segment longer than the MTU: nothing that a router may forward
};

// Looks at a frame of TCP or UDP, behind plain IP headers or not, and writes the checksum if that
// was left: where it is the pseudo header's sum, and not right.  A fragment has a whole one.
LeftToDevice finish(std::span<uint8_t> frame, uint16_t mtu);

}  // namespace rehome::vipd
