#include "lbsync/policy/services.h"

#include <fmt/format.h>

namespace rehome::lbsync::policy {

std::string_view name(Forwarding forwarding) {
    constexpr std::string_view names[] = {"masquerade", "route", "tunnel"};
    return names[static_cast<size_t>(forwarding)];
}

std::string Server::title() const {
    return Endpoint{address, port}.text();
}

std::string VirtualService::title() const {
    if (mark) {
        return fmt::format("mark {} {}", *mark, family == Family::v4 ? "ipv4" : "ipv6");
    }
    return fmt::format("{} {}", protocol, Endpoint{vip, port}.text());
}

}  // namespace rehome::lbsync::policy
