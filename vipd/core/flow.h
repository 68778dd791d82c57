// Flows: what one worker knows of its clients' connections, and the table that holds them.
//
// A flow is named from its client's side (protocol, client, VIP), whichever way a packet travels; a
// flow that ends at a server of this site is also found by that server's replies.  An entry fixes
// the server: it holds the server's address, so that a reload changes nothing for it.
//
// The table is one worker's own: no locks.  Its capacity is fixed; entries do not move while they
// live, and memory is touched only as it is used.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "common/address.h"

namespace rehome {

using Micros = int64_t;  // CLOCK_MONOTONIC

struct FlowKey {
    uint8_t protocol = 0;
    Endpoint client;
    Endpoint vip;

    bool operator==(const FlowKey&) const = default;
    uint64_t hash(uint64_t key) const;
};

// The sequence numbers at which each end goes on, as far as its segments have passed here (RFC
// 9293: SND.NXT of the one is RCV.NXT of the other once delivered).
struct TcpNumbers {
    uint32_t client_next = 0;
    uint32_t server_next = 0;
    bool client_known = false;
    bool server_known = false;
};

// The last way in of a flow's client, which is the way back of its replies.
struct WayBack {
    enum class Via : uint8_t { line, tunnel } via = Via::line;
    uint16_t index = 0;  // of the line, or of the peer
    uint32_t carrier =
        0;  // carrier_id of the line on which the client came in, here or there; 0: unknown

    bool operator==(const WayBack&) const = default;
};

struct Flow {
    enum class Kind : uint8_t {
        here,         // served by a server of this site
        relayed,      // a peer serves it
        provisional,  // a peer is being asked whether it does (second chance)
    };
    enum class Stage : uint8_t { half_open, established, closing, reset };

    FlowKey key;
    Endpoint server;  // here
    WayBack way;
    TcpNumbers numbers;
    Micros last_seen = 0;
    Micros made = 0;
    uint32_t service = 0;  // Tables' number of the service
    uint16_t peer = 0;     // relayed, provisional: its index
    Kind kind = Kind::here;
    Stage stage = Stage::half_open;
    bool client_finished = false;  // its FIN has passed
    bool server_finished = false;
    bool client_reset = false;  // its reset has passed, and nothing of it since
    bool server_reset = false;
    bool in_use = false;
};

// How long a flow may be silent before it is forgotten.
Micros lifetime(const Flow& flow);

// A set of entry numbers found by hash: open addressing with linear probing, deletion by moving
// back, so that no tombstones gather.
class HashIndex {
public:
    explicit HashIndex(uint32_t capacity);

    void insert(uint64_t hash, uint32_t id);  // fewer than capacity are in
    void erase(uint64_t hash, uint32_t id);   // it is in

    // The first id under that hash for which matches(id) is true, or UINT32_MAX.
    template <typename Matches>
    uint32_t find(uint64_t hash, Matches matches) const {
        const auto tag = static_cast<uint32_t>(hash >> 32);
        for (uint64_t at = hash & mask_; cells_[at].used != 0; at = (at + 1) & mask_) {
            if (cells_[at].tag == tag && matches(cells_[at].id)) {
                return cells_[at].id;
            }
        }
        return UINT32_MAX;
    }

private:
    struct Cell {
        uint32_t tag = 0;
        uint32_t id = 0;
        uint32_t home = 0;  // low bits of the hash
        uint32_t used = 0;
    };
    std::vector<Cell> cells_;
    uint64_t mask_;
};

class FlowTable {
public:
    FlowTable(uint32_t capacity, uint64_t hash_key);

    Flow* find(const FlowKey& key);
    // The flow of a packet that a server sent to a client.
    Flow* find_reply(uint8_t protocol, const Endpoint& server, const Endpoint& client);

    Flow* insert(const FlowKey& key, Micros now);  // the key is not in; null: full
    // Makes it a flow that ends at this server, found by its replies.  False: another flow of the
    // same client has that server and port already (two VIPs in front of one server).  If that one
    // is over (closing, reset), it is erased and gives way.
    bool serve(Flow& flow, const Endpoint& server);
    void unserve(Flow& flow);  // it ends here no more; nothing where it did not
    void erase(Flow& flow);

    // Forgets what was silent too long among the next few entries; called regularly, it goes round.
    void expire(Micros now, uint32_t entries);

    uint32_t size() const { return used_; }
    uint32_t served() const { return served_; }   // flows that end at a server of this site
    std::span<Flow> entries() { return flows_; }  // those with in_use hold

private:
    uint64_t reply_hash(uint8_t protocol, const Endpoint& server, const Endpoint& client) const;

    uint32_t capacity_;
    uint64_t hash_key_;
    uint32_t used_ = 0;
    uint32_t served_ = 0;
    uint32_t cursor_ = 0;
    std::vector<Flow> flows_;
    std::vector<uint32_t> free_;
    HashIndex by_key_;
    HashIndex by_reply_;
};

}  // namespace rehome
