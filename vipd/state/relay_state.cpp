#include "vipd/state/relay_state.h"

#include <algorithm>

#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"

namespace rehome::vipd {

namespace {

constexpr Micros gone_after = 3'000'000;

}  // namespace

bool Share::relays(const Endpoint& client) const {
    std::array<uint8_t, 18> bytes{};
    std::copy(client.address.bytes.begin(), client.address.bytes.end(), bytes.begin());
    store16(&bytes[16], by == ShareBy::address ? uint16_t{0} : client.port);
    return hash_bytes(bytes, HashKey::share) % 10'000 < hundredths;
}

RelayState::RelayState(const Tables& tables, std::vector<LineState> lines, Micros now)
    : lines_(std::move(lines)),
      peers_(tables.peers().size()),
      line_version_(static_cast<uint32_t>(mix(static_cast<uint64_t>(now)))),
      started_(now) {
    for (const auto& line : tables.lines()) {
        carriers_.push_back(line.carrier_id);
    }
}

void RelayState::set_line(size_t index, LineState state) {
    lines_[index] = state;
    ++line_version_;
}

bool RelayState::lines_confirmed(Micros now) const {
    for (size_t i = 0; i < peers_.size(); ++i) {
        if (peer_up(i, now) && peers_[i].last.seen_version != line_version_) {
            return false;
        }
    }
    return true;
}

void RelayState::finish_draining(Micros now) {
    if (lines_confirmed(now)) {
        std::replace(lines_.begin(), lines_.end(), LineState::draining, LineState::disabled);
    }
}

void RelayState::hear(size_t peer, const Keepalive& keepalive, Micros now) {
    // Overtaken on the way: it would take back what the peer has said since.  A peer that was away
    // may have begun anew.
    const uint32_t ahead = keepalive.sequence - peers_[peer].last.sequence;
    if (peer_up(peer, now) && static_cast<int32_t>(ahead) <= 0) {
        return;
    }
    peers_[peer].heard = now;
    peers_[peer].last = keepalive;
}

bool RelayState::peer_up(size_t peer, Micros now) const {
    return peers_[peer].heard != 0 && now - peers_[peer].heard <= keepalive_missed;
}

bool RelayState::peer_gone(size_t peer, Micros now) const {
    return now - std::max(peers_[peer].heard, started_) > gone_after;
}

bool RelayState::peer_serves(size_t peer, const Address& vip) const {
    const auto& prefixes = peers_[peer].last.prefixes;
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const Prefix& prefix) { return prefix.contains(vip); });
}

Keepalive RelayState::keepalive_for(size_t peer, const Tables& tables, uint32_t flows_here) {
    Keepalive keepalive;
    keepalive.line_version = line_version_;
    keepalive.seen_version = peers_[peer].last.line_version;
    keepalive.flows_here = flows_here;
    keepalive.sequence = ++peers_[peer].sequence;
    for (size_t i = 0; i < lines_.size(); ++i) {
        keepalive.lines.push_back({carriers_[i], lines_[i] == LineState::enabled});
    }
    for (const auto& prefix : tables.prefixes()) {
        if (tables.can_serve(prefix)) {
            keepalive.prefixes.push_back(prefix);
        }
    }
    return keepalive;
}

bool RelayState::Peer::line_usable(uint32_t carrier) const {
    return std::any_of(last.lines.begin(), last.lines.end(), [&](const Keepalive::Line& line) {
        return line.usable && line.carrier == carrier;
    });
}

std::optional<WayBack> RelayState::own_line(uint32_t carrier) const {
    for (size_t i = 0; i < lines_.size(); ++i) {
        if (carriers_[i] == carrier && lines_[i] == LineState::enabled) {
            return WayBack{WayBack::Via::line, static_cast<uint16_t>(i), carrier};
        }
    }
    return std::nullopt;
}

std::optional<WayBack> RelayState::through_peer(uint32_t carrier, Micros now) const {
    for (size_t i = 0; i < peers_.size(); ++i) {
        if (peer_up(i, now) && peers_[i].line_usable(carrier)) {
            return WayBack{WayBack::Via::tunnel, static_cast<uint16_t>(i), carrier};
        }
    }
    return std::nullopt;
}

std::optional<WayBack> RelayState::through_any_peer(Micros now) const {
    for (size_t i = 0; i < peers_.size(); ++i) {
        const auto& lines = peers_[i].last.lines;
        const bool usable = std::any_of(lines.begin(), lines.end(),
                                        [](const Keepalive::Line& line) { return line.usable; });
        if (usable && peer_up(i, now)) {
            return WayBack{WayBack::Via::tunnel, static_cast<uint16_t>(i), 0};
        }
    }
    return std::nullopt;
}

std::optional<WayBack> RelayState::way_out(const WayBack& way, bool ours, Micros now) const {
    if (way.via == WayBack::Via::tunnel) {
        const Peer& peer = peers_[way.index];
        if (peer_up(way.index, now) && (way.carrier == 0 || peer.line_usable(way.carrier))) {
            return way;
        }
        const auto line = own_line(way.carrier);
        return line ? line : through_peer(way.carrier, now);
    }
    if (lines_[way.index] == LineState::enabled) {
        return way;
    }
    if (!ours) {
        // A peer's reply never goes back through the tunnel; while the peer is being told, it
        // leaves.
        return lines_[way.index] == LineState::draining ? std::optional(way) : std::nullopt;
    }
    const auto peer = through_peer(way.carrier, now);
    return peer || lines_[way.index] == LineState::disabled ? peer : std::optional(way);
}

}  // namespace rehome::vipd
