// What this host's kernel counted during a run, of what can spoil a measurement: packets that it
// dropped for a reason of its own, and damaged ones by protocol.
//
// Read from /proc/net/snmp and /proc/net/netstat (a line of names, a line of numbers, both behind
// "Ip:") and /proc/net/snmp6 ("Ip6InDiscards  0").  The counters are the whole network namespace's,
// so that they hint at a cause and prove none.  Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rehome::probe {

using HostCounters =
    std::map<std::string, uint64_t>;  // "TcpExt.IPReversePathFilter", "Ip6InDiscards"

// Adds what a file's text holds.  Lines of another form are passed over.
void read_counters(std::string_view text, HostCounters& counters);

struct CounterRise {
    std::string name;
    uint64_t by = 0;
    std::string meaning;
};

// Those that rose, in a fixed order.
std::vector<CounterRise> rises(const HostCounters& before, const HostCounters& after);

// In words; empty for a counter that is not watched.
std::string_view counter_meaning(std::string_view name);

}  // namespace rehome::probe
