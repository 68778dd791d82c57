#include "lbsync/nft/key_field.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "lbsync/nft/print.h"

namespace rehome::lbsync::nft {

namespace {

using policy::Field;
using policy::Span;
using Kind = Expr::Kind;
using Source = Field::Source;
using Symbol = std::pair<std::string_view, uint64_t>;

constexpr Symbol protocols[] = {{"hopopt", 0},     {"icmp", 1},   {"igmp", 2},     {"ipencap", 4},
                                {"tcp", 6},        {"udp", 17},   {"dccp", 33},    {"ipv6", 41},
                                {"gre", 47},       {"esp", 50},   {"ah", 51},      {"icmpv6", 58},
                                {"ipv6-icmp", 58}, {"ospf", 89},  {"comp", 108},   {"ipcomp", 108},
                                {"vrrp", 112},     {"sctp", 132}, {"udplite", 136}};
constexpr Symbol ethertypes[] = {{"ip", 0x0800},    {"arp", 0x0806},    {"vlan", 0x8100},
                                 {"8021q", 0x8100}, {"8021ad", 0x88a8}, {"ip6", 0x86dd}};
constexpr Symbol families[] = {{"ipv4", 2}, {"ipv6", 10}};
constexpr Symbol icmp_types[] = {{"echo-reply", 0},           {"destination-unreachable", 3},
                                 {"source-quench", 4},        {"redirect", 5},
                                 {"echo-request", 8},         {"router-advertisement", 9},
                                 {"router-solicitation", 10}, {"time-exceeded", 11},
                                 {"parameter-problem", 12},   {"timestamp-request", 13},
                                 {"timestamp-reply", 14},     {"info-request", 15},
                                 {"info-reply", 16},          {"address-mask-request", 17},
                                 {"address-mask-reply", 18}};
constexpr Symbol icmp_codes[] = {{"net-unreachable", 0},  {"host-unreachable", 1},
                                 {"prot-unreachable", 2}, {"port-unreachable", 3},
                                 {"frag-needed", 4},      {"net-prohibited", 9},
                                 {"host-prohibited", 10}, {"admin-prohibited", 13}};
constexpr Symbol icmp6_types[] = {
    {"destination-unreachable", 1},  {"packet-too-big", 2},         {"time-exceeded", 3},
    {"parameter-problem", 4},        {"echo-request", 128},         {"echo-reply", 129},
    {"mld-listener-query", 130},     {"mld-listener-report", 131},  {"mld-listener-done", 132},
    {"mld-listener-reduction", 132}, {"nd-router-solicit", 133},    {"nd-router-advert", 134},
    {"nd-neighbor-solicit", 135},    {"nd-neighbor-advert", 136},   {"nd-redirect", 137},
    {"router-renumbering", 138},     {"ind-neighbor-solicit", 141}, {"ind-neighbor-advert", 142},
    {"mld2-listener-report", 143}};
constexpr Symbol icmp6_codes[] = {{"no-route", 0},         {"admin-prohibited", 1},
                                  {"addr-unreachable", 3}, {"port-unreachable", 4},
                                  {"policy-fail", 5},      {"reject-route", 6}};
constexpr Symbol tcp_flags[] = {{"fin", 1},  {"syn", 2},  {"rst", 4},  {"psh", 8},
                                {"ack", 16}, {"urg", 32}, {"ecn", 64}, {"cwr", 128}};
constexpr Symbol ct_states[] = {
    {"invalid", 1}, {"established", 2}, {"related", 4}, {"new", 8}, {"untracked", 64}};
constexpr Symbol ct_statuses[] = {{"expected", 1},  {"seen-reply", 2}, {"assured", 4},
                                  {"confirmed", 8}, {"snat", 0x10},    {"dnat", 0x20},
                                  {"dying", 0x200}};
constexpr Symbol ct_directions[] = {{"original", 0}, {"reply", 1}};
constexpr Symbol dscps[] = {{"cs0", 0},   {"df", 0},    {"be", 0},    {"lephb", 1}, {"cs1", 8},
                            {"af11", 10}, {"af12", 12}, {"af13", 14}, {"cs2", 16},  {"af21", 18},
                            {"af22", 20}, {"af23", 22}, {"cs3", 24},  {"af31", 26}, {"af32", 28},
                            {"af33", 30}, {"cs4", 32},  {"af41", 34}, {"af42", 36}, {"af43", 38},
                            {"cs5", 40},  {"va", 44},   {"ef", 46},   {"cs6", 48},  {"cs7", 56}};
constexpr Symbol ecns[] = {{"not-ect", 0}, {"ect1", 1}, {"ect0", 2}, {"ce", 3}};
constexpr Symbol packet_types[] = {
    {"host", 0}, {"unicast", 0}, {"broadcast", 1}, {"multicast", 2}, {"other", 3}};
constexpr Symbol route_types[] = {{"unspec", 0},    {"unicast", 1},     {"local", 2},
                                  {"broadcast", 3}, {"anycast", 4},     {"multicast", 5},
                                  {"blackhole", 6}, {"unreachable", 7}, {"prohibit", 8}};

struct HeaderField {
    std::string_view name;
    Source source;
    uint16_t offset;
    uint16_t width;
    Symbols symbols = {};
};

constexpr HeaderField header_fields[] = {
    {"ip version", Source::ip4, 0, 4},
    {"ip hdrlength", Source::ip4, 4, 4},
    {"ip dscp", Source::ip4, 8, 6, dscps},
    {"ip ecn", Source::ip4, 14, 2, ecns},
    {"ip length", Source::ip4, 16, 16},
    {"ip id", Source::ip4, 32, 16},
    {"ip frag-off", Source::ip4, 48, 16},
    {"ip ttl", Source::ip4, 64, 8},
    {"ip protocol", Source::ip4, 72, 8, protocols},
    {"ip checksum", Source::ip4, 80, 16},
    {"ip saddr", Source::ip4, 96, 32},
    {"ip daddr", Source::ip4, 128, 32},
    {"ip6 version", Source::ip6, 0, 4},
    {"ip6 dscp", Source::ip6, 4, 6, dscps},
    {"ip6 ecn", Source::ip6, 10, 2, ecns},
    {"ip6 flowlabel", Source::ip6, 12, 20},
    {"ip6 length", Source::ip6, 32, 16},
    {"ip6 nexthdr", Source::ip6, 48, 8, protocols},
    {"ip6 hoplimit", Source::ip6, 56, 8},
    {"ip6 saddr", Source::ip6, 64, 128},
    {"ip6 daddr", Source::ip6, 192, 128},
    {"th sport", Source::transport, 0, 16},
    {"th dport", Source::transport, 16, 16},
    {"tcp sport", Source::transport, 0, 16},
    {"tcp dport", Source::transport, 16, 16},
    {"tcp sequence", Source::transport, 32, 32},
    {"tcp ackseq", Source::transport, 64, 32},
    {"tcp doff", Source::transport, 96, 4},
    {"tcp reserved", Source::transport, 100, 4},
    {"tcp flags", Source::transport, 104, 8, tcp_flags},
    {"tcp window", Source::transport, 112, 16},
    {"tcp checksum", Source::transport, 128, 16},
    {"tcp urgptr", Source::transport, 144, 16},
    {"udp sport", Source::transport, 0, 16},
    {"udp dport", Source::transport, 16, 16},
    {"udp length", Source::transport, 32, 16},
    {"udp checksum", Source::transport, 48, 16},
    {"udplite sport", Source::transport, 0, 16},
    {"udplite dport", Source::transport, 16, 16},
    {"udplite checksum", Source::transport, 48, 16},
    {"sctp sport", Source::transport, 0, 16},
    {"sctp dport", Source::transport, 16, 16},
    {"sctp vtag", Source::transport, 32, 32},
    {"sctp checksum", Source::transport, 64, 32},
    {"dccp sport", Source::transport, 0, 16},
    {"dccp dport", Source::transport, 16, 16},
    {"icmp type", Source::transport, 0, 8, icmp_types},
    {"icmp code", Source::transport, 8, 8, icmp_codes},
    {"icmpv6 type", Source::transport, 0, 8, icmp6_types},
    {"icmpv6 code", Source::transport, 8, 8, icmp6_codes},
    {"icmp id", Source::transport, 32, 16},
    {"icmp sequence", Source::transport, 48, 16},
    {"icmpv6 id", Source::transport, 32, 16},
    {"icmpv6 sequence", Source::transport, 48, 16},
    {"ah spi", Source::transport, 32, 32},
    {"ah sequence", Source::transport, 64, 32},
    {"esp spi", Source::transport, 0, 32},
    {"esp sequence", Source::transport, 32, 32},
    {"comp cpi", Source::transport, 16, 16},
};

// What the kernel knows of the packet.
struct KnownField {
    std::string_view name;
    Field (*field)();
    Symbols symbols = {};
    bool is_name = false;
};

const KnownField known_fields[] = {
    {"iifname", policy::field::in_interface, {}, true},
    {"iif", policy::field::in_interface, {}, true},
    {"oifname", policy::field::out_interface, {}, true},
    {"oif", policy::field::out_interface, {}, true},
    {"meta mark", policy::field::mark},
    {"meta l4proto", policy::field::transport_protocol, protocols},
    {"meta protocol", policy::field::protocol, ethertypes},
    {"meta nfproto", policy::field::family, families},
    {"ct state", policy::field::ct_state, ct_states},
    {"ct status", policy::field::ct_status, ct_statuses},
    {"ct direction", policy::field::ct_direction, ct_directions},
    {"ct mark", policy::field::ct_mark},
    {"ct zone", policy::field::ct_zone},
};

// Values of their own: nothing else that rules look at decides them.
struct OtherField {
    std::string_view name;
    uint16_t width;
    Symbols symbols = {};
};

constexpr OtherField other_fields[] = {
    {"meta length", 32},  {"meta pkttype", 8, packet_types},
    {"meta skuid", 32},   {"meta skgid", 32},
    {"meta cpu", 32},     {"iifgroup", 32},
    {"oifgroup", 32},     {"meta iiftype", 16},
    {"meta oiftype", 16},
};

std::vector<policy::Test> implied_by(std::string_view name) {
    const std::string_view protocol = name.substr(0, name.find(' '));
    using policy::is;
    constexpr Symbol transports[] = {{"tcp", 6},       {"udp", 17},   {"sctp", 132}, {"dccp", 33},
                                     {"udplite", 136}, {"ah", 51},    {"esp", 50},   {"comp", 108},
                                     {"icmp", 1},      {"icmpv6", 58}};
    std::vector<policy::Test> tests;
    if (protocol == "icmp" || protocol == "icmpv6") {
        // Its messages belong to one family.
        const WideNumber ethertype = protocol == "icmp" ? 0x0800 : 0x86dd;
        tests.push_back(is(policy::field::protocol(), ethertype));
    }
    for (const auto& [transport, number] : transports) {
        if (transport == protocol) {
            tests.push_back(is(policy::field::transport_protocol(), number));
        }
    }
    if (name.starts_with("icmp") && (name.ends_with(" id") || name.ends_with(" sequence"))) {
        // An echo's request and reply alone have these.
        const WideNumber request = protocol == "icmp" ? 8 : 128;
        const WideNumber reply = protocol == "icmp" ? 0 : 129;
        tests.push_back({{policy::Term{policy::field::icmp_type()}},
                         policy::elements({{request, request}, {reply, reply}}),
                         false});
    }
    return tests;
}

Meant<uint64_t> symbol(Symbols symbols, std::string_view word) {
    const auto found = std::find_if(symbols.begin(), symbols.end(),
                                    [&](const Symbol& it) { return it.first == word; });
    if (found == symbols.end()) {
        return tl::unexpected(fmt::format("the value {} is not known here", word));
    }
    return found->second;
}

// Fields of connections, the value of which only a connection has.
Meant<KeyField> of_connection(const std::string& name) {
    const Field any = policy::field::ct_direction();
    const policy::Test connected{{policy::Term{any}}, policy::elements({{0, 255}}), false};
    const bool opaque = name.find("addr") != std::string::npos;
    const bool ip6 = name.find("ip6") != std::string::npos;
    const unsigned width = opaque ? (ip6 ? 128 : 32) : 64;
    if (name == "ct helper") {
        return KeyField{policy::field::named(Source::other, name, 128), {connected}, {}, true};
    }
    const Symbols symbols = name == "ct l3proto" ? Symbols(families) : Symbols(protocols);
    return KeyField{policy::field::named(opaque ? Source::opaque : Source::other, name, width),
                    {connected},
                    name.ends_with("proto") || name.ends_with("protocol") ? symbols : Symbols(),
                    false};
}

Meant<Span> span_of_word(const Expr& value, const KeyField& key) {
    if (!key.is_name) {
        return symbol(key.symbols, value.text).map([](uint64_t number) {
            return Span{number, number};
        });
    }
    if (value.text.ends_with("\\*")) {  // a star that stands for itself
        const std::string name = value.text.substr(0, value.text.size() - 2);
        const WideNumber star = policy::as_name(name) |
                                WideNumber{'*'} << (name.size() < 16 ? 120 - 8 * name.size() : 0);
        return Span{star, star};
    }
    return Span{policy::as_name(value.text), policy::as_name(value.text, 0xff)};
}

Meant<Span> span_of_address(const Expr& value, const KeyField& key) {
    if (value.address.bits() != key.field.width) {
        return tl::unexpected(fmt::format("an address of another family than {}", key.field.name));
    }
    const WideNumber first = policy::as_number(value.address);
    if (value.kind == Kind::address) {
        return Span{first, first};
    }
    const unsigned free = key.field.width - static_cast<unsigned>(value.number);
    const WideNumber hosts = free >= 128 ? ~WideNumber{0} : (WideNumber{1} << free) - 1;
    return Span{first, first | hosts};
}

Meant<Span> single(const Expr& value, const KeyField& key, const std::string& what) {
    auto span = span_of(value, key);
    if (span && span->first != span->last) {
        return tl::unexpected(what + " is no single value");
    }
    return span;
}

// Words that a field holds at once, or constants that are calculated with.
Meant<Span> combined(const Expr& value, const KeyField& key) {
    WideNumber all = 0;
    for (size_t i = 0; i < value.args.size(); ++i) {
        const auto part = single(value.args[i], key, print(value, {}));
        if (!part) {
            return part;
        }
        all = i == 0              ? part->first
              : value.text == "&" ? all & part->first
              : value.text == "^" ? all ^ part->first
                                  : all | part->first;
    }
    return Span{all, all};
}

// "@th,16,16": base, offset and width in bits.
Meant<KeyField> raw(const std::string& name, std::string_view family) {
    const std::string_view base = std::string_view(name).substr(0, name.find(','));
    unsigned offset = 0;
    unsigned width = 0;
    char behind = 0;
    if (std::sscanf(name.c_str(), "@%*2[a-z],%u,%u%c", &offset, &width, &behind) == 2 &&
        width > 0 && width <= 128 && offset < 4096) {
        if (base == "@th") {
            return KeyField{policy::field::slice(Source::transport, offset, width), {}, {}, false};
        }
        if (base == "@ll") {
            return KeyField{policy::field::slice(Source::link, offset, width), {}, {}, false};
        }
        if (base == "@nh" && (family == "ip" || family == "ip6")) {
            const Source header = family == "ip" ? Source::ip4 : Source::ip6;
            return KeyField{policy::field::slice(header, offset, width), {}, {}, false};
        }
    }
    return tl::unexpected(fmt::format("{} in a table of family {}", name, family));
}

}  // namespace

Meant<KeyField> field_of(const Expr& key, std::string_view family) {
    const std::string& name = key.text;
    for (const HeaderField& it : header_fields) {
        if (it.name == name) {
            return KeyField{policy::field::slice(it.source, it.offset, it.width), implied_by(name),
                            it.symbols, false};
        }
    }
    for (const KnownField& it : known_fields) {
        if (it.name == name) {
            return KeyField{it.field(), {}, it.symbols, it.is_name};
        }
    }
    for (const OtherField& it : other_fields) {
        if (it.name == name) {
            return KeyField{
                policy::field::named(Source::other, name, it.width), {}, it.symbols, false};
        }
    }
    if (name.starts_with("ct ")) {
        return of_connection(name);
    }
    if (name.starts_with("numgen ")) {
        return KeyField{policy::field::named(Source::drawn, name, 32), {}, {}, false};
    }
    if (name.starts_with("fib ")) {
        const bool type = name.ends_with(" type");
        return KeyField{policy::field::named(Source::opaque, name, type ? 32 : 128),
                        {},
                        type ? Symbols(route_types) : Symbols(),
                        !type};
    }
    if (name.starts_with('@')) {
        return raw(name, family);
    }
    return tl::unexpected(fmt::format("{} has no place among the fields that are compared", name));
}

Meant<Span> span_of(const Expr& value, const KeyField& key) {
    switch (value.kind) {
        case Kind::number:
        case Kind::boolean:
            return Span{value.number, value.number};
        case Kind::word:
            return span_of_word(value, key);
        case Kind::address:
        case Kind::prefix:
            return span_of_address(value, key);
        case Kind::element:
            return span_of(value.args[0], key);
        case Kind::flags:
            return combined(value, key);
        case Kind::binary:
            if (value.text == "|" || value.text == "&" || value.text == "^") {
                return combined(value, key);
            }
            break;
        case Kind::range: {
            const auto first = single(value.args[0], key, "a range's end");
            const auto last = single(value.args[1], key, "a range's end");
            if (first && last) {
                return Span{first->first, last->first};
            }
            return first ? last : first;
        }
        default:
            break;
    }
    return tl::unexpected(fmt::format("the value {} is not modelled", print(value, {})));
}

}  // namespace rehome::lbsync::nft
