// The offloads that are on at a device, and at a veth's other end, by which its packets would come
// unfinished: checksums that were left to the device, segments that were left to be cut or that
// were merged.  Looked at by ethtool(8)'s ioctl.
#pragma once

#include <string>
#include <vector>

namespace rehome::vipd {

struct Offloads {
    // By their names of `ethtool -K`; none where the device does not tell.
    std::vector<std::string> merging;  // gro, lro: the device's own
    std::vector<std::string> left;     // tx, tso, gso: the other end's
    std::string other_end;             // of a veth in this namespace; empty: elsewhere, or none
};

Offloads offloads_of(const std::string& device);

}  // namespace rehome::vipd
