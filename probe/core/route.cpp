// See route.h.
#include "probe/core/route.h"

#include <fmt/format.h>

namespace rehome::probe {

std::string Route::text() const {
    constexpr uint32_t main_table = 254;
    return fmt::format("dev {} {}, table {}", interface,
                       next_hop ? "via " + next_hop->text() : "on the link",
                       table == main_table ? "main" : std::to_string(table));
}

std::string text(const Binding& binding) {
    std::string words = "from " + binding.source.text();
    if (binding.mark != 0) {
        words += fmt::format(", mark {}", binding.mark);
    }
    if (!binding.interface.empty()) {
        words += ", interface " + binding.interface;
    }
    return words;
}

Result<> check_connection(const Packet& connection, const Route& of_probes,
                          const Route& of_connection) {
    if (of_connection == of_probes) {
        return {};
    }
    return fail(
        Exit::world,
        fmt::format("route to {}", Endpoint{connection.target, connection.target_port}.text()),
        fmt::format("a connection from port {} goes {}, and a SYN probe {}, as a rule looks "
                    "at ports; expected one way: give --interface or --mark",
                    connection.source_port, of_connection.text(), of_probes.text()));
}

Result<> check_route(const Binding& asked, const Address& target, const Route& found) {
    const std::string where = "route to " + target.text() + " " + text(asked);
    if (found.type == Route::Type::local) {
        return fail(Exit::world, where,
                    "the target is an address of this host, expected one beyond the carrier");
    }
    if (found.type != Route::Type::unicast || found.interface.empty()) {
        return fail(Exit::world, where,
                    "the kernel has no unicast route, expected one by the carrier");
    }
    if (!asked.interface.empty() && found.interface != asked.interface) {
        return fail(Exit::world, where,
                    fmt::format("the kernel takes {}, expected interface {}", found.text(),
                                asked.interface));
    }
    return {};
}

}  // namespace rehome::probe
