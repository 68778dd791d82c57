#include "lbsync/policy/field.h"

#include <algorithm>

#include <fmt/format.h>

namespace rehome::lbsync::policy {

namespace {

using Source = Field::Source;

struct Known {
    Field field;
    std::string_view name;
};

const std::vector<Known>& known_fields() {
    static const std::vector<Known> fields{
        {field::ether_destination(), "ether daddr"},
        {field::ether_source(), "ether saddr"},
        {field::ether_type(), "ether type"},
        {field::vlan_priority(), "vlan pcp"},
        {field::vlan_id(), "vlan id"},
        {field::vlan_type(), "vlan type"},
        {field::ip4_dscp(), "ip dscp"},
        {field::ip4_length(), "ip length"},
        {field::ip4_fragment(), "ip frag-off"},
        {field::ip4_ttl(), "ip ttl"},
        {field::ip4_protocol(), "ip protocol"},
        {field::ip4_source(), "ip saddr"},
        {field::ip4_destination(), "ip daddr"},
        {field::ip6_next_header(), "ip6 nexthdr"},
        {field::ip6_hop_limit(), "ip6 hoplimit"},
        {field::ip6_source(), "ip6 saddr"},
        {field::ip6_destination(), "ip6 daddr"},
        {field::source_port(), "th sport"},
        {field::destination_port(), "th dport"},
        {field::icmp_type(), "icmp type"},
        {field::icmp_code(), "icmp code"},
        {field::tcp_flags(), "tcp flags"},
        {field::in_interface(), "iifname"},
        {field::out_interface(), "oifname"},
        {field::family(), "meta nfproto"},
        {field::protocol(), "meta protocol"},
        {field::transport_protocol(), "meta l4proto"},
        {field::mark(), "meta mark"},
        {field::ct_state(), "ct state"},
        {field::ct_status(), "ct status"},
        {field::ct_direction(), "ct direction"},
        {field::ct_mark(), "ct mark"},
        {field::ct_zone(), "ct zone"},
        {field::ct_label(), "ct label"},
    };
    return fields;
}

std::string_view text(Source source) {
    constexpr std::string_view names[] = {
        "link",      "ip",           "ip6",           "arp",          "transport", "iifname",
        "oifname",   "meta nfproto", "meta protocol", "meta l4proto", "meta mark", "ct state",
        "ct status", "ct direction", "ct mark",       "ct zone",      "ct label"};
    return names[static_cast<size_t>(source)];
}

std::string number_text(WideNumber value) {
    const auto high = static_cast<uint64_t>(value >> 64);
    const auto low = static_cast<uint64_t>(value);
    return high == 0 ? std::to_string(low) : fmt::format("0x{:x}{:016x}", high, low);
}

std::string address_text(WideNumber value) {
    std::array<uint8_t, 16> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<uint8_t>(value >> (120 - 8 * i));
    }
    return Address{Family::v6, bytes}.text();
}

}  // namespace

std::string text(const Field& field) {
    if (field.source >= Source::other) {
        return field.name;
    }
    const auto& fields = known_fields();
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const Known& known) { return known.field == field; });
    return found != fields.end()
               ? std::string(found->name)
               : fmt::format("payload {} {} {}", text(field.source), field.offset, field.width);
}

std::string text(const Field& field, WideNumber value) {
    if (field.source == Source::in_interface || field.source == Source::out_interface) {
        return "\"" + from_name(value) + "\"";
    }
    if (field == field::ip4_source() || field == field::ip4_destination()) {
        return Address::v4(static_cast<uint32_t>(value)).text();
    }
    if (field == field::ip6_source() || field == field::ip6_destination()) {
        return address_text(value);
    }
    return number_text(value);
}

WideNumber as_name(std::string_view name, uint8_t fill) {
    const bool prefix = name.ends_with('*');
    const std::string_view bytes = prefix ? name.substr(0, name.size() - 1) : name;
    WideNumber value = 0;
    for (size_t i = 0; i < 16; ++i) {
        const uint8_t byte = i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : prefix ? fill : 0;
        value = value << 8 | byte;
    }
    return value;
}

std::string from_name(WideNumber value) {
    std::string name;
    for (int shift = 120; shift >= 0; shift -= 8) {
        const auto byte = static_cast<char>(value >> shift);
        if (byte == 0) {
            break;
        }
        name += byte;
    }
    return name;
}

WideNumber as_number(const Address& address) {
    return address.family == Family::v4 ? address.v4_host_order() : wide(address.bytes);
}

}  // namespace rehome::lbsync::policy
