// The tags by which a gateway knows what its peers send: 64 bits of SipHash-2-4 over a message,
// with keys of its direction and key epoch (state/key_schedule.h).  Where they stand in a message
// is GUE's to say (gue.h).
//
// A packet's tag covers GUE's header, the inner packet's addresses, protocol and length, and the
// first 16 bytes behind its headers: ports, TCP's numbers and flags.  Of what is no whole TCP or
// UDP, ICMP errors and fragments, 80 bytes and the fragment's place.  It does not cover the rest of
// the payload, nor the TTL.  What a gateway says itself is covered whole.
//
// Questions, answers and what a gateway says itself have a counter too, which is covered: each
// counts once (replay_window.h).  A client's or a server's packet has none.  Pure.
#pragma once

#include <cstdint>
#include <span>

#include "vipd/packet/packet.h"
#include "vipd/packet/siphash.h"

namespace rehome::vipd {

// Of one direction between two gateways, one key epoch, one key of the file.
struct TagKeys {
    SipKey packets;
    SipKey control;

    bool operator==(const TagKeys&) const = default;
};

// As a message has it.
struct Tag {
    uint8_t key_id = 0;
    uint8_t worker = 0;  // the sender's, each of which counts for itself
    uint16_t epoch = 0;  // of the keys; tells an old one from the one in force
    uint64_t value = 0;
    uint64_t counter = 0;  // 0: it has none

    bool operator==(const Tag&) const = default;
};

// How a worker tags what it sends to a peer; without keys: not at all.
struct Signing {
    const TagKeys* keys = nullptr;
    uint8_t key_id = 0;
    uint8_t worker = 0;
    uint16_t epoch = 0;
    uint64_t* counter = nullptr;  // the worker's last one; not null where there are keys
};

// The tag of a packet in the tunnel.  header: GUE's 8 bytes of private data that all versions have;
// ip: the inner packet's first byte, whose offsets are those of `inner`.
uint64_t tag_of_packet(const SipKey& key, uint64_t header, const Tag& tag, const uint8_t* ip,
                       const Packet& inner);

// The tag of what a gateway says itself, of that control type.
uint64_t tag_of_control(const SipKey& key, uint8_t control, const Tag& tag,
                        std::span<const uint8_t> said);

}  // namespace rehome::vipd
