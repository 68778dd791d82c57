// Fragments of one datagram kept together: a later fragment has no ports, so that it needs to be
// told those of its first one, and to wait for it when it comes earlier.
//
// Nothing is reassembled: what is remembered of a datagram is its ports, and what is held is copies
// of fragments that came too early, given back in their order once the first one is here.  Memory
// is fixed at construction; nothing is allocated per packet.  A datagram's fragments are known by
// source, destination, identification and, of IPv4, protocol (RFC 791 3.2, RFC 8200 4.5).
//
// Known datagrams and those that wait for their first fragment have places of their own, whose
// oldest is replaced: a flood of either takes nothing from the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "vipd/packet/micros.h"
#include "vipd/packet/packet.h"

namespace rehome::vipd {

struct FragmentKey {
    Address source, destination;
    uint32_t id = 0;
    uint8_t protocol = 0;  // IPv4

    bool operator==(const FragmentKey&) const = default;
};

FragmentKey fragment_key(const Packet& packet);

class Fragments {
public:
    struct Limits {
        uint32_t known = 4096;    // datagrams whose ports are remembered, at least 1
        uint32_t waiting = 1024;  // datagrams whose first fragment is not here yet, at least 1
        uint32_t held_bytes = 4u << 20;  // of frames held, in blocks of 256
        uint32_t held_each = 64;         // frames held of one datagram
        Micros remember = 15'000'000;    // RFC 791 3.2 has a datagram assembled in that time
        Micros wait = 2'000'000;         // for a first fragment that was overtaken
    };

    // What a first fragment tells about the others.
    struct Known {
        uint8_t protocol = 0;  // of the transport header
        uint16_t source_port = 0, destination_port = 0;
        bool echo = false;  // ICMP echo request

        bool operator==(const Known&) const = default;
    };

    // Told of each held frame that is thrown away: fragment_timeout, or fragments_full when its
    // datagram was replaced.
    using Lost = std::function<void(std::span<const uint8_t> frame, uint32_t tag, Drop why)>;
    // Takes a held frame; the bytes are the caller's until the next one.
    using Deliver = std::function<void(std::span<uint8_t> frame, uint32_t tag)>;

    Fragments(const Limits& limits, uint64_t hash_key);

    // Remembers a first fragment, as it came (before rewriting).  False: it contradicts another
    // first fragment of a datagram that is not complete (RFC 5722): bad_fragment.
    bool learn(const Packet& first, Micros now, const Lost& lost);

    // What the first fragment of a later one's datagram told; null: it has not come.
    const Known* find(const Packet& later);

    // The same, without a trace of it; and with what another first one has to agree.
    const Known* peek(const Packet& fragment) const;

    // Copies a later fragment's frame until its first one comes.  False, and nothing is held: there
    // is no room (fragments_full).
    bool hold(const Packet& later, std::span<const uint8_t> frame, uint32_t tag, Micros now,
              const Lost& lost);

    // Gives what is held of a datagram, in order of arrival: after learn(), with the first
    // fragment's key from before rewriting.  `deliver` may call anything but release() and hold().
    void release(const FragmentKey& key, const Deliver& deliver);

    // Forgets what is too old.
    void expire(Micros now, const Lost& lost);

    uint32_t known() const { return known_.count; }
    uint32_t waiting() const { return waiting_.count; }
    uint32_t held_bytes() const { return used_blocks_ * block_bytes; }

private:
    static constexpr uint32_t block_bytes = 256;
    static constexpr uint32_t none = UINT32_MAX;
    static constexpr uint32_t largest_frame = 65535 + ethernet_bytes + vlan_tag_bytes;

    struct Datagram {
        FragmentKey key;
        Known known;
        Micros since = 0;
        uint32_t next_in_bucket = none;
        uint32_t older = none, newer = none;           // in its queue
        uint32_t first_held = none, last_held = none;  // blocks
        uint32_t held = 0;
        uint32_t seen_bytes = 0, total_bytes = 0;  // total: 0 until the last fragment was seen
        bool is_known = false;

        bool complete() const { return total_bytes != 0 && seen_bytes >= total_bytes; }
        void see(const Packet& packet);
    };
    // Datagrams by age.
    struct Queue {
        uint32_t oldest = none, newest = none;
        uint32_t count = 0;
        uint32_t capacity = 0;
    };
    // A held frame is a chain of blocks; its first one says what it is.
    struct Block {
        uint32_t next = none;       // block of this frame, or free block
        uint32_t next_held = none;  // the datagram's next frame
        uint32_t length = 0;        // of the frame
        uint32_t tag = 0;
    };

    size_t place(const FragmentKey& key) const;
    uint32_t& bucket(const FragmentKey& key) { return buckets_[place(key)]; }
    uint32_t lookup(const FragmentKey& key) const;
    uint32_t insert(const FragmentKey& key, Queue& queue, Micros now, const Lost& lost);
    void append(Queue& queue, uint32_t index, Micros now);
    void remove(Queue& queue, uint32_t index);
    void erase(uint32_t index, Drop why, const Lost& lost);
    void make_room(Queue& queue, const Lost& lost);
    void expire(Queue& queue, Micros before, const Lost& lost);
    Queue& queue_of(const Datagram& datagram) { return datagram.is_known ? known_ : waiting_; }
    uint8_t* bytes_of(uint32_t block) { return &bytes_[size_t{block} * block_bytes]; }
    uint32_t store(std::span<const uint8_t> frame, uint32_t tag);
    uint32_t take_block();
    std::span<uint8_t> in_one_piece(uint32_t first_block);
    void free_frame(uint32_t first_block);

    Limits limits_;
    uint64_t hash_key_;
    std::vector<uint32_t> buckets_;  // a power of two
    std::vector<Datagram> datagrams_;
    std::vector<uint32_t> free_;  // places of datagrams_
    Queue known_, waiting_;
    std::vector<Block> blocks_;
    std::unique_ptr<uint8_t[]> bytes_;  // of the blocks; touched only as they are used
    std::unique_ptr<uint8_t[]> frame_;  // a held frame in one piece
    uint32_t free_block_ = none;
    uint32_t used_blocks_ = 0;
};

}  // namespace rehome::vipd
