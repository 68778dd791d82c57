// ICMP and ICMPv6 errors: those that pass, whose quote is translated with them, and those that a
// gateway makes itself.
//
// An error quotes the beginning of the packet that it is about.  A translator rewrites both
// consistently (RFC 5508 4.2, RFC 5382 REQ-4), so that the receiver finds its connection: path MTU
// discovery (RFC 1191, 8201) and traceroute depend on it.  Sources: RFC 792, 4443, 4884, 1812.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "vipd/packet/micros.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

// The packet that an error quotes, as far as it is there: offsets are into the error's frame.
struct Quote {
    uint8_t protocol = 0;
    bool fragment = false;
    bool later_fragment = false;
    bool has_ports = false;        // TCP or UDP, and the ports are in the quote
    bool echo = false;             // ICMP echo request or reply
    Endpoint source, destination;  // ports when has_ports
    uint32_t ip = 0;
    uint32_t l4 = 0;
    uint32_t end = 0;  // behind what is quoted of the packet
};

// Whether the packet is an error, not an inquiry (RFC 792 types 3, 4, 11, 12; RFC 4443 types 1-4);
// of fragments, the first one.
bool is_icmp_error(const Packet& packet);

// What an error quotes; nothing: it is no error, or quotes no IP header of its family.
std::optional<Quote> quoted_packet(const Frame& frame, const Packet& packet);

// The packet whose IP header stands at `at` of what is there of it, to the end: what a quoted one
// carries itself.  Nothing: it is not there, or is no IP header.
std::optional<Quote> quoted_at(std::span<const uint8_t> quoted, uint32_t at);
// A quote as a packet, to make another error about it; its TTL is not looked at.
Packet packet_of(const Quote& quote);

// The MTU that an error tells ("fragmentation needed", "packet too big"; RFC 1191 4, RFC 4443 3.2);
// nothing: it says something else.
std::optional<uint32_t> told_mtu(const Frame& frame, const Packet& error);
// Whether an ICMP message's checksum is right.
bool sound_icmp(const Frame& frame, const Packet& message);

// What a translated error says: the error's own ends, and those of the packet that it quotes
// (addresses of one family; ports are written when the quote has them).
struct Translation {
    Address source, destination;
    Endpoint quoted_source, quoted_destination;
};

// That changes nothing: for the caller to change the ends that it translates.
Translation unchanged(const Packet& packet, const Quote& quote);

// Rewrites the error and its quote: addresses, ports, and every checksum that covers them, the
// quoted IPv4 header's and transport's (as far as it is quoted) included.  Packet and quote follow.
void translate_error(Frame& frame, Packet& packet, Quote& quote, const Translation& to);

// Whether an error may be sent about the packet (RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4):
// never about errors and redirects, later fragments, broadcast and multicast, and what has no one
// sender.
bool may_answer(const Frame& frame, const Packet& packet);

// The most bytes that an error has: RFC 1812 4.3.2.3, RFC 4443 2.4 (c).
inline constexpr uint32_t icmp_error_bytes_v4 = 576;
inline constexpr uint32_t icmp_error_bytes_v6 = 1280;

// Errors about a packet, to its sender: an IP packet in `out`, which quotes as much as fits an
// error and `out` (at least 56 bytes for IPv4, 88 for IPv6; less: nothing is made).  from: of the
// packet's family, the gateway's or VIP's.  The packet is quoted as it stands in the frame: make
// the error before it is rewritten.  Return the packet's length, 0 when nothing was made.
uint32_t make_time_exceeded(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                            const Address& from);
// IPv4: "fragmentation needed and DF set".  mtu: bytes of the next hop's largest IP packet.
uint32_t make_packet_too_big(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                             const Address& from, uint16_t mtu);
// code: of the family's "destination unreachable".
uint32_t make_unreachable(std::span<uint8_t> out, const Frame& frame, const Packet& packet,
                          const Address& from, uint8_t code);

// How many errors may be made (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)): a token bucket, full at first.
// shares: so many have a bucket each, and together not more than the whole; at most as many as the
// burst.
class RateLimit {
public:
    RateLimit(uint32_t per_second, uint32_t burst, uint32_t shares = 1);

    // Takes a token; false: there is none.  Time that goes back counts as standing still.
    bool take(Micros now);

private:
    uint32_t per_second_;
    int64_t token_;
    int64_t full_;  // millionths of a token of the whole, as the others
    int64_t tokens_;
    Micros filled_ = 0;
    bool started_ = false;
};

}  // namespace rehome::vipd
