// Whose doing it is that a probe could not be sent, and what an operator has to look at.
//
// The errors of a send call are ambiguous: a queue without room and a link without a carrier both
// give ENOBUFS, and an ICMP error from afar makes a call fail like a missing route.  So the link,
// the source and the route are looked at when a call has failed, and named only when they are found
// wanting.  Pure.
#pragma once

#include <optional>
#include <string>

#include "probe/core/route.h"
#include "probe/core/series.h"

namespace rehome::probe {

// How things stand right after the call failed.
struct SendFailure {
    int error = 0;  // errno
    bool link_up = true;
    bool source_here = true;
    uint32_t mtu = 0;                          // of the way; 0: not known
    std::optional<std::string> route_error{};  // why the kernel has no route; empty: it has one
};

struct Diagnosis {
    Unsent how = Unsent::no_room;
    std::string why;
};

Diagnosis diagnose(const SendFailure& failure, const Binding& binding, const Route& route);

// by: who dropped it; empty: this host.
std::string too_big_text(uint32_t mtu, const std::string& by);

// Of packets that the kernel took and gave up because the next hop does not answer.
std::string silent_neighbour(const Route& route, const Address& target);

}  // namespace rehome::probe
