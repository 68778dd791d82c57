// What all workers read and a reload replaces as a whole: services with their Maglev tables,
// prefixes, lines and peers, made from the configuration.  Immutable once built.
//
// Lines, peers and ports keep their numbers over a reload (a change of those needs a restart);
// services keep their id as long as VIP, protocol and port stay.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "vipd/core/config.h"
#include "vipd/core/flow.h"
#include "vipd/core/maglev.h"

namespace rehome {

struct ServiceTable {
    uint32_t id = 0;
    ServiceConfig config;
    MaglevTable maglev;  // empty: no live server

    bool has_server(const Endpoint& server) const;
};

struct TableLine {
    std::string carrier;
    uint32_t carrier_id = 0;
    uint16_t port = 0;
    Address peer;
};

struct TablePeer {
    std::string gateway;
    std::string site;
    Address tunnel;
    uint64_t name_hash = 0;  // for the rendezvous that picks a flow's home
    bool same_site = false;
};

class Tables {
public:
    static std::shared_ptr<const Tables> build(const Config& config);

    // Null when there is none.
    const ServiceTable* service(uint8_t protocol, const Endpoint& vip) const;
    const ServiceTable* service(uint32_t id) const;

    bool is_moved(const Address& address) const;  // lies in a moved prefix
    bool is_vip(const Address& address) const;    // some service has it
    bool can_serve(const Prefix& prefix) const;   // some service in it has a live server

    const std::vector<ServiceTable>& services() const { return services_; }
    const std::vector<Prefix>& prefixes() const { return prefixes_; }
    const std::vector<TableLine>& lines() const { return lines_; }
    const std::vector<TablePeer>& peers() const { return peers_; }
    const std::vector<PortRole>& ports() const { return ports_; }
    const Address& tunnel() const { return tunnel_; }
    const std::string& gateway() const { return gateway_; }
    uint64_t own_name_hash() const { return own_name_hash_; }

private:
    std::vector<ServiceTable> services_;
    std::unordered_map<uint32_t, size_t> by_id_;
    std::vector<Prefix> prefixes_;
    std::vector<TableLine> lines_;
    std::vector<TablePeer> peers_;
    std::vector<PortRole> ports_;
    Address tunnel_;
    std::string gateway_;
    uint64_t own_name_hash_ = 0;
};

// The same at every gateway and over restarts: a hash of protocol, VIP and port.
uint32_t service_id(uint8_t protocol, const Endpoint& vip);

// The server that a new flow gets: the slot of its client's address and port.  service.maglev is
// not empty.
const ServerConfig& choose_server(const ServiceTable& service, const Endpoint& client);

}  // namespace rehome
