#include "vipd/path/punt.h"

#include <algorithm>

#include "vipd/health/health.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/gue.h"

namespace rehome::vipd {

namespace {

constexpr uint16_t ethertype_arp = 0x0806;
constexpr uint16_t bgp = 179;                                         // RFC 4271
constexpr uint16_t bfd = 3784, bfd_echo = 3785, bfd_multihop = 4784;  // RFC 5881, RFC 5883
constexpr uint8_t from_link = 255;  // a TTL that nobody can give who is further away (RFC 5082)

// RFC 4861: solicitations and advertisements of routers and neighbours, redirects.
bool is_neighbour_discovery(const Packet& packet) {
    return packet.family == Family::v6 && packet.icmp() && packet.icmp_type >= 133 &&
           packet.icmp_type <= 137 && packet.ttl == from_link;
}

bool to_or_from(const Packet& packet, uint16_t port) {
    return packet.has_ports && (packet.source_port == port || packet.destination_port == port);
}

// Of health checks alone, as their ports are nobody else's.  An echo's identifier is the kernel's.
bool may_be_check(const Packet& packet, bool sent) {
    if (packet.icmp()) {
        const bool v4 = packet.family == Family::v4;
        const uint8_t request = v4 ? 8 : 128, reply = v4 ? 0 : 129;
        return packet.icmp_type == (sent ? request : reply);
    }
    return packet.has_ports &&
           (sent ? packet.source_port : packet.destination_port) >= check_ports_first;
}

struct Limit {
    uint32_t PuntConfig::*per_s;
    Drop drop;
};

constexpr std::array<Limit, 8> limits{{
    {&PuntConfig::arp, Drop::punt_arp},
    {&PuntConfig::nd, Drop::punt_nd},
    {&PuntConfig::bgp, Drop::punt_bgp},
    {&PuntConfig::bgp, Drop::punt_bgp},  // of a line's router
    {&PuntConfig::bfd, Drop::punt_bfd},
    {&PuntConfig::icmp, Drop::punt_icmp},
    {&PuntConfig::servers, Drop::punt_servers},
    {&PuntConfig::other, Drop::punt_other},
}};

}  // namespace

Punt& Punt::operator=(const Punt& other) {
    key_ = other.key_;
    budgets_ = other.budgets_;
    for (size_t i = 0; i < sessions; ++i) {
        sessions_[i].ends = other.sessions_[i].ends.load(std::memory_order_relaxed);
        sessions_[i].budget = other.sessions_[i].budget;
    }
    for (size_t i = 0; i < checks; ++i) {
        checks_[i].ends = other.checks_[i].ends.load(std::memory_order_relaxed);
        checks_[i].budget = other.checks_[i].budget;
    }
    next_ = other.next_;
    return *this;
}

bool Punt::Budget::take(uint32_t per_s, Micros now) {
    constexpr int64_t at_once_ns = 200'000'000;
    const int64_t now_ns = static_cast<int64_t>(now) * 1000;
    const int64_t each_ns = std::max<int64_t>(1, 1'000'000'000 / per_s);
    int64_t used_up_to = used_up_to_ns_.load(std::memory_order_relaxed);
    int64_t after = 0;
    do {
        const int64_t from = std::max(used_up_to, now_ns);
        if (from - now_ns > at_once_ns) {
            return false;
        }
        after = from + each_ns;
    } while (!used_up_to_ns_.compare_exchange_weak(used_up_to, after, std::memory_order_relaxed));
    return true;
}

// Of a session, whoever of the two sends; never 0.
uint64_t Punt::ends(const Packet& packet, bool sent, bool with_ports) const {
    Endpoint there{packet.source, with_ports ? packet.source_port : uint16_t{0}};
    Endpoint here{packet.destination, with_ports ? packet.destination_port : uint16_t{0}};
    if (sent) {
        std::swap(there, here);
    }
    std::array<uint8_t, 37> bytes{};
    std::copy_n(there.address.bytes.begin(), 16, bytes.begin());
    std::copy_n(here.address.bytes.begin(), 16, bytes.begin() + 16);
    store16(&bytes[32], there.port);
    store16(&bytes[34], here.port);
    bytes[36] = packet.protocol;
    return siphash(key_, bytes) | 1;
}

Punt::Kind Punt::kind_of_tcp_and_udp(const Packet& packet, bool from_router) const {
    if (packet.tcp() && to_or_from(packet, bgp)) {
        return {from_router ? Class::bgp_of_router : Class::bgp, ends(packet, false, true)};
    }
    const bool of_link = packet.ttl == from_link && packet.udp() && packet.has_ports;
    if (of_link && (packet.destination_port == bfd || packet.destination_port == bfd_echo)) {
        return {Class::bfd, ends(packet, false, false)};
    }
    if (packet.udp() && packet.has_ports && packet.destination_port == bfd_multihop) {
        return {Class::bfd, ends(packet, false, false)};
    }
    return {};
}

Punt::Kind Punt::kind(std::span<const uint8_t> frame, PortIndex port, const Tables& tables) const {
    const Link link = link_of(frame);
    if (link.ethertype == ethertype_arp) {
        return {Class::arp, {}};
    }
    const auto packet = parse_packet(frame, link);
    if (!packet) {
        return {};
    }
    const bool of_servers = tables.role(port, link.vlan) == PortRole::servers;
    std::optional<uint64_t> check;
    if (of_servers && may_be_check(*packet, false)) {
        check = ends(*packet, false, packet->has_ports);
    }
    if (packet->icmp()) {
        return {is_neighbour_discovery(*packet) ? Class::nd : Class::icmp, {}, check};
    }
    const auto lines = tables.lines_at(port, link.vlan);
    const bool from_router = std::any_of(lines.begin(), lines.end(), [&](uint16_t line) {
        return tables.lines()[line].peer == packet->source;
    });
    const Kind kind = kind_of_tcp_and_udp(*packet, from_router);
    const bool servers = kind.of == Class::other && of_servers;
    return servers ? Kind{Class::servers, {}, check} : kind;
}

std::optional<Drop> Punt::refuse(std::span<const uint8_t> frame, PortIndex port,
                                 const Tables& tables, const PuntConfig& per_s, Micros now) {
    const Kind kind = this->kind(frame, port, tables);
    const auto take = [&](std::span<Session> places, uint64_t ends, uint32_t budget,
                          Drop drop) -> std::optional<std::optional<Drop>> {
        for (Session& session : places) {
            if (session.ends.load(std::memory_order_relaxed) == ends) {
                return session.budget.take(budget, now) ? std::nullopt : std::optional(drop);
            }
        }
        return std::nullopt;
    };
    if (kind.session) {
        if (const auto taken = take(places(sessions_, *kind.session), *kind.session, per_s.session,
                                    Drop::punt_session)) {
            return *taken;
        }
    }
    if (kind.check) {
        if (const auto taken =
                take(places(checks_, *kind.check), *kind.check, per_s.check, Drop::punt_check)) {
            return *taken;
        }
    }
    const Limit& limit = limits[static_cast<size_t>(kind.of)];
    return budgets_[static_cast<size_t>(kind.of)].take(per_s.*limit.per_s, now)
               ? std::nullopt
               : std::optional(limit.drop);
}

void Punt::remember(std::span<Session> places, uint64_t ends) {
    const auto empty = std::find_if(places.begin(), places.end(), [](const Session& session) {
        return session.ends.load(std::memory_order_relaxed) == 0;
    });
    Session& place = empty != places.end() ? *empty : places[next_++ % together];
    place.ends.store(ends, std::memory_order_relaxed);
}

// By the servers' addresses alone an echo is known; ends() has no identifier.
void Punt::check_sent(const Packet& packet) {
    if (!may_be_check(packet, true)) {
        return;
    }
    const uint64_t ends = this->ends(packet, true, packet.has_ports);
    const auto places = this->places(checks_, ends);
    const bool known = std::any_of(places.begin(), places.end(), [&](const Session& session) {
        return session.ends.load(std::memory_order_relaxed) == ends;
    });
    if (!known) {
        remember(places, ends);
    }
}

bool Punt::answers_check(const Packet& packet) const {
    if (!may_be_check(packet, false)) {
        return false;
    }
    const uint64_t ends = this->ends(packet, false, packet.has_ports);
    const auto places = this->places(checks_, ends);
    return std::any_of(places.begin(), places.end(), [&](const Session& session) {
        return session.ends.load(std::memory_order_relaxed) == ends;
    });
}

void Punt::kernel_sends(std::span<const uint8_t> frame, const Tables& tables) {
    const auto packet = parse_packet(frame, link_of(frame));
    if (!packet) {
        return;
    }
    if (tables.is_checked(packet->destination)) {
        constexpr uint8_t ip_in_ip = 4, ipv6_in_ip = 41;
        const bool ip = packet->protocol == ip_in_ip || packet->protocol == ipv6_in_ip;
        const bool gue = packet->udp() && packet->has_ports && packet->destination_port == gue_port;
        // A tunnel's check is known by what is inside.
        if (ip || gue) {
            const auto inner = parse_packet(frame.first(packet->end), packet->l4 + (gue ? 12 : 0));
            if (inner && tables.is_moved(inner->destination)) {
                check_sent(*inner);
            }
        } else {
            check_sent(*packet);
        }
    }
    if (!packet->has_ports) {
        return;
    }
    constexpr uint8_t beginning_or_end = tcp_flag::syn | tcp_flag::fin | tcp_flag::rst;
    const bool of_bgp = packet->tcp() && to_or_from(*packet, bgp);
    const bool of_bfd = packet->udp() && (packet->destination_port == bfd ||
                                          packet->destination_port == bfd_multihop);
    if (!of_bgp && !of_bfd) {
        return;
    }
    const uint64_t ends = this->ends(*packet, true, of_bgp);
    const auto places = this->places(sessions_, ends);
    const auto known = std::find_if(places.begin(), places.end(), [&](const Session& session) {
        return session.ends.load(std::memory_order_relaxed) == ends;
    });
    const bool speaks = of_bfd || (packet->tcp_flags & beginning_or_end) == 0;
    if (known != places.end() && !speaks) {
        known->ends.store(0, std::memory_order_relaxed);
    } else if (known == places.end() && speaks) {
        remember(places, ends);
    }
}

}  // namespace rehome::vipd
