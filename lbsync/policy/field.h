// Where a packet, or what the kernel knows of it, holds a value: the fields that rules look at.
//
// A header's field is a slice of that header's bits, counted from its first, so that two names of
// the same bits are the same field ("th dport", "tcp dport", raw payload).  IPv4 and IPv6 headers
// are apart.  A test of a header's field is false, whatever it tests, where the packet does not
// hold it: nft and iptables both go on to the next rule then.
//
// What has no meaning as a set of packets is a field too, named by what decides it, with every
// address and interface in the name mapped:
// - other: a value of its own, the same wherever it is asked ("skuid");
// - opaque: what it depends on is not known (an xt match, a dynamic set's members); two of them may
//   say the same thing in different words, so that a difference between them proves nothing;
// - drawn: each evaluation may give another value and leave its mark: limits, quotas, random.  It
//   is known again by its name, its instance, and the set of packets and place that reach it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/address.h"

namespace rehome::lbsync::policy {

struct Field {
    enum class Source : uint8_t {
        // Headers, by bit offset.
        link,  // Ethernet, with the VLAN tag where the frame had it: its type stands at bit 96
        ip4,
        ip6,
        arp,
        transport,  // behind the network header; later fragments have none
        // What the kernel knows, all of it at offset 0 unless a part is meant.
        in_interface,        // a name: see as_name(); empty where there is none
        out_interface,       // likewise
        family,              // NFPROTO_IPV4 2, NFPROTO_IPV6 10
        protocol,            // the network protocol as an ethertype: "meta protocol"
        transport_protocol,  // behind all extension headers: "meta l4proto"
        mark,
        ct_state,  // bits: invalid 1, established 2, related 4, new 8, untracked 64
        ct_status,
        ct_direction,  // original 0, reply 1
        ct_mark,
        ct_zone,
        ct_label,
        other,
        opaque,
        drawn,
    };

    Source source = Source::other;
    uint16_t offset = 0;   // bits
    uint16_t width = 1;    // bits, up to 128
    std::string name;      // of other, opaque and drawn: what it is, in words
    std::string instance;  // of drawn: the named object that several places share; empty: its own

    bool operator==(const Field&) const = default;
};

namespace field {

using Source = Field::Source;

inline Field slice(Source source, unsigned offset, unsigned width) {
    return {source, static_cast<uint16_t>(offset), static_cast<uint16_t>(width), {}, {}};
}

inline Field ether_destination() {
    return slice(Source::link, 0, 48);
}
inline Field ether_source() {
    return slice(Source::link, 48, 48);
}
inline Field ether_type() {
    return slice(Source::link, 96, 16);
}  // of a tagged frame: 0x8100
inline Field vlan_priority() {
    return slice(Source::link, 112, 3);
}
inline Field vlan_id() {
    return slice(Source::link, 116, 12);
}
inline Field vlan_type() {
    return slice(Source::link, 128, 16);
}

inline Field ip4_dscp() {
    return slice(Source::ip4, 8, 6);
}
inline Field ip4_length() {
    return slice(Source::ip4, 16, 16);
}
inline Field ip4_fragment() {
    return slice(Source::ip4, 48, 16);
}  // flags and offset
inline Field ip4_ttl() {
    return slice(Source::ip4, 64, 8);
}
inline Field ip4_protocol() {
    return slice(Source::ip4, 72, 8);
}
inline Field ip4_source() {
    return slice(Source::ip4, 96, 32);
}
inline Field ip4_destination() {
    return slice(Source::ip4, 128, 32);
}

inline Field ip6_next_header() {
    return slice(Source::ip6, 48, 8);
}
inline Field ip6_hop_limit() {
    return slice(Source::ip6, 56, 8);
}
inline Field ip6_source() {
    return slice(Source::ip6, 64, 128);
}
inline Field ip6_destination() {
    return slice(Source::ip6, 192, 128);
}

inline Field source_port() {
    return slice(Source::transport, 0, 16);
}
inline Field destination_port() {
    return slice(Source::transport, 16, 16);
}
inline Field icmp_type() {
    return slice(Source::transport, 0, 8);
}
inline Field icmp_code() {
    return slice(Source::transport, 8, 8);
}
inline Field tcp_flags() {
    return slice(Source::transport, 104, 8);
}  // fin 1 .. cwr 128

inline Field in_interface() {
    return slice(Source::in_interface, 0, 128);
}
inline Field out_interface() {
    return slice(Source::out_interface, 0, 128);
}
inline Field family() {
    return slice(Source::family, 0, 8);
}
inline Field protocol() {
    return slice(Source::protocol, 0, 16);
}
inline Field transport_protocol() {
    return slice(Source::transport_protocol, 0, 8);
}
inline Field mark() {
    return slice(Source::mark, 0, 32);
}
inline Field ct_state() {
    return slice(Source::ct_state, 0, 32);
}
inline Field ct_status() {
    return slice(Source::ct_status, 0, 32);
}
inline Field ct_direction() {
    return slice(Source::ct_direction, 0, 8);
}
inline Field ct_mark() {
    return slice(Source::ct_mark, 0, 32);
}
inline Field ct_zone() {
    return slice(Source::ct_zone, 0, 16);
}
inline Field ct_label() {
    return slice(Source::ct_label, 0, 128);
}

inline Field named(Source source, std::string name, unsigned width = 1, std::string instance = {}) {
    return {source, 0, static_cast<uint16_t>(width), std::move(name), std::move(instance)};
}

}  // namespace field

// In an operator's words: "ip daddr", "th dport", "iifname", "payload transport 32 16".
std::string text(const Field& field);

// A value of a field, in the field's own notation: an address, a name in quotes, a number.
std::string text(const Field& field, WideNumber value);

// An interface's name as the value that in_interface and out_interface hold: its bytes, the first
// on top.  A name that ends in "*" stands for all that begin so: from as_name(NAME, 0) to
// as_name(NAME, 0xff).
WideNumber as_name(std::string_view name, uint8_t fill = 0);
std::string from_name(WideNumber value);

// An address as the value of a field of its family's width.
WideNumber as_number(const Address& address);

}  // namespace rehome::lbsync::policy
