// Keepalives between gateways: who is alive, what it can serve, by which lines it may answer.
//
// Sent every 100 ms to each peer inside GUE with the C bit; three missed are "down".  Layout, big
// endian:
//     0  magic "rhka"        4  version = 1     5  lines L     6  prefixes P (16 bits)
//     8  own line version (32)                 12  the peer's line version last seen (32)
//    16  flows that end here (32)              20  sequence (32)
//    24  L x { carrier id (32), usable (8) }    then P x { family (8), length (8), address (4 or
//    16) }    then options, each { type (8), length (8), bytes }
//
// Who does not know an option skips it; a vipd that knows none reads no further than the prefixes.
// Option 1: the move that the sender takes part in (64).  Option 2: whether the sender hears the
// receiver (8), so that a link that is dead in one direction is down for both (RFC 5880 6.8.1); who
// does not say is believed to hear.  Option 3: what the sender answers to questions (8; Answers).
// Option 4: that it takes copies of flows (8, 1; packet/flow_copy.h).  Option 5: that it has keys,
// and agrees on epochs (8, 1; agreement.h).  Option 6: that it answers link probes (link_probe.h),
// and the longest packet that gets from it to the receiver as far as it knows (16; 0: not yet).
// Option 7: the services that can be served (ready_services.h): digest of the sender's (32), of the
// receiver's as the sender holds it (32).  Option 8: that it hears which flows the receiver knows
// (8, 1; known_flows.h).  Option 9: the digest of the sender's rules of placement (64;
// placement/rules.h), which all gateways should have alike.  Option 10: the same of its access
// rules, limits and admission (64; common/vipd_config/access.h).  Option 11: the same of its orders
// about sites (64; disabled.h).
//
// The line version rises with each change of a line's state; a gateway that sees its own number
// come back knows that the peer acts on it (a line is withdrawn only then).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/address.h"
#include "vipd/packet/micros.h"

namespace rehome::vipd {

inline constexpr Micros keepalive_every = 100'000;
inline constexpr Micros keepalive_missed = 3 * keepalive_every + keepalive_every / 2;

// What a gateway says to who asks whether it knows a flow (gue.h), and what it hears of that.
enum class Answers : uint8_t {
    nothing,  // it adopts what it is asked about
    unknown,  // where it does not know the flow
    both,     // also where it does
};

struct Keepalive {
    struct Line {
        uint32_t carrier = 0;
        bool usable = false;  // may carry packets with a VIP as source

        bool operator==(const Line&) const = default;
    };

    // Digests of the services that can be served (ready_services.h).
    struct Services {
        uint32_t ready = 0;  // the sender's
        uint32_t held = 0;   // the receiver's, as the sender has it

        bool operator==(const Services&) const = default;
    };

    uint32_t line_version = 0;
    uint32_t seen_version = 0;
    uint32_t flows_here = 0;
    uint32_t sequence = 0;
    std::vector<Line> lines;
    std::vector<Prefix> prefixes;
    uint64_t move = 0;  // MoveConfig::id; 0: the sender does not say, or is not sure itself
    std::optional<bool> hears_you;  // nothing: it does not say
    Answers answers = Answers::nothing;
    bool copies = false;  // it takes copies of flows
    bool has_keys = false;
    std::optional<uint16_t> link_mtu;   // towards the receiver; nothing: it answers no probes
    bool hears_flows = false;           // which ones the receiver knows
    std::optional<Services> services;   // nothing: it tells of prefixes alone
    std::optional<uint64_t> placement;  // the digest of its rules; nothing: it does not say
    std::optional<uint64_t> access;     // likewise
    std::optional<uint64_t> sites;      // likewise

    bool operator==(const Keepalive&) const = default;
};

inline constexpr size_t keepalive_max_bytes = 1400;

// As many prefixes as fit; lines always fit (255 at most).
std::vector<uint8_t> encode(const Keepalive& keepalive);

// Nothing when it is no whole keepalive of this version.
std::optional<Keepalive> decode_keepalive(std::span<const uint8_t> bytes);

}  // namespace rehome::vipd
