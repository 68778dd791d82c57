// vipd's counters as they are told: added up over all workers, each with its name from
// counter_table.h, as `vipctl stats` ("rehome/vipd-stats/1"), as metrics, and as a list of what
// there is.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/vipd_config/config.h"
#include "vipd/path/datapath.h"
#include "vipd/state/snapshot.h"
#include "vipd/watch/counter_table.h"

namespace rehome::vipd {

// The sum of the workers that were added.
struct Sums {
    Totals totals;
    std::array<uint64_t, drop_count> drops{};
    FlowCounts flows;
    FlowTableUse flow_table;  // without its capacity
    CopyCounts copies;
    std::vector<LineFigures> lines;  // whether it is enabled apart
    std::vector<PeerFigures> peers;  // how the link is apart
    std::vector<PoolUse> pools;
    std::vector<PoolAddressUse> pool_addresses;  // by SourceNat's number
    std::vector<ServiceCounters> services;       // by ServiceTable::number
    std::vector<uint64_t> begun_at;              // new flows, by the servers' numbers
    uint64_t begun_at_whom = 0;                  // of which configuration; 0: workers differ
    std::vector<uint64_t> access;                // what each rule decided, the default behind
    uint64_t barred_flows = 0;                   // that lived, dropped by the rules in force
    bool sweeping = false;                       // more of these may come

    void add(Datapath& worker);
};

// The counters of an item of a list.
template <typename Of>
struct NamedCounters {
    std::string name;
    Of counters;
};

// Everything that is told.
struct Figures {
    template <typename Of>
    using List = std::vector<NamedCounters<Of>>;

    std::array<uint64_t, drop_count> drops{};
    std::tuple<Totals, FlowCounts, FlowTableUse, CopyCounts, ResetLogCounts, HealthCounts> gateway;
    std::tuple<List<LineFigures>, List<PeerFigures>, List<PortCounters>, List<PoolUse>,
               List<PoolAddressUse>, List<ServiceCounters>>
        lists;

    template <typename Of>
    Of& of() {
        return std::get<Of>(gateway);
    }
    template <typename Of>
    List<Of>& each() {
        return std::get<List<Of>>(lists);
    }
};

// The sums with the names that their lines, pools and services have in the snapshot, and what it
// says of lines and peers.  What is not of the workers is left for the caller: the ports, the log
// of resets.
Figures figures_of(const Sums& sums, const Snapshot& snapshot);

// A packet for which a port had no room is dropped as port_full too, a segment that was left to the
// device to cut as super_packet.
void add_port(Figures& figures, const std::string& name, const PortCounters& counters);

nlohmann::json stats_json(const Figures& figures);  // without schema and time
std::string metrics_text(const Figures& figures);

// One counter, or one reason for drops.
struct CounterInfo {
    std::string name;    // a path in vipctl stats; [] stands for an item of a list
    std::string metric;  // without the label for the item's name
    std::string meaning;
};
std::vector<CounterInfo> counter_infos();

}  // namespace rehome::vipd
