// What `lbsync read` tells of iptables and ipset, as they printed it.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace rehome::lbsync::iptables {

struct Told {
    std::map<std::string, std::string> said;  // "iptables-nft-save" -> its dump
    std::map<std::string, std::string>
        unread;  // likewise, and why; what is not there is in neither
    bool operator==(const Told&) const = default;
};

constexpr std::string_view programs[] = {"iptables-legacy-save", "iptables-nft-save",
                                         "ip6tables-legacy-save", "ip6tables-nft-save"};
// Where there is but one backend, these have no other name.
constexpr std::string_view plain_programs[] = {"iptables-save", "ip6tables-save"};
constexpr std::string_view set_program = "ipset save";
// The kernel's own list of the legacy backend's tables.
constexpr std::string_view legacy_lists[] = {"/proc/net/ip_tables_names",
                                             "/proc/net/ip6_tables_names"};

}  // namespace rehome::lbsync::iptables
