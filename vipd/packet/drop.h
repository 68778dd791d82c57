// Every reason for which vipd drops a packet: the one table from which counters, `vipctl stats` and
// the man page take their names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rehome::vipd {

enum class Drop : uint8_t {
    truncated,
    bad_header,
    bad_fragment,
    bad_extension,
    source_route,
    other_mac,
    super_packet,
    bad_source,
    access,
    client_limit,
    service_limit,
    vip_limit,
    not_admitted,
    fragment_timeout,
    fragments_full,
    ttl_expired,
    no_service,
    no_server,
    server_taken,
    no_source_port,
    not_for_vip,
    forged_source,
    pool_source,
    gateway_source,
    site_source,
    hairpin,
    unknown_peer,
    bad_tunnel,
    hop_limit,
    stray_answer,
    question_budget,
    stray_error,
    congestion_lost,
    untagged,
    bad_tag,
    replayed,
    peer_down,
    flow_table_full,
    line_disabled,
    no_way_back,
    no_route,
    link_down,
    no_neighbour,
    too_big,
    closed_flow,
    punt_arp,
    punt_nd,
    punt_bgp,
    punt_bfd,
    punt_session,
    punt_icmp,
    punt_servers,
    punt_other,
    twin_refused,
    port_full,
    ring_full,
    count_,
};

struct DropName {
    Drop drop;
    std::string_view name;
    std::string_view meaning;
};

inline constexpr size_t drop_count = static_cast<size_t>(Drop::count_);

inline constexpr std::array<DropName, drop_count> drop_names{{
    {Drop::truncated, "truncated", "shorter than its headers claim"},
    {Drop::bad_header, "bad_header", "a version, length or checksum field that cannot be"},
    {Drop::bad_fragment, "bad_fragment", "a fragment that cannot be, or contradicts its datagram"},
    {Drop::bad_extension, "bad_extension", "IPv6 extension headers that cannot be followed"},
    {Drop::source_route, "source_route", "an IPv4 source route, which is refused (RFC 7126 4.3)"},
    {Drop::other_mac, "other_mac", "a frame for another host's MAC address"},
    {Drop::super_packet, "super_packet", "a TCP segment beyond the MTU, left to the device to cut"},
    {Drop::bad_source, "bad_source", "from an address that nobody can send from"},
    {Drop::access, "access", "an access rule, or their default, drops it"},
    {Drop::client_limit, "client_limit",
     "of a new flow, beyond what its client's prefix may begin"},
    {Drop::service_limit, "service_limit", "of a new flow, beyond what its service may begin"},
    {Drop::vip_limit, "vip_limit", "of a new flow, beyond what its VIP may begin"},
    {Drop::not_admitted, "not_admitted",
     "of a new flow, whose client is not among those that are admitted"},
    {Drop::fragment_timeout, "fragment_timeout", "a fragment whose first one did not come in time"},
    {Drop::fragments_full, "fragments_full",
     "a fragment before its first one, and no room to wait"},
    {Drop::ttl_expired, "ttl_expired", "TTL or hop limit used up"},
    {Drop::no_service, "no_service", "to a moved prefix, but no service on address and port"},
    {Drop::no_server, "no_server", "the service has no live server"},
    {Drop::server_taken, "server_taken",
     "this client's address and port reach that server through another VIP already"},
    {Drop::no_source_port, "no_source_port",
     "every port of the service's source NAT pool is taken"},
    {Drop::not_for_vip, "not_for_vip", "came through the tunnel, but is for no moved prefix"},
    {Drop::forged_source, "forged_source", "from a VIP or its own server, which no client is"},
    {Drop::pool_source, "pool_source", "from an address of a source NAT pool, which no client has"},
    {Drop::gateway_source, "gateway_source", "from a gateway's own address, which no client has"},
    {Drop::site_source, "site_source",
     "from the site's own networks, where no carrier's line leads to"},
    {Drop::hairpin, "hairpin", "from a server to a VIP: its answer would not come back this way"},
    {Drop::unknown_peer, "unknown_peer", "tunnelled by somebody who is no configured peer"},
    {Drop::bad_tunnel, "bad_tunnel", "a tunnel header that cannot be"},
    {Drop::hop_limit, "hop_limit", "relayed too often"},
    {Drop::stray_answer, "stray_answer", "a peer's answer to what it was not asked"},
    {Drop::question_budget, "question_budget",
     "of a flow that is not known here, and no more may be asked of peers now"},
    {Drop::stray_error, "stray_error",
     "an ICMP error about a tunnel that quotes nothing which was sent there"},
    {Drop::congestion_lost, "congestion_lost",
     "marked as congestion in the tunnel, and nobody to tell inside (RFC 6040)"},
    {Drop::untagged, "untagged", "from a peer without a tag, and tags are required"},
    {Drop::bad_tag, "bad_tag", "a tag of no key and key epoch that are agreed with the peer"},
    {Drop::replayed, "replayed", "a peer's message that counts once, again"},
    {Drop::peer_down, "peer_down", "relayed flow whose peer does not answer"},
    {Drop::flow_table_full, "flow_table_full", "new flow, and the flow table is full"},
    {Drop::line_disabled, "line_disabled", "reply for a line that may not carry it"},
    {Drop::no_way_back, "no_way_back", "reply whose client can be reached by no line"},
    {Drop::no_route, "no_route", "the kernel has no route to the server or peer"},
    {Drop::link_down, "link_down", "the route to the server or peer leaves by a port without link"},
    {Drop::no_neighbour, "no_neighbour", "the next hop did not answer in time"},
    {Drop::too_big, "too_big", "does not fit the port it has to leave by"},
    {Drop::closed_flow, "closed_flow", "belongs to a flow that was reset"},
    {Drop::punt_arp, "punt_arp", "more ARP for the kernel than its budget allows"},
    {Drop::punt_nd, "punt_nd", "more IPv6 neighbour discovery for the kernel than that"},
    {Drop::punt_bgp, "punt_bgp", "more BGP for the kernel than that, of no session that it has"},
    {Drop::punt_bfd, "punt_bfd", "more BFD for the kernel than that, likewise"},
    {Drop::punt_session, "punt_session",
     "more for the kernel than that, of one BGP or BFD session that it has"},
    {Drop::punt_icmp, "punt_icmp", "more ICMP for the kernel than that"},
    {Drop::punt_servers, "punt_servers", "more from servers for the kernel than that"},
    {Drop::punt_other, "punt_other", "more of anything else for the kernel than that"},
    {Drop::twin_refused, "twin_refused", "for the kernel, which did not take it from the twin"},
    {Drop::port_full, "port_full", "the port took no more packets"},
    {Drop::ring_full, "ring_full", "the worker whose packet it is took no more packets"},
}};

constexpr std::string_view name(Drop drop) {
    return drop_names[static_cast<size_t>(drop)].name;
}

}  // namespace rehome::vipd
