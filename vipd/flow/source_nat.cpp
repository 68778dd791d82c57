#include "vipd/flow/source_nat.h"

#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t all_ports = 65536;

}  // namespace

void SourceNat::set_pools(const std::vector<PoolTable>& pools) {
    for (size_t i = pools_.size(); i < pools.size(); ++i) {
        pools_.push_back({static_cast<uint32_t>(addresses_.size()),
                          static_cast<uint32_t>(pools[i].addresses.size()), 0, 0});
        addresses_.insert(addresses_.end(), pools[i].addresses.begin(), pools[i].addresses.end());
        pool_of_.resize(addresses_.size(), static_cast<uint32_t>(i));
    }
    ports_.resize(addresses_.size() * 2);
}

// The lowest port that leaves this worker's remainder.
uint32_t SourceNat::first_own_port() const {
    return first_port + (worker_ + workers_ - first_port % workers_) % workers_;
}

SourceNat::Ports& SourceNat::open(size_t slot) {
    auto& ports = ports_[slot];
    if (ports == nullptr) {
        ports = std::make_unique<Ports>();
        ports->flows.assign(all_ports, FlowIndex::none);
        for (uint32_t port = first_own_port(); port < all_ports; port += workers_) {
            ports->free.push_back(static_cast<uint16_t>(port));
        }
        ports->count = static_cast<uint32_t>(ports->free.size());
    }
    return *ports;
}

std::optional<SourceNat::Place> SourceNat::take(uint32_t pool, const Flow& flow, uint32_t id) {
    Pool& from = pools_[pool];
    const Endpoint client = flow.client();
    const uint64_t start = hash_bytes(client.address.data(), HashKey::carrier);
    for (uint32_t i = 0; i < from.addresses; ++i) {
        const auto address = static_cast<uint16_t>(from.first + (start + i) % from.addresses);
        Ports& ports = open(slot(address, flow.protocol));
        if (ports.count == 0) {
            continue;
        }
        const uint16_t port = ports.free[ports.head];
        ports.head = ports.head + 1 < ports.free.size() ? ports.head + 1 : 0;
        --ports.count;
        ports.flows[port] = id;
        ++from.used;
        return Place{address, port};
    }
    ++from.exhausted;
    return std::nullopt;
}

void SourceNat::copy_ports(const SourceNat& from, uint32_t pool, const Address& client,
                           uint8_t protocol) {
    const Pool& at = pools_[pool];
    const uint64_t start = hash_bytes(client.data(), HashKey::carrier);
    for (uint32_t i = 0; i < at.addresses; ++i) {
        const size_t place =
            slot(static_cast<uint16_t>(at.first + (start + i) % at.addresses), protocol);
        if (from.ports_[place] == nullptr) {
            return;  // all free: nothing to copy
        }
        ports_[place] = std::make_unique<Ports>(*from.ports_[place]);
        if (ports_[place]->count != 0) {
            return;
        }
    }
}

void SourceNat::keep(const Flow& flow, uint32_t id) {
    open(slot(flow.nat_address, flow.protocol)).flows[flow.nat_port] = id;
}

void SourceNat::moved(const Flow& flow, uint32_t to) {
    auto& ports = ports_[slot(flow.nat_address, flow.protocol)];
    ports->flows[flow.nat_port] = to;
    if (to == FlowIndex::none) {
        ports->free[(ports->head + ports->count) % ports->free.size()] = flow.nat_port;
        ++ports->count;
        --pools_[pool_of_[flow.nat_address]].used;
    }
}

uint32_t SourceNat::find(uint8_t protocol, Place place) const {
    const auto& ports = ports_[slot(place.address, protocol)];
    return ports == nullptr ? FlowIndex::none : ports->flows[place.port];
}

uint16_t SourceNat::number(const PoolAddress& address) const {
    return static_cast<uint16_t>(pools_[address.pool].first + address.index);
}

PoolUse SourceNat::use(uint32_t pool) const {
    const Pool& at = pools_[pool];
    const uint64_t ports = (all_ports - 1 - first_own_port()) / workers_ + 1;
    return {at.used, uint64_t{at.addresses} * 2 * ports, at.exhausted};
}

}  // namespace rehome::vipd
