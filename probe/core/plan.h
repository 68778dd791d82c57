// What a run will measure, settled from the options and the inventory before anything is touched.
//
// Targets: a service's VIP and port, all services of the inventory, or an address of its own.  A
// TCP service fits icmp and tcp; a UDP service fits icmp and udp, but unless udp is asked for only
// on STAMP's port, since other software may take a test packet amiss.  ICMP is measured once a VIP.
// A vantage may have a source of each family; services of one that it has not are left out by name.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/inventory.h"
#include "probe/core/flow.h"
#include "probe/core/route.h"
#include "probe/core/schedule.h"

namespace rehome::probe {

struct Path {
    Kind kind = Kind::icmp;
    std::vector<std::string> services;  // whose VIP it is; empty: none of the inventory
    Endpoint target;                    // port 0 for icmp

    std::string target_text() const;  // "198.51.100.10" or "198.51.100.10:1883"
};

struct Plan {
    std::string carrier;
    Binding binding;
    std::optional<Address> other_source{};  // of the other family
    std::vector<Path> paths;
    std::vector<std::string> left_out{};  // services of a family that there is no source of
    uint32_t count = 0;                   // probes a path
    double rate_pps = 0;
    Nanos wait = 0;  // after that an answer is late: the probe is lost (RFC 6673)
    Sampling sampling = Sampling::periodic;
    uint64_t seed = 0;
    uint16_t size = 0;  // of a probe's IP packet, sent whole or not at all; 0: each kind's own
    uint8_t dscp = 0;
    bool authenticated = false;  // udp
    StampKey key{};              // for that; never shown, and not in a plan that was read

    // Of a probe's IP packet.
    uint16_t size_of(const Path& path) const;

    // Nothing when there is no source of that family.
    std::optional<Binding> binding_for(Family family) const;
};

// What the kernel's rules see of a probe: of a SYN, which leaves a raw socket, no ports.
Packet probe_packet(const Path& path, uint16_t source_port, uint8_t dscp);
// The same of a packet with its ports, as a connection would send it.
Packet connection_packet(const Path& path, uint16_t source_port, uint8_t dscp);

// The options of `probe run`, as given.
struct Asked {
    std::string carrier{};
    std::vector<std::string> services{};
    std::string target{};  // ADDRESS or ADDRESS:PORT; empty: services
    bool icmp = false;
    bool tcp = false;
    bool udp = false;
    int64_t count = 9000;
    double rate_pps = 150;
    int64_t wait_ms = 1000;
    std::string source{};  // empty: the vantage's
    std::optional<int64_t> mark{};
    std::string interface {};  // empty: the vantage's
    bool poisson = false;
    uint64_t seed = 0;
    std::optional<int64_t> size{};
    std::string dscp = "0";
    StampKey key{};
};

// inventory: null when none was given.  All that is wrong at once, kind Exit::usage.
Checked<Plan> make_plan(const Asked& asked, const Inventory* inventory);

}  // namespace rehome::probe
