#include "vipd/core/flow.h"

#include <algorithm>
#include <bit>

#include "vipd/core/hash.h"

namespace rehome {

namespace {

constexpr Micros second = 1'000'000;

// Two endpoints and a protocol as bytes to hash: family and port, then the address.
uint64_t hash_pair(uint8_t protocol, const Endpoint& a, const Endpoint& b, uint64_t key) {
    std::array<uint8_t, 40> bytes{};
    std::copy_n(a.address.bytes.begin(), 16, bytes.begin());
    std::copy_n(b.address.bytes.begin(), 16, bytes.begin() + 16);
    bytes[32] = static_cast<uint8_t>(a.port >> 8);
    bytes[33] = static_cast<uint8_t>(a.port);
    bytes[34] = static_cast<uint8_t>(b.port >> 8);
    bytes[35] = static_cast<uint8_t>(b.port);
    bytes[36] = protocol;
    bytes[37] = static_cast<uint8_t>(a.address.family);
    return hash_bytes(bytes, key);
}

}  // namespace

uint64_t FlowKey::hash(uint64_t key) const {
    return hash_pair(protocol, client, vip, key);
}

// RFC 5382 asks for 2 h 4 min of an established connection; the rest bounds what a flood can hold.
Micros lifetime(const Flow& flow) {
    if (flow.key.protocol != static_cast<uint8_t>(Protocol::tcp)) {
        return (flow.kind == Flow::Kind::provisional ? 10 : 120) * second;
    }
    if (flow.kind == Flow::Kind::provisional) {
        return 10 * second;
    }
    switch (flow.stage) {
        case Flow::Stage::half_open:
            return 30 * second;
        case Flow::Stage::established:
            return 7440 * second;
        case Flow::Stage::closing:
            return 60 * second;
        case Flow::Stage::reset:
            return 20 * second;
    }
    return 0;
}

HashIndex::HashIndex(uint32_t capacity)
    : cells_(std::bit_ceil(uint64_t{capacity} * 2)), mask_(cells_.size() - 1) {}

void HashIndex::insert(uint64_t hash, uint32_t id) {
    uint64_t at = hash & mask_;
    while (cells_[at].used != 0) {
        at = (at + 1) & mask_;
    }
    cells_[at] = {static_cast<uint32_t>(hash >> 32), id, static_cast<uint32_t>(hash & mask_), 1};
}

void HashIndex::erase(uint64_t hash, uint32_t id) {
    uint64_t hole = hash & mask_;
    while (cells_[hole].id != id || cells_[hole].used == 0) {
        hole = (hole + 1) & mask_;
    }
    // What stands behind the hole moves into it unless it is between its home and itself already.
    for (uint64_t at = (hole + 1) & mask_; cells_[at].used != 0; at = (at + 1) & mask_) {
        if (((at - cells_[at].home) & mask_) >= ((at - hole) & mask_)) {
            cells_[hole] = cells_[at];
            hole = at;
        }
    }
    cells_[hole] = {};
}

FlowTable::FlowTable(uint32_t capacity, uint64_t hash_key)
    : capacity_(capacity), hash_key_(hash_key), by_key_(capacity), by_reply_(capacity) {
    flows_.reserve(capacity);
}

uint64_t FlowTable::reply_hash(uint8_t protocol, const Endpoint& server,
                               const Endpoint& client) const {
    return hash_pair(protocol, server, client, ~hash_key_);
}

Flow* FlowTable::find(const FlowKey& key) {
    const auto id =
        by_key_.find(key.hash(hash_key_), [&](uint32_t i) { return flows_[i].key == key; });
    return id == UINT32_MAX ? nullptr : &flows_[id];
}

Flow* FlowTable::find_reply(uint8_t protocol, const Endpoint& server, const Endpoint& client) {
    const auto matches = [&](uint32_t i) {
        const Flow& flow = flows_[i];
        return flow.key.protocol == protocol && flow.server == server && flow.key.client == client;
    };
    const auto id = by_reply_.find(reply_hash(protocol, server, client), matches);
    return id == UINT32_MAX ? nullptr : &flows_[id];
}

Flow* FlowTable::insert(const FlowKey& key, Micros now) {
    if (used_ == capacity_) {
        return nullptr;
    }
    uint32_t id = static_cast<uint32_t>(flows_.size());
    if (free_.empty()) {
        flows_.emplace_back();
    } else {
        id = free_.back();
        free_.pop_back();
    }
    ++used_;
    flows_[id] = Flow{};
    flows_[id].key = key;
    flows_[id].made = flows_[id].last_seen = now;
    flows_[id].in_use = true;
    by_key_.insert(key.hash(hash_key_), id);
    return &flows_[id];
}

bool FlowTable::serve(Flow& flow, const Endpoint& server) {
    unserve(flow);
    if (Flow* other = find_reply(flow.key.protocol, server, flow.key.client)) {
        if (other->stage != Flow::Stage::closing && other->stage != Flow::Stage::reset) {
            return false;
        }
        erase(*other);
    }
    flow.kind = Flow::Kind::here;
    flow.server = server;
    ++served_;
    by_reply_.insert(reply_hash(flow.key.protocol, server, flow.key.client),
                     static_cast<uint32_t>(&flow - flows_.data()));
    return true;
}

void FlowTable::unserve(Flow& flow) {
    if (flow.kind == Flow::Kind::here && flow.server.port != 0) {
        by_reply_.erase(reply_hash(flow.key.protocol, flow.server, flow.key.client),
                        static_cast<uint32_t>(&flow - flows_.data()));
        flow.server = {};
        --served_;
    }
}

void FlowTable::erase(Flow& flow) {
    unserve(flow);
    const auto id = static_cast<uint32_t>(&flow - flows_.data());
    by_key_.erase(flow.key.hash(hash_key_), id);
    flow.in_use = false;
    free_.push_back(id);
    --used_;
}

void FlowTable::expire(Micros now, uint32_t entries) {
    const auto size = static_cast<uint32_t>(flows_.size());
    for (uint32_t i = 0; i < std::min(entries, size); ++i) {
        cursor_ = cursor_ + 1 < size ? cursor_ + 1 : 0;
        Flow& flow = flows_[cursor_];
        if (flow.in_use && now - flow.last_seen > lifetime(flow)) {
            erase(flow);
        }
    }
}

}  // namespace rehome
