// See own_host.h.
#include "probe/adapter/own_host.h"

#include <net/if.h>
#include <sys/ioctl.h>

#include "common/fd.h"
#include "common/json/file.h"
#include "probe/adapter/socket_address.h"

namespace rehome::probe {

bool link_is_up(const std::string& interface) {
    const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    return fd && ioctl(fd.get(), SIOCGIFFLAGS, &request) == 0 &&
           (request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

bool is_here(const Address& address) {
    const Fd fd(socket(family_of(address), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    SocketAddress here = to_socket({address, 0});
    return fd && bind(fd.get(), here.get(), here.size) == 0;
}

std::map<uint32_t, std::string> interface_names() {
    std::map<uint32_t, std::string> names;
    struct if_nameindex* const list = if_nameindex();
    for (auto* at = list; at != nullptr && at->if_index != 0; ++at) {
        names[at->if_index] = at->if_name;
    }
    if_freenameindex(list);
    return names;
}

HostCounters host_counters() {
    HostCounters counters;
    for (const char* file : {"/proc/net/snmp", "/proc/net/netstat", "/proc/net/snmp6"}) {
        if (const auto text = read_file(file)) {
            read_counters(*text, counters);
        }
    }
    return counters;
}

}  // namespace rehome::probe
