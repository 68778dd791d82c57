#include "vipd/watch/way_in.h"

#include <fmt/core.h>

#include <vector>

#include "vipd/path/classify.h"

namespace rehome::vipd {

namespace {

// What it is, coming in there; a packet that names a VLAN is in no other.
Classified at(const Tables& tables, TextPacket packet, PortIndex port, uint16_t vlan) {
    if (!packet.vlan && vlan != 0) {
        packet.vlan = vlan;
    }
    return classify(frame_of(packet), port, tables);
}

std::optional<WayIn> by_route(const Tables& tables, const Senders& senders,
                              const TextPacket& packet) {
    const auto parsed = parse_packet(packet.ip, 0);
    const auto hop = parsed ? senders.routes.lookup(parsed->source) : std::nullopt;
    if (!hop || (packet.vlan && *packet.vlan != hop->vlan)) {
        return std::nullopt;
    }
    const auto what = at(tables, packet, hop->port, hop->vlan);
    if (what.role == PortRole::other) {
        return std::nullopt;
    }
    WayIn way{hop->port};
    if (hop->vlan != 0) {
        way.vlan = hop->vlan;
    }
    if (const auto* neighbour = senders.neighbours.find(*hop); neighbour && neighbour->usable) {
        way.from = neighbour->mac;
    }
    return way;
}

std::vector<WayIn> all_ways(const Config& config) {
    std::vector<WayIn> ways;
    for (const LineConfig& line : config.lines) {
        ways.push_back({static_cast<PortIndex>(line.port), line.vlan});
    }
    if (config.tunnel) {
        ways.push_back({static_cast<PortIndex>(config.tunnel->port), config.tunnel->vlan});
    }
    for (size_t i = 0; i < config.ports.size(); ++i) {
        for (const uint16_t vlan :
             config.ports[i].server_vlans.value_or(std::vector<uint16_t>{0})) {
            ways.push_back({static_cast<PortIndex>(i), vlan});
        }
    }
    return ways;
}

WayIn likely(const Config& config, const Tables& tables, const TextPacket& packet) {
    const auto untagged_is_none = [&](WayIn way) {
        way.vlan = packet.vlan ? packet.vlan : *way.vlan == 0 ? std::nullopt : way.vlan;
        return way;
    };
    for (const PortRole role : {PortRole::line, PortRole::link, PortRole::servers}) {
        for (const WayIn& way : all_ways(config)) {
            const auto what = at(tables, packet, way.port, *way.vlan);
            if (what.role == role && what.kind != Classified::Kind::kernel) {
                return untagged_is_none(way);
            }
        }
    }
    return {static_cast<PortIndex>(config.lines.empty() ? 0 : config.lines[0].port), packet.vlan};
}

}  // namespace

Result<PortIndex> port_named(const Config& config, const std::string& name) {
    std::string names;
    for (size_t i = 0; i < config.ports.size(); ++i) {
        if (config.ports[i].name == name) {
            return static_cast<PortIndex>(i);
        }
        names += (i == 0 ? "" : ", ") + config.ports[i].name;
    }
    return fail(Exit::usage, "",
                fmt::format("{} is no port, expected one of {}", in_quotes(name), names));
}

Result<WayIn> way_in(const Config& config, const Tables& tables, const Senders& senders,
                     const std::string& name, const TextPacket& packet) {
    if (!name.empty()) {
        const auto port = port_named(config, name);
        return port ? Result<WayIn>(WayIn{*port, packet.vlan}) : tl::unexpected(port.error());
    }
    const auto routed = by_route(tables, senders, packet);
    return routed ? *routed : likely(config, tables, packet);
}

}  // namespace rehome::vipd
