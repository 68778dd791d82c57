#include "vipd/flow/fragments.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>

#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"
#include "vipd/packet/rewrite.h"

namespace rehome::vipd {

namespace {

uint64_t hash(const FragmentKey& key, uint64_t hash_key) {
    std::array<uint8_t, 40> bytes{};
    std::ranges::copy(key.source.bytes, bytes.begin());
    std::ranges::copy(key.destination.bytes, bytes.begin() + 16);
    store32(&bytes[32], key.id);
    bytes[36] = key.protocol;
    bytes[37] = static_cast<uint8_t>(key.source.family);
    return hash_bytes(bytes, hash_key);
}

}  // namespace

FragmentKey fragment_key(const Packet& packet) {
    return {packet.source, packet.destination, packet.fragment_id,
            packet.family == Family::v4 ? packet.protocol : uint8_t{0}};
}

Fragments::Fragments(const Limits& limits, uint64_t hash_key)
    : limits_(limits),
      hash_key_(hash_key),
      buckets_(std::bit_ceil(size_t{limits.known} + limits.waiting + 1), none),
      datagrams_(size_t{limits.known} + limits.waiting),
      blocks_(limits.held_bytes / block_bytes),
      bytes_(std::make_unique_for_overwrite<uint8_t[]>(blocks_.size() * block_bytes)),
      frame_(std::make_unique_for_overwrite<uint8_t[]>(largest_frame)) {
    assert(limits.known > 0 && limits.waiting > 0);
    known_.capacity = limits.known;
    waiting_.capacity = limits.waiting;
    for (size_t i = datagrams_.size(); i > 0; --i) {
        free_.push_back(static_cast<uint32_t>(i - 1));
    }
    for (size_t i = blocks_.size(); i > 0; --i) {
        blocks_[i - 1].next = free_block_;
        free_block_ = static_cast<uint32_t>(i - 1);
    }
}

void Fragments::Datagram::see(const Packet& packet) {
    const uint32_t bytes = packet.end - packet.fragment_data;
    seen_bytes += bytes;
    if (!packet.more_fragments) {
        total_bytes = packet.fragment_offset + bytes;
    }
}

bool Fragments::learn(const Packet& first, Micros now, const Lost& lost) {
    const Known known{first.protocol, first.source_port, first.destination_port,
                      is_echo_request(first)};
    const FragmentKey key = fragment_key(first);
    uint32_t index = lookup(key);
    if (index == none) {
        index = insert(key, known_, now, lost);
    } else {
        Datagram& there = datagrams_[index];
        if (there.is_known && !there.complete() && there.known != known) {
            return false;
        }
        // The identification may be that of a new datagram: what was seen of the old one is over.
        remove(queue_of(there), index);
        make_room(known_, lost);
        if (there.is_known) {
            there.seen_bytes = there.total_bytes = 0;
        }
        append(known_, index, now);
    }
    Datagram& datagram = datagrams_[index];
    datagram.known = known;
    datagram.is_known = true;
    datagram.see(first);
    return true;
}

const Fragments::Known* Fragments::find(const Packet& later) {
    const uint32_t index = lookup(fragment_key(later));
    if (index == none || !datagrams_[index].is_known) {
        return nullptr;
    }
    datagrams_[index].see(later);
    return &datagrams_[index].known;
}

const Fragments::Known* Fragments::peek(const Packet& fragment) const {
    const uint32_t index = lookup(fragment_key(fragment));
    const Datagram* there = index == none ? nullptr : &datagrams_[index];
    const bool holds =
        there != nullptr && there->is_known && (fragment.later_fragment() || !there->complete());
    return holds ? &there->known : nullptr;
}

bool Fragments::hold(const Packet& later, std::span<const uint8_t> frame, uint32_t tag, Micros now,
                     const Lost& lost) {
    const FragmentKey key = fragment_key(later);
    uint32_t index = lookup(key);
    const bool is_new = index == none;
    if (!is_new && datagrams_[index].held >= limits_.held_each) {
        return false;
    }
    if (is_new) {
        make_room(waiting_, lost);
    }
    const uint32_t block = store(frame, tag);
    if (block == none) {
        return false;
    }
    if (is_new) {
        index = insert(key, waiting_, now, lost);
    }
    Datagram& datagram = datagrams_[index];
    (datagram.last_held == none ? datagram.first_held : blocks_[datagram.last_held].next_held) =
        block;
    datagram.last_held = block;
    ++datagram.held;
    return true;
}

void Fragments::release(const FragmentKey& key, const Deliver& deliver) {
    const uint32_t index = lookup(key);
    if (index == none || !datagrams_[index].is_known) {
        return;
    }
    Datagram& datagram = datagrams_[index];
    uint32_t block = datagram.first_held;
    datagram.first_held = datagram.last_held = none;
    datagram.held = 0;
    while (block != none) {
        const Block head = blocks_[block];
        const auto frame = in_one_piece(block);
        free_frame(block);
        deliver(frame, head.tag);
        block = head.next_held;
    }
}

void Fragments::expire(Micros now, const Lost& lost) {
    expire(known_, now - limits_.remember, lost);
    expire(waiting_, now - limits_.wait, lost);
}

void Fragments::expire(Queue& queue, Micros before, const Lost& lost) {
    while (queue.oldest != none && datagrams_[queue.oldest].since <= before) {
        erase(queue.oldest, Drop::fragment_timeout, lost);
    }
}

size_t Fragments::place(const FragmentKey& key) const {
    return hash(key, hash_key_) & (buckets_.size() - 1);
}

uint32_t Fragments::lookup(const FragmentKey& key) const {
    uint32_t index = buckets_[place(key)];
    while (index != none && datagrams_[index].key != key) {
        index = datagrams_[index].next_in_bucket;
    }
    return index;
}

uint32_t Fragments::insert(const FragmentKey& key, Queue& queue, Micros now, const Lost& lost) {
    make_room(queue, lost);
    const uint32_t index = free_.back();
    free_.pop_back();
    Datagram& datagram = datagrams_[index];
    datagram = {};
    datagram.key = key;
    datagram.next_in_bucket = bucket(key);
    bucket(key) = index;
    append(queue, index, now);
    return index;
}

void Fragments::make_room(Queue& queue, const Lost& lost) {
    if (queue.count == queue.capacity) {
        erase(queue.oldest, Drop::fragments_full, lost);
    }
}

void Fragments::append(Queue& queue, uint32_t index, Micros now) {
    Datagram& datagram = datagrams_[index];
    datagram.since = now;
    datagram.older = queue.newest;
    datagram.newer = none;
    (queue.newest == none ? queue.oldest : datagrams_[queue.newest].newer) = index;
    queue.newest = index;
    ++queue.count;
}

void Fragments::remove(Queue& queue, uint32_t index) {
    const Datagram& datagram = datagrams_[index];
    (datagram.older == none ? queue.oldest : datagrams_[datagram.older].newer) = datagram.newer;
    (datagram.newer == none ? queue.newest : datagrams_[datagram.newer].older) = datagram.older;
    --queue.count;
}

void Fragments::erase(uint32_t index, Drop why, const Lost& lost) {
    Datagram& datagram = datagrams_[index];
    for (uint32_t block = datagram.first_held; block != none;) {
        const Block head = blocks_[block];
        const auto frame = in_one_piece(block);
        free_frame(block);
        lost(frame, head.tag, why);
        block = head.next_held;
    }
    remove(queue_of(datagram), index);
    uint32_t* link = &bucket(datagram.key);
    while (*link != index) {
        link = &datagrams_[*link].next_in_bucket;
    }
    *link = datagram.next_in_bucket;
    free_.push_back(index);
}

// Copies the frame into blocks; none: there are too few.
uint32_t Fragments::store(std::span<const uint8_t> frame, uint32_t tag) {
    const size_t needed = std::max<size_t>(1, (frame.size() + block_bytes - 1) / block_bytes);
    if (frame.size() > largest_frame || needed > blocks_.size() - used_blocks_) {
        return none;
    }
    const uint32_t first = take_block();
    const uint32_t length = static_cast<uint32_t>(frame.size());
    uint32_t block = first;
    for (uint32_t at = 0;; block = blocks_[block].next) {
        const uint32_t bytes = std::min(block_bytes, length - at);
        std::copy_n(frame.data() + at, bytes, bytes_of(block));
        at += bytes;
        if (at == length) {
            break;
        }
        blocks_[block].next = take_block();
    }
    blocks_[first].length = length;
    blocks_[first].tag = tag;
    return first;
}

uint32_t Fragments::take_block() {
    const uint32_t block = free_block_;
    free_block_ = blocks_[block].next;
    blocks_[block] = {};
    ++used_blocks_;
    return block;
}

std::span<uint8_t> Fragments::in_one_piece(uint32_t first_block) {
    const uint32_t length = blocks_[first_block].length;
    uint32_t from = first_block;
    for (uint32_t at = 0; at < length; at += block_bytes) {
        std::copy_n(bytes_of(from), std::min(block_bytes, length - at), &frame_[at]);
        from = blocks_[from].next;
    }
    return {frame_.get(), length};
}

void Fragments::free_frame(uint32_t first_block) {
    for (uint32_t block = first_block; block != none;) {
        const uint32_t next = blocks_[block].next;
        blocks_[block].next = free_block_;
        free_block_ = block;
        --used_blocks_;
        block = next;
    }
}

}  // namespace rehome::vipd
