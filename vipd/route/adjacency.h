// Adjacencies: the ways out that a worker uses, each with the link-layer header that leads there.
//
// An adjacency is made when a packet first wants its next hop, and keeps its number.  While the
// kernel has not resolved the neighbour it is not usable, and whoever sends holds the packet
// (next_hops.h).  `used` tells which neighbours the kernel should keep resolved.  One worker's own.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "vipd/packet/packet.h"
#include "vipd/route/fib.h"

namespace rehome::vipd {

// A port as the datapath needs it.
struct PortLink {
    Mac mac{};
    uint16_t mtu = 1500;        // of an IP packet
    bool own_mac_only = false;  // what comes in for other unicast MACs is nobody's here
    bool up = true;             // its link; else it is no way out, whatever the kernel's routes say

    bool operator==(const PortLink&) const = default;
    bool takes(const uint8_t* frame) const {
        return !own_mac_only || (frame[0] & 1) != 0 || std::equal(mac.begin(), mac.end(), frame);
    }
};

struct alignas(64) Adjacency {
    std::array<uint8_t, 16> macs{};  // destination, source, and the tag where there is a VLAN
    Hop hop;
    uint32_t line = UINT32_MAX;  // index of the line whose peer it is; none: UINT32_MAX
    uint16_t mtu = 0;
    bool usable = false;
    bool used = false;    // since take_used
    bool failed = false;  // asked for in vain, since it was usable last
};

class Adjacencies {
public:
    static constexpr uint32_t none = UINT32_MAX;

    explicit Adjacencies(std::vector<PortLink> ports) : ports_(std::move(ports)) {}

    // The number of a next hop's adjacency, which is made if it must be; none: too many of them
    // (1,048,576), or the hop's port is none of ours.
    uint32_t find(const Hop& hop);

    Adjacency& operator[](uint32_t number) { return all_[number]; }
    const Adjacency& operator[](uint32_t number) const { return all_[number]; }
    void prefetch(uint32_t number) const { __builtin_prefetch(all_.data() + number); }
    uint32_t size() const { return static_cast<uint32_t>(all_.size()); }

    const std::vector<PortLink>& ports() const { return ports_; }
    const std::shared_ptr<const Neighbours>& neighbours() const { return neighbours_; }

    // Nobody has answered there for as long as packets wait.
    void fail(uint32_t number) { all_[number].failed = !all_[number].usable; }
    // Which next hops have not answered, as another one knows.
    void learn_failed(const Adjacencies& from);

    // From now on these neighbours, or ports, hold for every adjacency.  Ports keep their numbers.
    void update(std::shared_ptr<const Neighbours> neighbours);
    void update(std::vector<PortLink> ports);

private:
    void resolve(Adjacency& adjacency) const;
    void follow_port(Adjacency& adjacency) const;

    std::vector<PortLink> ports_;
    std::shared_ptr<const Neighbours> neighbours_ = std::make_shared<const Neighbours>();
    std::map<Hop, uint32_t> numbers_;
    std::vector<Adjacency> all_;
};

// Puts the adjacency's header before the IP packet at offset ip of the frame.
void write_link_header(Frame& frame, uint32_t ip, const Adjacency& adjacency);

}  // namespace rehome::vipd
