// See route_watch.h.
#include "probe/adapter/route_watch.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "probe/adapter/system_error.h"

namespace rehome::probe {

Result<RouteWatch> RouteWatch::open() {
    constexpr char where[] = "watching the routes";
    Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
    sockaddr_nl here{};
    here.nl_family = AF_NETLINK;
    if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
        return fail_system(where, "netlink socket");
    }
    for (const int group :
         {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
          RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP}) {
        if (setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
            return fail_system(where, "joining a group");
        }
    }
    return RouteWatch(std::move(fd));
}

bool RouteWatch::take() {
    constexpr int at_most = 256;  // messages a call, so that a flood holds nothing up
    std::array<char, 256> room;   // the rest of a message is cut off
    bool any = false;
    for (int i = 0; i < at_most; ++i) {
        const ssize_t size = recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
        if (size < 0 && errno != ENOBUFS && errno != EINTR) {
            break;
        }
        any = true;
    }
    return any;
}

}  // namespace rehome::probe
