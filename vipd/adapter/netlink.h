// The little of libnl that kernel.cpp needs: sockets, dumps, requests that are acknowledged, and
// the route and neighbour messages as values (rtnetlink(7)).
#pragma once

#include <netlink/netlink.h>

#include <functional>
#include <memory>
#include <optional>

#include "common/address.h"
#include "common/error.h"
#include "vipd/core/mac.h"

namespace rehome {

struct NetlinkDeleter {
    void operator()(nl_sock* socket) const;
};
using Netlink = std::unique_ptr<nl_sock, NetlinkDeleter>;

using NetlinkHandler = std::function<void(nlmsghdr*)>;

// For questions: whoever waits for an answer waits at most 5 s.
Result<Netlink> open_netlink();

// For notifications: non-blocking, with a large buffer, joined to routes, neighbours, links and
// addresses of both families.
Result<Netlink> open_netlink_monitor();

// Everything of one kind: RTM_GETROUTE or RTM_GETNEIGH.
Result<> dump_netlink(nl_sock& socket, int type, const NetlinkHandler& take);

// What has come in, up to a bound; overrun: notifications were lost.
enum class Received { all, more, overrun };
Result<Received> receive_netlink(nl_sock& socket, const NetlinkHandler& take);

// 0, or the negative libnl code that the kernel's answer became.
int use_neighbour(nl_sock& socket, unsigned interface, const Address& address);
int change_blackhole(nl_sock& socket, bool add, const Prefix& prefix, uint8_t protocol);

// ---- messages -----------------------------------------------------------------------------------

struct NextHop {
    unsigned interface = 0;
    std::optional<Address> gateway;  // none: on the link
};

struct RouteMessage {
    bool removed = false;
    bool appended = false;  // beside others of the same prefix and metric
    Prefix prefix;
    uint32_t metric = 0;
    uint8_t protocol = 0;
    std::vector<NextHop> next_hops;  // none: blackhole, unreachable and the like
};

// Nothing for what is no unicast forwarding in the main table (other tables, cached clones,
// local addresses, routes by type of service).
std::optional<RouteMessage> parse_route(nlmsghdr* message);

struct NeighbourMessage {
    bool removed = false;
    unsigned interface = 0;
    Address address;
    uint16_t state = 0;      // NUD_*
    std::optional<Mac> mac;  // while the state makes it usable
};

std::optional<NeighbourMessage> parse_neighbour(nlmsghdr* message);

// The interface that a link or address message is about; nothing for others.
std::optional<unsigned> parse_interface(nlmsghdr* message);

}  // namespace rehome
