#include "lbsync/iptables/values.h"

#include <charconv>
#include <unordered_map>

#include <fmt/format.h>

#include "common/error.h"

namespace rehome::lbsync::iptables {

namespace {

tl::unexpected<std::string> wrong(std::string_view text, std::string_view what) {
    return tl::unexpected(fmt::format("{} is no {}", in_quotes(text), what));
}

Read<WideNumber> address(std::string_view text, Family family) {
    const auto parsed = Address::parse(text);
    if (!parsed || parsed->family != family) {
        return wrong(text, family == Family::v4 ? "IPv4 address" : "IPv6 address");
    }
    return policy::as_number(*parsed);
}

}  // namespace

WideNumber all_ones(unsigned bits) {
    return bits == 0 ? 0 : ~WideNumber{0} >> (128 - bits);
}

Read<uint64_t> number(std::string_view text, uint64_t highest) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const std::string_view digits = hex ? text.substr(2) : text;
    uint64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, hex ? 16 : 10);
    // A leading zero would be octal for the tools and decimal here.
    const bool octal = !hex && digits.size() > 1 && digits[0] == '0';
    if (digits.empty() || error != std::errc{} || stop != end || octal || value > highest) {
        return wrong(text, fmt::format("number up to {}", highest));
    }
    return value;
}

Read<Span> range(std::string_view text, char between, uint64_t highest) {
    const size_t at = text.find(between);
    if (at == text.npos) {
        return number(text, highest).map([](uint64_t value) { return Span{value, value}; });
    }
    const auto low = at == 0 ? Read<uint64_t>(0) : number(text.substr(0, at), highest);
    const auto high =
        at + 1 == text.size() ? Read<uint64_t>(highest) : number(text.substr(at + 1), highest);
    if (!low || !high || *low > *high) {
        return wrong(text, fmt::format("range of numbers up to {}", highest));
    }
    return Span{*low, *high};
}

Read<Masked> masked(std::string_view text, uint64_t all) {
    const size_t slash = text.find('/');
    const auto value = number(text.substr(0, slash), all);
    const auto mask =
        slash == text.npos ? Read<uint64_t>(all) : number(text.substr(slash + 1), all);
    if (!value || !mask) {
        return wrong(text, "VALUE/MASK");
    }
    return Masked{*value, *mask};
}

Read<Masked> network(std::string_view text, Family family) {
    const unsigned bits = family == Family::v4 ? 32 : 128;
    const size_t slash = text.find('/');
    const auto first = address(text.substr(0, slash), family);
    if (!first) {
        return tl::unexpected(first.error());
    }
    WideNumber mask = all_ones(bits);
    if (slash != text.npos) {
        const std::string_view length = text.substr(slash + 1);
        const auto ones = number(length, bits);
        const auto spelled =
            ones ? Read<WideNumber>(mask ^ all_ones(bits - static_cast<unsigned>(*ones)))
                 : address(length, family);
        if (!spelled) {
            return wrong(text, "network");
        }
        mask = *spelled;
    }
    return Masked{*first & mask, mask};
}

Read<Span> addresses(std::string_view text, Family family) {
    const size_t dash = text.find('-');
    if (dash != text.npos) {
        const auto first = address(text.substr(0, dash), family);
        const auto last = address(text.substr(dash + 1), family);
        if (!first || !last || *first > *last) {
            return wrong(text, "range of addresses");
        }
        return Span{*first, *last};
    }
    const auto whole = network(text, family);
    if (!whole) {
        return tl::unexpected(whole.error());
    }
    const WideNumber hosts = all_ones(family == Family::v4 ? 32 : 128) ^ whole->mask;
    if ((hosts & (hosts + 1)) != 0) {
        return wrong(text, "prefix");
    }
    return Span{whole->value, whole->value | hosts};
}

Read<uint8_t> protocol(std::string_view text) {
    static const std::unordered_map<std::string_view, uint8_t> names{{"icmp", 1},
                                                                     {"igmp", 2},
                                                                     {"ipencap", 4},
                                                                     {"ipip", 4},
                                                                     {"tcp", 6},
                                                                     {"egp", 8},
                                                                     {"udp", 17},
                                                                     {"dccp", 33},
                                                                     {"ipv6", 41},
                                                                     {"ipv6-route", 43},
                                                                     {"rsvp", 46},
                                                                     {"gre", 47},
                                                                     {"esp", 50},
                                                                     {"ipv6-frag", 44},
                                                                     {"ah", 51},
                                                                     {"icmpv6", 58},
                                                                     {"ipv6-icmp", 58},
                                                                     {"ipv6-nonxt", 59},
                                                                     {"ipv6-opts", 60},
                                                                     {"eigrp", 88},
                                                                     {"ospf", 89},
                                                                     {"pim", 103},
                                                                     {"ipcomp", 108},
                                                                     {"vrrp", 112},
                                                                     {"l2tp", 115},
                                                                     {"sctp", 132},
                                                                     {"ipv6-mh", 135},
                                                                     {"mh", 135},
                                                                     {"mobility-header", 135},
                                                                     {"udplite", 136}};
    const auto found = names.find(text);
    if (found != names.end()) {
        return found->second;
    }
    const auto value = number(text, 255);
    if (!value) {
        return wrong(text, "protocol that is known here (its number always is)");
    }
    return static_cast<uint8_t>(*value);
}

Read<uint8_t> icmp_name(std::string_view text, Family family) {
    static const std::unordered_map<std::string_view, uint8_t> v4{{"echo-reply", 0},
                                                                  {"pong", 0},
                                                                  {"destination-unreachable", 3},
                                                                  {"source-quench", 4},
                                                                  {"redirect", 5},
                                                                  {"echo-request", 8},
                                                                  {"ping", 8},
                                                                  {"router-advertisement", 9},
                                                                  {"router-solicitation", 10},
                                                                  {"time-exceeded", 11},
                                                                  {"ttl-exceeded", 11},
                                                                  {"parameter-problem", 12},
                                                                  {"timestamp-request", 13},
                                                                  {"timestamp-reply", 14},
                                                                  {"address-mask-request", 17},
                                                                  {"address-mask-reply", 18}};
    static const std::unordered_map<std::string_view, uint8_t> v6{{"destination-unreachable", 1},
                                                                  {"packet-too-big", 2},
                                                                  {"time-exceeded", 3},
                                                                  {"ttl-exceeded", 3},
                                                                  {"parameter-problem", 4},
                                                                  {"echo-request", 128},
                                                                  {"ping", 128},
                                                                  {"echo-reply", 129},
                                                                  {"pong", 129},
                                                                  {"router-solicitation", 133},
                                                                  {"router-advertisement", 134},
                                                                  {"neighbour-solicitation", 135},
                                                                  {"neighbor-solicitation", 135},
                                                                  {"neighbour-advertisement", 136},
                                                                  {"neighbor-advertisement", 136},
                                                                  {"redirect", 137}};
    const auto& names = family == Family::v4 ? v4 : v6;
    const auto found = names.find(text);
    if (found != names.end()) {
        return found->second;
    }
    return number(text, 255).map([](uint64_t value) { return static_cast<uint8_t>(value); });
}

std::vector<std::string> split(std::string_view text, char between) {
    std::vector<std::string> parts;
    size_t at = 0;
    while (true) {
        const size_t end = text.find(between, at);
        parts.emplace_back(text.substr(at, end - at));
        if (end == text.npos) {
            return parts;
        }
        at = end + 1;
    }
}

}  // namespace rehome::lbsync::iptables
