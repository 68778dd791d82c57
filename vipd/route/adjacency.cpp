#include "vipd/route/adjacency.h"

#include <algorithm>
#include <cstring>

#include "vipd/packet/bytes.h"

namespace rehome::vipd {

namespace {

constexpr uint32_t most = 1U << 20;
constexpr uint16_t vlan_tag = 0x8100;  // IEEE 802.1Q

}  // namespace

uint32_t Adjacencies::find(const Hop& hop) {
    const auto found = numbers_.find(hop);
    if (found != numbers_.end()) {
        return found->second;
    }
    if (hop.port >= ports_.size() || all_.size() >= most) {
        return none;
    }
    Adjacency adjacency;
    adjacency.hop = hop;
    follow_port(adjacency);
    store16(&adjacency.macs[12], vlan_tag);
    store16(&adjacency.macs[14], hop.vlan);
    resolve(adjacency);
    const auto number = static_cast<uint32_t>(all_.size());
    all_.push_back(adjacency);
    numbers_.emplace(hop, number);
    return number;
}

void Adjacencies::resolve(Adjacency& adjacency) const {
    const Neighbour* neighbour = neighbours_->find(adjacency.hop);
    adjacency.usable = neighbour != nullptr && neighbour->usable;
    adjacency.failed = adjacency.failed && !adjacency.usable;
    if (adjacency.usable) {
        std::copy(neighbour->mac.begin(), neighbour->mac.end(), adjacency.macs.begin());
    }
}

void Adjacencies::follow_port(Adjacency& adjacency) const {
    const PortLink& port = ports_[adjacency.hop.port];
    adjacency.mtu = port.mtu;
    std::copy(port.mac.begin(), port.mac.end(), adjacency.macs.begin() + 6);
}

void Adjacencies::update(std::vector<PortLink> ports) {
    ports_ = std::move(ports);
    for (Adjacency& adjacency : all_) {
        follow_port(adjacency);
    }
}

void Adjacencies::update(std::shared_ptr<const Neighbours> neighbours) {
    neighbours_ = std::move(neighbours);
    for (Adjacency& adjacency : all_) {
        resolve(adjacency);
    }
}

void Adjacencies::learn_failed(const Adjacencies& from) {
    for (const Adjacency& adjacency : from.all_) {
        const uint32_t number = adjacency.failed ? find(adjacency.hop) : none;
        if (number != none) {
            fail(number);
        }
    }
}

void write_link_header(Frame& frame, uint32_t ip, const Adjacency& adjacency) {
    const bool tagged = adjacency.hop.vlan != 0;
    const bool v4 = frame.data[ip] >> 4 == 4;
    const uint32_t bytes = tagged ? ethernet_bytes + 4 : ethernet_bytes;
    if (bytes > ip) {
        frame.push_front(bytes - ip);
    } else {
        frame.pop_front(ip - bytes);
    }
    std::memcpy(frame.data, adjacency.macs.data(), tagged ? 16 : 12);
    store16(frame.data + bytes - 2, v4 ? ethertype_v4 : ethertype_v6);
}

}  // namespace rehome::vipd
