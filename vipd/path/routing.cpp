#include "vipd/path/routing.h"

#include <algorithm>

namespace rehome::vipd {

Routing::Routing(std::vector<PortLink> ports) : adjacencies_(std::move(ports)) {
    via_adjacencies_.assign(1, none);
}

void Routing::take(const Tables& tables) {
    tables_ = &tables;
    lines_.assign(tables.lines().size(), none);
    for (size_t i = 0; i < lines_.size(); ++i) {
        const TableLine& line = tables.lines()[i];
        lines_[i] = adjacencies_.find({line.port, line.peer, line.vlan});
        if (lines_[i] != none) {
            adjacencies_[lines_[i]].line = static_cast<uint32_t>(i);
        }
    }
    find_lines();
}

void Routing::take(std::shared_ptr<const Fib> routes) {
    routes_ = std::move(routes);
    follow_routes();
}

void Routing::take(const std::vector<PortLink>& ports) {
    if (ports != adjacencies_.ports()) {
        adjacencies_.update(ports);
        follow_routes();
    }
}

void Routing::follow_routes() {
    v4_.clear();
    v6_.clear();
    via_adjacencies_.assign(routes_->vias() + 1, none);
    for (uint32_t i = 1; i <= routes_->vias(); ++i) {
        const Via& via = routes_->via(i);
        if (via.gateway && is_open(*via.port)) {
            via_adjacencies_[i] = adjacencies_.find({*via.port, *via.gateway, via.vlan});
        }
    }
    find_lines();
}

void Routing::take(std::shared_ptr<const Neighbours> neighbours) {
    adjacencies_.update(std::move(neighbours));
    find_lines();
}

uint32_t Routing::look_up(const Address& to) {
    const auto hop = routes_->lookup(to);
    return hop && is_open(hop->port) ? adjacencies_.find(*hop) : none;
}

bool Routing::is_open(PortIndex port) const {
    return port >= adjacencies_.ports().size() || adjacencies_.ports()[port].up;
}

std::optional<PortIndex> Routing::port_without_link(const Address& to) const {
    const auto hop = routes_->lookup(to);
    return hop && !is_open(hop->port) ? std::optional(hop->port) : std::nullopt;
}

// The inventory names a line's router by one address; a route of the other family leads to it by
// another, which is told by the router's MAC address.
uint32_t Routing::line_of(uint32_t number) const {
    const Adjacency& adjacency = adjacencies_[number];
    if (adjacency.line != no_line || !adjacency.usable) {
        return adjacency.line;
    }
    for (const uint16_t line : tables_->lines_at(adjacency.hop.port, adjacency.hop.vlan)) {
        const bool other_family =
            tables_->lines()[line].peer.family != adjacency.hop.address.family;
        if (other_family && lines_[line] != none && adjacencies_[lines_[line]].usable &&
            adjacencies_[lines_[line]].macs == adjacency.macs) {
            return line;
        }
    }
    return no_line;
}

uint32_t Routing::tells_line(uint32_t number) const {
    const Adjacency& adjacency = adjacencies_[number];
    if (adjacency.line != no_line) {
        return none;
    }
    for (const uint16_t line : tables_->lines_at(adjacency.hop.port, adjacency.hop.vlan)) {
        const bool other_family =
            tables_->lines()[line].peer.family != adjacency.hop.address.family;
        if (other_family && !adjacency.usable) {
            return number;
        }
        if (other_family && lines_[line] != none && !adjacencies_[lines_[line]].usable) {
            return lines_[line];
        }
    }
    return none;
}

std::optional<uint16_t> Routing::line_of(std::span<const uint16_t> lines,
                                         const uint8_t* mac) const {
    if (lines.size() > 1) {
        for (const uint16_t line : lines) {
            const uint32_t number = lines_[line];
            if (number != none && adjacencies_[number].usable &&
                std::equal(mac, mac + 6, adjacencies_[number].macs.begin())) {
                return line;
            }
        }
    }
    return lines.empty() ? std::nullopt : std::optional(lines.front());
}

// Lets the adjacencies to lines' routers by their other family's addresses know their lines, so
// that the fast path need not look for them.
void Routing::find_lines() {
    for (uint32_t i = 0; i < adjacencies_.size(); ++i) {
        Adjacency& adjacency = adjacencies_[i];
        if (adjacency.line != no_line &&
            (adjacency.line >= lines_.size() || lines_[adjacency.line] != i)) {
            adjacency.line = no_line;  // found by a MAC address that may be another one's now
        }
        adjacency.line = line_of(i);
    }
}

}  // namespace rehome::vipd
