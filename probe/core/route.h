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

struct Route {
    enum class Type { unicast, local, other } type = Type::unicast;
    std::string interface;
    std::optional<Address> next_hop;  // empty: the target is on the link
    uint32_t table = 0;
    std::string text() const;  // "dev red0 via 100.80.0.1, table main"

    bool operator==(const Route&) const = default;
};

// An error (Exit::world) when probes by this route would measure something else than the carrier.
Result<> check_route(const Binding& asked, const Address& target, const Route& found);

std::string text(const Binding& binding);  // "from 100.80.1.200, mark 7, interface red0"

}  // namespace rehome::probe
