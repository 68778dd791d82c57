// The inventory ("rehome/inventory/1"): what exists and what moves.  All four programs read it.
//
// Schema: common/formats/inventory.schema.json.  parse_inventory also makes the cross-checks that
// a schema cannot: names are unique and refer to something, a VIP lies in a moved prefix, every
// server has a counterpart at the new site, a VIP and port belong to one service, sources fit their
// carrier.
//
// Where nothing moves much is left out, and empty here (0, nothing): the move with its sites,
// hosts, vipd's paths, ASNs, vantages, clients, services and their servers.  With a move all of it
// is there.  A tunnel's end may be missing where there is one gateway alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/error.h"
#include "common/script.h"

namespace rehome {

struct Tunnel {
    Address address;    // this gateway's end; the peers are the other gateways' ends
    std::string port;   // the vipd port (and TAP twin) of the inter-site link
    uint16_t vlan = 0;  // of that port; 0: untagged
};

struct Gateway {
    std::string name;
    std::string host;              // local | netns:NAME | ssh:USER@HOST
    std::optional<Tunnel> tunnel;  // nothing: there is no other gateway
    std::string vipd_config;       // path on that host
    std::string vipd_socket;       // path on that host
    std::string bird_socket;       // path on that host; empty: no BIRD there
    std::string bird_announce;  // the include file in which `cutover bird` states what is announced
};

// A BIRD at the far side of a line, in which is looked what the carrier holds.
struct FarBird {
    std::string host;
    std::string socket;                 // path on that host
    std::vector<std::string> sessions;  // its BGP protocols that hear the gateway by this line
};

// A site's connection to a carrier, on one gateway.  Lines may share a port, and with different
// peers a VLAN.
struct Line {
    std::string carrier;
    std::string gateway;
    std::string port;  // vipd port and name of its TAP twin
    InterfaceAddress address;
    Address peer;  // the carrier's router: next hop of what leaves by this line
    uint32_t peer_asn = 0;
    uint16_t vlan = 0;                       // of the port; 0: untagged
    std::vector<std::string> bird_sessions;  // the gateway's BGP protocols to the carrier
    std::optional<FarBird> far_bird;
};

struct Site {
    std::string name;
    uint32_t asn = 0;
    std::vector<Prefix> networks;  // the site's own addresses, which mean nothing at another site
    std::vector<Gateway> gateways;
    std::vector<Line> lines;
};

// From where, and bound how, this carrier's path to a VIP is tested.
struct Vantage {
    std::string host;
    Address source;
    std::optional<Address> source6{};  // beside it, of IPv6, when source is of IPv4
    uint32_t mark = 0;                 // SO_MARK; 0: none
    std::string interface;             // SO_BINDTODEVICE; empty: none
};

struct Carrier {
    std::string name;
    std::optional<Vantage> vantage;
    std::vector<Prefix> clients;  // the addresses behind this carrier; empty: not known
};

// One server at one site.
struct Placement {
    Address address;
    std::string host;  // how to reach it for its policies; empty: not ours to touch
};

struct Server {
    std::string name;
    uint32_t weight = 1;
    Placement from;  // "old" in the file
    Placement to;    // "new" in the file
};

struct Service {
    std::string name;
    Address vip;
    Protocol protocol = Protocol::tcp;
    uint16_t port = 0;         // on the VIP
    uint16_t server_port = 0;  // on the servers; the same as port unless given
    std::vector<Server> servers;
};

using LoginStep = ScriptStep;

// How an old client logs in and stays in, told as bytes.
struct Login {
    std::string name;
    std::string service;
    uint32_t sessions_per_carrier = 0;
    uint32_t shared_source_sessions = 0;  // of these, so many behind the carrier's first source
    uint32_t sources_per_carrier = 1;     // distinct client addresses, taken from carrier.clients
    uint32_t timeout_ms = 2000;           // for every expected answer
    std::vector<LoginStep> steps;
    uint32_t heartbeat_every_ms = 2000;
    Bytes heartbeat_send;
    Bytes heartbeat_expect;
};

struct Inventory {
    std::string move;  // its name; empty: it has none
    std::string from;  // the site that is left; empty: nothing moves
    std::string to;    // the site that takes over
    std::vector<Site> sites;
    std::vector<Carrier> carriers;
    std::vector<Prefix> prefixes;  // the prefixes that move
    std::vector<Service> services;
    std::vector<Login> logins;

    // Null when there is none of that name.
    const Site* site(std::string_view name) const;
    const Carrier* carrier(std::string_view name) const;
    const Service* service(std::string_view name) const;
    const Login* login(std::string_view name) const;
    const Gateway* gateway(std::string_view name) const;
    const Site* site_of_gateway(std::string_view name) const;
    std::string gateway_names() const;  // for a mistake: "old-gw, new-gw"

    bool moves() const { return !from.empty(); }
    // Of a move.
    const Site& old_site() const { return *site(from); }
    const Site& new_site() const { return *site(to); }
    // Where a server stands at that site; null where the inventory has no place for it there.
    const Placement* placement(const Server& server, std::string_view site) const {
        return !moves() ? nullptr : site == from ? &server.from : site == to ? &server.to : nullptr;
    }
};

// All mistakes of the file in one run: what its schema refuses, what cannot be parsed, and the
// cross-checks as far as what is right allows them.  file: the name that stands in the errors;
// under: the pointer at which the inventory stands in it.
Checked<Inventory> parse_inventory(std::string_view file, std::string_view text,
                                   std::string_view under = "");
Checked<Inventory> read_inventory(const std::string& path);

// For what works on a move: an inventory without one is refused.
Checked<Inventory> expect_move(std::string_view file, Checked<Inventory> inventory);

}  // namespace rehome
