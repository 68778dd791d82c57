// The fast path: most packets of a burst are plain segments and datagrams of flows that are known
// or begin here, or fall under a map.  Those are taken here, in rounds over the burst, so that the
// memory accesses of many packets overlap: look at the headers and fetch the index, find the entry
// and fetch it, compare, rewrite.
//
// Nothing is decided here.  An entry that was decided about, and on whose decision nothing has
// changed since (flow/stamps.h), is followed; the rest is judged by the same functions as the
// stages' (judge.h), and what is then not as plain as can be is left to them, packet by packet and
// in order.  Left to them is:
//
//     options, extension headers, fragments, ICMP, a TTL that ends, a VLAN, lengths that lie
//     a flow that is reset or forgotten, that a peer serves or should, that has a source NAT port
//     a line that is not enabled, a neighbour that is not resolved, what does not fit
//     what access rules drop, or have not seen; what may not begin (limits, admission)
//     a line or maps that are disabled strongly
//     of maps: a placement in force, what is for this site, a source that nobody can have
//
// A test holds the two against each other (fast_test).
#pragma once

#include <span>
#include <vector>

#include "vipd/path/context.h"

namespace rehome::vipd {

class FastPath {
public:
    explicit FastPath(size_t ports) : ports_(ports) {}

    void take(const Tables& tables);

    // At most burst_max packets that came in by one port; their verdicts, in order.
    void handle(const View& view, Hands& hands, std::span<Job> burst, PortIndex port) const;

private:
    // What there is to know of a port's untagged traffic.
    struct Untagged {
        bool plain = false;
        PortRole role = PortRole::other;
        uint16_t line = 0;
    };

    std::vector<Untagged> ports_;
};

}  // namespace rehome::vipd
