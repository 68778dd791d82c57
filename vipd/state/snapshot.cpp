#include "vipd/state/snapshot.h"

#include <algorithm>

namespace rehome::vipd {

std::string_view name(LineState state) {
    switch (state) {
        case LineState::disabled:
            return "disabled";
        case LineState::draining:
            return "draining";
        case LineState::down:
            return "down";
        case LineState::enabled:
            return "enabled";
    }
    return "";
}

bool Snapshot::Peer::has_line(uint32_t carrier) const {
    return std::find(carriers.begin(), carriers.end(), carrier) != carriers.end();
}

bool Snapshot::peer_serves(size_t peer, const Address& vip) const {
    const auto& theirs = peers[peer].prefixes;
    return std::any_of(theirs.begin(), theirs.end(),
                       [&](const Prefix& prefix) { return prefix.contains(vip); });
}

bool Snapshot::is_down(const ServiceTable& service, const Endpoint& server) const {
    const ServerConfig* found = health == nullptr ? nullptr : service.server(server);
    if (found == nullptr || service.aside == nullptr) {
        return false;
    }
    const auto index = static_cast<size_t>(found - service.servers.data());
    const EndpointHealth* seen = health->of(service.config->name, index);
    return seen != nullptr && seen->down() && (*service.aside)[index];
}

bool Snapshot::refuses(const ServiceTable& service) const {
    const HealthConfig* how = health == nullptr || service.has_live_server()
                                  ? nullptr
                                  : config->health_of(*service.config);
    if (how == nullptr || how->all_down != HealthConfig::AllDown::refuse) {
        return false;
    }
    const auto seen = health->services.find(service.config->name);
    return seen != health->services.end() &&
           std::any_of(seen->second.begin(), seen->second.end(),
                       [](const EndpointHealth& server) { return server.down(); });
}

Keepalive Snapshot::keepalive_for(size_t peer) const {
    Keepalive keepalive;
    keepalive.line_version = line_version;
    keepalive.seen_version = peers[peer].seen_version;
    for (size_t i = 0; i < lines.size(); ++i) {
        keepalive.lines.push_back({carriers[i], lines[i] == LineState::enabled});
    }
    keepalive.prefixes = served->prefixes();
    keepalive.move = holds_routes ? config->move.id : 0;
    keepalive.hears_you = peers[peer].heard;
    keepalive.has_keys = peers[peer].keys != nullptr;
    keepalive.answers = Answers::both;
    keepalive.copies = true;
    keepalive.link_mtu = peers[peer].link_mtu;
    keepalive.hears_flows = true;
    const auto& held = peers[peer].services;
    keepalive.placement = placement->digest();
    keepalive.access = access_digest;
    keepalive.sites = disabled->sites_digest();
    keepalive.services = {served->ready()->digest(), held ? held->digest() : 0};
    return keepalive;
}

bool Snapshot::tells_the_same(const Snapshot& other) const {
    const auto seen = [](const Peer& a, const Peer& b) {
        const bool same_keys = a.keys == nullptr || b.keys == nullptr
                                   ? a.keys == b.keys
                                   : a.keys->says == b.keys->says &&
                                         a.keys->sign.has_value() == b.keys->sign.has_value();
        return a.seen_version == b.seen_version && a.heard == b.heard && a.link_mtu == b.link_mtu &&
               a.services == b.services && same_keys;
    };
    return line_version == other.line_version && placement->digest() == other.placement->digest() &&
           access_digest == other.access_digest &&
           disabled->sites_digest() == other.disabled->sites_digest() &&
           served->prefixes() == other.served->prefixes() &&
           served->ready()->digest() == other.served->ready()->digest() &&
           holds_routes == other.holds_routes && config->move == other.config->move &&
           std::equal(peers.begin(), peers.end(), other.peers.begin(), other.peers.end(), seen);
}

bool Snapshot::is_last(size_t line) const {
    if (line >= lines.size() || lines[line] == LineState::disabled ||
        lines[line] == LineState::down) {
        return false;
    }
    for (size_t i = 0; i < lines.size(); ++i) {
        if (i != line && carriers[i] == carriers[line] && lines[i] == LineState::enabled) {
            return false;
        }
    }
    return !through_peer(carriers[line]);
}

std::optional<WayBack> Snapshot::own_line(uint32_t carrier) const {
    for (size_t i = 0; i < lines.size(); ++i) {
        if (carriers[i] == carrier && lines[i] == LineState::enabled) {
            return WayBack{WayBack::Via::line, static_cast<uint16_t>(i), carrier};
        }
    }
    return std::nullopt;
}

std::optional<WayBack> Snapshot::through_peer(uint32_t carrier) const {
    for (size_t i = 0; i < peers.size(); ++i) {
        if (peers[i].up && peers[i].has_line(carrier)) {
            return WayBack{WayBack::Via::tunnel, static_cast<uint16_t>(i), carrier};
        }
    }
    return std::nullopt;
}

std::optional<WayBack> Snapshot::through_any_peer() const {
    for (size_t i = 0; i < peers.size(); ++i) {
        if (peers[i].up && !peers[i].carriers.empty()) {
            return WayBack{WayBack::Via::tunnel, static_cast<uint16_t>(i), 0};
        }
    }
    return std::nullopt;
}

std::optional<WayBack> Snapshot::way_out(const WayBack& way, bool ours) const {
    if (way.via == WayBack::Via::tunnel) {
        const Peer& peer = peers[way.index];
        if (peer.up && (way.carrier == 0 || peer.has_line(way.carrier))) {
            return way;
        }
        const auto line = own_line(way.carrier);
        return line ? line : through_peer(way.carrier);
    }
    if (lines[way.index] == LineState::enabled) {
        return way;
    }
    if (!ours) {
        // A peer's reply never goes back through the tunnel; while the peer is being told, it
        // leaves.
        return lines[way.index] == LineState::draining ? std::optional(way) : std::nullopt;
    }
    const auto peer = through_peer(way.carrier);
    return peer || lines[way.index] != LineState::draining ? peer : std::optional(way);
}

}  // namespace rehome::vipd
