#include "vipd/adapter/netlink.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace rehome::vipd {

namespace {

constexpr int monitor_bytes = 8 << 20;  // some 40,000 route notifications
constexpr int batches_max = 64;         // before others get their turn
constexpr uint16_t nud_usable =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

struct MessageDeleter {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, MessageDeleter>;

tl::unexpected<Error> trouble(const char* what, int code) {
    return fail(Exit::world, "netlink", std::string("cannot ") + what + ": " + nl_geterror(code));
}

int hand_over(nl_msg* message, void* handler) {
    (*static_cast<const NetlinkHandler*>(handler))(nlmsg_hdr(message));
    return NL_OK;
}

void set_handler(nl_sock& socket, const NetlinkHandler& take) {
    nl_socket_modify_cb(&socket, NL_CB_VALID, NL_CB_CUSTOM, hand_over,
                        const_cast<NetlinkHandler*>(&take));
}

void clear_handler(nl_sock& socket) {
    nl_socket_modify_cb(&socket, NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
}

uint8_t family_of(const Address& address) {
    return address.family == Family::v4 ? AF_INET : AF_INET6;
}

template <typename Body>
Message make_message(int type, int flags, const Body& body) {
    Message message(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags));
    if (message) {
        nlmsg_append(message.get(), const_cast<Body*>(&body), sizeof body, NLMSG_ALIGNTO);
    }
    return message;
}

// Sends it with an address as its attribute, and waits for the kernel's verdict.
int ask(nl_sock& socket, Message message, int attribute, const Address& address) {
    if (!message) {
        return -NLE_NOMEM;
    }
    nla_put(message.get(), attribute, static_cast<int>(address.data().size()),
            address.data().data());
    return nl_send_sync(&socket, message.release());
}

// ---- messages -----------------------------------------------------------------------------------

template <size_t Size>
using Attributes = std::array<nlattr*, Size>;

// The attributes behind the fixed part of a message; false when it is cut off.
template <typename Body, size_t Size>
bool parse(nlmsghdr* message, Attributes<Size>& attributes) {
    return nlmsg_valid_hdr(message, sizeof(Body)) != 0 &&
           nlmsg_parse(message, sizeof(Body), attributes.data(), static_cast<int>(Size) - 1,
                       nullptr) >= 0;
}

bool is_ip(uint8_t family) {
    return family == AF_INET || family == AF_INET6;
}

// Nothing if the bytes are not exactly one address.
std::optional<Address> address_of(uint8_t family, const void* bytes, int size) {
    Address address;
    address.family = family == AF_INET ? Family::v4 : Family::v6;
    if (!is_ip(family) || size != static_cast<int>(address.data().size())) {
        return std::nullopt;
    }
    std::memcpy(address.bytes.data(), bytes, static_cast<size_t>(size));
    return address;
}

std::optional<Address> address_of(uint8_t family, const nlattr* attribute) {
    return attribute ? address_of(family, nla_data(attribute), nla_len(attribute)) : std::nullopt;
}

uint32_t number_of(const nlattr* attribute, uint32_t fallback) {
    return attribute ? nla_get_u32(attribute) : fallback;
}

std::optional<Address> gateway_of(uint8_t family, const Attributes<RTA_MAX + 1>& attributes) {
    const nlattr* via = attributes[RTA_VIA];  // an IPv4 route by way of an IPv6 neighbour
    if (!via || nla_len(via) < static_cast<int>(sizeof(rtvia))) {
        return address_of(family, attributes[RTA_GATEWAY]);
    }
    const auto* other = static_cast<const rtvia*>(nla_data(via));
    return address_of(static_cast<uint8_t>(other->rtvia_family), other->rtvia_addr,
                      nla_len(via) - static_cast<int>(offsetof(rtvia, rtvia_addr)));
}

std::vector<NextHop> multipath_of(uint8_t family, const nlattr* list) {
    std::vector<NextHop> hops;
    auto* hop = static_cast<rtnexthop*>(nla_data(list));
    int left = nla_len(list);
    while (RTNH_OK(hop, left)) {
        Attributes<RTA_MAX + 1> attributes{};
        nla_parse(attributes.data(), RTA_MAX, reinterpret_cast<nlattr*>(RTNH_DATA(hop)),
                  hop->rtnh_len - static_cast<int>(RTNH_LENGTH(0)), nullptr);
        hops.push_back({static_cast<unsigned>(hop->rtnh_ifindex), gateway_of(family, attributes)});
        left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
        hop = RTNH_NEXT(hop);
    }
    return hops;
}

}  // namespace

void NetlinkDeleter::operator()(nl_sock* socket) const {
    nl_socket_free(socket);
}

Result<Netlink> open_netlink() {
    Netlink socket(nl_socket_alloc());
    const int code = socket ? nl_connect(socket.get(), NETLINK_ROUTE) : -NLE_NOMEM;
    if (code < 0) {
        return trouble("connect", code);
    }
    const timeval limit{5, 0};
    setsockopt(nl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return socket;
}

Result<Netlink> open_netlink_monitor() {
    auto socket = open_netlink();
    if (!socket) {
        return socket;
    }
    nl_socket_disable_seq_check(socket->get());
    int code = nl_socket_set_nonblocking(socket->get());
    const int fd = nl_socket_get_fd(socket->get());
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &monitor_bytes, sizeof monitor_bytes) != 0) {
        code = -NLE_PERM;
    }
    if (code >= 0) {
        code = nl_socket_add_memberships(socket->get(), RTNLGRP_LINK, RTNLGRP_NEIGH,
                                         RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                         RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, 0);
    }
    if (code < 0) {
        return trouble("follow the kernel", code);
    }
    return socket;
}

Result<> dump_netlink(nl_sock& socket, int type, const NetlinkHandler& take) {
    rtgenmsg body{AF_UNSPEC};
    set_handler(socket, take);
    int code = nl_send_simple(&socket, type, NLM_F_DUMP, &body, sizeof body);
    if (code >= 0) {
        code = nl_recvmsgs_default(&socket);
    }
    clear_handler(socket);
    if (code < 0) {
        return trouble(type == RTM_GETLINK    ? "read the links"
                       : type == RTM_GETROUTE ? "read the routes"
                                              : "read the neighbours",
                       code);
    }
    return {};
}

namespace {

// Takes everything off the queue, unread: what was sent before the loss, and what was since.
void drain(nl_sock& socket) {
    const int fd = nl_socket_get_fd(&socket);
    char byte = 0;
    while (recv(fd, &byte, sizeof byte, MSG_DONTWAIT) >= 0 || errno == ENOBUFS || errno == EINTR) {
    }
}

}  // namespace

Result<Received> receive_netlink(nl_sock& socket, const NetlinkHandler& take) {
    set_handler(socket, take);
    int code = 0;
    for (int i = 0; i < batches_max && (code >= 0 || code == -NLE_INTR); ++i) {
        code = nl_recvmsgs_default(&socket);
    }
    clear_handler(socket);
    if (code >= 0 || code == -NLE_INTR) {
        return Received::more;
    }
    if (code == -NLE_AGAIN) {
        return Received::all;
    }
    if (code == -NLE_NOMEM) {  // ENOBUFS
        drain(socket);
        return Received::overrun;
    }
    return trouble("follow the kernel", code);
}

namespace {

// One object by a question: take sees it.
int ask_for(nl_sock& socket, nl_msg& message, const NetlinkHandler& take) {
    set_handler(socket, take);
    int code = nl_send_auto(&socket, &message);
    if (code >= 0) {
        code = nl_recvmsgs_default(&socket);  // the object, then the acknowledgement
    }
    if (code >= 0) {
        code = nl_wait_for_ack(&socket);
    }
    clear_handler(socket);
    return code;
}

}  // namespace

int ask_link(nl_sock& socket, unsigned interface, const NetlinkHandler& take) {
    ifinfomsg body{};
    body.ifi_index = static_cast<int>(interface);
    const Message message = make_message(RTM_GETLINK, 0, body);
    return message ? ask_for(socket, *message, take) : -NLE_NOMEM;
}

int ask_neighbour(nl_sock& socket, unsigned interface, const Address& address,
                  const NetlinkHandler& take) {
    ndmsg body{};
    body.ndm_family = family_of(address);
    body.ndm_ifindex = static_cast<int>(interface);
    const Message message = make_message(RTM_GETNEIGH, 0, body);
    if (!message) {
        return -NLE_NOMEM;
    }
    nla_put(message.get(), NDA_DST, static_cast<int>(address.data().size()), address.data().data());
    return ask_for(socket, *message, take);
}

int use_neighbour(nl_sock& socket, unsigned interface, const Address& address) {
    ndmsg body{};
    body.ndm_family = family_of(address);
    body.ndm_ifindex = static_cast<int>(interface);
    body.ndm_flags = NTF_USE;  // as if the kernel itself had a packet for it
    return ask(socket, make_message(RTM_NEWNEIGH, NLM_F_CREATE, body), NDA_DST, address);
}

int change_blackhole(nl_sock& socket, bool add, const Prefix& prefix, uint8_t protocol) {
    rtmsg body{};
    body.rtm_family = family_of(prefix.address);
    body.rtm_dst_len = static_cast<uint8_t>(prefix.length);
    body.rtm_table = RT_TABLE_MAIN;
    body.rtm_protocol = protocol;
    body.rtm_scope = RT_SCOPE_UNIVERSE;
    body.rtm_type = RTN_BLACKHOLE;
    return ask(socket,
               add ? make_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body)
                   : make_message(RTM_DELROUTE, 0, body),
               RTA_DST, prefix.address);
}

std::optional<RouteMessage> parse_route(nlmsghdr* message) {
    Attributes<RTA_MAX + 1> attributes{};
    if (!parse<rtmsg>(message, attributes)) {
        return std::nullopt;
    }
    const auto& body = *static_cast<const rtmsg*>(nlmsg_data(message));
    if (!is_ip(body.rtm_family) || (body.rtm_flags & RTM_F_CLONED) != 0 || body.rtm_tos != 0 ||
        number_of(attributes[RTA_TABLE], body.rtm_table) != RT_TABLE_MAIN) {
        return std::nullopt;
    }
    RouteMessage route;
    route.removed = message->nlmsg_type == RTM_DELROUTE;
    route.appended = (message->nlmsg_flags & NLM_F_APPEND) != 0;
    route.prefix.address.family = body.rtm_family == AF_INET ? Family::v4 : Family::v6;
    if (attributes[RTA_DST]) {
        const auto address = address_of(body.rtm_family, attributes[RTA_DST]);
        if (!address) {
            return std::nullopt;
        }
        route.prefix.address = *address;
    }
    route.prefix.length = body.rtm_dst_len;
    route.metric = number_of(attributes[RTA_PRIORITY], 0);
    route.protocol = body.rtm_protocol;
    if (body.rtm_type == RTN_UNICAST && attributes[RTA_MULTIPATH]) {
        route.next_hops = multipath_of(body.rtm_family, attributes[RTA_MULTIPATH]);
    } else if (body.rtm_type == RTN_UNICAST) {
        route.next_hops = {
            {number_of(attributes[RTA_OIF], 0), gateway_of(body.rtm_family, attributes)}};
    }
    return route;
}

std::optional<NeighbourMessage> parse_neighbour(nlmsghdr* message) {
    Attributes<NDA_MAX + 1> attributes{};
    if (!parse<ndmsg>(message, attributes)) {
        return std::nullopt;
    }
    const auto& body = *static_cast<const ndmsg*>(nlmsg_data(message));
    const auto address = address_of(body.ndm_family, attributes[NDA_DST]);
    if (!address) {
        return std::nullopt;
    }
    NeighbourMessage neighbour;
    neighbour.removed = message->nlmsg_type == RTM_DELNEIGH;
    neighbour.interface = static_cast<unsigned>(body.ndm_ifindex);
    neighbour.address = *address;
    neighbour.state = body.ndm_state;
    const nlattr* mac = attributes[NDA_LLADDR];
    if ((body.ndm_state & nud_usable) != 0 && mac && nla_len(mac) == sizeof(Mac)) {
        std::memcpy(neighbour.mac.emplace().data(), nla_data(mac), sizeof(Mac));
    }
    return neighbour;
}

namespace {

std::optional<VlanOf> vlan_of(const Attributes<IFLA_MAX + 1>& attributes) {
    Attributes<IFLA_INFO_MAX + 1> info{};
    Attributes<IFLA_VLAN_MAX + 1> data{};
    if (!attributes[IFLA_LINK] || attributes[IFLA_LINK_NETNSID] || !attributes[IFLA_LINKINFO] ||
        nla_parse_nested(info.data(), IFLA_INFO_MAX, attributes[IFLA_LINKINFO], nullptr) < 0 ||
        !info[IFLA_INFO_KIND] || nla_strcmp(info[IFLA_INFO_KIND], "vlan") != 0 ||
        !info[IFLA_INFO_DATA] ||
        nla_parse_nested(data.data(), IFLA_VLAN_MAX, info[IFLA_INFO_DATA], nullptr) < 0 ||
        !data[IFLA_VLAN_ID]) {
        return std::nullopt;
    }
    const bool is_8021q =
        !data[IFLA_VLAN_PROTOCOL] || nla_get_u16(data[IFLA_VLAN_PROTOCOL]) == htons(ETH_P_8021Q);
    // VLAN 0 is a priority tag, which vipd takes for untagged.
    const uint16_t id = nla_get_u16(data[IFLA_VLAN_ID]);
    return is_8021q && id != 0 ? std::optional(VlanOf{nla_get_u32(attributes[IFLA_LINK]), id})
                               : std::nullopt;
}

}  // namespace

std::optional<LinkMessage> parse_link(nlmsghdr* message) {
    Attributes<IFLA_MAX + 1> attributes{};
    if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) ||
        !parse<ifinfomsg>(message, attributes)) {
        return std::nullopt;
    }
    const auto& body = *static_cast<const ifinfomsg*>(nlmsg_data(message));
    if (body.ifi_family != AF_UNSPEC) {  // a bridge's port, told to us as a link
        return std::nullopt;
    }
    LinkMessage link{message->nlmsg_type == RTM_DELLINK, static_cast<unsigned>(body.ifi_index),
                     vlan_of(attributes)};
    link.carrier = (body.ifi_flags & IFF_UP) != 0 && (body.ifi_flags & IFF_LOWER_UP) != 0;
    if (attributes[IFLA_MTU]) {
        link.mtu = static_cast<uint16_t>(std::min(nla_get_u32(attributes[IFLA_MTU]), 65535U));
    }
    if (const auto* mac = attributes[IFLA_ADDRESS]; mac && nla_len(mac) == sizeof(Mac)) {
        std::memcpy(link.mac.data(), nla_data(mac), sizeof(Mac));
    }
    rtnl_link_stats64 stats{};
    if (const auto* told = attributes[IFLA_STATS64]) {
        std::memcpy(&stats, nla_data(told),
                    std::min(sizeof stats, static_cast<size_t>(nla_len(told))));
        link.unsent = stats.tx_dropped + stats.tx_errors;
    }
    return link;
}

std::optional<unsigned> parse_address(nlmsghdr* message) {
    const bool address = message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_DELADDR;
    if (!address || nlmsg_valid_hdr(message, sizeof(ifaddrmsg)) == 0) {
        return std::nullopt;
    }
    return static_cast<const ifaddrmsg*>(nlmsg_data(message))->ifa_index;
}

}  // namespace rehome::vipd
