// The little of libnl that kernel.cpp needs: sockets, dumps, requests that are acknowledged, and
// the link, route and neighbour messages as values (rtnetlink(7)).
#pragma once

#include <netlink/netlink.h>

#include <functional>
#include <memory>
#include <optional>

#include "common/address.h"
#include "common/error.h"
#include "vipd/packet/mac.h"

namespace rehome::vipd {

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

// Everything of one kind: RTM_GETLINK, RTM_GETROUTE or RTM_GETNEIGH.
Result<> dump_netlink(nl_sock& socket, int type, const NetlinkHandler& take);

// What has come in, up to a bound.  overrun: notifications were lost; what had come in before and
// behind the gap is gone too, so that nothing old is taken for new after a dump.
enum class Received { all, more, overrun };
Result<Received> receive_netlink(nl_sock& socket, const NetlinkHandler& take);

// 0, or the negative libnl code that the kernel's answer became.  One link, or one neighbour, by a
// question of its own (Linux 5.0): take sees it if it is there, -NLE_OBJ_NOTFOUND if not.
int ask_link(nl_sock& socket, unsigned interface, const NetlinkHandler& take);
int ask_neighbour(nl_sock& socket, unsigned interface, const Address& address,
                  const NetlinkHandler& take);
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

// An 802.1Q VLAN interface (IFLA_LINK, and IFLA_LINKINFO of kind "vlan").
struct VlanOf {
    unsigned parent = 0;  // an interface of the same network namespace
    uint16_t vlan = 0;

    bool operator==(const VlanOf&) const = default;
};

struct LinkMessage {
    bool removed = false;
    unsigned interface = 0;
    std::optional<VlanOf> vlan;  // nothing: no VLAN interface, or one over another namespace's
    bool carrier = false;        // it is set up and its link is
    uint16_t mtu = 0;
    Mac mac{};
    uint64_t unsent = 0;  // packets that it was given to send and has dropped, since it was made
};

std::optional<LinkMessage> parse_link(nlmsghdr* message);

// The interface that an address message is about; nothing for others.
std::optional<unsigned> parse_address(nlmsghdr* message);

}  // namespace rehome::vipd
