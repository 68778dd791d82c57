#include "vipd/adapter/kernel.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "vipd/core/flow.h"

namespace rehome {

namespace {

constexpr unsigned char own_protocol = 201;
constexpr Micros kept_for = 60'000'000;
constexpr uint16_t nud_usable =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
constexpr uint16_t nud_settled = NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP;

struct SocketDeleter {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using Socket = std::unique_ptr<nl_sock, SocketDeleter>;

struct MessageDeleter {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, MessageDeleter>;

Error trouble(const char* what, int code) {
    return {Exit::world, "netlink", std::string(what) + ": " + nl_geterror(code)};
}

Address address_of(unsigned char family, nlattr* attribute) {
    Address address;
    address.family = family == AF_INET ? Family::v4 : Family::v6;
    if (attribute != nullptr) {
        const auto bytes = std::min<int>(nla_len(attribute), static_cast<int>(address.bits() / 8));
        std::memcpy(address.bytes.data(), nla_data(attribute), static_cast<size_t>(bytes));
    }
    return address;
}

unsigned char family_of(const Address& address) {
    return address.family == Family::v4 ? AF_INET : AF_INET6;
}

Result<Socket> open_socket() {
    Socket socket(nl_socket_alloc());
    if (!socket) {
        return fail(Exit::world, "netlink", "out of memory");
    }
    if (const int code = nl_connect(socket.get(), NETLINK_ROUTE); code < 0) {
        return tl::unexpected(trouble("cannot connect", code));
    }
    return socket;
}

}  // namespace

struct Kernel::State {
    Socket events;                        // notifications
    Socket queries;                       // requests of ours, answered at once
    std::map<unsigned, PortIndex> ports;  // by the twin's interface index
    std::vector<unsigned> interfaces;     // by port
    RouteTable routes;
    Neighbours neighbours;
    std::map<Hop, uint16_t> nud;   // the state of each neighbour (NUD_*)
    std::map<Hop, Micros> wanted;  // when each next hop was last asked for
    std::set<Prefix> held;
    std::vector<Prefix> left_behind;  // routes of protocol 201 that a dump has shown
    Forwarding forwarding;
    bool routes_changed = false;
    bool neighbours_changed = false;
    bool stale = false;  // something was missed: dump again

    std::optional<PortIndex> port(unsigned interface) const;
    void route(const nlmsghdr* header);
    Via via(nlattr** attributes, unsigned char family) const;
    std::optional<Via> first_of(nlattr* multipath, unsigned char family) const;
    void neighbour(const nlmsghdr* header);
    void message(nlmsghdr* header);
    Result<> dump();
    Result<> dump(int type);
    bool publish();
    void use(const Hop& hop);
    Result<> change_route(const Prefix& prefix, int type, int flags);
};

std::optional<PortIndex> Kernel::State::port(unsigned interface) const {
    const auto found = ports.find(interface);
    return found == ports.end() ? std::nullopt : std::optional(found->second);
}

Via Kernel::State::via(nlattr** attributes, unsigned char family) const {
    Via via;
    if (attributes[RTA_OIF] != nullptr) {
        via.port = port(nla_get_u32(attributes[RTA_OIF]));
    }
    if (attributes[RTA_GATEWAY] != nullptr) {
        via.gateway = address_of(family, attributes[RTA_GATEWAY]);
    }
    return via;
}

// Of several next hops, the first that leaves by a port of ours.
std::optional<Via> Kernel::State::first_of(nlattr* multipath, unsigned char family) const {
    auto* hop = static_cast<rtnexthop*>(nla_data(multipath));
    int left = nla_len(multipath);
    while (RTNH_OK(hop, left)) {
        if (const auto found = port(static_cast<unsigned>(hop->rtnh_ifindex))) {
            nlattr* attributes[RTA_MAX + 1];
            nla_parse(attributes, RTA_MAX, reinterpret_cast<nlattr*>(RTNH_DATA(hop)),
                      hop->rtnh_len - static_cast<int>(sizeof *hop), nullptr);
            Via via;
            via.port = found;
            if (attributes[RTA_GATEWAY] != nullptr) {
                via.gateway = address_of(family, attributes[RTA_GATEWAY]);
            }
            return via;
        }
        left -= static_cast<int>(NLMSG_ALIGN(hop->rtnh_len));
        hop = RTNH_NEXT(hop);
    }
    return std::nullopt;
}

void Kernel::State::route(const nlmsghdr* header) {
    nlattr* attributes[RTA_MAX + 1];
    if (nlmsg_parse(const_cast<nlmsghdr*>(header), sizeof(rtmsg), attributes, RTA_MAX, nullptr) <
        0) {
        stale = true;
        return;
    }
    const auto* body = static_cast<const rtmsg*>(nlmsg_data(header));
    const uint32_t table =
        attributes[RTA_TABLE] != nullptr ? nla_get_u32(attributes[RTA_TABLE]) : body->rtm_table;
    const bool ours = body->rtm_family == AF_INET || body->rtm_family == AF_INET6;
    if (!ours || table != RT_TABLE_MAIN || (body->rtm_flags & RTM_F_CLONED) != 0) {
        return;
    }
    const Prefix prefix{address_of(body->rtm_family, attributes[RTA_DST]), body->rtm_dst_len};
    if (body->rtm_protocol == own_protocol && header->nlmsg_type == RTM_NEWROUTE) {
        left_behind.push_back(prefix);
    }
    const uint32_t metric =
        attributes[RTA_PRIORITY] != nullptr ? nla_get_u32(attributes[RTA_PRIORITY]) : 0;
    routes_changed = true;
    if (header->nlmsg_type == RTM_DELROUTE) {
        routes.remove({prefix, metric});
        return;
    }
    Via way;
    if (body->rtm_type == RTN_UNICAST) {
        way = attributes[RTA_MULTIPATH] != nullptr
                  ? first_of(attributes[RTA_MULTIPATH], body->rtm_family).value_or(Via{})
                  : via(attributes, body->rtm_family);
    }
    routes.set({prefix, metric}, way);
}

void Kernel::State::neighbour(const nlmsghdr* header) {
    nlattr* attributes[NDA_MAX + 1];
    if (nlmsg_parse(const_cast<nlmsghdr*>(header), sizeof(ndmsg), attributes, NDA_MAX, nullptr) <
        0) {
        stale = true;
        return;
    }
    const auto* body = static_cast<const ndmsg*>(nlmsg_data(header));
    const auto index = port(static_cast<unsigned>(body->ndm_ifindex));
    const bool ip = body->ndm_family == AF_INET || body->ndm_family == AF_INET6;
    if (!index || !ip || attributes[NDA_DST] == nullptr) {
        return;
    }
    const Hop hop{*index, address_of(body->ndm_family, attributes[NDA_DST])};
    if (header->nlmsg_type == RTM_DELNEIGH) {
        nud.erase(hop);
        neighbours_changed = neighbours.remove(hop) || neighbours_changed;
        return;
    }
    nud[hop] = body->ndm_state;
    Neighbour found;
    nlattr* mac = attributes[NDA_LLADDR];
    if ((body->ndm_state & nud_usable) != 0 && mac != nullptr && nla_len(mac) == 6) {
        std::memcpy(found.mac.data(), nla_data(mac), 6);
        found.usable = true;
    }
    neighbours_changed = neighbours.set(hop, found) || neighbours_changed;
}

void Kernel::State::message(nlmsghdr* header) {
    switch (header->nlmsg_type) {
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            route(header);
            break;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            neighbour(header);
            break;
        case RTM_NEWLINK:
        case RTM_DELLINK:
            stale = true;
            break;
        default:
            break;
    }
}

static int take_message(nl_msg* message, void* handler) {
    (*static_cast<std::function<void(nlmsghdr*)>*>(handler))(nlmsg_hdr(message));
    return NL_OK;
}

Result<> Kernel::State::dump(int type) {
    std::function<void(nlmsghdr*)> take = [this](nlmsghdr* header) { message(header); };
    nl_socket_modify_cb(queries.get(), NL_CB_VALID, NL_CB_CUSTOM, take_message, &take);
    rtgenmsg body{AF_UNSPEC};
    int code = nl_send_simple(queries.get(), type, NLM_F_DUMP, &body, sizeof body);
    code = code < 0 ? code : nl_recvmsgs_default(queries.get());
    nl_socket_modify_cb(queries.get(), NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
    return code < 0 ? Result<>(tl::unexpected(trouble("cannot dump", code))) : Result<>{};
}

Result<> Kernel::State::dump() {
    stale = false;
    routes.clear();
    neighbours.clear();
    nud.clear();
    left_behind.clear();
    if (auto done = dump(RTM_GETROUTE); !done) {
        stale = true;
        return done;
    }
    auto done = dump(RTM_GETNEIGH);
    stale = !done;
    routes_changed = neighbours_changed = true;
    return done;
}

bool Kernel::State::publish() {
    if (routes_changed) {
        forwarding.routes = std::make_shared<const Fib>(routes.build());
    }
    if (neighbours_changed) {
        forwarding.neighbours = std::make_shared<const Neighbours>(neighbours);
    }
    const bool changed = routes_changed || neighbours_changed;
    routes_changed = neighbours_changed = false;
    return changed;
}

// NTF_USE: as if the kernel itself had sent a packet there (rtnetlink(7), neigh.c).
void Kernel::State::use(const Hop& hop) {
    Message message(nlmsg_alloc_simple(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE));
    ndmsg body{};
    body.ndm_family = family_of(hop.address);
    body.ndm_ifindex = static_cast<int>(interfaces[hop.port]);
    body.ndm_flags = NTF_USE;
    nlmsg_append(message.get(), &body, sizeof body, NLMSG_ALIGNTO);
    nla_put(message.get(), NDA_DST, static_cast<int>(hop.address.bits() / 8),
            hop.address.bytes.data());
    nl_send_sync(queries.get(),
                 message.release());  // a refusal shows as a neighbour that stays away
}

Result<> Kernel::State::change_route(const Prefix& prefix, int type, int flags) {
    Message message(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags));
    rtmsg body{};
    body.rtm_family = family_of(prefix.address);
    body.rtm_dst_len = static_cast<unsigned char>(prefix.length);
    body.rtm_table = RT_TABLE_MAIN;
    body.rtm_protocol = own_protocol;
    body.rtm_scope = RT_SCOPE_UNIVERSE;
    body.rtm_type = RTN_BLACKHOLE;
    nlmsg_append(message.get(), &body, sizeof body, NLMSG_ALIGNTO);
    nla_put(message.get(), RTA_DST, static_cast<int>(prefix.address.bits() / 8),
            prefix.address.bytes.data());
    const int code = nl_send_sync(queries.get(), message.release());
    const bool gone = type == RTM_DELROUTE && code == -NLE_OBJ_NOTFOUND;
    if (code < 0 && !gone) {
        return fail(Exit::world, "route " + prefix.text(), nl_geterror(code));
    }
    return {};
}

Kernel::Kernel(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Kernel>> Kernel::start(std::span<const unsigned> twins) {
    auto state = std::make_unique<State>();
    for (PortIndex i = 0; i < twins.size(); ++i) {
        state->ports[twins[i]] = i;
    }
    state->interfaces.assign(twins.begin(), twins.end());
    auto queries = open_socket();
    auto events = open_socket();
    if (!queries || !events) {
        return tl::unexpected(!queries ? queries.error() : events.error());
    }
    state->queries = std::move(*queries);
    state->events = std::move(*events);
    nl_sock* socket = state->events.get();
    nl_socket_disable_seq_check(socket);
    nl_socket_set_nonblocking(socket);
    nl_socket_set_buffer_size(socket, 4 << 20, 0);
    // Joined before the dump, so that nothing falls between the two.
    const int code = nl_socket_add_memberships(socket, RTNLGRP_LINK, RTNLGRP_NEIGH,
                                               RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, 0);
    if (code < 0) {
        return tl::unexpected(trouble("cannot follow", code));
    }
    if (auto done = state->dump(); !done) {
        return tl::unexpected(done.error());
    }
    for (const auto& prefix : std::exchange(state->left_behind, {})) {
        if (auto done = state->change_route(prefix, RTM_DELROUTE, 0); !done) {
            return tl::unexpected(done.error());
        }
    }
    state->publish();
    return std::unique_ptr<Kernel>(new Kernel(std::move(state)));
}

Kernel::~Kernel() {
    for (const auto& prefix : state_->held) {
        (void)state_->change_route(prefix, RTM_DELROUTE, 0);
    }
}

int Kernel::fd() const {
    return nl_socket_get_fd(state_->events.get());
}

Result<bool> Kernel::handle() {
    std::function<void(nlmsghdr*)> take = [this](nlmsghdr* header) { state_->message(header); };
    nl_socket_modify_cb(state_->events.get(), NL_CB_VALID, NL_CB_CUSTOM, take_message, &take);
    int code = 0;
    while (code >= 0) {
        code = nl_recvmsgs_default(state_->events.get());
    }
    state_->left_behind.clear();
    if (code == -NLE_NOMEM) {
        state_->stale = true;  // overrun (ENOBUFS): notifications are lost
    } else if (code != -NLE_AGAIN) {
        return tl::unexpected(trouble("cannot follow", code));
    }
    if (state_->stale) {
        (void)state_->dump();  // repeated by tick when it fails
    }
    return state_->publish();
}

Result<bool> Kernel::tick() {
    const Micros now = monotonic_us();
    std::erase_if(state_->wanted, [&](const auto& entry) { return now - entry.second > kept_for; });
    for (const auto& [hop, at] : state_->wanted) {
        const auto found = state_->nud.find(hop);
        if (found == state_->nud.end() || (found->second & nud_settled) == 0) {
            state_->use(hop);
        }
    }
    if (state_->stale) {
        (void)state_->dump();
    }
    return state_->publish();
}

const Forwarding& Kernel::forwarding() const {
    return state_->forwarding;
}

void Kernel::request(const Hop& hop) {
    const bool known = state_->neighbours.find(hop) != nullptr;
    state_->wanted[hop] = monotonic_us();
    if (!known && hop.port < state_->interfaces.size()) {
        state_->use(hop);
    }
}

Result<> Kernel::hold_route(const Prefix& prefix) {
    auto done = state_->change_route(prefix, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    if (done) {
        state_->held.insert(prefix);
    }
    return done;
}

Result<> Kernel::release_route(const Prefix& prefix) {
    if (state_->held.erase(prefix) == 0) {
        return {};
    }
    return state_->change_route(prefix, RTM_DELROUTE, 0);
}

}  // namespace rehome
