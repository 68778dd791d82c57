// See host_counters.h.
#include "probe/core/host_counters.h"

#include <algorithm>
#include <charconv>

namespace rehome::probe {

namespace {

struct Watched {
    const char* name;
    const char* meaning;
};

constexpr Watched watched[] = {
    {"TcpExt.IPReversePathFilter", "dropped by the reverse-path filter"},
    {"Ip.InDiscards", "IPv4 packets dropped on the way in"},
    {"Ip.OutDiscards", "IPv4 packets dropped on the way out"},
    {"Ip.OutNoRoutes", "IPv4 packets without a route"},
    {"Ip.InHdrErrors", "IPv4 packets with a wrong header"},
    {"Ip.InAddrErrors", "IPv4 packets to a wrong address"},
    {"Ip6InDiscards", "IPv6 packets dropped on the way in"},
    {"Ip6OutDiscards", "IPv6 packets dropped on the way out"},
    {"Ip6OutNoRoutes", "IPv6 packets without a route"},
    {"Ip6InHdrErrors", "IPv6 packets with a wrong header"},
    {"Ip6InAddrErrors", "IPv6 packets to a wrong address"},
    {"Icmp.InCsumErrors", "damaged ICMP packets"},
    {"Icmp6InCsumErrors", "damaged ICMPv6 packets"},
    {"Tcp.InCsumErrors", "damaged TCP segments"},
    {"Udp.InCsumErrors", "damaged UDP datagrams"},
    {"Udp6InCsumErrors", "damaged UDP datagrams by IPv6"},
    {"Udp.RcvbufErrors", "UDP datagrams that a full socket dropped"},
    {"Udp6RcvbufErrors", "UDP datagrams by IPv6 that a full socket dropped"},
};

std::string_view take_line(std::string_view& text) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

std::string_view take_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

void add(std::string name, std::string_view number, HostCounters& counters) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc{} && end == number.data() + number.size() && !number.empty()) {
        counters[std::move(name)] = value;
    }
}

}  // namespace

void read_counters(std::string_view text, HostCounters& counters) {
    while (!text.empty()) {
        std::string_view names = take_line(text);
        const std::string_view head = take_word(names);
        if (!head.ends_with(':')) {
            add(std::string(head), take_word(names), counters);
            continue;
        }
        std::string_view numbers = take_line(text);
        if (take_word(numbers) != head) {
            continue;
        }
        const std::string group(head.substr(0, head.size() - 1));
        for (std::string_view name = take_word(names); !name.empty(); name = take_word(names)) {
            add(group + "." + std::string(name), take_word(numbers), counters);
        }
    }
}

std::vector<CounterRise> rises(const HostCounters& before, const HostCounters& after) {
    std::vector<CounterRise> list;
    for (const Watched& counter : watched) {
        const auto then = before.find(counter.name);
        const auto now = after.find(counter.name);
        if (then != before.end() && now != after.end() && now->second > then->second) {
            list.push_back({counter.name, now->second - then->second, counter.meaning});
        }
    }
    return list;
}

std::string_view counter_meaning(std::string_view name) {
    const auto* const found =
        std::find_if(std::begin(watched), std::end(watched),
                     [name](const Watched& counter) { return counter.name == name; });
    return found == std::end(watched) ? std::string_view{} : found->meaning;
}

}  // namespace rehome::probe
