// The way that the kernel takes to a target, and whether it is the way that was asked for.
//
// The adapter asks the kernel (RTM_GETROUTE with source, mark and interface, as the probe's socket
// will); what is acceptable is decided here.  Pure.
#pragma once

#include <optional>
#include <string>

#include "common/address.h"
#include "common/error.h"

namespace rehome::probe {

// How a probe's packets are tied to a carrier.
struct Binding {
    Address source;
    uint32_t mark = 0;      // 0: none
    std::string interface;  // empty: none

    bool operator==(const Binding&) const = default;
};

// What the kernel's rules may look at in a packet besides its binding (ip-rule(8): ipproto, sport,
// dport, tos).
struct Packet {
    Address target;
    Protocol protocol = Protocol::icmp;
    uint16_t source_port = 0;  // 0: the kernel is not told, or there is none
    uint16_t target_port = 0;
    uint8_t dscp = 0;
};

struct Route {
    enum class Type { unicast, local, other } type = Type::unicast;
    std::string interface;
    std::optional<Address> next_hop;  // empty: the target is on the link
    uint32_t table = 0;
    std::string text() const;  // "dev red0 via 100.80.0.1, table main"

    bool operator==(const Route&) const = default;
};

// The kernel routes a raw packet without a look at its ports, and a connection's with it.  An error
// (Exit::world) when the two ways differ: SYNs would then measure another way than connections go.
Result<> check_connection(const Packet& connection, const Route& of_probes,
                          const Route& of_connection);

// An error (Exit::world) when probes by this route would measure something else than the carrier.
Result<> check_route(const Binding& asked, const Address& target, const Route& found);

std::string text(const Binding& binding);  // "from 100.80.1.200, mark 7, interface red0"

}  // namespace rehome::probe
