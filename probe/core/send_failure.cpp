// See send_failure.h.
#include "probe/core/send_failure.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace rehome::probe {

Diagnosis diagnose(const SendFailure& failure, const Binding& binding, const Route& route) {
    if (failure.error == EPERM) {
        return {Unsent::filtered, "a packet filter of this host refuses it"};
    }
    if (failure.error == EMSGSIZE) {
        return {Unsent::too_big, too_big_text(failure.mtu, "")};
    }
    if (!failure.link_up) {
        return {Unsent::no_way_out, fmt::format("link: {} is down or gone", route.interface)};
    }
    if (!failure.source_here) {
        return {Unsent::no_way_out, fmt::format("source: {} is no address of this host any more",
                                                binding.source.text())};
    }
    if (failure.route_error) {
        return {Unsent::no_way_out, "route: " + *failure.route_error};
    }
    return {Unsent::no_room, std::strerror(failure.error)};
}

std::string too_big_text(uint32_t mtu, const std::string& by) {
    return fmt::format("larger than the way's MTU{}{}", mtu != 0 ? fmt::format(", {}", mtu) : "",
                       by.empty() ? "" : fmt::format(", as {} tells", by));
}

std::string silent_neighbour(const Route& route, const Address& target) {
    return fmt::format("neighbour: {} on {} does not answer",
                       route.next_hop.value_or(target).text(), route.interface);
}

}  // namespace rehome::probe
