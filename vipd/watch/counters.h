// What vipd counts, where it is counted: plain numbers, 64 bits each, that begin at 0 with vipd.
// What each of them means, and what it is called wherever it is told, is in counter_table.h.
//
// Each worker counts for itself; what is told is the sum.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "vipd/packet/drop.h"

namespace rehome::vipd {

struct Totals {
    uint64_t to_servers = 0;
    uint64_t to_clients = 0;  // by a line
    uint64_t to_peers = 0;
    uint64_t questions = 0;  // of those, whether a peer knows a flow
    uint64_t resets = 0;     // made by vipd: paced, repeated, or for unknown flows
    uint64_t icmp = 0;       // errors made by vipd
    uint64_t punted = 0;
    // ICMP errors about what was sent in tunnels, that were believed.
    uint64_t tunnel_too_big = 0, tunnel_unreachable = 0;
};

struct LineCounters {
    uint64_t rx_vip_packets = 0;
    uint64_t tx_vip_packets = 0;
};

struct ServiceCounters {
    uint64_t to_servers = 0;  // packets
    uint64_t to_clients = 0;
    uint64_t new_flows = 0;
    uint64_t dropped = 0;
};

struct PortCounters {
    uint64_t received = 0;
    uint64_t sent = 0;
    uint64_t refused = 0;   // given to send, but the device had no room: freed and lost
    uint64_t lost_in = 0;   // came while there was no room for them
    uint64_t lost_out = 0;  // sent, and dropped by the device
    uint64_t finished = 0;  // came with a checksum that was left to the device
    uint64_t super = 0;     // came longer than the MTU, for the device to cut: freed and lost
    uint64_t up = 0;        // 1: it is a way out
    uint64_t mtu = 0;
};

struct FlowCounts {
    uint64_t here = 0, relayed = 0, provisional = 0, closing = 0;  // each flow in one of them
    // Of those with a server of this site: TCP's that are established; UDP's until they are idle.
    uint64_t served_tcp = 0, served_udp = 0;
};

// How full the flow tables are, whose size is fixed.
struct FlowTableUse {
    uint64_t established = 0;    // flows that nothing pushes out
    uint64_t capacity = 0;       // for them
    uint64_t replaced = 0;       // unanswered flows that gave way to newer ones
    uint64_t full = 0;           // packets of flows that found no place among the established
    uint64_t spared = 0;         // established flows of direct return that gave way to others
    uint64_t decided_again = 0;  // established flows, since what was decided about them had changed
};

struct PoolUse {
    uint64_t used = 0;       // ports that stand for flows now, of however many
    uint64_t capacity = 0;   // both protocols
    uint64_t exhausted = 0;  // flows that found none towards their server
    uint64_t gave_way = 0;   // flows that were not settled, and whose ports newer ones wanted
};

// The ports of one of its addresses, of each protocol.
struct PoolAddressUse {
    uint64_t tcp_used = 0, tcp_free = 0;  // ports that stand for flows, and others
    uint64_t tcp_half_open = 0;           // flows that are not settled
    uint64_t udp_used = 0, udp_free = 0;
    uint64_t udp_half_open = 0;
};

// Of a peer's messages, where there are keys.
struct PeerCounters {
    uint64_t untagged = 0;  // without a tag, taken or not
    uint64_t bad_tags = 0;
    uint64_t replayed = 0;
};

// As they are told: what workers count, and how the link is.
struct PeerFigures : PeerCounters {
    uint64_t link_mtu = 0;  // 0: not known
    uint64_t narrow = 0;
};

// Copies of UDP flows (packet/flow_copy.h).
struct CopyCounts {
    uint64_t sent = 0;  // packets to peers
    uint64_t taken = 0;
    uint64_t left = 0;
    uint64_t waiting = 0, oldest_ms = 0;  // of flows that are due, as of now
};

struct ResetLogCounts {
    uint64_t lost = 0;  // records that could not be written
};

// Health checks (health/judge.h); the last three as of now, of endpoints.
struct HealthCounts {
    uint64_t run = 0, failed = 0, not_run = 0;
    uint64_t up = 0, down = 0, kept = 0;
};

// One worker's packets.
struct Counters : Totals {
    std::array<uint64_t, drop_count> drops{};
    std::vector<LineCounters> lines;
    std::vector<PeerCounters> peers;
    std::vector<ServiceCounters> services;  // by ServiceTable::number
    std::vector<uint64_t> begun_at;         // new flows, by the servers' numbers (tables.h)
    uint64_t begun_at_whom = 0;             // of which configuration: Tables::servers_digest
    std::vector<uint64_t> access;           // what the access rules decided (Access::counter_of)
    uint64_t barred_flows = 0;              // that lived, and that the rules in force dropped
    CopyCounts copies;                      // without those of now
};

}  // namespace rehome::vipd
