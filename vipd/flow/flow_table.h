// The table of a worker's flows.
//
// Both directions of a flow are found by one hash, that of the client's address and port, which is
// in every packet of the flow: one index, one cache line.
//
// The table has parts of fixed size.  Established flows are never pushed out, but for those that
// nothing is lost with (can_spare): when their part is full, new ones are not taken.  Flows that
// nobody has answered yet stand in rings whose oldest gives way, those that were begun and those
// that were met in mid-flow each in one of their own: a flood takes nothing from anybody else.
//
// One worker's own: no locks.  Memory is touched only as it is used.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "common/vipd_config/lifetimes.h"
#include "vipd/flow/flow.h"
#include "vipd/flow/flow_index.h"
#include "vipd/flow/generations.h"
#include "vipd/flow/huge_array.h"
#include "vipd/flow/stamps.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/drop.h"
#include "vipd/packet/hash.h"
#include "vipd/packet/micros.h"
#include "vipd/watch/counters.h"

namespace rehome::vipd {

class FlowTable {
public:
    struct Size {
        uint32_t established = 1U << 18;  // of each family
        uint32_t half_open = 1U << 16;    // likewise; and as many that were met in mid-flow
    };
    // Where a flow stands until it is answered.
    enum class Ring : uint8_t {
        begun,     // by its first packet
        mid_flow,  // met later: a peer is asked for it, or it was adopted
    };

    FlowTable(const Size& size, uint64_t hash_key);

    void set_lifetimes(const Lifetimes& lifetimes) { lifetimes_ = lifetimes; }
    const Lifetimes& lifetimes() const { return lifetimes_; }

    // Of a key, which find() and open() may be told where it is known.
    uint64_t hash(const FlowKey& key) const { return hash(key.protocol, key.client); }

    Flow* find(const FlowKey& key) { return find(key, hash(key)); }
    Flow* find(const FlowKey& key, uint64_t hash) {
        return may_know(key.vip.address.family, hash) ? look_for(key, hash) : nullptr;
    }
    // The flow of a packet that a server sent to a client (whose address is not translated).
    Flow* find_reply(uint8_t protocol, const Endpoint& server, const Endpoint& client) {
        return find_reply(protocol, server, client, hash(protocol, client));
    }

    // A flow that is not answered; the key is not in.  Null: too many flows of that client's
    // address and port.
    Flow* insert(const FlowKey& key, Micros now, Ring ring = Ring::begun) {
        return insert(key, hash(key), now, ring);
    }
    // A flow that is served at once, with its stamp; or why there is none: server_taken (see
    // serve), flow_table_full.  The key is not in.
    tl::expected<Flow*, Drop> open(const FlowKey& key, const Endpoint& server, Flow::Reach reach,
                                   Micros now) {
        return open(key, hash(key), server, reach, now);
    }
    tl::expected<Flow*, Drop> open(const FlowKey& key, uint64_t hash, const Endpoint& server,
                                   Flow::Reach reach, Micros now, Ring ring = Ring::begun);

    // Moves a flow that is confirmed to where nothing pushes it out, once.  Where that part is full
    // it stays where it is.  The flow's place may change: use what is returned.
    Flow* settle(Flow* flow);
    // Makes it a flow that ends at this server, found by its replies.  False: another flow of the
    // same client has that server and port already (two VIPs in front of one server).  If that one
    // is over, it is erased and gives way.
    bool serve(Flow& flow, const Endpoint& server, Flow::Reach reach = Flow::Reach::nat);
    void unserve(Flow& flow);  // it ends here no more; nothing where it did not
    void erase(Flow& flow);

    // Every change of these goes through here, so that they stay counted.
    void change(Flow& flow, Flow::Kind kind, Flow::Stage stage);
    void set_service(Flow& flow, uint32_t number);

    static uint32_t milliseconds(Micros now) { return static_cast<uint32_t>(now / 1000); }
    void seen(Flow& flow, Micros now) const { flow.last_seen_ms = milliseconds(now); }
    Micros idle(const Flow& flow, Micros now) const;
    Micros lifetime(const Flow& flow) const;
    void set_way_back(Flow& flow, const WayBack& way);
    WayBack way_back(const Flow& flow) const;

    // Whether a flow that is served was decided about since what that depends on has changed.
    bool decided(const Flow& flow, uint32_t server_hash) const {
        return stamps_.holds(flow.stamp, part_slot(server_hash));
    }
    // address_hash() of the flow's server.
    static uint32_t server_hash(const FlowV4& flow) { return address_hash(flow.server_address); }
    static uint32_t server_hash(const FlowV6& flow) {
        return flow.direct_return() ? hash_of(flow.tunnel_server())
                                    : address_hash(flow.server_address);
    }
    // It has been decided to follow the entry, which is served.
    void stamp(Flow& flow);
    // What decisions depend on, from now on.
    void follow(const PartVersions& versions) { stamps_.follow(versions); }

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

    // One round over all flows, in pieces, after which each of them has been looked at since it
    // began: the flows of later places are not swept yet.
    void begin_sweep() { swept_ = 0; }
    void end_sweep() { swept_ = UINT64_MAX; }
    bool sweeping() const { return swept_ != UINT64_MAX; }
    bool swept(const Flow& flow) const {
        return !sweeping() || (flow.v6 ? v4_.entries.size() : 0) + id(flow) < swept_;
    }
    // The next flow of the round among so many places, as next(); it ends the round behind the
    // last.
    Flow* sweep(uint64_t until) {
        Flow* flow = next(swept_, until);
        if (flow == nullptr && swept_ < until) {
            end_sweep();
        }
        return flow;
    }
    uint64_t swept_up_to() const { return swept_; }

    // What a number is for the outside (source NAT keeps it): stable until settle or erase.
    uint32_t id(const Flow& flow) const;
    Flow* at(bool v6, uint32_t id);  // null: not in use

    // A flow of datagrams with a lasting place whose second exchange has passed.  One that is
    // served gets a mark, by which it can be found until it is erased.
    struct Marked {
        Micros at = 0;  // when it passed
        uint32_t id = 0;
        uint32_t mark : 31 = 0;
        uint32_t v6 : 1 = 0;
    };
    void exchanged(Flow& flow, Micros now);
    std::vector<Marked> take_exchanged() { return std::exchange(exchanged_, {}); }
    Flow* at(const Marked& marked) {  // null: it is gone
        Flow* flow = at(marked.v6, marked.id);
        const bool same = flow != nullptr && !flow->tcp() && flow->copy_mark == marked.mark;
        return same ? flow : nullptr;
    }

    // Whether the part of those that are never pushed out has places left that a peer's flows may
    // have: it keeps an eighth for this gateway's own.
    bool has_room_for_copies(Family family) const {
        const uint32_t settled = family == Family::v4 ? v4_.settled : v6_.settled;
        return settled < capacity_.established - capacity_.established / 8;
    }

    // Numbers are below places(); those of settled flows are told apart.
    uint32_t places() const { return capacity_.established + 2 * capacity_.half_open; }
    bool lasts(uint32_t id) const { return id < capacity_.established; }

    // Called when a flow's number changes (settle), and when it goes (to: FlowIndex::none).
    using Moved = void (*)(void* context, const Flow& flow, uint32_t from, uint32_t to);
    void on_moved(Moved moved, void* context) { moved_ = moved, moved_context_ = context; }

    // Where there is no place for a flow that is settled, those give way for which this is true.
    using Spare = bool (*)(const void* context, const Flow& flow);
    void can_spare(Spare spare, const void* context) { spare_ = spare, spare_context_ = context; }

    uint32_t size() const { return size_; }
    uint32_t settled() const { return v4_.settled + v6_.settled; }
    uint32_t served() const { return served_; }      // flows that end at a server of this site
    uint64_t replaced() const { return replaced_; }  // unanswered ones that gave way
    uint64_t full() const { return full_; }          // confirmed flows that found no place
    uint64_t spared() const { return spared_; }      // settled ones that gave way (can_spare)
    // Decisions about confirmed flows that were due as something they depend on had changed.
    uint64_t decided_again() const { return decided_again_; }
    const FlowCounts& counts() const { return counts_; }
    const Size& capacity() const { return capacity_; }
    uint64_t bytes(Family family) const;  // of the whole table, were it full

    // Which flows were there when an order came that ends them (generations.h).
    Generations& generations() { return generations_; }

    // The look-up in rounds of the fast path (fast.cpp): hash, prefetch, candidate, compare.  The
    // client's address is as entries hold it.
    uint64_t hash(uint8_t protocol, uint32_t client, uint16_t port) const {
        const uint64_t word = uint64_t{client} << 24 | uint64_t{port} << 8 | protocol;
        return fold_multiply(word ^ hash_key_, multiplier_);
    }
    uint64_t hash(uint8_t protocol, const std::array<uint8_t, 16>& client, uint16_t port) const {
        const uint64_t ends = uint64_t{port} << 8 | protocol;
        const uint64_t address = fold_multiply(load64(client.data()) ^ hash_key_,
                                               load64(client.data() + 8) ^ multiplier_);
        return mix(address ^ ends * multiplier_);
    }
    template <typename F>
    void prefetch(uint64_t hash) const {
        store_of<F>().index.prefetch(hash);
    }
    template <typename F>
    F* candidate(uint64_t hash, bool tcp) {
        return store_of<F>().candidate(hash, tcp);
    }

private:
    // Places of a Store whose oldest flow gives way to the newest.
    struct RingPlaces {
        uint32_t first = 0, size = 0;
        uint32_t next = 0;     // counted from the first
        uint32_t touched = 0;  // that were ever used
    };
    // One family's entries: first the settled, then the rings.
    template <typename F>
    struct Store {
        Store(const Size& size)
            : entries(uint64_t{size.established} + 2 * uint64_t{size.half_open}),
              index(entries.size()),
              rings{RingPlaces{size.established, size.half_open},
                    RingPlaces{size.established + size.half_open, size.half_open}} {}

        // Places that were ever used.
        uint32_t used() const { return touched + rings[0].touched + rings[1].touched; }
        // The nth of them.
        uint32_t place(uint32_t n) const {
            if (n < touched) {
                return n;
            }
            n -= touched;
            return n < rings[0].touched ? rings[0].first + n
                                        : rings[1].first + (n - rings[0].touched);
        }

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
        uint32_t settled = 0;             // those in use
        std::array<RingPlaces, 2> rings;  // by Ring
        uint32_t cursor = 0;              // of expire
        uint32_t spared = 0;              // where one was last looked for that gives way
        uint32_t rounds = 0;              // that it has begun since stamps were told of one
    };

    bool may_know(Family family, uint64_t hash) const {
        return family == Family::v4 ? v4_.index.any(hash) : v6_.index.any(hash);
    }
    Flow* look_for(const FlowKey& key, uint64_t hash);
    Flow* insert(const FlowKey& key, uint64_t hash, Micros now, Ring ring);
    uint64_t hash(const Flow& flow) const;
    uint64_t hash(uint8_t protocol, const Endpoint& client) const;
    template <typename F>
    F* find_key(Store<F>& store, const FlowKey& key, uint64_t hash);
    template <typename F>
    F* find_served(Store<F>& store, uint8_t protocol, const Endpoint& server,
                   const Endpoint& client, uint64_t hash);
    Flow* find_reply(uint8_t protocol, const Endpoint& server, const Endpoint& client,
                     uint64_t hash);
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
    bool make_way(uint8_t protocol, const Endpoint& server, const Endpoint& client, uint64_t hash);
    void set_server(Flow& flow, const Endpoint& server, Flow::Reach reach);
    template <typename F, typename Stored>
    F* place(Store<F>& store, RingPlaces& ring, uint64_t hash, uint8_t protocol,
             const Stored& client, uint16_t client_port, const Stored& vip, uint16_t vip_port,
             uint32_t now_ms);
    template <typename F>
    Flow* settle_in(Store<F>& store, F& flow);
    template <typename F>
    void spare_one(Store<F>& store);
    template <typename F>
    void erase_in(Store<F>& store, F& flow);
    template <typename F>
    void expire_in(Store<F>& store, Micros now);
    template <typename F>
    void forget_stamp(F& flow) const {
        flow.stamp = decided(flow, server_hash(flow)) ? flow.stamp : Stamps::none;
    }
    template <typename F>
    Flow* next_in(Store<F>& store, uint64_t& place, uint64_t until);
    void count(const Flow& flow, int by);
    uint8_t carrier_number(uint32_t carrier);

    Size capacity_;
    uint64_t hash_key_;
    uint64_t multiplier_;
    Lifetimes lifetimes_;
    Stamps stamps_;
    Store<FlowV4> v4_;
    Store<FlowV6> v6_;
    std::vector<uint32_t> carriers_{0};  // what Flow::carrier stands for
    FlowCounts counts_;
    Generations generations_;
    std::vector<Marked> exchanged_;
    uint32_t last_mark_ = 0;
    uint64_t swept_ = UINT64_MAX;
    uint32_t size_ = 0;
    uint32_t served_ = 0;
    uint64_t replaced_ = 0;
    uint64_t full_ = 0;
    uint64_t spared_ = 0;
    uint64_t decided_again_ = 0;
    Moved moved_ = nullptr;
    void* moved_context_ = nullptr;
    Spare spare_ = nullptr;
    const void* spare_context_ = nullptr;
};

}  // namespace rehome::vipd
