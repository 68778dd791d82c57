// Source NAT: which address and port of a pool stand for which flow's client (RFC 4787, RFC 5382),
// for servers that do not route back through the gateway.
//
// A pool's addresses are numbered through all pools, in their order; pools are only ever added
// behind.  A port stands for one flow of its protocol.  Free ports queue up, so that one that is
// given back is used again as late as can be.  Each worker has the ports that are its own remainder
// modulo the number of workers, so that a reply's port tells its worker.  One worker's own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "vipd/flow/flow.h"
#include "vipd/flow/flow_index.h"
#include "vipd/state/tables.h"
#include "vipd/watch/counters.h"

namespace rehome::vipd {

class SourceNat {
public:
    static constexpr uint16_t first_port = 1024;

    struct Place {
        uint16_t address = 0;  // its number
        uint16_t port = 0;
    };

    SourceNat(uint32_t worker, uint32_t workers) : worker_(worker), workers_(workers) {}

    uint32_t worker() const { return worker_; }
    uint32_t workers() const { return workers_; }
    void set_pools(const std::vector<PoolTable>& pools);

    // A free place of the pool for the flow of that number; the same client keeps its address while
    // that has ports (RFC 4787, REQ-2: paired).  Nothing: the pool is used up.
    std::optional<Place> take(uint32_t pool, const Flow& flow, uint32_t id);
    // The flow of that number has another one now; FlowIndex::none: it is gone.
    void moved(const Flow& flow, uint32_t to);
    // The number of the flow that a packet to that place belongs to, or FlowIndex::none.
    uint32_t find(uint8_t protocol, Place place) const;

    // For one that is a scratch copy: the same pools, and the ports from which `from` would take a
    // place for that client.
    void copy_pools(const SourceNat& from) {
        pools_ = from.pools_, addresses_ = from.addresses_, pool_of_ = from.pool_of_;
        ports_.resize(from.ports_.size());
    }
    void copy_ports(const SourceNat& from, uint32_t pool, const Address& client, uint8_t protocol);
    // The flow has its place from elsewhere, and this number here.
    void keep(const Flow& flow, uint32_t id);

    uint16_t number(const PoolAddress& address) const;
    Endpoint endpoint(Place place) const { return {addresses_[place.address], place.port}; }
    PoolUse use(uint32_t pool) const;  // by this worker

private:
    // The ports of one address in one protocol.
    struct Ports {
        std::vector<uint32_t> flows;  // by port
        std::vector<uint16_t> free;   // a ring
        uint32_t head = 0;
        uint32_t count = 0;
    };
    struct Pool {
        uint32_t first = 0;  // number of its first address
        uint32_t addresses = 0;
        uint64_t used = 0;
        uint64_t exhausted = 0;
    };

    static size_t slot(uint16_t address, uint8_t protocol) {
        return size_t{address} * 2 + (protocol == static_cast<uint8_t>(Protocol::tcp) ? 0 : 1);
    }
    uint32_t first_own_port() const;
    Ports& open(size_t slot);

    uint32_t worker_, workers_;
    std::vector<Pool> pools_;
    std::vector<Address> addresses_;
    std::vector<uint32_t> pool_of_;              // by address number
    std::vector<std::unique_ptr<Ports>> ports_;  // made when first used
};

}  // namespace rehome::vipd
