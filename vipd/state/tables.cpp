#include "vipd/state/tables.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "common/special_addresses.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/gue.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

uint64_t hash_name(const std::string& name) {
    return hash_bytes({reinterpret_cast<const uint8_t*>(name.data()), name.size()}, HashKey::home);
}

uint64_t place_key(PortIndex port, uint16_t vlan) {
    return uint64_t{port} << 16 | vlan;
}

// Whether both have the same Maglev table.
bool same_slots(const ServiceConfig& a, const ServiceConfig& b) {
    return std::equal(a.servers.begin(), a.servers.end(), b.servers.begin(), b.servers.end(),
                      [](const ServerConfig& x, const ServerConfig& y) {
                          return x.name == y.name && x.weight == y.weight && x.masked == y.masked;
                      });
}

bool same_endpoints(const ServiceConfig& a, const ServiceConfig& b) {
    return std::equal(
        a.servers.begin(), a.servers.end(), b.servers.begin(), b.servers.end(),
        [](const ServerConfig& x, const ServerConfig& y) { return x.endpoint() == y.endpoint(); });
}

bool same_maps(const std::vector<MapRule>& a, const std::vector<MapRule>& b) {
    return std::equal(
        a.begin(), a.end(), b.begin(), b.end(),
        [](const MapRule& x, const MapRule& y) { return x.vip == y.vip && x.server == y.server; });
}

bool same_pools(const std::vector<PoolTable>& a, const std::vector<PoolTable>& b) {
    return std::equal(
        a.begin(), a.end(), b.begin(), b.end(),
        [](const PoolTable& x, const PoolTable& y) { return x.addresses == y.addresses; });
}

Flow::Reach reach_of(const ServiceConfig& config) {
    if (config.forward == Forward::nat) {
        return config.pool ? Flow::Reach::source_nat : Flow::Reach::nat;
    }
    return config.encapsulation == Encapsulation::ipip ? Flow::Reach::ipip : Flow::Reach::gue;
}

// aside: null where none is.
std::shared_ptr<const MaglevTable> make_slots(const ServiceConfig& config,
                                              const std::vector<bool>* aside) {
    std::vector<MaglevServer> servers;
    servers.reserve(config.servers.size());
    for (size_t i = 0; i < config.servers.size(); ++i) {
        const ServerConfig& server = config.servers[i];
        const bool live = !server.masked && (aside == nullptr || !(*aside)[i]);
        servers.push_back({server.name, server.weight, live});
    }
    return std::make_shared<const MaglevTable>(make_maglev(servers, maglev_size(servers)));
}

std::shared_ptr<const std::vector<uint16_t>> sorted_by_endpoint(
    const std::vector<ServerConfig>& servers) {
    std::vector<uint16_t> order(servers.size());
    std::iota(order.begin(), order.end(), uint16_t{0});
    std::sort(order.begin(), order.end(), [&](uint16_t a, uint16_t b) {
        return servers[a].endpoint() < servers[b].endpoint();
    });
    return std::make_shared<const std::vector<uint16_t>>(std::move(order));
}

Prefix host_prefix(const Address& address) {
    return {address, address.bits()};
}

std::vector<Prefix> own_addresses(const Config& config) {
    std::vector<Prefix> own;
    if (config.tunnel) {
        own.push_back(host_prefix(config.tunnel->address));
    }
    for (const Address& address : config.server_tunnels_from) {
        own.push_back(host_prefix(address));
    }
    for (const auto& line : config.lines) {
        own.push_back(host_prefix(line.address.address));
    }
    return own;
}

// Of whom an address is, and what that makes of a packet from there; of prefixes in each other the
// longest says it.
struct SourceOf {
    Prefix prefix;
    std::optional<Drop> wrong;
};

std::vector<SourceOf> known_sources(const Config& config) {
    std::vector<SourceOf> known;
    const auto add = [&](const std::vector<Prefix>& prefixes, std::optional<Drop> wrong) {
        for (const Prefix& prefix : prefixes) {
            known.push_back({prefix, wrong});
        }
    };
    add(config.prefixes, Drop::forged_source);
    for (const PoolConfig& pool : config.pools) {
        add(pool.addresses, Drop::pool_source);
    }
    add(own_addresses(config), Drop::gateway_source);
    for (const PeerConfig& peer : config.peers) {
        add({host_prefix(peer.tunnel)}, Drop::gateway_source);
    }
    for (const LineConfig& line : config.lines) {
        add({host_prefix(line.peer)}, std::nullopt);
    }
    const PrefixIndex moved(config.prefixes);
    for (const Prefix& clients : config.clients) {
        if (moved.find(clients.address) == PrefixIndex::none) {
            add({clients}, std::nullopt);
        }
    }
    add(config.networks, Drop::site_source);
    return known;
}

FirstBits out_of_ordinary_v4(const Config& config) {
    FirstBits first = special::begin_v4;
    const auto add = [&](const std::vector<Prefix>& prefixes) {
        for (const Prefix& prefix : prefixes) {
            if (prefix.address.family == Family::v4) {
                first.add(load16(prefix.address.bytes.data()), prefix.length);
            }
        }
    };
    for (const SourceOf& known : known_sources(config)) {
        if (known.wrong) {
            add({known.prefix});
        }
    }
    return first;
}

// The first length bits of an address as two words of its bytes.
std::array<uint64_t, 2> mask_of(unsigned length) {
    std::array<uint8_t, 16> bytes{};
    for (unsigned i = 0; i < length; ++i) {
        bytes[i / 8] = static_cast<uint8_t>(bytes[i / 8] | 0x80U >> i % 8);
    }
    std::array<uint64_t, 2> words;
    std::memcpy(words.data(), bytes.data(), sizeof words);
    return words;
}

std::vector<Prefix> checked_addresses(const Config& config) {
    std::vector<Prefix> addresses;
    for (const ServiceConfig& service : config.services) {
        for (const ServerConfig& server : service.servers) {
            if (config.health_of(service) != nullptr) {
                addresses.push_back(host_prefix(server.address));
            }
        }
    }
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

// Appends every address of the prefix, which are few.
void append_addresses(const Prefix& prefix, std::vector<Address>& to) {
    const uint32_t count = 1U << (prefix.address.bits() - prefix.length);
    for (uint32_t i = 0; i < count; ++i) {
        Address address = prefix.address;
        uint8_t* const low = &address.bytes[address.bits() / 8 - 4];
        store32(low, load32(low) | i);
        to.push_back(address);
    }
}

}  // namespace

const ServerConfig* ServiceTable::server(const Endpoint& endpoint) const {
    const auto found = std::lower_bound(
        order->begin(), order->end(), endpoint,
        [&](uint16_t index, const Endpoint& wanted) { return servers[index].endpoint() < wanted; });
    const bool there = found != order->end() && servers[*found].endpoint() == endpoint;
    return there ? &servers[*found] : nullptr;
}

Address MapRule::to_server(const Address& vip_address) const {
    return {vip_address.family, to_server(vip_address.bytes)};
}

Address MapRule::to_vip(const Address& server_address) const {
    return {server_address.family, to_vip(server_address.bytes)};
}

SiteNumber Tables::site_number(const std::string& site) {
    const auto found = std::find(sites_.begin(), sites_.end(), site);
    const auto number = static_cast<SiteNumber>(found - sites_.begin());
    if (found == sites_.end()) {
        sites_.push_back(site);
    }
    return number;
}

std::shared_ptr<const Tables> Tables::build(const Config& config, const Tables* before) {
    auto tables = std::make_shared<Tables>();
    tables->prefixes_ = config.prefixes;
    tables->moved_ = PrefixIndex(config.prefixes);
    for (const auto& line : config.lines) {
        tables->lines_.push_back({line.carrier, carrier_id(line.carrier),
                                  static_cast<uint16_t>(line.port), line.vlan, line.peer,
                                  line.address.address});
    }
    tables->sites_ = {config.site};
    for (const auto& peer : config.peers) {
        tables->peers_.push_back({peer.gateway, peer.site, peer.tunnel, hash_name(peer.gateway),
                                  tables->site_number(peer.site), peer.site == config.site});
        tables->shares_site_ = tables->shares_site_ || peer.site == config.site;
    }
    tables->add_services(config, before);
    tables->add_maps(config, before);
    tables->add_pools(config);
    tables->add_places(config);
    tables->lifetimes_ = config.flows.lifetimes;
    tables->tunnel_ = config.tunnel ? std::optional(config.tunnel->address) : std::nullopt;
    tables->server_tunnels_from_ = {config.server_tunnel_from(Family::v4),
                                    config.server_tunnel_from(Family::v6)};
    tables->tagged_ = config.has_keys();
    tables->own_ = PrefixIndex(own_addresses(config));
    tables->checked_ = PrefixIndex(checked_addresses(config));
    tables->add_sources(config);
    tables->out_of_ordinary_ = out_of_ordinary_v4(config);
    tables->gateway_ = config.gateway;
    tables->own_name_hash_ = hash_name(config.gateway);
    if (before == nullptr) {
        tables->parts_ = std::make_shared<const PartVersions>();
    } else {
        tables->count_changes(*before);
    }
    return tables;
}

void Tables::add_sources(const Config& config) {
    for (const SourceOf& known : known_sources(config)) {
        source_prefixes_.push_back(known.prefix);
        wrong_sources_.push_back(known.wrong);
    }
    sources_ = PrefixIndex(source_prefixes_);
}

// A server that goes, from one service or with it, is a change for its flows; one that comes, is
// masked or weighs more is not.  What addresses are for concerns all.
void Tables::count_changes(const Tables& before) {
    PartVersions versions = *before.parts_;
    bool changed = false;
    const auto count = [&](uint32_t slot) { ++versions[slot], changed = true; };
    for (const ServiceTable& old : before.services_) {
        const ServiceTable* now = service(static_cast<uint8_t>(old.config->protocol),
                                          {old.config->vip, old.config->port});
        if (now != nullptr && same_endpoints(*now->config, *old.config)) {
            continue;
        }
        for (const ServerConfig& server : old.servers) {
            if (now == nullptr || !now->has_server(server.endpoint())) {
                count(part_slot(server.address));
            }
        }
    }
    if (prefixes_ != before.prefixes_ || !same_maps(maps_, before.maps_) ||
        !same_pools(pools_, before.pools_) || source_prefixes_ != before.source_prefixes_ ||
        wrong_sources_ != before.wrong_sources_) {
        for (uint32_t slot = 0; slot < part_slots; ++slot) {
            count(slot);
        }
    }
    parts_ = changed ? std::make_shared<const PartVersions>(versions) : before.parts_;
}

void Tables::add_services(const Config& config, const Tables* before) {
    uint32_t next = before == nullptr ? 0 : before->service_numbers();
    std::vector<Prefix> vips;
    services_.reserve(config.services.size());
    services_v4_ = FixedMap<uint64_t>(config.services.size());
    services_v6_ = FixedMap<WideKey>(config.services.size());
    for (const auto& service : config.services) {
        const auto index = static_cast<uint32_t>(services_.size());
        const auto protocol = static_cast<uint8_t>(service.protocol);
        const Endpoint vip{service.vip, service.port};
        const ServiceTable* old = before == nullptr ? nullptr : before->service(protocol, vip);
        const bool same =
            old != nullptr && old->aside == nullptr && same_slots(*old->config, service);
        auto kept = std::make_shared<const ServiceConfig>(service);
        ServiceTable table;
        table.number = old == nullptr ? next++ : old->number;
        table.first_server = server_numbers_;
        server_numbers_ += static_cast<uint32_t>(service.servers.size());
        for (const ServerConfig& server : service.servers) {
            servers_digest_ = mix(servers_digest_ ^ table.number);
            servers_digest_ =
                mix(servers_digest_ ^ hash_of(server.address) ^ (uint64_t{server.port} << 32));
        }
        table.reach = reach_of(service);
        table.maglev = same ? old->maglev : make_slots(service, nullptr);
        table.slots = *table.maglev;
        table.servers = kept->servers;
        table.order = sorted_by_endpoint(service.servers);
        table.config = std::move(kept);
        services_.push_back(std::move(table));
        if (vip.address.family == Family::v4) {
            services_v4_.put(service_key(protocol, vip.address.v4_host_order(), vip.port), index);
        } else {
            services_v6_.put(service_key(protocol, vip.address.bytes, vip.port), index);
        }
        vips.push_back(host_prefix(service.vip));
    }
    vips_ = PrefixIndex(vips);
    by_number_.assign(next, FixedMap<uint64_t>::none);
    for (uint32_t i = 0; i < services_.size(); ++i) {
        by_number_[services_[i].number] = i;
    }
}

void Tables::add_maps(const Config& config, const Tables* before) {
    next_map_ = before == nullptr ? 0 : before->next_map_;
    std::vector<Prefix> vips;
    std::vector<Prefix> servers;
    for (const auto& [name, vip, server] : config.maps) {
        const MapRule* old = before == nullptr ? nullptr : before->map_of_vip(vip.address);
        MapRule rule{old != nullptr && old->vip == vip ? old->number : next_map_++,
                     name,
                     vip,
                     server,
                     0,
                     0,
                     0,
                     mask_of(vip.length)};
        if (vip.address.family == Family::v4) {
            rule.vip_v4 = vip.address.v4_host_order();
            rule.server_v4 = server.address.v4_host_order();
            rule.host_mask_v4 = static_cast<uint32_t>(uint64_t{UINT32_MAX} >> vip.length);
        }
        maps_.push_back(std::move(rule));
        vips.push_back(vip);
        servers.push_back(server);
    }
    map_vips_ = PrefixIndex(vips);
    map_servers_ = PrefixIndex(servers);
}

void Tables::add_pools(const Config& config) {
    std::vector<Prefix> hosts;
    for (uint32_t i = 0; i < config.pools.size(); ++i) {
        PoolTable pool;
        pool.name = config.pools[i].name;
        pool.first_port = config.pools[i].first_port;
        pool.last_port = config.pools[i].last_port;
        pool.half_open_percent = config.pools[i].half_open_percent;
        for (const Prefix& prefix : config.pools[i].addresses) {
            pool.family = prefix.address.family;
            append_addresses(prefix, pool.addresses);
        }
        for (uint32_t k = 0; k < pool.addresses.size(); ++k) {
            hosts.push_back(host_prefix(pool.addresses[k]));
            pool_addresses_.push_back({i, k});
        }
        pools_.push_back(std::move(pool));
    }
    pool_index_ = PrefixIndex(hosts);
}

void Tables::add_places(const Config& config) {
    std::map<std::pair<PortIndex, uint16_t>, std::vector<uint16_t>> lines;
    for (size_t i = 0; i < lines_.size(); ++i) {
        lines[{lines_[i].port, lines_[i].vlan}].push_back(static_cast<uint16_t>(i));
    }
    std::map<std::pair<PortIndex, uint16_t>, Place> places;
    for (const auto& [where, indexes] : lines) {
        places[where] = {PortRole::line, static_cast<uint16_t>(line_order_.size()),
                         static_cast<uint16_t>(indexes.size())};
        line_order_.insert(line_order_.end(), indexes.begin(), indexes.end());
    }
    // What the checks of the configuration keep apart stays with the first.
    const auto add = [&](size_t port, uint16_t vlan, PortRole role) {
        places.try_emplace({static_cast<PortIndex>(port), vlan}, Place{role, 0, 0});
    };
    if (config.tunnel) {
        add(config.tunnel->port, config.tunnel->vlan, PortRole::link);
    }
    for (size_t i = 0; i < config.ports.size(); ++i) {
        for (const uint16_t vlan :
             config.ports[i].server_vlans.value_or(std::vector<uint16_t>{0})) {
            add(i, vlan, PortRole::servers);
        }
    }
    place_index_ = FixedMap<uint64_t>(places.size());
    for (const auto& [where, found] : places) {
        place_index_.put(place_key(where.first, where.second),
                         static_cast<uint32_t>(places_.size()));
        places_.push_back(found);
    }
}

const ServiceTable* Tables::service(uint8_t protocol, const Endpoint& vip) const {
    if (vip.address.family == Family::v4) {
        return service(protocol, vip.address.v4_host_order(), vip.port);
    }
    return service(protocol, vip.address.bytes, vip.port);
}

std::optional<size_t> Tables::peer_at(const Address& tunnel) const {
    const auto found = std::find_if(peers_.begin(), peers_.end(),
                                    [&](const TablePeer& peer) { return peer.tunnel == tunnel; });
    return found == peers_.end() ? std::nullopt
                                 : std::optional(static_cast<size_t>(found - peers_.begin()));
}

const Tables::Place* Tables::place(PortIndex port, uint16_t vlan) const {
    const uint32_t found = place_index_.find(place_key(port, vlan));
    return found == FixedMap<uint64_t>::none ? nullptr : &places_[found];
}

PortRole Tables::role(PortIndex port, uint16_t vlan) const {
    const Place* found = place(port, vlan);
    return found == nullptr ? PortRole::other : found->role;
}

std::shared_ptr<const Tables> Tables::with(std::shared_ptr<const Tables> tables,
                                           const SetAside& aside) {
    if (tables->aside_ == aside) {
        return tables;
    }
    auto made = std::make_shared<Tables>(*tables);
    made->aside_ = aside;
    const auto said_of = [](const SetAside& of, const ServiceTable& service) {
        const auto found = of.find(service.number);
        const bool says = found != of.end() && found->second.size() == service.servers.size();
        return says ? &found->second : nullptr;
    };
    const auto set = [&](uint32_t number) {
        if (number >= made->by_number_.size() ||
            made->by_number_[number] == FixedMap<uint64_t>::none) {
            return;
        }
        ServiceTable& service = made->services_[made->by_number_[number]];
        const std::vector<bool>* says = said_of(aside, service);
        if (says == nullptr ? service.aside == nullptr
                            : service.aside != nullptr && *service.aside == *says) {
            return;
        }
        service.aside =
            says == nullptr ? nullptr : std::make_shared<const std::vector<bool>>(*says);
        service.maglev = make_slots(*service.config, says);
        service.slots = *service.maglev;
    };
    for (const SetAside* of : {&tables->aside_, &aside}) {
        for (const auto& [number, servers] : *of) {
            set(number);
        }
    }
    return made;
}

std::span<const uint16_t> Tables::lines_at(PortIndex port, uint16_t vlan) const {
    const Place* found = place(port, vlan);
    if (found == nullptr) {
        return {};
    }
    return std::span(line_order_).subspan(found->first_line, found->line_count);
}

namespace {

uint32_t chosen(const ServiceTable& service, uint64_t high, uint64_t low, uint16_t port) {
    const uint64_t upper = hash_client(high, low, port, HashKey::maglev) >> 32;
    return service.slots[upper * service.slots.size() >> 32];
}

}  // namespace

ServerChoice choose_server(const ServiceTable& service, const Endpoint& client) {
    std::array<uint64_t, 2> words;
    std::memcpy(words.data(), client.address.bytes.data(), sizeof words);
    const uint32_t index = chosen(service, words[0], words[1], client.port);
    return {service.servers[index], index};
}

const ServerConfig& choose_server(const ServiceTable& service, uint64_t high, uint64_t low,
                                  uint16_t port) {
    return service.servers[chosen(service, high, low, port)];
}

}  // namespace rehome::vipd
