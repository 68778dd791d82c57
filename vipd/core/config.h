// vipd's configuration ("rehome/vipd/1") as vipd needs it: every reference to the inventory
// resolved.
//
// Schema: config.schema.json beside this file.  The gateway's name picks, from the inventory, its
// site, its tunnel address, its lines and its peers (every other gateway); the file itself says by
// which device each port is reached, which lines are enabled and which services are served how.
// parse_config makes the cross-checks that a schema cannot, and tells all the mistakes at once.
//
// Where another thing refers to a port it does so by index into Config::ports, which is also the
// number of the port in the datapath.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/address.h"
#include "common/error.h"
#include "common/inventory.h"

namespace rehome {

// How packets get in and out: "af_xdp:IF", "af_packet:IF" or "pcap:RX[,TX]".
struct Device {
    enum class Driver : uint8_t { af_xdp, af_packet, pcap } driver = Driver::af_xdp;
    std::string interface;  // af_xdp, af_packet: the kernel interface that DPDK takes over
    std::string rx_file;    // pcap: replayed once as what was received
    std::string tx_file;    // pcap: what is sent; empty: what is sent is dropped

    static Result<Device> parse(std::string_view text);
    std::string text() const;

    bool operator==(const Device&) const = default;
};

// What is at the other end of a port: a carrier, the inter-site link, or this site's servers.
enum class PortRole : uint8_t { line, link, servers };
std::string_view name(PortRole role);

struct PortConfig {
    std::string name;  // also the name of the TAP twin's interface
    Device device;
    PortRole role = PortRole::servers;

    bool operator==(const PortConfig&) const = default;
};

// One of this gateway's lines, as the inventory has it.
struct LineConfig {
    std::string carrier;
    size_t port = 0;  // index into Config::ports
    InterfaceAddress address;
    Address peer;
    bool enabled = false;  // a line that is not enabled never carries a VIP as source

    bool operator==(const LineConfig&) const = default;
};

// Another gateway, at the far end of the tunnel.
struct PeerConfig {
    std::string gateway;
    std::string site;
    Address tunnel;

    bool operator==(const PeerConfig&) const = default;
};

struct ServerConfig {
    std::string name;
    Address address;
    uint16_t port = 0;
    uint32_t weight = 1;

    bool operator==(const ServerConfig&) const = default;
};

struct ServiceConfig {
    enum class Forward : uint8_t { nat };

    std::string name;
    Address vip;
    Protocol protocol = Protocol::tcp;
    uint16_t port = 0;
    Forward forward = Forward::nat;
    std::vector<ServerConfig> servers;  // at least one, of the VIP's family

    bool operator==(const ServiceConfig&) const = default;
};

struct MemoryConfig {
    uint32_t mib = 256;
    bool hugepages = false;

    bool operator==(const MemoryConfig&) const = default;
};

struct Config {
    std::string inventory;  // path, as the file gives it
    std::string gateway;    // this gateway
    std::string site;       // the site that it stands at
    Address tunnel;         // this gateway's end of every tunnel
    size_t link = 0;        // the port that the tunnel uses: index into ports
    std::string control;    // path of the control socket
    std::string reset_log;  // path; empty: paced resets are not logged
    MemoryConfig memory;
    std::vector<Prefix> prefixes;  // that move, and that this gateway may serve
    std::vector<PortConfig> ports;
    std::vector<LineConfig> lines;  // of this gateway, in the file's order
    std::vector<PeerConfig> peers;
    std::vector<ServiceConfig> services;

    bool operator==(const Config&) const = default;

    // Null when there is none of that name.
    LineConfig* line(std::string_view carrier);
    const LineConfig* line(std::string_view carrier) const;
};

// Gives the inventory at a path; parse_config calls it once, with the path that the file names.
using InventoryReader = std::function<Checked<Inventory>(const std::string& path)>;

// file: the name that stands in the errors.
Checked<Config> parse_config(std::string_view file, std::string_view text,
                             const InventoryReader& inventory);

// What a running vipd cannot change without a restart: gateway, ports, memory, control socket,
// tunnel. Empty when `to` can replace `from` by a reload, else one error for each thing that
// differs.
std::vector<Error> needs_restart(const Config& from, const Config& to);

// The configuration in force as a file that parse_config takes.
nlohmann::json to_json(const Config& config);

}  // namespace rehome
