// What a host's interfaces are called at the other site.
#pragma once

#include <map>
#include <string>

#include <tl/expected.hpp>

namespace rehome::lbsync {

// Old name -> new name, each pair once.  Where lines share ports at one site and not at the other,
// a name has several counterparts, or is the counterpart of several.
using Interfaces = std::multimap<std::string, std::string>;

void add_once(Interfaces& interfaces, const std::string& from, const std::string& to);

// The counterpart of a name, which may end in "*"; a VLAN's ("PORT.7") goes with its port.
// Refused, in words, is a name with two counterparts, and one of two with the same.
tl::expected<std::string, std::string> map_interface(const Interfaces& interfaces,
                                                     const std::string& name);

// The port of "PORT.7", a VLAN's interface; empty: it is none.
std::string port_of(const std::string& name);

// The VLAN of "PORT.7"; 0: it is none.
unsigned vlan_of(const std::string& name);

}  // namespace rehome::lbsync
