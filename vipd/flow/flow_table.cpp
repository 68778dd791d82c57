#include "vipd/flow/flow_table.h"

#include <algorithm>
#include <limits>

namespace rehome::vipd {

namespace {

constexpr Micros second = 1'000'000;
constexpr uint32_t expire_calls_a_round = 1000;  // 10 s of one every 10 ms
constexpr uint32_t expire_least = 4096;

// How an address stands in an entry, and back.
uint32_t stored(const Address& address, uint32_t) {
    return address.v4_host_order();
}

std::array<uint8_t, 16> stored(const Address& address, const std::array<uint8_t, 16>&) {
    return address.bytes;
}

const FlowV4& v4(const Flow& flow) {
    return static_cast<const FlowV4&>(flow);
}

const FlowV6& v6(const Flow& flow) {
    return static_cast<const FlowV6&>(flow);
}

}  // namespace

FlowTable::FlowTable(const Size& size, uint64_t hash_key)
    : capacity_(size),
      hash_key_(mix(hash_key)),
      multiplier_(mix(~hash_key) | 1),
      v4_(size),
      v6_(size) {}

uint64_t FlowTable::hash(uint8_t protocol, const Endpoint& client) const {
    return client.address.family == Family::v4
               ? hash(protocol, client.address.v4_host_order(), client.port)
               : hash(protocol, client.address.bytes, client.port);
}

uint64_t FlowTable::hash(const Flow& flow) const {
    return flow.v6 ? hash(flow.protocol, v6(flow).client_address, flow.client_port)
                   : hash(flow.protocol, v4(flow).client_address, flow.client_port);
}

template <typename F>
F* FlowTable::find_key(Store<F>& store, const FlowKey& key, uint64_t hash) {
    const auto client = stored(key.client.address, F{}.client_address);
    const auto vip = stored(key.vip.address, F{}.vip_address);
    const auto id = store.index.find(hash, [&](uint32_t i) {
        const F& flow = store.entries[i];
        return same(flow.client_address, client) && flow.client_port == key.client.port &&
               same(flow.vip_address, vip) && flow.vip_port == key.vip.port &&
               flow.protocol == key.protocol;
    });
    return id == FlowIndex::none ? nullptr : &store.entries[id];
}

Flow* FlowTable::look_for(const FlowKey& key, uint64_t hash) {
    if (key.client.address.family != key.vip.address.family) {
        return nullptr;
    }
    if (key.vip.address.family == Family::v4) {
        return find_key(v4_, key, hash);
    }
    return find_key(v6_, key, hash);
}

template <typename F>
F* FlowTable::find_served(Store<F>& store, uint8_t protocol, const Endpoint& server,
                          const Endpoint& client, uint64_t hash) {
    const auto client_address = stored(client.address, F{}.client_address);
    const auto server_address = stored(server.address, F{}.server_address);
    const auto id = store.index.find(hash, [&](uint32_t i) {
        const F& flow = store.entries[i];
        return same(flow.client_address, client_address) && flow.client_port == client.port &&
               flow.served && flow.reach == Flow::Reach::nat &&
               same(flow.server_address, server_address) && flow.server_port == server.port &&
               flow.protocol == protocol;
    });
    return id == FlowIndex::none ? nullptr : &store.entries[id];
}

Flow* FlowTable::find_reply(uint8_t protocol, const Endpoint& server, const Endpoint& client,
                            uint64_t hash) {
    if (server.address.family != client.address.family) {
        return nullptr;
    }
    if (client.address.family == Family::v4) {
        return find_served(v4_, protocol, server, client, hash);
    }
    return find_served(v6_, protocol, server, client, hash);
}

void FlowTable::count(const Flow& flow, int by) {
    const auto add = [by](auto& counter) { counter += static_cast<decltype(counter + 0)>(by); };
    if (flow.over()) {
        add(counts_.closing);
    } else {
        add(flow.kind == Flow::Kind::here      ? counts_.here
            : flow.kind == Flow::Kind::relayed ? counts_.relayed
                                               : counts_.provisional);
    }
    const bool lives = flow.tcp() ? flow.stage == Flow::Stage::established : !flow.over();
    if (flow.served && lives) {
        add(flow.tcp() ? counts_.served_tcp : counts_.served_udp);
    }
}

void FlowTable::set_service(Flow& flow, uint32_t number) {
    count(flow, -1);
    flow.set_service(number);
    count(flow, +1);
}

void FlowTable::change(Flow& flow, Flow::Kind kind, Flow::Stage stage) {
    if (flow.kind == kind && flow.stage == stage) {
        return;
    }
    count(flow, -1);
    flow.kind = kind;
    flow.stage = stage;
    count(flow, +1);
}

// A new entry at the ring's next place, whose old one gives way.
template <typename F, typename Stored>
F* FlowTable::place(Store<F>& store, RingPlaces& ring, uint64_t hash, uint8_t protocol,
                    const Stored& client, uint16_t client_port, const Stored& vip,
                    uint16_t vip_port, uint32_t now_ms) {
    if (ring.size == 0) {
        return nullptr;
    }
    // Entries that will soon have to give way: their places in the index are not at hand.
    constexpr uint32_t ahead = 16;
    const uint32_t number = ring.first + ring.next;
    if (ring.next + 2 * ahead < ring.size) {
        __builtin_prefetch(&store.entries[number + 2 * ahead]);
    }
    if (ring.next + ahead < ring.touched) {
        store.index.prefetch(this->hash(store.entries[number + ahead]));
    }
    F& flow = store.entries[number];
    if (flow.in_use()) {
        ++replaced_;
        erase_in(store, flow);
    }
    if (!store.index.insert(hash, number)) {
        return nullptr;
    }
    ring.touched = std::max(ring.touched, ring.next + 1);
    ring.next = ring.next + 1 < ring.size ? ring.next + 1 : 0;
    flow = F{};
    flow.client_address = client;
    flow.vip_address = vip;
    flow.client_port = client_port;
    flow.vip_port = vip_port;
    flow.protocol = protocol;
    flow.v6 = std::is_same_v<F, FlowV6>;
    flow.born = generations_.current();
    flow.last_seen_ms = now_ms;
    ++size_;
    ++counts_.here;
    return &flow;
}

Flow* FlowTable::insert(const FlowKey& key, uint64_t hash, Micros now, Ring ring) {
    if (key.client.address.family != key.vip.address.family) {
        return nullptr;
    }
    const auto in = [&](auto& store, const auto& of) -> Flow* {
        return place(store, store.rings[static_cast<size_t>(ring)], hash, key.protocol,
                     stored(key.client.address, of), key.client.port, stored(key.vip.address, of),
                     key.vip.port, milliseconds(now));
    };
    Flow* flow = key.vip.address.family == Family::v4 ? in(v4_, FlowV4{}.client_address)
                                                      : in(v6_, FlowV6{}.client_address);
    if (flow != nullptr && ring == Ring::mid_flow) {
        flow->born = generations_.earlier();
    }
    return flow;
}

tl::expected<Flow*, Drop> FlowTable::open(const FlowKey& key, uint64_t hash, const Endpoint& server,
                                          Flow::Reach reach, Micros now, Ring ring) {
    if (reach == Flow::Reach::nat && may_know(key.vip.address.family, hash) &&
        !make_way(key.protocol, server, key.client, hash)) {
        return tl::unexpected(Drop::server_taken);
    }
    Flow* flow = insert(key, hash, now, ring);
    if (flow == nullptr) {
        return tl::unexpected(Drop::flow_table_full);
    }
    set_server(*flow, server, reach);
    stamp(*flow);
    return flow;
}

Flow* FlowTable::copy(const FlowTable& from, const Flow& flow) {
    Flow* made = insert(flow.key(), 0);
    if (made == nullptr) {
        return nullptr;
    }
    count(*made, -1);
    if (flow.v6) {
        static_cast<FlowV6&>(*made) = static_cast<const FlowV6&>(flow);
    } else {
        static_cast<FlowV4&>(*made) = static_cast<const FlowV4&>(flow);
    }
    made->born = generations_.current();
    made->stamp = Stamps::none;  // of another table
    made->carrier = carrier_number(from.carriers_[flow.carrier]);
    served_ += flow.served ? 1 : 0;
    count(*made, +1);
    return made;
}

// Looks at a few of the settled, another few each time.
template <typename F>
void FlowTable::spare_one(Store<F>& store) {
    constexpr uint32_t looks = 16;
    for (uint32_t i = 0; spare_ != nullptr && i < std::min(looks, store.touched); ++i) {
        store.spared = store.spared + 1 < store.touched ? store.spared + 1 : 0;
        F& flow = store.entries[store.spared];
        if (flow.in_use() && spare_(spare_context_, flow)) {
            erase_in(store, flow);
            ++spared_;
            return;
        }
    }
}

template <typename F>
Flow* FlowTable::settle_in(Store<F>& store, F& flow) {
    const auto from = static_cast<uint32_t>(&flow - store.entries.data());
    if (lasts(from)) {
        return &flow;
    }
    if (store.free == FlowIndex::none && store.touched == capacity_.established) {
        spare_one(store);
    }
    uint32_t to = store.free;
    if (to != FlowIndex::none) {
        store.free = store.entries[to].last_seen_ms;
    } else if (store.touched < capacity_.established) {
        to = store.touched++;
    } else {
        ++full_;
        return &flow;
    }
    store.index.replace(hash(flow), from, to);
    store.entries[to] = flow;
    forget_stamp(store.entries[to]);  // the round may be behind that place
    flow.protocol = 0;
    ++store.settled;
    if (moved_ != nullptr) {
        moved_(moved_context_, store.entries[to], from, to);
    }
    return &store.entries[to];
}

Flow* FlowTable::settle(Flow* flow) {
    return flow->v6 ? settle_in(v6_, static_cast<FlowV6&>(*flow))
                    : settle_in(v4_, static_cast<FlowV4&>(*flow));
}

// Whether no other flow of that client is found by that server's replies; one that is over gives
// way.
bool FlowTable::make_way(uint8_t protocol, const Endpoint& server, const Endpoint& client,
                         uint64_t hash) {
    Flow* other = find_reply(protocol, server, client, hash);
    if (other != nullptr && other->over()) {
        erase(*other);
        other = nullptr;
    }
    return other == nullptr;
}

bool FlowTable::serve(Flow& flow, const Endpoint& server, Flow::Reach reach) {
    unserve(flow);
    if (reach == Flow::Reach::nat && !make_way(flow.protocol, server, flow.client(), hash(flow))) {
        return false;
    }
    set_server(flow, server, reach);
    return true;
}

void FlowTable::set_server(Flow& flow, const Endpoint& server, Flow::Reach reach) {
    count(flow, -1);
    flow.kind = Flow::Kind::here;
    flow.reach = reach;
    flow.stamp = Stamps::none;
    flow.server_port = server.port;
    if (flow.v6) {
        static_cast<FlowV6&>(flow).server_address = mapped(server.address);
    } else {
        static_cast<FlowV4&>(flow).server_address = server.address.v4_host_order();
    }
    flow.served = true;
    ++served_;
    count(flow, +1);
}

void FlowTable::stamp(Flow& flow) {
    const uint32_t slot = part_slot(flow.v6 ? server_hash(v6(flow)) : server_hash(v4(flow)));
    decided_again_ += flow.confirmed() && !stamps_.holds(flow.stamp, slot) ? 1U : 0U;
    flow.stamp = stamps_.give(slot);
}

void FlowTable::unserve(Flow& flow) {
    if (flow.served) {
        count(flow, -1);
        flow.served = false;
        flow.stamp = Stamps::none;
        count(flow, +1);
        --served_;
    }
}

template <typename F>
void FlowTable::erase_in(Store<F>& store, F& flow) {
    const auto place = static_cast<uint32_t>(&flow - store.entries.data());
    if (moved_ != nullptr) {
        moved_(moved_context_, flow, place, FlowIndex::none);
    }
    count(flow, -1);
    served_ -= flow.served;
    flow.served = false;
    store.index.erase(hash(flow), place);
    flow.protocol = 0;
    --size_;
    if (place < capacity_.established) {
        --store.settled;
        flow.last_seen_ms = store.free;
        store.free = place;
    }
}

void FlowTable::erase(Flow& flow) {
    if (flow.v6) {
        erase_in(v6_, static_cast<FlowV6&>(flow));
    } else {
        erase_in(v4_, static_cast<FlowV4&>(flow));
    }
}

Micros FlowTable::idle(const Flow& flow, Micros now) const {
    return Micros{milliseconds(now) - flow.last_seen_ms} * 1000;
}

Micros FlowTable::lifetime(const Flow& flow) const {
    if (flow.kind == Flow::Kind::provisional) {
        return lifetimes_.provisional * second;
    }
    if (!flow.tcp()) {
        // Where both sides are seen: answers may pass elsewhere of direct return, and of what a
        // peer serves.
        const bool both = flow.kind == Flow::Kind::here && !flow.direct_return();
        const bool once = both && flow.turns <= Flow::one_exchange;
        return (once ? lifetimes_.udp_once : lifetimes_.udp) * second;
    }
    switch (flow.stage) {
        case Flow::Stage::half_open:
            return lifetimes_.tcp_half_open * second;
        case Flow::Stage::established:
            return lifetimes_.tcp_established * second;
        case Flow::Stage::closing:
            return lifetimes_.tcp_closing * second;
        case Flow::Stage::reset:
            return lifetimes_.tcp_reset * second;
    }
    return 0;
}

uint8_t FlowTable::carrier_number(uint32_t carrier) {
    const auto found = std::find(carriers_.begin(), carriers_.end(), carrier);
    if (found != carriers_.end()) {
        return static_cast<uint8_t>(found - carriers_.begin());
    }
    if (carriers_.size() > std::numeric_limits<uint8_t>::max()) {
        return 0;  // unknown: a peer that invents carriers
    }
    carriers_.push_back(carrier);
    return static_cast<uint8_t>(carriers_.size() - 1);
}

void FlowTable::set_way_back(Flow& flow, const WayBack& way) {
    flow.back_by_tunnel = way.via == WayBack::Via::tunnel;
    flow.back_index = way.index;
    if (carriers_[flow.carrier] != way.carrier) {
        flow.carrier = carrier_number(way.carrier);
    }
}

WayBack FlowTable::way_back(const Flow& flow) const {
    return {flow.back_by_tunnel ? WayBack::Via::tunnel : WayBack::Via::line, flow.back_index,
            carriers_[flow.carrier]};
}

template <typename F>
void FlowTable::expire_in(Store<F>& store, Micros now) {
    const uint32_t used = store.used();
    const uint32_t entries = std::min(used, std::max(expire_least, used / expire_calls_a_round));
    for (uint32_t i = 0; i < entries; ++i) {
        store.cursor = store.cursor + 1 < used ? store.cursor + 1 : 0;
        store.rounds += store.cursor == 0 ? 1 : 0;
        F& flow = store.entries[store.place(store.cursor)];
        if (!flow.in_use()) {
            continue;
        }
        if (idle(flow, now) > lifetime(flow)) {
            erase_in(store, flow);
        } else {
            forget_stamp(flow);
        }
    }
    store.rounds += used == 0 ? 1 : 0;
}

void FlowTable::expire(Micros now) {
    expire_in(v4_, now);
    expire_in(v6_, now);
    // One that was begun after the stamps were told, and that has ended: the second since then.
    if (v4_.rounds >= 2 && v6_.rounds >= 2) {
        v4_.rounds = v6_.rounds = 0;
        stamps_.round_is_over();
    }
}

template <typename F>
Flow* FlowTable::next_in(Store<F>& store, uint64_t& place, uint64_t until) {
    for (; place < until; ++place) {
        if (place >= store.touched && place < capacity_.established) {
            place = capacity_.established;
        }
        for (const RingPlaces& ring : store.rings) {
            const bool unused =
                place >= uint64_t{ring.first} + ring.touched && place < ring.first + ring.size;
            place = unused ? uint64_t{ring.first} + ring.size : place;
        }
        if (place >= store.entries.size()) {
            break;
        }
        if (store.entries[place].in_use()) {
            return &store.entries[place++];
        }
    }
    return nullptr;
}

Flow* FlowTable::next(uint64_t& place, uint64_t until) {
    const uint64_t v4_end = v4_.entries.size();
    if (place < v4_end) {
        if (Flow* flow = next_in(v4_, place, until)) {
            return flow;
        }
    }
    if (place < v4_end || place >= until) {
        return nullptr;
    }
    uint64_t v6_place = place - v4_end;
    Flow* flow = next_in(v6_, v6_place, until - v4_end);
    place = v4_end + v6_place;
    return flow;
}

uint32_t FlowTable::id(const Flow& flow) const {
    return flow.v6 ? static_cast<uint32_t>(&v6(flow) - v6_.entries.data())
                   : static_cast<uint32_t>(&v4(flow) - v4_.entries.data());
}

Flow* FlowTable::at(bool v6, uint32_t id) {
    Flow* flow = v6 ? static_cast<Flow*>(&v6_.entries[id]) : &v4_.entries[id];
    return flow->in_use() ? flow : nullptr;
}

void FlowTable::exchanged(Flow& flow, Micros now) {
    const uint32_t id = this->id(flow);
    if (!lasts(id)) {
        return;  // without a lasting place it may give way any moment
    }
    flow.server_known = true;
    if (flow.served) {
        last_mark_ = last_mark_ < INT32_MAX ? last_mark_ + 1 : 1;
        flow.copy_mark = last_mark_;
        exchanged_.push_back({now, id, last_mark_ & INT32_MAX, flow.v6});
    }
}

uint64_t FlowTable::bytes(Family family) const {
    return family == Family::v4 ? v4_.entries.bytes() + v4_.index.bytes()
                                : v6_.entries.bytes() + v6_.index.bytes();
}

}  // namespace rehome::vipd
