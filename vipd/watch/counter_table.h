// Every counter of vipd: the one table from which the sums of several workers, `vipctl stats`, the
// metrics, `vipd counters` and the man page take it.  The reasons for drops have theirs in drop.h.
//
// A new counter is a field where it is counted (counters.h) and a line here; a new group of them is
// a table here and a member of Figures.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "vipd/watch/counters.h"

namespace rehome::vipd {

// A family of samples in Prometheus' sense.
struct Metric {
    std::string_view name;  // without rehome_vipd_; that of a counter ends in _total
    std::string_view type;  // "counter" or "gauge"
    std::string_view help;
    std::string_view label;  // what tells apart the counters of one family; empty: it has but one
};

namespace metric {

inline constexpr Metric packets{"packets_total", "counter", "Packets by their way out", "way"};
inline constexpr Metric made{"made_total", "counter", "Packets that vipd made itself", "kind"};
inline constexpr Metric tunnel_errors{
    "tunnel_errors_total", "counter",
    "ICMP errors about what was sent in tunnels, by what they say", "error"};
inline constexpr Metric drops{"drops_total", "counter", "Packets that vipd dropped, by reason",
                              "reason"};
inline constexpr Metric flows{"flows", "gauge", "Flows in the table, each in one state", "state"};
inline constexpr Metric served{"flows_served", "gauge", "Flows that this site's servers have",
                               "protocol"};
inline constexpr Metric established{"flow_table_established", "gauge",
                                    "Flows that nothing pushes out", ""};
inline constexpr Metric capacity{"flow_table_capacity", "gauge",
                                 "Flows that nothing would push out, at most", ""};
inline constexpr Metric flow_table{"flow_table_events_total", "counter",
                                   "What flow tables of a fixed size had to do", "event"};
inline constexpr Metric copies{"flow_copies_total", "counter",
                               "Copies of UDP flows, to and from other gateways", "event"};
inline constexpr Metric copies_waiting{"flow_copies_waiting", "gauge",
                                       "UDP flows that wait to be copied to other gateways", ""};
inline constexpr Metric copies_oldest{"flow_copies_oldest_ms", "gauge",
                                      "For how long the first of them has waited", ""};
inline constexpr Metric reset_log{"reset_log_lost_total", "counter",
                                  "Resets that could not be written to the log", ""};
inline constexpr Metric line_enabled{"line_enabled", "gauge",
                                     "Whether the carrier's line may carry VIPs", ""};
inline constexpr Metric line_packets{"line_packets_total", "counter",
                                     "Packets to and from VIPs, by line", "direction"};
inline constexpr Metric link_mtu{
    "peer_link_mtu_bytes", "gauge",
    "The longest packet that is known to get to a peer; 0: nothing is known", ""};
inline constexpr Metric link_narrow{"peer_link_narrow", "gauge",
                                    "Whether the link to a peer loses packets that it should carry",
                                    ""};
inline constexpr Metric peer_messages{"peer_doubtful_total", "counter",
                                      "Messages of a peer whose tag did not say that they are its",
                                      "why"};
inline constexpr Metric port_packets{"port_packets_total", "counter",
                                     "Packets by port; refused ones found no room in the device",
                                     "direction"};
inline constexpr Metric port_up{"port_up", "gauge", "Whether the port is a way out", ""};
inline constexpr Metric port_mtu{"port_mtu_bytes", "gauge", "The longest packet of the port", ""};
inline constexpr Metric pool_used{"pool_ports_used", "gauge",
                                  "Ports of source NAT pools that stand for flows", ""};
inline constexpr Metric pool_ports{"pool_ports", "gauge", "Ports of source NAT pools", ""};
inline constexpr Metric pool_exhausted{"pool_exhausted_total", "counter",
                                       "Flows that found no free port in their pool", ""};
inline constexpr Metric pool_gave_way{
    "pool_gave_way_total", "counter",
    "Half-open flows that gave way to newer ones, as a pool has so many at most", ""};
inline constexpr Metric address_ports{"pool_address_ports", "gauge",
                                      "Ports of an address of a source NAT pool, by what they do",
                                      "ports"};
inline constexpr Metric address_half_open{"pool_address_half_open", "gauge",
                                          "Half-open flows of an address of a source NAT pool",
                                          "protocol"};
inline constexpr Metric service_packets{"service_packets_total", "counter", "Packets by service",
                                        "way"};
inline constexpr Metric service_flows{"service_flows_total", "counter", "New flows by service", ""};

inline constexpr Metric checks{"health_checks_total", "counter",
                               "Health checks, by what came of them", "result"};
inline constexpr Metric checked{"health_endpoints", "gauge",
                                "Endpoints of servers that are checked, by how they are", "state"};

}  // namespace metric

template <typename Of>
struct Counter {
    uint64_t Of::*at;
    std::string_view name;  // where `vipctl stats --json` has it: a path below the gateway's or the
                            // list's item, its keys parted by "/"
    const Metric& metric;
    std::string_view label;  // of the metric, that of this counter
    std::string_view meaning;
};

// Where counters of a kind stand in `vipctl stats --json`: in each item of a list, or, without a
// list, at its top.
struct CounterList {
    std::string_view name;
    std::string_view key;  // of an item's name; and the metrics' label for it
};

template <typename Of>
inline constexpr CounterList counter_list{};

// The counters of one struct; all of its fields.  Those of one metric stand together.
template <typename Of>
inline constexpr std::array<Counter<Of>, 0> counter_table{};

// ---- of the gateway -----------------------------------------------------------------------------

template <>
inline constexpr auto counter_table<Totals> = std::to_array<Counter<Totals>>({
    {&Totals::to_servers, "sent/to_servers", metric::packets, "to_servers", "packets to servers"},
    {&Totals::to_clients, "sent/to_clients", metric::packets, "to_clients",
     "packets to clients, by a line"},
    {&Totals::to_peers, "sent/to_peers", metric::packets, "to_peers",
     "packets to other gateways, through the tunnel"},
    {&Totals::questions, "sent/questions", metric::packets, "questions",
     "those of them whose flow is not known here, and maybe there"},
    {&Totals::punted, "punted", metric::packets, "to_kernel",
     "packets that were handed to the kernel, as they are for no VIP"},
    {&Totals::resets, "sent/resets", metric::made, "reset",
     "resets that vipd made: paced, repeated, or for unknown flows"},
    {&Totals::icmp, "sent/icmp_errors", metric::made, "icmp_error", "ICMP errors that vipd made"},
    {&Totals::tunnel_too_big, "tunnel_errors/too_big", metric::tunnel_errors, "too_big",
     "ICMP errors that a packet in a tunnel was too big; the path's MTU is the one told"},
    {&Totals::tunnel_unreachable, "tunnel_errors/unreachable", metric::tunnel_errors, "unreachable",
     "ICMP errors that a tunnel's far end cannot be reached"},
});

template <>
inline constexpr auto counter_table<FlowCounts> = std::to_array<Counter<FlowCounts>>({
    {&FlowCounts::here, "flows/here", metric::flows, "here", "flows that this site's servers have"},
    {&FlowCounts::relayed, "flows/relayed", metric::flows, "relayed",
     "flows that the other site's have"},
    {&FlowCounts::provisional, "flows/provisional", metric::flows, "provisional",
     "flows that a peer was asked about and has not confirmed"},
    {&FlowCounts::closing, "flows/closing", metric::flows, "closing",
     "flows that have ended or were reset"},
    {&FlowCounts::served_tcp, "served/tcp", metric::served, "tcp",
     "established TCP flows that this site's servers have"},
    {&FlowCounts::served_udp, "served/udp", metric::served, "udp",
     "UDP flows that they have and that are not idle yet"},
});

template <>
inline constexpr auto counter_table<FlowTableUse> = std::to_array<Counter<FlowTableUse>>({
    {&FlowTableUse::established, "flow_table/established", metric::established, "",
     "flows that nothing pushes out"},
    {&FlowTableUse::capacity, "flow_table/capacity", metric::capacity, "",
     "how many of them there can be"},
    {&FlowTableUse::replaced, "flow_table/half_open_replaced", metric::flow_table,
     "half_open_replaced", "unanswered flows that gave way to newer ones"},
    {&FlowTableUse::full, "flow_table/full", metric::flow_table, "full",
     "packets of flows that found no lasting place; vipd logs them too, once a second at most"},
    {&FlowTableUse::spared, "flow_table/spared", metric::flow_table, "spared",
     "established flows that gave way in a full table, as their servers reply directly and would "
     "be "
     "chosen again"},
    {&FlowTableUse::decided_again, "flow_table/decided_again", metric::flow_table, "decided_again",
     "decisions about flows that a change of the tables made due, each at the flow's next packet"},
});

template <>
inline constexpr auto counter_table<CopyCounts> = std::to_array<Counter<CopyCounts>>({
    {&CopyCounts::sent, "copies/sent", metric::copies, "sent",
     "copies of UDP flows that were sent, one for each peer"},
    {&CopyCounts::taken, "copies/taken", metric::copies, "taken",
     "copies of peers' flows that made an entry, refreshed one or took one back"},
    {&CopyCounts::left, "copies/left", metric::copies, "left",
     "copies that were not taken: an answered flow was here, no entry, or no room"},
    {&CopyCounts::waiting, "copies/waiting", metric::copies_waiting, "",
     "UDP flows that wait to be copied, those among them that have ended meanwhile too"},
    {&CopyCounts::oldest_ms, "copies/oldest_ms", metric::copies_oldest, "",
     "for how long the first of them has waited, in ms"},
});

template <>
inline constexpr auto counter_table<ResetLogCounts> = std::to_array<Counter<ResetLogCounts>>({
    {&ResetLogCounts::lost, "reset_log_lost", metric::reset_log, "",
     "resets that could not be written to the log"},
});

template <>
inline constexpr auto counter_table<HealthCounts> = std::to_array<Counter<HealthCounts>>({
    {&HealthCounts::run, "health/run", metric::checks, "run", "health checks that were run"},
    {&HealthCounts::failed, "health/failed", metric::checks, "failed",
     "health checks that failed, of these"},
    {&HealthCounts::not_run, "health/not_run", metric::checks, "not_run",
     "health checks that this gateway itself could not begin, which say nothing of a server"},
    {&HealthCounts::up, "health/up", metric::checked, "up", "endpoints of servers that are up"},
    {&HealthCounts::down, "health/down", metric::checked, "down", "those that are down"},
    {&HealthCounts::kept, "health/kept", metric::checked, "kept",
     "those that look down and are kept as they were, as more than half of all do"},
});

// ---- of each line, peer, port, pool and service
// ---------------------------------------------------------

// As it is told: what workers count, and how the line stands.
struct LineFigures : LineCounters {
    uint64_t enabled = 0;
};

template <>
inline constexpr CounterList counter_list<LineFigures>{"lines", "carrier"};
template <>
inline constexpr auto counter_table<LineFigures> = std::to_array<Counter<LineFigures>>({
    {&LineFigures::enabled, "enabled", metric::line_enabled, "",
     "1 if the line may carry VIPs, at every worker; else 0"},
    {&LineFigures::rx_vip_packets, "rx_vip_packets", metric::line_packets, "in",
     "packets to VIPs that came by the line"},
    {&LineFigures::tx_vip_packets, "tx_vip_packets", metric::line_packets, "out",
     "packets from VIPs that left by the line"},
});

template <>
inline constexpr CounterList counter_list<PeerFigures>{"peers", "gateway"};
template <>
inline constexpr auto counter_table<PeerFigures> = std::to_array<Counter<PeerFigures>>({
    {&PeerFigures::link_mtu, "link_mtu", metric::link_mtu, "",
     "bytes of the longest packet that is known to get to the peer; 0: nothing is known"},
    {&PeerFigures::narrow, "narrow", metric::link_narrow, "",
     "1 if the link loses packets that it should carry, there or back; else 0"},
    {&PeerFigures::untagged, "untagged", metric::peer_messages, "untagged",
     "messages of the peer without a tag, while there are keys; dropped where tags are required"},
    {&PeerFigures::bad_tags, "bad_tags", metric::peer_messages, "bad_tag",
     "messages with a tag of no key and key epoch agreed with the peer; all are dropped"},
    {&PeerFigures::replayed, "replayed", metric::peer_messages, "replayed",
     "messages that count once and had come before; all are dropped"},
});

template <>
inline constexpr CounterList counter_list<PortCounters>{"ports", "port"};
template <>
inline constexpr auto counter_table<PortCounters> = std::to_array<Counter<PortCounters>>({
    {&PortCounters::received, "received", metric::port_packets, "in",
     "packets that came by the port"},
    {&PortCounters::sent, "sent", metric::port_packets, "out", "packets that left by the port"},
    {&PortCounters::refused, "refused", metric::port_packets, "refused",
     "packets for which the device had no room; they are dropped as port_full too"},
    {&PortCounters::lost_in, "lost_in", metric::port_packets, "lost_in",
     "packets that came while the device had no room for them, before vipd saw them"},
    {&PortCounters::lost_out, "lost_out", metric::port_packets, "lost_out",
     "packets that were sent and that the device dropped, as when its link was down"},
    {&PortCounters::finished, "finished_checksums", metric::port_packets, "finished_checksum",
     "packets whose checksum was left to the device by who sent them; vipd finished it"},
    {&PortCounters::super, "super_packets", metric::port_packets, "super",
     "TCP segments beyond the MTU, left to the device to cut; they are dropped as super_packet "
     "too"},
    {&PortCounters::up, "up", metric::port_up, "",
     "1 while its device and its twin are there and its link has been up for 1 s; else 0"},
    {&PortCounters::mtu, "mtu", metric::port_mtu, "",
     "bytes of the longest packet that its device and vipd take"},
});

template <>
inline constexpr CounterList counter_list<PoolUse>{"pools", "pool"};
template <>
inline constexpr auto counter_table<PoolUse> = std::to_array<Counter<PoolUse>>({
    {&PoolUse::used, "used", metric::pool_used, "",
     "ports of the pool that stand for flows, each for one to every server's port"},
    {&PoolUse::capacity, "ports", metric::pool_ports, "", "ports that the pool has"},
    {&PoolUse::exhausted, "exhausted", metric::pool_exhausted, "",
     "flows that found no free port in the pool towards their server"},
    {&PoolUse::gave_way, "gave_way", metric::pool_gave_way, "",
     "half-open flows that gave way to newer ones, as they held their part of the ports"},
});

template <>
inline constexpr CounterList counter_list<PoolAddressUse>{"pool_addresses", "address"};
template <>
inline constexpr auto counter_table<PoolAddressUse> = std::to_array<Counter<PoolAddressUse>>({
    {&PoolAddressUse::tcp_used, "tcp_used", metric::address_ports, "tcp_used",
     "ports of the address that stand for TCP flows; addresses that never did are left out"},
    {&PoolAddressUse::tcp_free, "tcp_free", metric::address_ports, "tcp_free",
     "its ports that stand for no TCP flow"},
    {&PoolAddressUse::udp_used, "udp_used", metric::address_ports, "udp_used",
     "its ports that stand for UDP flows"},
    {&PoolAddressUse::udp_free, "udp_free", metric::address_ports, "udp_free",
     "its ports that stand for no UDP flow"},
    {&PoolAddressUse::tcp_half_open, "tcp_half_open", metric::address_half_open, "tcp",
     "its TCP flows that are not established"},
    {&PoolAddressUse::udp_half_open, "udp_half_open", metric::address_half_open, "udp",
     "its UDP flows before their second exchange"},
});

template <>
inline constexpr CounterList counter_list<ServiceCounters>{"services", "service"};
template <>
inline constexpr auto counter_table<ServiceCounters> = std::to_array<Counter<ServiceCounters>>({
    {&ServiceCounters::to_servers, "to_servers", metric::service_packets, "to_servers",
     "packets to the service's servers"},
    {&ServiceCounters::to_clients, "to_clients", metric::service_packets, "to_clients",
     "packets from its servers to clients"},
    {&ServiceCounters::dropped, "dropped", metric::service_packets, "dropped",
     "packets to the service that were dropped"},
    {&ServiceCounters::new_flows, "new_flows", metric::service_flows, "", "its new flows"},
});

}  // namespace rehome::vipd
