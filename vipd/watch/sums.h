// What several workers count, added up.
#pragma once

#include <algorithm>
#include <vector>

#include "vipd/flow/flow.h"
#include "vipd/path/datapath.h"

namespace rehome::vipd {

inline Counters& operator+=(Counters& sum, const Counters& of) {
    sum.to_servers += of.to_servers;
    sum.to_clients += of.to_clients;
    sum.to_peers += of.to_peers;
    sum.resets += of.resets;
    sum.icmp += of.icmp;
    sum.punted += of.punted;
    for (size_t i = 0; i < sum.drops.size(); ++i) {
        sum.drops[i] += of.drops[i];
    }
    sum.lines.resize(std::max(sum.lines.size(), of.lines.size()));
    for (size_t i = 0; i < of.lines.size(); ++i) {
        sum.lines[i].rx_vip_packets += of.lines[i].rx_vip_packets;
        sum.lines[i].tx_vip_packets += of.lines[i].tx_vip_packets;
    }
    sum.services.resize(std::max(sum.services.size(), of.services.size()));
    for (size_t i = 0; i < of.services.size(); ++i) {
        sum.services[i].to_servers += of.services[i].to_servers;
        sum.services[i].to_clients += of.services[i].to_clients;
        sum.services[i].new_flows += of.services[i].new_flows;
        sum.services[i].dropped += of.services[i].dropped;
    }
    return sum;
}

// How full the tables of fixed size are.
struct TableUse {
    uint64_t established = 0;  // flows that nothing pushes out
    uint64_t replaced = 0;     // unanswered flows that gave way to newer ones
    uint64_t full = 0;         // packets of flows that found no place among the established
    std::vector<SourceNat::PoolUse> pools;

    void add(Datapath& path) {
        established += path.flows().settled();
        replaced += path.flows().replaced();
        full += path.flows().full();
        pools.resize(path.tables().pools().size());
        for (uint32_t i = 0; i < pools.size(); ++i) {
            const auto use = path.source_nat().use(i);
            pools[i].used += use.used;
            pools[i].capacity += use.capacity;
            pools[i].exhausted += use.exhausted;
        }
    }
};

inline FlowCounts& operator+=(FlowCounts& sum, const FlowCounts& of) {
    sum.here += of.here;
    sum.relayed += of.relayed;
    sum.provisional += of.provisional;
    sum.closing += of.closing;
    sum.served_tcp += of.served_tcp;
    sum.served_udp += of.served_udp;
    return sum;
}

}  // namespace rehome::vipd
