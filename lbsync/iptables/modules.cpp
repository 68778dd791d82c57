#include "lbsync/iptables/modules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

namespace rehome::lbsync::iptables {

namespace {

// The options, one value each unless "/N" says otherwise.
struct Module {
    std::string_view name;
    std::string_view options;
};

constexpr std::array matches{
    Module{"addrtype", "src-type dst-type limit-iface-in/0 limit-iface-out/0"},
    Module{"ah", "ahspi ahlen ahres/0"},
    Module{"bpf", "bytecode object-pinned"},
    Module{"cgroup", "path cgroup"},
    Module{"cluster",
           "cluster-total-nodes cluster-local-node cluster-local-nodemask cluster-hash-seed"},
    Module{"comment", "comment"},
    Module{"connbytes", "connbytes connbytes-dir connbytes-mode"},
    Module{"connlabel", "label set/0"},
    Module{"connlimit",
           "connlimit-upto connlimit-above connlimit-mask connlimit-saddr/0 connlimit-daddr/0"},
    Module{"connmark", "mark"},
    Module{"conntrack",
           "ctstate ctproto ctorigsrc ctorigdst ctreplsrc ctrepldst ctorigsrcport ctorigdstport "
           "ctreplsrcport ctrepldstport ctstatus ctexpire ctdir"},
    Module{"cpu", "cpu"},
    Module{"dccp", "sport source-port dport destination-port dccp-types dccp-option"},
    Module{"devgroup", "src-group dst-group"},
    Module{"dscp", "dscp dscp-class"},
    Module{"dst", "dst-len dst-opts"},
    Module{"ecn", "ecn-tcp-cwr/0 ecn-tcp-ece/0 ecn-ip-ect"},
    Module{"esp", "espspi"},
    Module{"eui64", ""},
    Module{"frag", "fragid fraglen fragres/0 fragfirst/0 fragmore/0 fraglast/0"},
    Module{"hashlimit",
           "hashlimit-upto hashlimit-above hashlimit-mode hashlimit-srcmask hashlimit-dstmask "
           "hashlimit-name hashlimit-burst hashlimit-htable-size hashlimit-htable-max "
           "hashlimit-htable-gcinterval hashlimit-htable-expire hashlimit-rate-match/0 "
           "hashlimit-rate-interval"},
    Module{"hbh", "hbh-len hbh-opts"},
    Module{"helper", "helper"},
    Module{"hl", "hl-eq hl-lt hl-gt"},
    Module{"icmp", "icmp-type"},
    Module{"icmp6", "icmpv6-type"},
    Module{"ipcomp", "ipcompspi"},
    Module{"iprange", "src-range dst-range"},
    Module{"ipv6header", "header soft/0"},
    Module{"ipvs", "ipvs/0 vproto vaddr vport vdir vmethod vportctl"},
    Module{"length", "length"},
    Module{"limit", "limit limit-burst"},
    Module{"mac", "mac-source"},
    Module{"mark", "mark"},
    Module{"mh", "mh-type"},
    Module{"multiport", "sports source-ports dports destination-ports ports"},
    Module{"nfacct", "nfacct-name"},
    Module{"osf", "genre ttl log"},
    Module{"owner", "uid-owner gid-owner socket-exists/0 suppl-groups/0"},
    Module{"physdev",
           "physdev-in physdev-out physdev-is-in/0 physdev-is-out/0 physdev-is-bridged/0"},
    Module{"pkttype", "pkt-type"},
    Module{"policy", "dir pol strict/0 reqid spi proto mode tunnel-src tunnel-dst next/0"},
    Module{"quota", "quota"},
    Module{"realm", "realm"},
    Module{"recent",
           "set/0 rcheck/0 update/0 remove/0 seconds reap/0 hitcount rttl/0 name rsource/0 "
           "rdest/0 mask"},
    Module{"rpfilter", "loose/0 validmark/0 accept-local/0 invert/0"},
    Module{"rt", "rt-type rt-segsleft rt-len rt-0-res/0 rt-0-addrs rt-0-not-strict/0"},
    Module{"sctp", "sport source-port dport destination-port chunk-types/2"},
    Module{"set",
           "match-set/2 return-nomatch/0 update-counters/0 update-subcounters/0 packets-eq "
           "packets-lt packets-gt bytes-eq bytes-lt bytes-gt"},
    Module{"socket", "nowildcard/0 transparent/0 restore-skmark/0"},
    Module{"state", "state"},
    Module{"statistic", "mode probability every packet"},
    Module{"string", "from to algo icase/0 string hex-string"},
    Module{"tcp", "sport source-port dport destination-port tcp-flags/2 syn/0 tcp-option"},
    Module{"tcpmss", "mss"},
    Module{"time",
           "datestart datestop timestart timestop monthdays weekdays kerneltz/0 contiguous/0 utc/0 "
           "localtz/0"},
    Module{"tos", "tos"},
    Module{"ttl", "ttl-eq ttl-lt ttl-gt"},
    Module{"u32", "u32"},
    Module{"udp", "sport source-port dport destination-port"},
};

constexpr std::array targets{
    Module{"ACCEPT", ""},
    Module{"AUDIT", "type"},
    Module{"CHECKSUM", "checksum-fill/0"},
    Module{"CLASSIFY", "set-class"},
    Module{"CONNMARK",
           "set-xmark set-mark save-mark/0 restore-mark/0 ctmask nfmask mask and-mark or-mark "
           "xor-mark left-shift-mark right-shift-mark"},
    Module{"CT", "notrack/0 helper timeout ctevents expevents zone zone-orig zone-reply"},
    Module{"DNAT", "to-destination random/0 persistent/0"},
    Module{"DNPT", "src-pfx dst-pfx"},
    Module{"DROP", ""},
    Module{"DSCP", "set-dscp set-dscp-class"},
    Module{"ECN", "ecn-tcp-remove/0"},
    Module{"HL", "hl-set hl-dec hl-inc"},
    Module{"LOG",
           "log-level log-prefix log-tcp-sequence/0 log-tcp-options/0 log-ip-options/0 log-uid/0 "
           "log-macdecode/0"},
    Module{"MARK", "set-xmark set-mark and-mark or-mark xor-mark"},
    Module{"MASQUERADE", "to-ports random/0 random-fully/0"},
    Module{"NETMAP", "to"},
    Module{"NFLOG", "nflog-group nflog-range nflog-size nflog-threshold nflog-prefix"},
    Module{"NFQUEUE", "queue-num queue-balance queue-bypass/0 queue-cpu-fanout/0"},
    Module{"NOTRACK", ""},
    Module{"QUEUE", ""},
    Module{"REDIRECT", "to-ports random/0"},
    Module{"REJECT", "reject-with"},
    Module{"RETURN", ""},
    Module{"SET",
           "add-set/2 del-set/2 map-set/2 exist/0 timeout map-mark/0 map-prio/0 map-queue/0"},
    Module{"SNAT", "to-source random/0 random-fully/0 persistent/0"},
    Module{"SNPT", "src-pfx dst-pfx"},
    Module{"SYNPROXY", "sack-perm/0 timestamp/0 wscale mss ecn/0"},
    Module{"TCPMSS", "set-mss clamp-mss-to-pmtu/0"},
    Module{"TCPOPTSTRIP", "strip-options"},
    Module{"TEE", "gateway oif"},
    Module{"TOS", "set-tos and-tos or-tos xor-tos"},
    Module{"TPROXY", "on-port on-ip tproxy-mark"},
    Module{"TRACE", ""},
    Module{"TTL", "ttl-set ttl-dec ttl-inc"},
};

using Options = std::unordered_map<std::string_view, unsigned>;
using Modules = std::unordered_map<std::string_view, Options>;

Options options_in(std::string_view text) {
    Options options;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        const size_t slash = word.find('/');
        options[word.substr(0, slash)] =
            slash == word.npos ? 1 : static_cast<unsigned>(word[slash + 1] - '0');
    }
    return options;
}

template <size_t n>
Modules modules_in(const std::array<Module, n>& table) {
    Modules modules;
    for (const Module& module : table) {
        modules[module.name] = options_in(module.options);
    }
    return modules;
}

const Modules& modules(ModuleKind kind) {
    static const Modules all_matches = modules_in(matches);
    static const Modules all_targets = modules_in(targets);
    return kind == ModuleKind::match ? all_matches : all_targets;
}

}  // namespace

bool known_module(ModuleKind kind, std::string_view name) {
    return modules(kind).contains(name);
}

std::optional<unsigned> option_values(ModuleKind kind, std::string_view module,
                                      std::string_view option) {
    const auto found = modules(kind).find(module);
    if (found == modules(kind).end() || !option.starts_with("--")) {
        return {};
    }
    const auto values = found->second.find(option.substr(2));
    return values == found->second.end() ? std::nullopt : std::optional(values->second);
}

std::string_view match_of_protocol(std::string_view protocol) {
    static const std::unordered_map<std::string_view, std::string_view> loaded{
        {"tcp", "tcp"},    {"6", "tcp"},         {"udp", "udp"},      {"17", "udp"},
        {"icmp", "icmp"},  {"1", "icmp"},        {"icmpv6", "icmp6"}, {"ipv6-icmp", "icmp6"},
        {"58", "icmp6"},   {"sctp", "sctp"},     {"132", "sctp"},     {"dccp", "dccp"},
        {"33", "dccp"},    {"esp", "esp"},       {"50", "esp"},       {"ah", "ah"},
        {"51", "ah"},      {"ipcomp", "ipcomp"}, {"108", "ipcomp"},   {"mobility-header", "mh"},
        {"ipv6-mh", "mh"}, {"mh", "mh"},         {"135", "mh"}};
    const auto found = loaded.find(protocol);
    return found == loaded.end() ? "" : found->second;
}

}  // namespace rehome::lbsync::iptables
