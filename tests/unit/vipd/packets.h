// Packets for tests: built by hand, and checked from scratch.
//
// Nothing here uses the code under test to make or to check a checksum: sum() is RFC 1071 as its
// text puts it, over bytes that are laid out in one piece (pseudo header first).
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd::testing {

using Bytes = std::vector<uint8_t>;

inline Address ip(std::string_view text) {
    return *Address::parse(text);
}
inline Endpoint end(std::string_view text) {
    return *Endpoint::parse(text);
}

namespace flag {
inline constexpr uint8_t S = tcp_flag::syn, A = tcp_flag::ack, F = tcp_flag::fin, R = tcp_flag::rst,
                         P = 0x08;
}

// An IPv6 extension header: its type, and its bytes behind "next header".
struct Extension {
    uint8_t type;
    Bytes rest;
};

// What a test says about a packet.  tcp: flags, seq and ack count; icmp: type.
struct Say {
    Endpoint from, to;
    uint8_t protocol = 6;
    uint8_t flags = flag::A;
    uint32_t seq = 1000, ack = 2000;
    std::string payload{};
    uint8_t ttl = 64;
    uint8_t icmp_type = 8;
    bool checksum = true;       // udp: false leaves it zero
    uint16_t fragment = 0;      // the IPv4 flags and offset field
    uint32_t option_bytes = 0;  // of IPv4 options, a multiple of 4
    std::vector<Extension> extensions{};
    Bytes tcp_options{};  // a multiple of 4
};

// An IP packet; the IPv4 and transport checksums are right.
Bytes make_ip(const Say& say);
// The same behind an Ethernet header.
Bytes make_frame(const Say& say);
Bytes ethernet(const Bytes& ip_packet);
Bytes with_vlan(const Bytes& frame, uint16_t tag);

// The ICMP or ICMPv6 error about a packet, as its receiver would make it; quoted: bytes of it.
struct SayError {
    Address from, to;
    uint8_t type, code;
    uint32_t rest = 0;  // what stands behind the checksum: an MTU, or RFC 4884's length
};
Bytes make_error(const SayError& say, std::span<const uint8_t> about, size_t quoted);

// The fragments of a whole packet, each with so many bytes of it (a multiple of 8) or fewer; and
// the packet that they make, from its first fragment's header, in whatever order they are given.
// Of IPv6, the fragment header follows the first 40 bytes.
std::vector<Bytes> split(const Bytes& ip_packet, size_t each, uint32_t id = 0x1234);
Bytes joined(const std::vector<Bytes>& fragments);

// The ones' complement of the ones' complement sum (RFC 1071); an odd byte is padded with zero.
uint16_t sum(const Bytes& bytes);
// The pseudo header and the transport segment of the packet, in one piece.
Bytes summed(std::span<const uint8_t> ip_packet);
// Empty when every checksum of the IP packet is right, else which one is wrong.
std::string wrong_checksum(std::span<const uint8_t> ip_packet);

// "A:1 > B:2 tcp SA seq 5 ack 6 len 3", what tests compare.
std::string text(const Packet& packet);

// A frame in a buffer with room around, as the datapath gets it.
class Buffer {
public:
    explicit Buffer(std::span<const uint8_t> bytes, uint32_t room = 128);
    Frame frame;

    Bytes ip_packet() const;  // as far as the IP header says
    Packet packet() const;    // must parse

private:
    Bytes storage_;
};

// One generator for a test, whose seed the test prints when it fails.
class Random {
public:
    explicit Random(uint64_t seed) : engine_(seed) {}
    uint32_t below(uint32_t bound) { return static_cast<uint32_t>(engine_() % bound); }
    uint32_t any32() { return static_cast<uint32_t>(engine_()); }
    bool chance(uint32_t percent) { return below(100) < percent; }
    Bytes bytes(size_t count);

private:
    std::mt19937_64 engine_;
};

}  // namespace rehome::vipd::testing
