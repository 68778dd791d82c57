// Routes and neighbours from a file, for `vipd why`: what iproute2 prints on the gateway.
//
//     { ip -json route; ip -6 -json route; ip -json neighbour; } >routes.json
//
// The file is any number of JSON lists behind one another.  An entry with a "state" is a neighbour,
// any other is a route of the main table; both are told to a port by the name of its twin ("dev"),
// or of a VLAN on it (red.20), and what is on another interface is left out as vipd leaves it out.
// Of a route with several next hops the first one counts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "vipd/route/fib.h"

namespace rehome::vipd {

struct RouteFile {
    RouteTable routes;
    Neighbours neighbours;
};

// file: the name that stands in the errors ("FILE: /LIST/ENTRY: ..."); ports: their names in order.
Checked<RouteFile> parse_route_file(std::string_view file, std::string_view text,
                                    const std::vector<std::string>& ports);

}  // namespace rehome::vipd
