// The services in vipd's configuration ("rehome/vipd/1", a public contract), and nothing else of
// it.
//
// Only services whose VIP lies in a prefix that moves are read and written; others, and everything
// that belongs to the gateway (ports, lines, control socket, memory), stay as they are.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "lbsync/core/model.h"

namespace rehome::lbsync {

using InScope = std::function<bool(const Address& vip)>;

InScope in_prefixes(std::vector<Prefix> prefixes);

struct ServicesReading {
    std::vector<OfferedService> services;
    std::vector<Doubt> doubts;  // a service with keys that are not known here
};

// where: "netns:old-gw: /etc/vipd.json".
Checked<ServicesReading> read_services(std::string_view text, const std::string& where,
                                       const InScope& in_scope);

// The same text with its services in scope replaced.  The text must have been read before.
std::string with_services(std::string_view text, const std::vector<OfferedService>& services,
                          const InScope& in_scope);

// Equal exactly when the services are: sorted by name, one line each.
std::string canonical(const std::vector<OfferedService>& services);

}  // namespace rehome::lbsync
