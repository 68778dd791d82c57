#include "vipd/watch/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "vipd/watch/metrics.h"

namespace rehome::vipd {

namespace {

using nlohmann::json;

template <typename Of>
void sum(Of& to, const Of& of) {
    static_assert(sizeof(Of) == counter_table<Of>.size() * sizeof(uint64_t),
                  "a field without a line in the table");
    for (const auto& counter : counter_table<Of>) {
        to.*counter.at += of.*counter.at;
    }
}

template <typename Of>
void put(json& into, const Of& of) {
    for (const auto& counter : counter_table<Of>) {
        into[json::json_pointer("/" + std::string(counter.name))] = of.*counter.at;
    }
}

template <typename Of>
void put(json& into, const std::vector<NamedCounters<Of>>& items) {
    json list = json::array();
    for (const auto& item : items) {
        json one{{counter_list<Of>.key, item.name}};
        put(one, item.counters);
        list.push_back(std::move(one));
    }
    into[std::string(counter_list<Of>.name)] = std::move(list);
}

Metrics::Labels labels_of(std::string_view key, const std::string& item, const Metric& metric,
                          std::string_view label) {
    Metrics::Labels labels;
    if (!item.empty()) {
        labels.emplace_back(key, item);
    }
    if (!metric.label.empty()) {
        labels.emplace_back(metric.label, label);
    }
    return labels;
}

// A family's samples stand together: of each counter in it, all the items.
template <typename Of>
void sample(Metrics& metrics, const std::vector<NamedCounters<Of>>& items) {
    const Metric* last = nullptr;
    for (const auto& counter : counter_table<Of>) {
        if (std::exchange(last, &counter.metric) != &counter.metric) {
            metrics.family(counter.metric.name, counter.metric.type, counter.metric.help);
        }
        for (const auto& item : items) {
            metrics.sample(item.counters.*counter.at, labels_of(counter_list<Of>.key, item.name,
                                                                counter.metric, counter.label));
        }
    }
}

std::string metric_name(const Metric& metric, std::string_view label) {
    const std::string name = fmt::format("rehome_vipd_{}", metric.name);
    return metric.label.empty() ? name : fmt::format("{}{{{}=\"{}\"}}", name, metric.label, label);
}

template <typename Of>
void tell(std::vector<CounterInfo>& infos) {
    const std::string list(counter_list<Of>.name);
    for (const auto& counter : counter_table<Of>) {
        infos.push_back({(list.empty() ? "" : list + "[]/") + std::string(counter.name),
                         metric_name(counter.metric, counter.label), std::string(counter.meaning)});
    }
}

}  // namespace

void Sums::add(Datapath& worker) {
    const Counters& of = worker.counters();
    sum<Totals>(totals, of);
    for (size_t i = 0; i < drops.size(); ++i) {
        drops[i] += of.drops[i];
    }
    sum(flows, worker.flows().counts());
    sum(flow_table, {worker.flows().settled(), 0, worker.flows().replaced(), worker.flows().full(),
                     worker.flows().spared(), worker.flows().decided_again()});
    const auto lag = worker.copier().lag();
    const auto oldest_ms = std::max(copies.oldest_ms, static_cast<uint64_t>(lag.oldest / 1000));
    sum(copies, of.copies);
    copies.waiting += lag.waiting;
    copies.oldest_ms = oldest_ms;
    lines.resize(of.lines.size());
    for (size_t i = 0; i < lines.size(); ++i) {
        sum(lines[i], {of.lines[i], 0});
    }
    peers.resize(of.peers.size());
    for (size_t i = 0; i < peers.size(); ++i) {
        sum(peers[i], {of.peers[i], 0, 0});
    }
    pools.resize(worker.tables().pools().size());
    for (uint32_t i = 0; i < pools.size(); ++i) {
        sum(pools[i], worker.source_nat().use(i));
    }
    pool_addresses.resize(worker.source_nat().addresses());
    for (uint32_t i = 0; i < pool_addresses.size(); ++i) {
        sum(pool_addresses[i], worker.source_nat().use_of_address(i));
    }
    services.resize(std::max(services.size(), of.services.size()));
    for (size_t i = 0; i < of.services.size(); ++i) {
        sum(services[i], of.services[i]);
    }
    if (begun_at.empty()) {
        begun_at_whom = of.begun_at_whom;
        begun_at.resize(of.begun_at.size());
    }
    if (begun_at_whom != of.begun_at_whom) {
        begun_at_whom = 0;
    }
    for (size_t i = 0; begun_at_whom != 0 && i < begun_at.size(); ++i) {
        begun_at[i] += of.begun_at[i];
    }
    access.resize(std::max(access.size(), of.access.size()));
    for (size_t i = 0; i < of.access.size(); ++i) {
        access[i] += of.access[i];
    }
    barred_flows += of.barred_flows;
    sweeping = sweeping || worker.flows().sweeping();
}

namespace {

// Those that ever stood for a flow at some worker; the others do not say that they have free ports.
void add_pool_addresses(Figures& figures, const Sums& sums, const Tables& tables) {
    size_t number = 0;
    for (size_t i = 0; i < sums.pools.size(); ++i) {
        const auto& addresses = tables.pools()[i].addresses;
        const uint64_t each = sums.pools[i].capacity / addresses.size() / 2;
        for (const Address& address : addresses) {
            PoolAddressUse use = sums.pool_addresses[number++];
            if (use.tcp_free + use.tcp_used + use.udp_free + use.udp_used == 0) {
                continue;
            }
            use.tcp_free = each - use.tcp_used;
            use.udp_free = each - use.udp_used;
            figures.each<PoolAddressUse>().push_back({address.text(), use});
        }
    }
}

}  // namespace

Figures figures_of(const Sums& sums, const Snapshot& snapshot) {
    const Config& config = *snapshot.config;
    Figures figures;
    figures.drops = sums.drops;
    figures.of<Totals>() = sums.totals;
    figures.of<FlowCounts>() = sums.flows;
    figures.of<FlowTableUse>() = sums.flow_table;
    figures.of<CopyCounts>() = sums.copies;
    figures.of<FlowTableUse>().capacity = config.flows.capacity;
    for (size_t i = 0; i < sums.lines.size(); ++i) {
        LineFigures line = sums.lines[i];
        line.enabled = snapshot.line(i) == LineState::enabled ? 1 : 0;
        figures.each<LineFigures>().push_back({config.lines[i].carrier, line});
    }
    for (size_t i = 0; i < snapshot.peers.size(); ++i) {
        const Snapshot::Peer& peer = snapshot.peers[i];
        PeerFigures told{i < sums.peers.size() ? sums.peers[i] : PeerFigures{}};
        told.link_mtu = peer.link_mtu;
        told.narrow = peer.narrow ? 1 : 0;
        figures.each<PeerFigures>().push_back({config.peers[i].gateway, told});
    }
    for (size_t i = 0; i < sums.pools.size(); ++i) {
        figures.each<PoolUse>().push_back({config.pools[i].name, sums.pools[i]});
    }
    add_pool_addresses(figures, sums, *snapshot.tables);
    for (const ServiceTable& service : snapshot.tables->services()) {
        const bool counted = service.number < sums.services.size();
        figures.each<ServiceCounters>().push_back(
            {service.config->name, counted ? sums.services[service.number] : ServiceCounters{}});
    }
    return figures;
}

void add_port(Figures& figures, const std::string& name, const PortCounters& counters) {
    figures.each<PortCounters>().push_back({name, counters});
    figures.drops[static_cast<size_t>(Drop::port_full)] += counters.refused;
    figures.drops[static_cast<size_t>(Drop::super_packet)] += counters.super;
}

json stats_json(const Figures& figures) {
    json stats = json::object();
    std::apply([&](const auto&... of) { (put(stats, of), ...); }, figures.gateway);
    std::apply([&](const auto&... list) { (put(stats, list), ...); }, figures.lists);
    for (const auto& entry : drop_names) {
        stats["drops"][std::string(entry.name)] = figures.drops[static_cast<size_t>(entry.drop)];
    }
    return stats;
}

std::string metrics_text(const Figures& figures) {
    Metrics metrics;
    const auto one = [&]<typename Of>(const Of& of) {
        sample(metrics, Figures::List<Of>{{"", of}});
    };
    std::apply([&](const auto&... of) { (one(of), ...); }, figures.gateway);
    std::apply([&](const auto&... list) { (sample(metrics, list), ...); }, figures.lists);
    metrics.family(metric::drops.name, metric::drops.type, metric::drops.help);
    for (const auto& entry : drop_names) {
        metrics.sample(figures.drops[static_cast<size_t>(entry.drop)],
                       labels_of("", "", metric::drops, entry.name));
    }
    return metrics.text();
}

std::vector<CounterInfo> counter_infos() {
    std::vector<CounterInfo> infos;
    const Figures kinds;
    std::apply([&]<typename... Of>(const Of&...) { (tell<Of>(infos), ...); }, kinds.gateway);
    std::apply([&]<typename... Of>(const Figures::List<Of>&...) { (tell<Of>(infos), ...); },
               kinds.lists);
    for (const auto& entry : drop_names) {
        infos.push_back({fmt::format("drops/{}", entry.name),
                         metric_name(metric::drops, entry.name), std::string(entry.meaning)});
    }
    return infos;
}

}  // namespace rehome::vipd
