#include "vipd/flow/source_nat.h"

#include <algorithm>

#include "vipd/packet/hash.h"
#include "vipd/packet/rss.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t lowest_other_port = 1024;
constexpr uint32_t all_ports = 65536;

// The ports from first to last that leave a remainder: the lowest of them, and how many.
std::pair<uint32_t, uint32_t> own_ports(const PoolTable& pool, uint32_t worker, uint32_t workers) {
    const uint32_t lowest =
        pool.first_port + (worker + workers - pool.first_port % workers) % workers;
    return {lowest, lowest > pool.last_port ? 0 : (pool.last_port - lowest) / workers + 1};
}

}  // namespace

SourceNat::SourceNat(FlowTable& flows, uint32_t worker, uint32_t workers, uint64_t seed)
    : flows_(flows),
      worker_(worker),
      workers_(workers),
      key_{seed, mix(~seed)},
      index_{FlowIndex(flows.places()), FlowIndex(flows.places())} {}

void SourceNat::set_pools(const std::vector<PoolTable>& pools) {
    for (size_t i = pools_.size(); i < pools.size(); ++i) {
        const auto [lowest, own] = own_ports(pools[i], worker_, workers_);
        Pool pool;
        pool.first = addresses();
        pool.addresses = static_cast<uint32_t>(pools[i].addresses.size());
        pool.first_own_port = lowest;
        pool.own_ports = own;
        pool.unsettled_most = std::max(1U, own * pools[i].half_open_percent / 100);
        pools_.push_back(pool);
        addresses_.insert(addresses_.end(), pools[i].addresses.begin(), pools[i].addresses.end());
        pool_of_.resize(addresses_.size(), static_cast<uint32_t>(i));
    }
    ports_.resize(addresses_.size() * 2);
}

uint32_t SourceNat::random(uint32_t below) {
    SipHash hash(key_);
    return static_cast<uint32_t>((hash.finish(++drawn_) >> 32) * below >> 32);
}

Endpoint SourceNat::seen(const Flow& flow) const {
    if (flow.nat_port == 0) {
        return flow.client();
    }
    return {flow.own_address ? flow.client().address : addresses_[flow.nat_address], flow.nat_port};
}

Flow* SourceNat::find(uint8_t protocol, const Endpoint& server, const Endpoint& to) const {
    if (entered_ == 0) {
        return nullptr;
    }
    const bool v6 = to.address.family == Family::v6;
    const FlowKey key{protocol, to, server};
    const uint32_t id = index_[of(to.address.family)].find(
        key.hash(key_.low), [&](uint32_t i) { return reply_key(*flows_.at(v6, i)) == key; });
    return id == FlowIndex::none ? nullptr : flows_.at(v6, id);
}

bool SourceNat::is_free(const FlowKey& towards, uint16_t port) const {
    return find(towards.protocol, towards.vip, {towards.client.address, port}) == nullptr;
}

bool SourceNat::enter(const Flow& flow) {
    const bool entered =
        index_[flow.v6 ? 1 : 0].insert(reply_key(flow).hash(key_.low), flows_.id(flow));
    entered_ += entered ? 1 : 0;
    return entered;
}

SourceNat::Towards& SourceNat::open(const FlowKey& key, const Pool& pool) {
    return towards_.try_emplace(key, Towards{FreePorts(pool.own_ports), 0, {}}).first->second;
}

SourceNat::AddressPorts& SourceNat::open(uint32_t number, uint8_t protocol) {
    auto& ports = ports_[slot(number, protocol)];
    if (ports == nullptr) {
        ports = std::make_unique<AddressPorts>();
        ports->flows.assign(pools_[pool_of_[number]].own_ports, 0);
    }
    return *ports;
}

bool SourceNat::waits(const FlowKey& towards, const AgeQueue::Waiting& waiting) const {
    const Flow* flow = find(towards.protocol, towards.vip, {towards.client.address, waiting.port});
    return flow != nullptr && flows_.id(*flow) == waiting.id && !flows_.lasts(waiting.id);
}

// The flow, which has a port of the pool, is one more that stands there.
void SourceNat::count(const Flow& flow, Pool& pool) {
    const FlowKey key = towards_key(flow, flow.nat_address);
    Towards& towards = open(key, pool);
    const AgeQueue::Waiting waiting{flows_.id(flow), flow.nat_port};
    towards.waiting.add(waiting, towards.unsettled,
                        [&](const AgeQueue::Waiting& of) { return waits(key, of); });
    ++towards.unsettled;
    AddressPorts& ports = open(flow.nat_address, flow.protocol);
    ++ports.unsettled;
    const bool first = ports.flows[(flow.nat_port - pool.first_own_port) / workers_]++ == 0;
    ports.used += first ? 1 : 0;
    pool.used += first ? 1 : 0;
}

// A flow that is not settled, at an address that has room for one; false: it has none.
bool SourceNat::take_at(Pool& pool, uint32_t number, Flow& flow) {
    const FlowKey key = towards_key(flow, number);
    const auto port_of = [&](uint32_t own) {
        return static_cast<uint16_t>(pool.first_own_port + own * workers_);
    };
    Towards& towards = open(key, pool);
    const auto own =
        towards.unsettled >= pool.unsettled_most
            ? std::nullopt
            : towards.ports.take([this](uint32_t below) { return random(below); },
                                 [&](uint32_t at) { return is_free(key, port_of(at)); });
    if (own) {
        flow.nat_address = static_cast<uint16_t>(number);
        flow.nat_port = port_of(*own);
        if (enter(flow)) {
            count(flow, pool);
            return true;
        }
        flow.nat_port = 0;
        towards.ports.give_back(*own);
    }
    if (towards.ports.taken() == 0) {
        towards_.erase(key);
    }
    return false;
}

// The oldest flow of an address that is not settled gives way; false: there is none.
bool SourceNat::make_way(Pool& pool, uint32_t number, const Flow& flow) {
    const FlowKey key = towards_key(flow, number);
    const auto towards = towards_.find(key);
    const auto oldest = towards == towards_.end()
                            ? std::nullopt
                            : towards->second.waiting.take(
                                  [&](const AgeQueue::Waiting& of) { return waits(key, of); });
    if (!oldest) {
        return false;
    }
    ++pool.gave_way;
    flows_.erase(*flows_.at(key.client.address.family == Family::v6, oldest->id));
    return true;
}

bool SourceNat::take(uint32_t pool, Flow& flow) {
    Pool& from = pools_[pool];
    const Endpoint client = flow.client();
    const uint64_t start = hash_bytes(client.address.data(), HashKey::carrier);
    const auto at_some = [&](auto act) {
        for (uint32_t i = 0; i < from.addresses; ++i) {
            if (act(from.first + static_cast<uint32_t>((start + i) % from.addresses))) {
                return true;
            }
        }
        return false;
    };
    const bool taken = at_some([&](uint32_t number) { return take_at(from, number, flow); }) ||
                       at_some([&](uint32_t number) {
                           return make_way(from, number, flow) && take_at(from, number, flow);
                       });
    from.exhausted += taken ? 0 : 1;
    return taken;
}

bool SourceNat::take_other_port(Flow& flow) {
    const uint32_t tries = 64 * workers_;
    const Endpoint client = flow.client(), server = flow.server();
    flow.own_address = true;
    for (uint32_t i = 0; i < tries; ++i) {
        const Endpoint as{
            client.address,
            static_cast<uint16_t>(lowest_other_port + random(all_ports - lowest_other_port))};
        const bool ours = rss_queue(rss_hash(as), workers_) == worker_;
        if (!ours || as.port == client.port || find(flow.protocol, server, as) != nullptr ||
            flows_.find_reply(flow.protocol, server, as) != nullptr) {
            continue;
        }
        flow.nat_port = as.port;
        if (enter(flow)) {
            return true;
        }
    }
    flow.nat_port = 0;
    return false;
}

void SourceNat::forget(const Flow& flow, Pool& pool, bool settled) {
    const uint32_t own = (flow.nat_port - pool.first_own_port) / workers_;
    const FlowKey key = towards_key(flow, flow.nat_address);
    const auto towards = towards_.find(key);
    AddressPorts& ports = *ports_[slot(flow.nat_address, flow.protocol)];
    const uint32_t unsettled = settled ? 0 : 1;
    towards->second.unsettled -= unsettled;
    ports.unsettled -= unsettled;
    towards->second.ports.give_back(own);
    if (towards->second.ports.taken() == 0) {
        towards_.erase(towards);
    }
    const bool last = --ports.flows[own] == 0;
    ports.used -= last ? 1 : 0;
    pool.used -= last ? 1 : 0;
}

void SourceNat::moved(const Flow& flow, uint32_t from, uint32_t to) {
    if (flow.nat_port == 0) {
        return;
    }
    FlowIndex& in = index_[flow.v6 ? 1 : 0];
    const uint64_t hash = reply_key(flow).hash(key_.low);
    if (to == FlowIndex::none) {
        in.erase(hash, from);
        --entered_;
    } else {
        in.replace(hash, from, to);
    }
    if (flow.own_address) {
        return;
    }
    if (to == FlowIndex::none) {
        forget(flow, pools_[pool_of_[flow.nat_address]], flows_.lasts(from));
    } else if (!flows_.lasts(from)) {
        --towards_.find(towards_key(flow, flow.nat_address))->second.unsettled;
        --ports_[slot(flow.nat_address, flow.protocol)]->unsettled;
    }
}

void SourceNat::keep(const Flow& flow) {
    if (!enter(flow) || flow.own_address) {
        return;
    }
    Pool& pool = pools_[pool_of_[flow.nat_address]];
    count(flow, pool);
    open(towards_key(flow, flow.nat_address), pool)
        .ports.hold((flow.nat_port - pool.first_own_port) / workers_);
}

void SourceNat::copy_ports(const SourceNat& from, uint32_t pool, uint8_t protocol,
                           const Endpoint& server) {
    const Pool& at = pools_[pool];
    for (uint32_t number = at.first; number < at.first + at.addresses; ++number) {
        const FlowKey key{protocol, {addresses_[number], 0}, server};
        const auto there = from.towards_.find(key);
        if (there == from.towards_.end()) {
            continue;
        }
        Towards& towards = open(key, at);
        towards.ports = there->second.ports.with_bits([&](uint32_t own) {
            return from.is_free(key, static_cast<uint16_t>(at.first_own_port + own * workers_));
        });
        // There the oldest that is not settled would give way.
        if (towards.ports.full() && there->second.unsettled > 0) {
            AgeQueue waiting = there->second.waiting;
            const auto oldest =
                waiting.take([&](const AgeQueue::Waiting& of) { return from.waits(key, of); });
            if (oldest) {
                towards.ports.give_back((oldest->port - at.first_own_port) / workers_);
            }
        }
    }
}

PoolUse SourceNat::use(uint32_t pool) const {
    const Pool& at = pools_[pool];
    return {at.used, uint64_t{at.addresses} * 2 * at.own_ports, at.exhausted, at.gave_way};
}

PoolAddressUse SourceNat::use_of_address(uint32_t number) const {
    const uint64_t all = pools_[pool_of_[number]].own_ports;
    const auto* tcp = ports_[size_t{number} * 2].get();
    const auto* udp = ports_[size_t{number} * 2 + 1].get();
    PoolAddressUse use;
    if (tcp != nullptr) {
        use.tcp_used = tcp->used, use.tcp_free = all - tcp->used,
        use.tcp_half_open = tcp->unsettled;
    }
    if (udp != nullptr) {
        use.udp_used = udp->used, use.udp_free = all - udp->used,
        use.udp_half_open = udp->unsettled;
    }
    return use;
}

}  // namespace rehome::vipd
