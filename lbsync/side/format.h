// In which format a file says what a side does.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rehome::lbsync::side {

enum class Format {
    iptables,    // iptables-save, with ipset save and ip6tables-save before or behind it
    ip6tables,   // the same; where no line tells the program, its tables are IPv6's
    ipvsadm,     // ipvsadm -Sn
    keepalived,  // keepalived.conf
    nft,         // rules for nft -f: nft list ruleset, or written by hand
};

std::string_view name(Format format);  // "iptables-save"
std::optional<Format> format_of(std::string_view name);
std::string format_names();  // for messages and help

// By the first lines; nothing: it looks like none of them.
std::optional<Format> recognise(std::string_view text);

}  // namespace rehome::lbsync::side
