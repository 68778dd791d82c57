// vipd's configuration ("rehome/vipd/1"): read by vipd, with every reference to the inventory
// resolved, and by lbsync, which carries a part of it to another site (carried.h).
//
// Schema: common/formats/vipd.schema.json.  The gateway's name picks, from the inventory, its
// site, its tunnel address, its lines and its peers (every other gateway); the file itself says by
// which device each port is reached, which lines are enabled and which services are served how.
// parse_config makes the cross-checks that a schema cannot, and tells all the mistakes at once.
//
// Where another thing refers to a port it does so by index into Config::ports, which is also the
// number of the port in the datapath.  A VLAN is an IEEE 802.1Q VLAN ID, 0 for untagged traffic;
// each (port, VLAN) has one role.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/address.h"
#include "common/error.h"
#include "common/inventory.h"
#include "common/vipd_config/access.h"
#include "common/vipd_config/health.h"
#include "common/vipd_config/lifetimes.h"

namespace rehome::vipd {

// How packets get in and out: "af_xdp:IF", "af_packet:IF", "pcap:RX[,TX]", and to measure
// "replay:FILE[+FILE...]" (for ever, from memory; what is sent is dropped) and "null:" (receives
// nothing, drops what is sent).
struct Device {
    enum class Driver : uint8_t { af_xdp, af_packet, pcap, replay, null } driver = Driver::af_xdp;
    std::string interface;  // af_xdp, af_packet: the kernel interface that DPDK takes over
    std::string rx_file;    // pcap: replayed once as what was received
    std::string tx_file;    // pcap: what is sent; empty: what is sent is dropped
    std::vector<std::string> replayed;  // replay: one file a queue, all its packets in the pool

    static Result<Device> parse(std::string_view text);
    std::string text() const;

    bool operator==(const Device&) const = default;
};

// What is at the other end of a port's VLAN: a carrier, the inter-site link, this site's servers,
// or nothing that vipd forwards for, whose packets are the kernel's.
enum class PortRole : uint8_t { line, link, servers, other };
std::string_view name(PortRole role);

struct PortConfig {
    std::string name;  // also the name of the TAP twin's interface
    Device device;
    // The VLANs with servers, where the file lists them; untagged traffic unless it does, if that
    // is neither a line's nor the link's.
    std::optional<std::vector<uint16_t>> server_vlans;

    bool operator==(const PortConfig&) const = default;
};

// One of this gateway's lines, as the inventory has it.  Lines may share a port and VLAN; they
// differ by their peers then.
struct LineConfig {
    std::string carrier;
    size_t port = 0;  // index into Config::ports
    InterfaceAddress address;
    Address peer;
    bool enabled = false;  // a line that is not enabled never carries a VIP as source
    uint16_t vlan = 0;     // of the port

    bool operator==(const LineConfig&) const = default;
};

// Another gateway, at the far end of the tunnel.
struct PeerConfig {
    std::string gateway;
    std::string site;
    Address tunnel;
    std::string host, socket;  // where the operator reaches it; empty: the inventory does not say

    bool operator==(const PeerConfig&) const = default;
};

struct ServerConfig {
    std::string name;
    Address address;
    uint16_t port = 0;  // 0 with Forward::tunnel: the inner packet keeps the VIP's
    uint32_t weight = 1;
    bool masked = false;  // gets no new flows, and keeps its place in the Maglev table

    Endpoint endpoint() const { return {address, port}; }
    bool operator==(const ServerConfig&) const = default;
};

// nat: the destination is rewritten, and replies come back through the gateway.  tunnel: the packet
// is encapsulated as it is, and the server replies to the client directly.
enum class Forward : uint8_t { nat, tunnel };
std::string_view name(Forward forward);

enum class Encapsulation : uint8_t { ipip, gue };  // RFC 2003 and 2473; draft-ietf-intarea-gue
std::string_view name(Encapsulation encapsulation);

struct ServiceConfig {
    std::string name;
    Address vip;
    Protocol protocol = Protocol::tcp;
    uint16_t port = 0;
    Forward forward = Forward::nat;
    Encapsulation encapsulation = Encapsulation::ipip;  // means something with tunnel alone
    std::optional<uint32_t> pool;                       // source NAT: index into Config::pools
    // At least one, of the VIP's family; with tunnel an IPv6 VIP may have IPv4 ones too.
    std::vector<ServerConfig> servers;
    std::optional<HealthConfig> health;  // nothing: as Config::health says

    bool operator==(const ServiceConfig&) const = default;
};

// Stateless 1:1 rewriting: the VIP and its server have the same bits behind their prefixes.
struct MapConfig {
    std::string name;
    Prefix vip;     // inside a prefix that moves
    Prefix server;  // of the same family and length

    bool operator==(const MapConfig&) const = default;
};

// Addresses for source NAT, all of one family.
struct PoolConfig {
    static constexpr uint64_t most_addresses = 4096;
    static constexpr uint64_t most_together = 65'536;  // of all pools: flows number them in 16 bits

    std::string name;
    std::vector<Prefix> addresses;
    uint16_t first_port = 1024, last_port = 65'535;
    // Of an address's ports towards one server, what flows may hold that are not settled.
    uint32_t half_open_percent = 25;

    uint64_t size() const;  // how many addresses; UINT64_MAX stands for that many or more
    bool operator==(const PoolConfig&) const = default;
};

struct FlowsConfig {
    uint32_t capacity = 1'048'576;  // established flows, of all workers together
    uint32_t half_open = 262'144;   // half-open ones, and as many met in mid-flow; likewise
    Lifetimes lifetimes;
    // How long a peer is lost before the idle clients of its flows are reset; 0: never.
    uint32_t idle_reset_s = 30;

    bool operator==(const FlowsConfig&) const = default;
};

// The fragments that wait for the one with the ports.
struct FragmentsConfig {
    uint32_t memory_kib = 4096;
    uint32_t wait_ms = 2000;

    bool operator==(const FragmentsConfig&) const = default;
};

// Packets a second that go up to the kernel, of all workers together, by what they are
// (vipd/path/punt.h).
struct PuntConfig {
    uint32_t arp = 2000;
    uint32_t nd = 2000;
    uint32_t bgp = 1000;
    uint32_t bfd = 5000;
    uint32_t session = 50'000;  // of each BGP or BFD session that the kernel has
    uint32_t icmp = 1000;
    uint32_t servers = 200'000;
    uint32_t check = 5'000;  // answers to health checks, from each address that is checked
    uint32_t other = 50'000;

    bool operator==(const PuntConfig&) const = default;
};

// Where the operator's orders outlive vipd.
struct OrdersConfig {
    std::string path;
    uint32_t absence_s = 900;  // after so long somebody has to confirm them; 0: nobody ever has to

    bool operator==(const OrdersConfig&) const = default;
};

// By which gateways know each other.
struct KeysConfig {
    std::string path;       // as the file gives it; empty: there are none, and the link is trusted
    bool untagged = false;  // packets without a tag are taken too

    bool operator==(const KeysConfig&) const = default;
};

struct MemoryConfig {
    uint32_t mib = 256;
    bool hugepages = false;

    bool operator==(const MemoryConfig&) const = default;
};

// Which move the gateway takes part in.  Orders belong to one, and gateways tell each other which.
struct MoveConfig {
    std::string name;  // empty: it has none
    std::string from, to;
    // Of its name and sites; of its sites and prefixes where it has no name; 0: nothing moves.
    uint64_t id = 0;

    bool exists() const { return id != 0; }
    bool operator==(const MoveConfig&) const = default;
};

// This gateway's end of every tunnel to a peer.
struct TunnelConfig {
    Address address;
    size_t port = 0;    // the link's: index into Config::ports
    uint16_t vlan = 0;  // of that port

    bool operator==(const TunnelConfig&) const = default;
};

struct Config {
    // As the file gives it: a path, or the inventory itself, as JSON.
    std::string inventory_path, inventory_here;
    std::string gateway;                 // this gateway
    std::string site;                    // the site that it stands at
    std::optional<TunnelConfig> tunnel;  // nothing: there are no peers
    // Where tunnels to servers begin, at most one of a family; without one the tunnel's serves.
    std::vector<Address> server_tunnels_from;
    std::string control;    // path of the control socket
    std::string reset_log;  // path; empty: paced resets are not logged
    OrdersConfig orders;
    KeysConfig keys;
    uint32_t workers = 1;
    uint32_t link_mbit_s = 1000;  // what the link between the sites carries, to be used in part
    MoveConfig move;
    MemoryConfig memory;
    FlowsConfig flows;
    FragmentsConfig fragments;
    PuntConfig punt_per_s;
    std::vector<Prefix> prefixes;  // that move, and that this gateway may serve
    std::vector<Prefix> networks;  // the site's own, from where no client comes but the carriers'
    std::vector<Prefix> clients;   // of all carriers
    std::vector<PortConfig> ports;
    std::vector<LineConfig> lines;  // of this gateway, in the file's order
    std::vector<PeerConfig> peers;
    std::vector<MapConfig> maps;
    std::vector<PoolConfig> pools;
    std::vector<ServiceConfig> services;
    AccessConfig access;                 // until an order says something else
    std::optional<HealthConfig> health;  // of services that say nothing of it

    bool operator==(const Config&) const = default;

    // How the service's servers are checked; null: not at all.
    const HealthConfig* health_of(const ServiceConfig& service) const;

    bool has_keys() const { return !keys.path.empty(); }
    // Whether some VLAN of the port has a role.
    bool has_vlans(size_t port) const;
    bool is_link(size_t port) const { return tunnel && tunnel->port == port; }
    // Where tunnels to servers of that family begin, if there can be any.
    std::optional<Address> server_tunnel_from(Family family) const;
    // Null when there is none of that name.
    LineConfig* line(std::string_view carrier);
    const LineConfig* line(std::string_view carrier) const;
};

// Gives the inventory at a path; parse_config calls it once, with the path that the file names, if
// it does not hold the inventory itself.
using InventoryReader = std::function<Checked<Inventory>(const std::string& path)>;

// file: the name that stands in the errors.
Checked<Config> parse_config(std::string_view file, std::string_view text,
                             const InventoryReader& inventory);

// What `vipd check` expects besides.
struct Expected {
    std::string inventory;  // path of the one to be held against; empty: the one that the file has
    std::string gateway;    // empty: whichever the file is for
};

// The same, and the file's services and servers must be the inventory's.
Checked<Config> check_config_file(std::string_view file, std::string_view text,
                                  const InventoryReader& inventory, const Expected& expected);

// What the file says by itself, of whatever site: what comes from the inventory is left empty, and
// not checked.
Checked<Config> parse_config_alone(std::string_view file, std::string_view text);

const nlohmann::json& config_schema();

// The configuration in force as a file that parse_config takes.
nlohmann::json to_json(const Config& config);

// Its entries in the order of keys in which a person writes them.  pools: those of the file.
nlohmann::ordered_json to_json(const ServiceConfig& service, const std::vector<PoolConfig>& pools);
nlohmann::ordered_json to_json(const MapConfig& map);

}  // namespace rehome::vipd
