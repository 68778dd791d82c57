// Flows: what one worker knows of its clients' connections.
//
// A flow is named from its client's side (protocol, client, VIP), whichever way a packet travels.
// An entry fixes the server: it holds the server's address, so that a reload changes nothing for
// it.  The table that holds them is in flow_table.h.
#pragma once

#include <array>
#include <cstdint>

#include "common/address.h"

namespace rehome::vipd {

struct FlowKey {
    uint8_t protocol = 0;
    Endpoint client;
    Endpoint vip;

    bool operator==(const FlowKey&) const = default;
    uint64_t hash(uint64_t key) const;  // of all of it; the table's own hash is the client's alone
};

// The last way in of a flow's client, which is the way back of its replies.
struct WayBack {
    enum class Via : uint8_t { line, tunnel } via = Via::line;
    uint16_t index = 0;  // of the line, or of the peer; at most 32,767
    // carrier_id of the line on which the client came in, here or there; 0: unknown
    uint32_t carrier = 0;

    bool operator==(const WayBack&) const = default;
};

// What both families' entries have.  The numbers are those at which each end goes on, as far as its
// segments have passed here (RFC 9293: SND.NXT of the one is RCV.NXT of the other once delivered).
// Datagrams have none: of them it is known how often the side that speaks has changed.
//
// The order is the memory's: what only TCP's packets and a flow's beginning and end need comes
// first, what every packet needs from last_seen_ms on, with the addresses.  That half of an IPv4
// entry lies within one cache line for three entries in four.
struct Flow {
    enum class Kind : uint8_t {
        here,         // served by a server of this site
        relayed,      // a peer serves it
        provisional,  // a peer is being asked whether it does (second chance)
    };
    enum class Stage : uint8_t { half_open, established, closing, reset };
    // How the server is reached; with source_nat it sees another end as the client's
    // (source_nat.h).
    enum class Reach : uint8_t { nat, source_nat, ipip, gue };
    static constexpr uint32_t services_max = 1U << 24;
    static constexpr uint32_t one_exchange = 2;   // turns: client, server
    static constexpr uint32_t two_exchanges = 4;  // and once more

    union {
        uint32_t client_next = 0;
        uint32_t turns;  // of datagrams, at most two_exchanges
    };
    union {
        uint32_t server_next = 0;
        uint32_t copy_mark;  // of datagrams: by which it is known to be copied (copier.h); 0: none
    };
    uint16_t nat_port = 0;  // source NAT: the client's port as its server sees it; 0: none
    union {
        uint16_t nat_address = 0;  // source NAT: number of the pool's address
        uint16_t peer;             // relayed, provisional: its index
    };
    uint16_t born = 0;              // FlowTable's generation
    uint8_t carrier = 0;            // number of WayBack's carrier in the table
    bool own_address : 1 = false;   // source NAT: the client's own address with another port
    bool client_reset : 1 = false;  // its reset has passed, and nothing of it since
    bool server_reset : 1 = false;

    uint32_t last_seen_ms = 0;  // of the table's clock, which wraps
    uint32_t service : 24 = 0;  // ServiceTable::number, below services_max
    uint8_t protocol = 0;       // 0: the entry is not in use
    uint16_t client_port = 0;
    uint16_t vip_port = 0;
    uint16_t server_port = 0;
    uint16_t back_index = 0;  // WayBack
    uint16_t stamp = 0;  // that nothing has changed since it was decided to follow it (stamps.h)
    bool v6 : 1 = false;
    bool served : 1 = false;  // it has a server of this site
    bool back_by_tunnel : 1 = false;
    Kind kind : 2 = Kind::here;
    Stage stage : 2 = Stage::half_open;
    bool client_known : 1 = false;
    bool server_known : 1 = false;
    bool client_finished : 1 = false;  // its FIN has passed
    bool server_finished : 1 = false;
    bool barred : 1 = false;    // access rules dropped it; its packets are looked at again
    bool answered : 1 = false;  // its server has, or its client goes on where replies do not pass
    Reach reach : 2 = Reach::nat;

    bool tcp() const { return protocol == static_cast<uint8_t>(Protocol::tcp); }
    void set_service(uint32_t number) { service = number & (services_max - 1); }
    bool in_use() const { return protocol != 0; }
    static bool direct_return(Reach reach) { return reach == Reach::ipip || reach == Reach::gue; }
    bool direct_return() const { return direct_return(reach); }
    bool over() const { return stage == Stage::closing || stage == Stage::reset; }
    // Of those that are never pushed out.
    bool confirmed() const {
        return answered && kind != Kind::provisional && stage != Stage::half_open;
    }

    Endpoint client() const;
    Endpoint vip() const;
    Endpoint server() const;  // port 0: none, or tunnelled to
    FlowKey key() const { return {protocol, client(), vip()}; }
};

struct FlowV4 : Flow {
    uint32_t client_address = 0, vip_address = 0, server_address = 0;  // host order

    Address tunnel_server() const { return Address::v4(server_address); }
};

struct FlowV6 : Flow {
    // A server that is tunnelled to may have an IPv4 address: as IPv6 maps it (RFC 4291 2.5.5.2).
    std::array<uint8_t, 16> client_address{}, vip_address{}, server_address{};

    Address tunnel_server() const { return unmapped(server_address); }
};

static_assert(sizeof(FlowV4) == 48 && sizeof(FlowV6) == 84);

}  // namespace rehome::vipd
