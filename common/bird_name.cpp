#include "common/bird_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace rehome {

namespace {

constexpr size_t longest = 63;

// Found by giving each word of its program to BIRD 2.0.12 as a protocol's name.
constexpr std::string_view reserved = R"(
accept action add address administrative advertise after algorithm allow always area as4 asn
attribute attributes auth authentication autonomous aware babel babel_metric base bcast bfd
bgp_aggregator bgp_aigp bgp_atomic_aggr bgp_cluster_list bgp_community bgp_ext_community
bgp_large_community bgp_local_pref bgp_med bgp_next_hop bgp_origin bgp_originator_id bgp_otc
bgp_path bgpmask bgppath bind bird blackhole blake2b256 blake2b512 blake2s128 blake2s256 bool
bt_assert bt_check_assign bt_test_same bt_test_suite buffer by capabilities case cease change
channels circuit cluster code collision commands communities confederation config configuration
configure confirm connect connection contains cost2 cryptographic current data data1 data2 dead
debug deconfigured default define delay delete demand description dest deterministic dev device
digits direct disable disabled dnssl do domain dont_fragment dport drop dscp dynamic ebgp ec echo
eclist ecmp eligible else empty enable enforce events exit exp expire exported extended external
false fatal filename filtered filters first first_fragment flags flow4 flow6 flush for forget free
from function garbage gateway gc generate generic global graceful gw gw_mpls header hello hidden
high hit hmac horizon hostname ibgp icmp id idle if ifindex ifname ignore igp_metric infinity info
instance interfaces internal interpret interval ip ipv4_mc ipv4_mpls ipv6_mc ipv6_mpls ipv6_sadr
is_fragment is_v4 is_v6 iso keep keepalive kernel keyed krt_advmss krt_cwnd krt_feature_allfrag
krt_feature_ecn krt_hoplimit krt_initcwnd krt_initrwnd krt_lock_advmss krt_lock_cwnd
krt_lock_hoplimit krt_lock_mtu krt_lock_reordering krt_lock_rto_min krt_lock_rtt krt_lock_rttvar
krt_lock_sstresh krt_lock_window krt_metric krt_mtu krt_prefsrc krt_quickack krt_realm
krt_reordering krt_rto_min krt_rtt krt_rttvar krt_scope krt_source krt_sstresh krt_window label
large last last_fragment last_nonaggregated latency lc lclist learn linger lived lladdr local long
lsa lsadb lsid managed mandatory master4 master6 max maxlen md5 medium member memory merge
messages meticulous metric missing mode mrt mrtdump ms mult multicast multihop multiplier name
nbma neighbor neighbors netlink netmask networks ng no noexport nonbroadcast none normal ns nssa
of off offset older on only originate ospf ospf_metric1 ospf_metric2 ospf_router_id ospf_tag other
packets pair passive password passwords paths pe perf period permissive persist pipe plaintext
pointomultipoint pointopoint poison poll preexport prefer preferred prefix prepend pri primary
print printn priority private prohibit propagate proto protocol protocols ptmp ptp public quad
quit ra ra_lifetime ra_preference radv randomize range rd rdnss real receive recursive reject
rejected remote repeat require reset resources restrict retrans retransmit retry return reverse
rfc1583compat rfc5838 rip rip_metric rip_tag roa4 roa6 roa_check roles router routes rpki rr rs rt
rx rxcost scan sec secondary security self sensitive sessions setkey sets settle sha1 sha256
sha384 sha512 short show simple skip sockets soft solicited sorted split ssh stability stale
startup states static stats status stderr stub stubnet summary suppression symbols syslog table
tcp template then threshold tick timeformat timeout timer to topology trace translator transport
trie trigger true ttl tx undo unicast unknown update us user v2 v3 valid validate version via
virtual vpn vpn4 vpn4_mc vpn4_mpls vpn6 vpn6_mc vpn6_mpls vrf wait warn warning watchdog weight
where wired wireless yes zero
)";

bool is_reserved(std::string_view name) {
    const auto ends = [](char c) { return c == ' ' || c == '\n'; };
    for (size_t at = reserved.find(name); at != std::string_view::npos;
         at = reserved.find(name, at + 1)) {
        if (ends(reserved[at - 1]) && ends(reserved[at + name.size()])) {
            return true;
        }
    }
    return false;
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

std::string why_no_bird_name(std::string_view name) {
    const bool plain =
        std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
    if (!plain || name.empty() || is_digit(name.front())) {
        return "expected letters, digits and _, a letter or _ first";
    }
    if (name.size() > longest) {
        return fmt::format("expected at most {} characters", longest);
    }
    return is_reserved(name) ? "it is a word of BIRD's own, expected another" : "";
}

}  // namespace rehome
