// Asks the kernel which way a packet would take: RTM_GETROUTE with the source, the mark, the
// interface, the protocol and the ports that it will carry (rtnetlink(7)).
//
// libnl's rtnl_route_lookup knows neither source nor mark, so the request is built here.  The query
// needs no privilege and is bounded in time.
#pragma once

#include "probe/core/route.h"

namespace rehome::probe {

Result<Route> ask_route(const Binding& binding, const Packet& packet);

}  // namespace rehome::probe
