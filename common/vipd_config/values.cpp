// What the configuration's values say of themselves.  Apart from how they are read, so that who has
// them needs no JSON.
#include <fmt/format.h>
#include <algorithm>

#include "common/vipd_config/config.h"

namespace rehome::vipd {

std::string Device::text() const {
    switch (driver) {
        case Driver::af_xdp:
            return "af_xdp:" + interface;
        case Driver::af_packet:
            return "af_packet:" + interface;
        case Driver::replay:
            return fmt::format("replay:{}", fmt::join(replayed, "+"));
        case Driver::null:
            return "null:";
        case Driver::pcap:
            break;
    }
    return "pcap:" + rx_file + (tx_file.empty() ? "" : ",") + tx_file;
}

std::string_view name(PortRole role) {
    switch (role) {
        case PortRole::line:
            return "line";
        case PortRole::link:
            return "link";
        case PortRole::servers:
            return "servers";
        case PortRole::other:
            break;
    }
    return "other";
}

std::string_view name(Forward forward) {
    return forward == Forward::tunnel ? "tunnel" : "nat";
}

std::string_view name(Encapsulation encapsulation) {
    return encapsulation == Encapsulation::gue ? "gue" : "ipip";
}

uint64_t PoolConfig::size() const {
    uint64_t all = 0;
    for (const Prefix& prefix : addresses) {
        const unsigned bits = prefix.address.bits() - prefix.length;
        const uint64_t here = bits < 32 ? uint64_t{1} << bits : UINT64_MAX;
        all = here > UINT64_MAX - all ? UINT64_MAX : all + here;
    }
    return all;
}

const HealthConfig* Config::health_of(const ServiceConfig& service) const {
    const auto& said = service.health ? service.health : health;
    return said && said->kind != HealthConfig::Kind::none ? &*said : nullptr;
}

bool Config::has_vlans(size_t port) const {
    const auto tagged = [](uint16_t vlan) { return vlan != 0; };
    const auto& of_servers = ports[port].server_vlans;
    return (is_link(port) && tagged(tunnel->vlan)) ||
           std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.port == port && tagged(line.vlan); }) ||
           (of_servers && std::any_of(of_servers->begin(), of_servers->end(), tagged));
}

std::optional<Address> Config::server_tunnel_from(Family family) const {
    for (const Address& address : server_tunnels_from) {
        if (address.family == family) {
            return address;
        }
    }
    return tunnel && tunnel->address.family == family ? std::optional(tunnel->address)
                                                      : std::nullopt;
}

LineConfig* Config::line(std::string_view carrier) {
    const auto found = std::find_if(lines.begin(), lines.end(), [&](const LineConfig& line) {
        return line.carrier == carrier;
    });
    return found == lines.end() ? nullptr : &*found;
}

const LineConfig* Config::line(std::string_view carrier) const {
    return const_cast<Config*>(this)->line(carrier);
}

}  // namespace rehome::vipd
