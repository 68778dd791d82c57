// What all workers read and a reload replaces as a whole: services with their Maglev tables, maps,
// pools, prefixes, lines and peers, made from the configuration.  Immutable once built; lookups
// allocate nothing and take the same time however much there is.
//
// Lines, peers and ports keep their numbers over a reload (a change of those needs a restart), and
// so do pools.  Services and maps have numbers that are small, stay as long as VIP, protocol and
// port (a map: its VIPs) stay, and are never given to another while the process lives: entries of
// flows hold them, and workers count by them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/first_bits.h"
#include "common/fixed_map.h"
#include "common/prefix_index.h"
#include "common/vipd_config/config.h"
#include "vipd/flow/flow.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/drop.h"
#include "vipd/placement/shares.h"
#include "vipd/route/fib.h"
#include "vipd/state/maglev.h"
#include "vipd/state/parts.h"

namespace rehome::vipd {

struct ServiceTable {
    uint32_t number = 0;
    uint32_t first_server = 0;  // the servers' numbers, among all of this configuration's
    Flow::Reach reach = Flow::Reach::nat;         // of its servers
    std::span<const uint16_t> slots;              // to indexes of servers; empty: no live server
    std::span<const ServerConfig> servers;        // the configuration's
    std::shared_ptr<const ServiceConfig> config;  // not null
    std::shared_ptr<const MaglevTable> maglev;    // not null; holds the slots
    std::shared_ptr<const std::vector<uint16_t>> order;  // not null; of servers, by endpoint
    std::shared_ptr<const std::vector<bool>> aside;      // as SetAside has it; null: none is

    bool has_live_server() const { return !slots.empty(); }
    bool takes_new_flows(size_t server) const {
        return !servers[server].masked && (aside == nullptr || !(*aside)[server]);
    }
    // Null when there is none; one that takes no new flows is there.  Port 0 with Forward::tunnel.
    const ServerConfig* server(const Endpoint& endpoint) const;
    bool has_server(const Endpoint& endpoint) const { return server(endpoint) != nullptr; }
    // Of one of its own.
    size_t index_of(const ServerConfig& server) const {
        return static_cast<size_t>(&server - servers.data());
    }
};

// Servers that take no new flows for now, whatever the configuration says, and keep those that they
// have: by the services' numbers, in the order of their servers; true: set aside.
using SetAside = std::map<uint32_t, std::vector<bool>>;

// A prefix of VIPs and the prefix of their servers.
struct MapRule {
    uint32_t number = 0;
    std::string name;
    Prefix vip;
    Prefix server;
    uint32_t vip_v4 = 0;  // the networks, in host order, and the bits that are kept; IPv4 only
    uint32_t server_v4 = 0;
    uint32_t host_mask_v4 = 0;

    std::array<uint64_t, 2> mask{};  // of the prefixes, as two words of an address's bytes

    // The counterpart; the address lies in the other prefix.
    Address to_server(const Address& vip_address) const;
    Address to_vip(const Address& server_address) const;
    uint32_t to_server(uint32_t address) const { return server_v4 | (address & host_mask_v4); }
    uint32_t to_vip(uint32_t address) const { return vip_v4 | (address & host_mask_v4); }
    std::array<uint8_t, 16> to_server(const std::array<uint8_t, 16>& address) const {
        return with_prefix(server, address);
    }
    std::array<uint8_t, 16> to_vip(const std::array<uint8_t, 16>& address) const {
        return with_prefix(vip, address);
    }

private:
    // The address with its first bits replaced by those of the prefix: whole words, since bytes
    // written one by one would have to be waited for when they are read as words again.
    std::array<uint8_t, 16> with_prefix(const Prefix& prefix,
                                        const std::array<uint8_t, 16>& address) const {
        std::array<uint64_t, 2> words, first;
        std::memcpy(words.data(), address.data(), sizeof words);
        std::memcpy(first.data(), prefix.address.bytes.data(), sizeof first);
        words = {first[0] | (words[0] & ~mask[0]), first[1] | (words[1] & ~mask[1])};
        std::array<uint8_t, 16> made;
        std::memcpy(made.data(), words.data(), sizeof words);
        return made;
    }
};

struct PoolTable {
    std::string name;
    Family family = Family::v4;
    std::vector<Address> addresses;  // at most PoolConfig::most_addresses
    uint16_t first_port = 1024, last_port = 65'535;
    uint32_t half_open_percent = 25;
};

struct PoolAddress {
    uint32_t pool = 0;   // index into Tables::pools
    uint32_t index = 0;  // into its addresses

    bool operator==(const PoolAddress&) const = default;
};

struct TableLine {
    std::string carrier;
    uint32_t carrier_id = 0;
    uint16_t port = 0;
    uint16_t vlan = 0;  // 0: untagged
    Address peer;
    Address own;  // this gateway's on the line
};

struct TablePeer {
    std::string gateway;
    std::string site;
    Address tunnel;
    uint64_t name_hash = 0;  // for the rendezvous that picks a flow's home
    SiteNumber site_number = 0;
    bool same_site = false;
};

class Tables {
public:
    // before: the tables that these will replace, from which services take their numbers, and
    // their Maglev tables where the servers are the same.  Without, numbers count from 0.
    static std::shared_ptr<const Tables> build(const Config& config,
                                               const Tables* before = nullptr);
    // The same with these servers set aside and no others: only the slots of services of which
    // that says something else are made again.  Entries for numbers that no service has, or of
    // another count of servers, say nothing.
    static std::shared_ptr<const Tables> with(std::shared_ptr<const Tables> tables,
                                              const SetAside& aside);
    const SetAside& aside() const { return aside_; }

    // Null when there is none.
    const ServiceTable* service(uint8_t protocol, const Endpoint& vip) const;
    // The same of an address as entries of flows hold it.
    const ServiceTable* service(uint8_t protocol, uint32_t vip, uint16_t port) const {
        return service_at(services_v4_.find(service_key(protocol, vip, port)));
    }
    const ServiceTable* service(uint8_t protocol, const std::array<uint8_t, 16>& vip,
                                uint16_t port) const {
        return service_at(services_v6_.find(service_key(protocol, vip, port)));
    }
    const ServiceTable* service_by_number(uint32_t number) const {
        return number < by_number_.size() ? service_at(by_number_[number]) : nullptr;
    }
    // Numbers of services, and of maps, are below these.
    uint32_t service_numbers() const { return static_cast<uint32_t>(by_number_.size()); }
    uint32_t map_numbers() const { return next_map_; }
    // Numbers of servers are below this, and mean the same ones where the digest is the same.
    uint32_t server_numbers() const { return server_numbers_; }
    uint64_t servers_digest() const { return servers_digest_; }

    // Addresses in these are an Address, or as entries of flows hold them: IPv4 in host order, IPv6
    // as its bytes.

    // Lies in a moved prefix.
    template <typename A>
    bool is_moved(const A& address) const {
        return moved_.find(address) != PrefixIndex::none;
    }
    // Some service has it; a map's are not meant.
    template <typename A>
    bool is_vip(const A& address) const {
        return vips_.find(address) != PrefixIndex::none;
    }
    // Some service's server that is checked has it.
    bool is_checked(const Address& address) const {
        return checked_.find(address) != PrefixIndex::none;
    }
    // This gateway's, on a line or of the tunnel.
    template <typename A>
    bool is_own(const A& address) const {
        return own_.find(address) != PrefixIndex::none;
    }
    // The index in prefixes() of the one that an address lies in; nothing: of none.
    std::optional<size_t> prefix_of(const Address& address) const {
        const uint32_t found = moved_.find(address);
        return found == PrefixIndex::none ? std::nullopt : std::optional<size_t>(found);
    }

    // The map whose VIPs, or whose servers, the address is one of; null: none.
    template <typename A>
    [[gnu::always_inline]] const MapRule* map_of_vip(const A& address) const {
        return map_at(map_vips_.find(address));
    }
    template <typename A>
    [[gnu::always_inline]] const MapRule* map_of_server(const A& address) const {
        return map_at(map_servers_.find(address));
    }

    // Nothing: of no pool.
    template <typename A>
    std::optional<PoolAddress> pool_address(const A& address) const {
        const uint32_t found = pool_index_.find(address);
        return found == PrefixIndex::none ? std::nullopt : std::optional(pool_addresses_[found]);
    }

    // Why no client has the address: it is a VIP's, a pool's, a gateway's or the site's own;
    // nothing: some client may.  What is special (common/special_addresses.h) is not looked at.
    template <typename A>
    std::optional<Drop> wrong_source(const A& address) const {
        const uint32_t found = sources_.find(address);
        return found == PrefixIndex::none ? std::nullopt : wrong_sources_[found];
    }
    // True: the address is neither moved, nor special, a gateway's, a pool's or the site's.  False
    // says nothing: it goes by how an IPv4 address begins, and IPv6 addresses all begin alike.
    bool ordinary(uint32_t address) const {
        return !out_of_ordinary_.some(static_cast<uint16_t>(address >> 16));
    }
    bool ordinary(const std::array<uint8_t, 16>&) const { return false; }
    bool ordinary(const Address& address) const {
        return address.family == Family::v4 && ordinary(address.v4_host_order());
    }

    // vlan: 0 for untagged traffic.
    PortRole role(PortIndex port, uint16_t vlan) const;
    // Indexes into lines(): several where lines share a VLAN, told apart by who sends there.
    std::span<const uint16_t> lines_at(PortIndex port, uint16_t vlan) const;

    const std::vector<ServiceTable>& services() const { return services_; }
    const std::vector<MapRule>& maps() const { return maps_; }
    const std::vector<PoolTable>& pools() const { return pools_; }
    const std::vector<Prefix>& prefixes() const { return prefixes_; }
    const std::vector<TableLine>& lines() const { return lines_; }
    const std::vector<TablePeer>& peers() const { return peers_; }
    // This gateway's own, then the others as their first peers come: they keep their numbers.
    const std::vector<std::string>& sites() const { return sites_; }
    // The peer with that tunnel address; nothing: there is none.
    std::optional<size_t> peer_at(const Address& tunnel) const;
    // Some peer is a gateway of this site too.
    bool shares_site() const { return shares_site_; }
    const Lifetimes& lifetimes() const { return lifetimes_; }
    // This gateway's end of the tunnels to peers; nothing: there are no peers.
    const std::optional<Address>& tunnel() const { return tunnel_; }
    // Where tunnels to servers of that family begin; nothing: there are no such tunnels.
    const std::optional<Address>& server_tunnel_from(Family family) const {
        return server_tunnels_from_[family == Family::v6];
    }
    // There are keys: the tunnel has to carry tags.
    bool tagged() const { return tagged_; }
    const std::string& gateway() const { return gateway_; }
    uint64_t own_name_hash() const { return own_name_hash_; }
    // What decisions about flows depend on; the same object as long as nothing of it changes.
    const std::shared_ptr<const PartVersions>& parts() const { return parts_; }

private:
    // A VLAN of a port that has a role.
    struct Place {
        PortRole role = PortRole::other;
        uint16_t first_line = 0;  // in line_order_
        uint16_t line_count = 0;
    };

    SiteNumber site_number(const std::string& site);
    void add_services(const Config& config, const Tables* before);
    void add_maps(const Config& config, const Tables* before);
    void add_pools(const Config& config);
    void add_places(const Config& config);
    void add_sources(const Config& config);
    void count_changes(const Tables& before);

    static uint64_t service_key(uint8_t protocol, uint32_t vip, uint16_t port) {
        return uint64_t{vip} << 32 | uint32_t{port} << 16 | uint32_t{protocol};
    }
    static WideKey service_key(uint8_t protocol, const std::array<uint8_t, 16>& vip,
                               uint16_t port) {
        return {load64(vip.data()), load64(vip.data() + 8), uint32_t{port} << 16 | protocol};
    }
    const ServiceTable* service_at(uint32_t index) const {
        return index == FixedMap<uint64_t>::none ? nullptr : &services_[index];
    }
    const MapRule* map_at(uint32_t index) const {
        return index == PrefixIndex::none ? nullptr : &maps_[index];
    }
    const Place* place(PortIndex port, uint16_t vlan) const;

    std::vector<ServiceTable> services_;
    FixedMap<uint64_t> services_v4_;
    FixedMap<WideKey> services_v6_;
    std::vector<uint32_t> by_number_;  // to indexes of services_
    uint32_t server_numbers_ = 0;
    uint64_t servers_digest_ = 0;
    PrefixIndex moved_;
    PrefixIndex vips_;
    PrefixIndex own_;
    PrefixIndex checked_;
    FirstBits out_of_ordinary_;  // of IPv4
    std::vector<MapRule> maps_;
    PrefixIndex map_vips_;
    PrefixIndex map_servers_;
    uint32_t next_map_ = 0;
    std::vector<PoolTable> pools_;
    PrefixIndex pool_index_;
    std::vector<Prefix> source_prefixes_;  // of whom anything is known as a source
    std::vector<std::optional<Drop>> wrong_sources_;
    PrefixIndex sources_;
    std::vector<PoolAddress> pool_addresses_;
    FixedMap<uint64_t> place_index_;
    std::vector<Place> places_;
    std::vector<uint16_t> line_order_;
    std::vector<Prefix> prefixes_;
    std::vector<TableLine> lines_;
    std::vector<TablePeer> peers_;
    std::vector<std::string> sites_;
    bool shares_site_ = false;
    Lifetimes lifetimes_;
    std::optional<Address> tunnel_;
    std::array<std::optional<Address>, 2> server_tunnels_from_;  // by family
    bool tagged_ = false;
    std::string gateway_;
    uint64_t own_name_hash_ = 0;
    std::shared_ptr<const PartVersions> parts_;
    SetAside aside_;
};

struct ServerChoice {
    const ServerConfig& server;
    uint32_t index = 0;  // into service.servers
};

// The server that a new flow gets: the slot of its client's address and port.  The service has a
// live server.
ServerChoice choose_server(const ServiceTable& service, const Endpoint& client);
// The same for an address as the two words that its bytes are (IPv4: four, then zeros).
const ServerConfig& choose_server(const ServiceTable& service, uint64_t high, uint64_t low,
                                  uint16_t port);

}  // namespace rehome::vipd
