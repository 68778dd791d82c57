// What `lbsync read` tells of a host besides its rule sets, as it was found there.
//
// Settings are files below /proc/sys by their path ("net/ipv4/conf/eth0/forwarding"); one that is
// not there is not listed.  What ip(8) and tc(8) printed stands by the command, its words with one
// blank between them; nothing of it is understood here.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace rehome::lbsync::outside {

struct Told {
    std::map<std::string, std::string> settings;
    std::map<std::string, std::string> said;    // "tc -j qdisc show" -> what it printed
    std::map<std::string, std::string> unread;  // a path or command -> why
    bool operator==(const Told&) const = default;
};

// What is asked everywhere, modules as a file.  Tables of routes and filters of interfaces are
// asked for by what these say (facts.h).
constexpr std::string_view rules_v4 = "ip -N -j -4 rule show";
constexpr std::string_view rules_v6 = "ip -N -j -6 rule show";
constexpr std::string_view link_list = "ip -j -d link show";
constexpr std::string_view queue_list = "tc -j qdisc show";
constexpr std::string_view module_list = "/proc/modules";

}  // namespace rehome::lbsync::outside
