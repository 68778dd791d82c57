// Asks the kernel which way a packet would take: RTM_GETROUTE with the source, the mark and the
// interface that the probe's socket will carry (rtnetlink(7)).
//
// libnl's rtnl_route_lookup knows neither source nor mark, so the request is built here.  The query
// needs no privilege and is bounded in time.
#pragma once

#include "probe/core/route.h"

namespace rehome::probe {

Result<Route> ask_route(const Binding& binding, const Address& target);

}  // namespace rehome::probe
