// See own_host.h.
#include "probe/adapter/own_host.h"

#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include <array>
#include <cstddef>

#include "common/fd.h"
#include "common/json/file.h"
#include "common/socket_address.h"

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

bool is_silent(const std::string& interface, const Address& neighbour) {
    constexpr unsigned silent = NUD_INCOMPLETE | NUD_FAILED;
    struct {
        nlmsghdr header{};
        ndmsg message{};
        nlattr attribute{};
        std::array<uint8_t, 16> address{};
    } request;
    request.header.nlmsg_type = RTM_GETNEIGH;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.message.ndm_family = static_cast<uint8_t>(family_of(neighbour));
    request.message.ndm_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    request.attribute.nla_type = NDA_DST;
    request.attribute.nla_len = static_cast<uint16_t>(NLA_HDRLEN + neighbour.bits() / 8);
    request.address = neighbour.bytes;
    request.header.nlmsg_len =
        static_cast<uint32_t>(offsetof(decltype(request), attribute)) + request.attribute.nla_len;
    const Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    const timeval patience{.tv_sec = 1, .tv_usec = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!fd || send(fd.get(), &request, request.header.nlmsg_len, 0) < 0) {
        return false;
    }
    struct {
        nlmsghdr header{};
        ndmsg message{};
        std::array<uint8_t, 1024> rest{};
    } reply;
    const ssize_t size = recv(fd.get(), &reply, sizeof reply, 0);
    return size >= static_cast<ssize_t>(NLMSG_LENGTH(sizeof(ndmsg))) &&
           reply.header.nlmsg_type == RTM_NEWNEIGH && (reply.message.ndm_state & silent) != 0;
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
