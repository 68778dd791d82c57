// See kernel_route.h.
#include "probe/adapter/kernel_route.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/time.h>

#include <array>
#include <vector>

#include "common/fd.h"
#include "common/socket_address.h"
#include "probe/adapter/system_error.h"

namespace rehome::probe {

namespace {

// One request, built front to back in a buffer that is aligned for its headers.
class Request {
public:
    Request(const Address& target, uint32_t flags) {
        header()->nlmsg_type = RTM_GETROUTE;
        header()->nlmsg_flags = NLM_F_REQUEST;
        header()->nlmsg_seq = 1;
        header()->nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg));
        auto* message = static_cast<rtmsg*>(NLMSG_DATA(header()));
        message->rtm_family = static_cast<uint8_t>(family_of(target));
        message->rtm_dst_len = static_cast<uint8_t>(target.bits());
        message->rtm_flags = flags;
        add(RTA_DST, target.data());
    }

    void add_source(const Address& source) {
        static_cast<rtmsg*>(NLMSG_DATA(header()))->rtm_src_len =
            static_cast<uint8_t>(source.bits());
        add(RTA_SRC, source.data());
    }

    void add_packet(const Packet& packet) {
        const auto protocol = static_cast<uint8_t>(packet.protocol);
        static_cast<rtmsg*>(NLMSG_DATA(header()))->rtm_tos = static_cast<uint8_t>(packet.dscp << 2);
        add(RTA_IP_PROTO, {&protocol, 1});
        add_port(RTA_SPORT, packet.source_port);
        add_port(RTA_DPORT, packet.target_port);
    }

    void add(unsigned short type, uint32_t value) {
        add(type, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
    }

    nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(buffer_.data()); }

private:
    void add(unsigned short type, std::span<const uint8_t> value) {
        auto* attribute = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(buffer_.data()) +
                                                    NLMSG_ALIGN(header()->nlmsg_len));
        attribute->rta_type = type;
        attribute->rta_len = static_cast<unsigned short>(RTA_LENGTH(value.size()));
        std::copy(value.begin(), value.end(), static_cast<uint8_t*>(RTA_DATA(attribute)));
        header()->nlmsg_len = NLMSG_ALIGN(header()->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    }

    void add_port(unsigned short type, uint16_t port) {
        const std::array<uint8_t, 2> bytes{static_cast<uint8_t>(port >> 8),
                                           static_cast<uint8_t>(port)};
        if (port != 0) {
            add(type, bytes);
        }
    }

    std::array<uint32_t, 64> buffer_{};
};

using Reply = std::vector<uint32_t>;  // aligned for netlink's headers

Result<Reply> ask(Request& request, const std::string& where) {
    const Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!fd) {
        return fail_system(where, "netlink socket");
    }
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(fd.get(), request.header(), request.header()->nlmsg_len, 0) < 0) {
        return fail_system(where, "asking the kernel for its route");
    }
    Reply reply(2048);
    const ssize_t size = recv(fd.get(), reply.data(), reply.size() * sizeof(uint32_t), 0);
    if (size < 0) {
        return fail_system(where, "the kernel's answer on its route");
    }
    const auto* header = reinterpret_cast<const nlmsghdr*>(reply.data());
    if (!NLMSG_OK(header, static_cast<size_t>(size))) {
        return fail(Exit::world, where, "the kernel's answer on its route is cut short");
    }
    return reply;
}

// What the errors of RTM_GETROUTE mean to an operator.
std::string explain(int error) {
    switch (error) {
        case EINVAL:
            return "the kernel refuses it, as it does by a blackhole route, expected one by the "
                   "carrier";
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ESRCH:
            return "the kernel has no route, expected one by the carrier";
        case EACCES:
            return "the kernel's route is of type prohibit, expected one by the carrier";
        default:
            return fmt::format("the kernel has no route: {}", std::strerror(error));
    }
}

std::string interface_name(const rtattr* attribute) {
    std::array<char, IF_NAMESIZE> name{};
    const auto index = *static_cast<const uint32_t*>(RTA_DATA(attribute));
    return if_indextoname(index, name.data()) == nullptr ? "" : name.data();
}

// RTA_VIA: a next hop of the other family (RFC 5549).
Address via_address(const rtattr* attribute) {
    const auto* via = static_cast<const rtvia*>(RTA_DATA(attribute));
    return from_bytes(via->rtvia_family == AF_INET6 ? Family::v6 : Family::v4, via->rtvia_addr);
}

Route::Type type_of(uint8_t type) {
    return type == RTN_UNICAST ? Route::Type::unicast
           : type == RTN_LOCAL ? Route::Type::local
                               : Route::Type::other;
}

Route read_route(nlmsghdr* header, Family family) {
    auto* message = static_cast<rtmsg*>(NLMSG_DATA(header));
    Route route;
    route.type = type_of(message->rtm_type);
    route.table = message->rtm_table;
    auto left = static_cast<int>(RTM_PAYLOAD(header));
    for (rtattr* at = RTM_RTA(message); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        const size_t size = RTA_PAYLOAD(at);
        if (at->rta_type == RTA_OIF && size >= 4) {
            route.interface = interface_name(at);
        } else if (at->rta_type == RTA_TABLE && size >= 4) {
            route.table = *static_cast<const uint32_t*>(RTA_DATA(at));
        } else if (at->rta_type == RTA_GATEWAY && size >= (family == Family::v6 ? 16u : 4u)) {
            route.next_hop = from_bytes(family, RTA_DATA(at));
        } else if (at->rta_type == RTA_VIA && size >= sizeof(rtvia) + 16) {
            route.next_hop = via_address(at);
        }
    }
    return route;
}

Result<Route> ask_with(const Binding& binding, const Packet& packet, uint32_t flags,
                       uint32_t interface) {
    const std::string where = "route to " + packet.target.text() + " " + text(binding);
    Request request(packet.target, flags);
    request.add_source(binding.source);
    request.add_packet(packet);
    if (binding.mark != 0) {
        request.add(RTA_MARK, binding.mark);
    }
    if (interface != 0) {
        request.add(RTA_OIF, interface);
    }
    Result<Reply> reply = ask(request, where);
    if (!reply) {
        return tl::unexpected(reply.error());
    }
    auto* header = reinterpret_cast<nlmsghdr*>(reply->data());
    if (header->nlmsg_type == NLMSG_ERROR) {
        const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
        return fail(Exit::world, where, explain(error));
    }
    if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) {
        return fail(Exit::world, where, "the kernel's answer is no route");
    }
    return read_route(header, packet.target.family);
}

}  // namespace

// For a socket that is tied to an interface the kernel takes any IPv4 target to be on that link
// when it has no route by it.  So it is asked first for the route in its table (RTM_F_FIB_MATCH).
Result<Route> ask_route(const Binding& binding, const Packet& packet) {
    if (binding.interface.empty()) {
        return ask_with(binding, packet, RTM_F_LOOKUP_TABLE, 0);
    }
    const uint32_t index = if_nametoindex(binding.interface.c_str());
    if (index == 0) {
        return fail(Exit::world, "interface " + binding.interface, "there is none of that name");
    }
    const Result<Route> entry = ask_with(binding, packet, RTM_F_FIB_MATCH, index);
    return entry ? ask_with(binding, packet, RTM_F_LOOKUP_TABLE, index) : entry;
}

}  // namespace rehome::probe
