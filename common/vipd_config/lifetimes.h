// How long a flow may be silent before it is forgotten, by its state; in seconds.  Established TCP
// and UDP that goes on are kept for as long as a NAT must (RFC 5382, REQ-5; RFC 4787, REQ-5); the
// rest bounds what a flood can hold.
#pragma once

#include <cstdint>

namespace rehome::vipd {

struct Lifetimes {
    uint32_t tcp_half_open = 30;
    uint32_t tcp_established = 7440;
    uint32_t tcp_closing = 60;
    uint32_t tcp_reset = 20;  // by vipd
    uint32_t udp = 120;
    uint32_t udp_once = 30;     // of one exchange, until a second one begins
    uint32_t provisional = 10;  // left by a second chance, not yet confirmed by a reply

    bool operator==(const Lifetimes&) const = default;
};

}  // namespace rehome::vipd
