// Source NAT: which address and port stand for a flow's client towards its server (RFC 4787,
// RFC 5382): one of a pool, for servers that do not route back through the gateway; or another port
// of the client's own address, where its own port stands for another flow there already.
//
// A flow is found by the ends of its replies, its server and its client as the server sees it.  No
// two flows of a protocol have both in common; so a port of a pool serves a flow to each server at
// once, and what runs out are the ports towards one server.
//
// Ports are picked at random, the first free one from there on (RFC 6056 3.3.1).  Flows that are
// not settled (flow_table.h: half-open ones, and datagrams before their second exchange) hold at
// most a part of an address's ports towards a server; where that is used up at each address of the
// pool, the oldest of them gives way to the newest, so that a flood takes no port from settled
// flows, nor does it keep new ones out.
//
// A pool's addresses are numbered through all pools, in their order; pools are only ever added
// behind.  Each worker has the ports of a pool that are its own remainder modulo the number of
// workers, and those of a client that hash to it (rss.h), so that a reply's port tells its worker.
// One worker's own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "vipd/flow/flow.h"
#include "vipd/flow/flow_index.h"
#include "vipd/flow/flow_table.h"
#include "vipd/flow/free_ports.h"
#include "vipd/packet/siphash.h"
#include "vipd/state/tables.h"
#include "vipd/watch/counters.h"

namespace rehome::vipd {

class SourceNat {
public:
    // flows: the worker's.  seed: drawn at random, or ports could be guessed.
    SourceNat(FlowTable& flows, uint32_t worker, uint32_t workers, uint64_t seed);

    uint32_t worker() const { return worker_; }
    uint32_t workers() const { return workers_; }
    void set_pools(const std::vector<PoolTable>& pools);

    // Gives the flow, which has its server, a port of the pool; the same client keeps its address
    // while that has room (RFC 4787, REQ-2: paired).  Another flow may be erased.  False: the pool
    // is used up towards that server.
    bool take(uint32_t pool, Flow& flow);
    // Gives it another port of its client's own address.  False: none was found.
    bool take_other_port(Flow& flow);
    // The flow was at `from` and is at `to` now; FlowIndex::none: it is gone.
    void moved(const Flow& flow, uint32_t from, uint32_t to);
    // The flow that a server's packet to that end belongs to, or null.
    Flow* find(uint8_t protocol, const Endpoint& server, const Endpoint& to) const;
    // The flow's client as its server sees it.
    Endpoint seen(const Flow& flow) const;

    // For one that is a scratch copy, with the same pools: it picks the ports that `from` would.
    void pick_as(const SourceNat& from) { key_ = from.key_, drawn_ = from.drawn_; }
    // Likewise: the flow has its port from elsewhere.
    void keep(const Flow& flow);
    // Likewise: which ports of the pool are free towards that server, where `from` says it.
    void copy_ports(const SourceNat& from, uint32_t pool, uint8_t protocol, const Endpoint& server);

    PoolUse use(uint32_t pool) const;  // by this worker
    // The same of each address, by its number; those that never stood for a flow have no ports.
    PoolAddressUse use_of_address(uint32_t number) const;
    uint32_t addresses() const { return static_cast<uint32_t>(addresses_.size()); }

private:
    struct Pool {
        uint32_t first = 0;  // number of its first address
        uint32_t addresses = 0;
        uint32_t first_own_port = 0;
        uint32_t own_ports = 0;
        uint32_t unsettled_most = 0;  // of them, towards one server
        uint64_t used = 0;
        uint64_t exhausted = 0;
        uint64_t gave_way = 0;
    };
    // The ports of one address in one protocol, towards all servers.
    struct AddressPorts {
        std::vector<uint32_t> flows;  // by own port
        uint32_t used = 0;            // ports with flows
        uint32_t unsettled = 0;       // flows
    };
    // The ports of one address towards one server; the key is the replies', but for the port.
    struct Towards {
        FreePorts ports;
        uint32_t unsettled = 0;
        AgeQueue waiting;  // unsettled flows by age, and some that are no more
    };
    struct TowardsHash {
        size_t operator()(const FlowKey& key) const {
            return key.hash(static_cast<uint64_t>(HashKey::carrier));
        }
    };

    static size_t slot(uint32_t number, uint8_t protocol) {
        return size_t{number} * 2 + (protocol == static_cast<uint8_t>(Protocol::tcp) ? 0 : 1);
    }
    FlowKey towards_key(const Flow& flow, uint32_t number) const {
        return {flow.protocol, {addresses_[number], 0}, flow.server()};
    }
    FlowKey reply_key(const Flow& flow) const { return {flow.protocol, seen(flow), flow.server()}; }
    Towards& open(const FlowKey& key, const Pool& pool);
    AddressPorts& open(uint32_t number, uint8_t protocol);
    bool take_at(Pool& pool, uint32_t number, Flow& flow);
    bool make_way(Pool& pool, uint32_t number, const Flow& flow);
    bool is_free(const FlowKey& towards, uint16_t port) const;
    bool waits(const FlowKey& towards, const AgeQueue::Waiting& waiting) const;
    bool enter(const Flow& flow);
    void count(const Flow& flow, Pool& pool);
    void forget(const Flow& flow, Pool& pool, bool settled);
    static size_t of(Family family) { return family == Family::v4 ? 0 : 1; }
    uint32_t random(uint32_t below);

    FlowTable& flows_;
    uint32_t worker_, workers_;
    SipKey key_;
    uint64_t drawn_ = 0;
    std::vector<Pool> pools_;
    std::vector<Address> addresses_;
    std::vector<uint32_t> pool_of_;                     // by address number
    std::vector<std::unique_ptr<AddressPorts>> ports_;  // by slot; made when first used
    std::unordered_map<FlowKey, Towards, TowardsHash> towards_;
    std::array<FlowIndex, 2> index_;  // of each family's flows, by reply_key
    uint64_t entered_ = 0;            // in these
};

}  // namespace rehome::vipd
