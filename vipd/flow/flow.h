// Flows: what one worker knows of its clients' connections, and the table that holds them.
//
// A flow is named from its client's side (protocol, client, VIP), whichever way a packet travels.
// Both directions are found by one hash, that of the client's address and port, which is in every
// packet of the flow: one index, one cache line.  An entry fixes the server: it holds the server's
// address, so that a reload changes nothing for it.
//
// The table has two parts of fixed size.  Established flows are never pushed out: when their part
// is full, new ones are not taken.  Flows that nobody has answered yet (half open, provisional)
// stand in a ring of their own, whose oldest gives way: a flood takes nothing from anybody else.
//
// One worker's own: no locks.  Memory is touched only as it is used.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "common/address.h"
#include "vipd/flow/flow_index.h"
#include "vipd/flow/huge_array.h"
#include "vipd/packet/hash.h"
#include "vipd/packet/micros.h"
#include "vipd/state/lifetimes.h"
#include "vipd/watch/counters.h"

namespace rehome::vipd {

struct FlowKey {
    uint8_t protocol = 0;
    Endpoint client;
    Endpoint vip;

    bool operator==(const FlowKey&) const = default;
    uint64_t hash(uint64_t key) const;  // of all of it; the table's own hash is the client's alone
};

// The last way in of a flow's client, which is the way back of its replies.
struct WayBack {
    enum class Via : uint8_t { line, tunnel } via = Via::line;
    uint16_t index = 0;  // of the line, or of the peer; at most 32,767
    // carrier_id of the line on which the client came in, here or there; 0: unknown
    uint32_t carrier = 0;

    bool operator==(const WayBack&) const = default;
};

// What both families' entries have.  The numbers are those at which each end goes on, as far as its
// segments have passed here (RFC 9293: SND.NXT of the one is RCV.NXT of the other once delivered).
//
// The order is the memory's: what only TCP's packets and a flow's beginning and end need comes
// first, what every packet needs from last_seen_ms on, with the addresses.  That half of an IPv4
// entry lies within one cache line for three entries in four.
struct Flow {
    enum class Kind : uint8_t {
        here,         // served by a server of this site
        relayed,      // a peer serves it
        provisional,  // a peer is being asked whether it does (second chance)
    };
    enum class Stage : uint8_t { half_open, established, closing, reset };
    // How the server is reached; with source_nat it sees an address of a pool as the client's.
    enum class Forward : uint8_t { nat, source_nat, ipip, gue };
    static constexpr uint32_t services_max = 1U << 24;

    uint32_t client_next = 0;
    uint32_t server_next = 0;
    uint16_t nat_port = 0;  // source NAT: the client's port as its server sees it; 0: none
    union {
        uint16_t nat_address = 0;  // source NAT: number of the pool's address (source_nat.h)
        uint16_t peer;             // relayed, provisional: its index
    };
    uint16_t born = 0;    // FlowTable's generation
    uint8_t carrier = 0;  // number of WayBack's carrier in the table

    uint32_t last_seen_ms = 0;  // of the table's clock, which wraps
    uint32_t service : 24 = 0;  // ServiceTable::number, below services_max
    uint8_t protocol = 0;       // 0: the entry is not in use
    uint16_t client_port = 0;
    uint16_t vip_port = 0;
    uint16_t server_port = 0;
    uint16_t way_index = 0;  // WayBack
    uint16_t checked = 0;    // the tables by which its server was last found to be there
    bool v6 : 1 = false;
    bool served : 1 = false;  // it has a server of this site
    bool way_tunnel : 1 = false;
    Kind kind : 2 = Kind::here;
    Stage stage : 2 = Stage::half_open;
    bool client_known : 1 = false;
    bool server_known : 1 = false;
    bool client_finished : 1 = false;  // its FIN has passed
    bool server_finished : 1 = false;
    bool client_reset : 1 = false;  // its reset has passed, and nothing of it since
    bool server_reset : 1 = false;
    bool answered : 1 = false;  // its server has, or its client goes on where replies do not pass
    Forward forward : 2 = Forward::nat;

    bool tcp() const { return protocol == static_cast<uint8_t>(Protocol::tcp); }
    void set_service(uint32_t number) { service = number & (services_max - 1); }
    bool in_use() const { return protocol != 0; }
    static bool direct_return(Forward forward) {
        return forward == Forward::ipip || forward == Forward::gue;
    }
    bool direct_return() const { return direct_return(forward); }
    bool over() const { return stage == Stage::closing || stage == Stage::reset; }
    // Of those that are never pushed out.
    bool confirmed() const {
        return answered && kind != Kind::provisional && stage != Stage::half_open;
    }

    Endpoint client() const;
    Endpoint vip() const;
    Endpoint server() const;  // port 0: none, or tunnelled to
    FlowKey key() const { return {protocol, client(), vip()}; }
};

struct FlowV4 : Flow {
    uint32_t client_address = 0, vip_address = 0, server_address = 0;  // host order
};

struct FlowV6 : Flow {
    // The server of a flow that is tunnelled to it has an IPv4 address: the first four bytes.
    std::array<uint8_t, 16> client_address{}, vip_address{}, server_address{};
};

static_assert(sizeof(FlowV4) == 48 && sizeof(FlowV6) == 84);

class FlowTable {
public:
    struct Size {
        uint32_t established = 1U << 18;  // of each family
        uint32_t half_open = 1U << 16;
    };

    FlowTable(const Size& size, uint64_t hash_key);

    void set_lifetimes(const Lifetimes& lifetimes) { lifetimes_ = lifetimes; }

    Flow* find(const FlowKey& key);
    // The flow of a packet that a server sent to a client (whose address is not translated).
    Flow* find_reply(uint8_t protocol, const Endpoint& server, const Endpoint& client);

    // A flow in the ring of those that are not answered; the key is not in.  Null: too many flows
    // of that client's address and port.
    Flow* insert(const FlowKey& key, Micros now);
    // The same for a flow that is served at once, by addresses as entries hold them: what the fast
    // path calls once it knows() no other.  `hash` is that of the client's end.
    template <typename F, typename Stored>
    F* open(uint64_t hash, uint8_t protocol, const Stored& client, uint16_t client_port,
            const Stored& vip, uint16_t vip_port, const Stored& server, uint16_t server_port,
            uint32_t now_ms);
    // Whether the client's end has any flow, to whatever VIP.
    template <typename F, typename Stored>
    bool knows(uint64_t hash, uint8_t protocol, const Stored& client, uint16_t client_port) const {
        const Store<F>& store = store_of<F>();
        return store.index.find(hash, [&](uint32_t i) {
            const F& flow = store.entries[i];
            return flow.client_address == client && flow.client_port == client_port &&
                   flow.protocol == protocol;
        }) != FlowIndex::none;
    }

    // Moves a flow that is confirmed to where nothing pushes it out, once.  Where that part is full
    // it stays where it is.  The flow's place may change: use what is returned.
    Flow* settle(Flow* flow);
    // Makes it a flow that ends at this server, found by its replies.  False: another flow of the
    // same client has that server and port already (two VIPs in front of one server).  If that one
    // is over, it is erased and gives way.
    bool serve(Flow& flow, const Endpoint& server, Flow::Forward forward = Flow::Forward::nat);
    void unserve(Flow& flow);  // it ends here no more; nothing where it did not
    void erase(Flow& flow);

    // Every change of these goes through here, so that they stay counted.
    void change(Flow& flow, Flow::Kind kind, Flow::Stage stage);

    static uint32_t milliseconds(Micros now) { return static_cast<uint32_t>(now / 1000); }
    void seen(Flow& flow, Micros now) const { flow.last_seen_ms = milliseconds(now); }
    Micros idle(const Flow& flow, Micros now) const;
    Micros lifetime(const Flow& flow) const;
    void set_way(Flow& flow, const WayBack& way);
    WayBack way(const Flow& flow) const;

    // Forgets what was silent too long among the next entries (each family's); called every 10 ms,
    // it goes round in 10 s or so.
    void expire(Micros now);

    // The flows in an order of their own, for whoever goes through all of them in small pieces: the
    // next one in use from place on, which moves behind it.  Null with place below until: the end;
    // else none up to until.
    Flow* next(uint64_t& place, uint64_t until = UINT64_MAX);

    // Calls take(flow) for every flow of a client's address and port.
    template <typename Take>
    void of_client(uint8_t protocol, const Endpoint& client, Take take) {
        const auto all_of = [&](auto& store) {
            store.index.find(hash(protocol, client), [&](uint32_t id) {
                const auto& flow = store.entries[id];
                if (flow.protocol == protocol && flow.client() == client) {
                    take(flow);
                }
                return false;
            });
        };
        if (client.address.family == Family::v4) {
            all_of(v4_);
        } else {
            all_of(v6_);
        }
    }
    // A copy of another table's flow among those that are not answered; null: no place.
    Flow* copy(const FlowTable& from, const Flow& flow);

    // What a number is for the outside (source NAT keeps it): stable until settle or erase.
    uint32_t id(const Flow& flow) const;
    Flow* at(bool v6, uint32_t id);  // null: not in use

    // Called when a flow's number changes (settle), and when it goes (to: FlowIndex::none).
    using Moved = void (*)(void* context, const Flow& flow, uint32_t to);
    void on_moved(Moved moved, void* context) { moved_ = moved, moved_context_ = context; }

    uint32_t size() const { return size_; }
    uint32_t settled() const { return settled_; }
    uint32_t served() const { return served_; }      // flows that end at a server of this site
    uint64_t replaced() const { return replaced_; }  // unanswered ones that gave way
    uint64_t full() const { return full_; }          // confirmed flows that found no place
    const FlowCounts& counts() const { return counts_; }
    const Size& capacity() const { return capacity_; }
    uint64_t bytes(Family family) const;  // of the whole table, were it full

    // Re-login wants the established TCP flows of now, and how many of them are left.
    void begin_generation();
    uint16_t generation() const { return generation_; }
    uint32_t established_before(std::optional<uint32_t> service) const;

    // The batched look-up of the fast path (fast_path.h): hash, prefetch, candidate, compare.
    uint64_t hash_v4(uint8_t protocol, uint32_t client, uint16_t port) const {
        const uint64_t word = uint64_t{client} << 24 | uint64_t{port} << 8 | protocol;
        return fold_multiply(word ^ hash_key_, multiplier_);
    }
    uint64_t hash_v6(uint8_t protocol, const uint8_t* client, uint16_t port) const;
    void prefetch_v4(uint64_t hash) const { v4_.index.prefetch(hash); }
    void prefetch_v6(uint64_t hash) const { v6_.index.prefetch(hash); }
    FlowV4* candidate_v4(uint64_t hash, bool tcp) { return v4_.candidate(hash, tcp); }
    FlowV6* candidate_v6(uint64_t hash, bool tcp) { return v6_.candidate(hash, tcp); }

private:
    // One family's entries: first the settled, then the ring.
    template <typename F>
    struct Store {
        Store(const Size& size)
            : entries(uint64_t{size.established} + size.half_open), index(entries.size()) {}

        F* candidate(uint64_t hash, bool tcp) {
            const uint32_t id = index.candidate(hash);
            if (id == FlowIndex::none) {
                return nullptr;
            }
            F* flow = &entries[id];
            __builtin_prefetch(tcp ? static_cast<const void*>(flow) : &flow->last_seen_ms);
            __builtin_prefetch(reinterpret_cast<const char*>(flow + 1) - 1);
            return flow;
        }

        HugeArray<F> entries;
        FlowIndex index;
        uint32_t free = FlowIndex::none;  // chain of settled places, by last_seen_ms
        uint32_t touched = 0;             // settled places that were ever used
        uint32_t ring = 0;                // the next place of the ring
        uint32_t ring_touched = 0;
        uint32_t cursor = 0;  // of expire
    };

    uint64_t hash(const Flow& flow) const;
    uint64_t hash(uint8_t protocol, const Endpoint& client) const;
    template <typename F>
    F* find_key(Store<F>& store, const FlowKey& key);
    template <typename F>
    F* find_served(Store<F>& store, uint8_t protocol, const Endpoint& server,
                   const Endpoint& client);
    template <typename F>
    Store<F>& store_of() {
        if constexpr (std::is_same_v<F, FlowV4>) {
            return v4_;
        } else {
            return v6_;
        }
    }
    template <typename F>
    const Store<F>& store_of() const {
        return const_cast<FlowTable*>(this)->store_of<F>();
    }
    template <typename F, typename Stored>
    F* place(Store<F>& store, uint64_t hash, uint8_t protocol, const Stored& client,
             uint16_t client_port, const Stored& vip, uint16_t vip_port, uint32_t now_ms);
    template <typename F>
    Flow* settle_in(Store<F>& store, F& flow);
    template <typename F>
    void erase_in(Store<F>& store, F& flow);
    template <typename F>
    void expire_in(Store<F>& store, Micros now);
    template <typename F>
    Flow* next_in(Store<F>& store, uint64_t& place, uint64_t until);
    void count(const Flow& flow, int by);
    uint8_t carrier_number(uint32_t carrier);

    Size capacity_;
    uint64_t hash_key_;
    uint64_t multiplier_;
    Lifetimes lifetimes_;
    Store<FlowV4> v4_;
    Store<FlowV6> v6_;
    std::vector<uint32_t> carriers_{0};  // what Flow::carrier stands for
    FlowCounts counts_;
    // Established TCP flows served here, by service: those of this generation, and the older ones.
    struct Established {
        uint32_t fresh = 0, old = 0;
    };
    std::vector<Established> established_;
    uint16_t generation_ = 1;
    uint32_t size_ = 0;
    uint32_t settled_ = 0;
    uint32_t served_ = 0;
    uint64_t replaced_ = 0;
    uint64_t full_ = 0;
    Moved moved_ = nullptr;
    void* moved_context_ = nullptr;
};

}  // namespace rehome::vipd
