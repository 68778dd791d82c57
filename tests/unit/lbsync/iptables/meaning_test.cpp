// What iptables' rules mean, step by step, and what is a doubt.
#include "lbsync/iptables/meaning.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lbsync/iptables/read.h"
#include "tests/unit/lbsync/lbsync_data.h"

namespace rehome::lbsync::iptables {

namespace {

using policy::Verdict;

std::string text(const policy::Field& field, const policy::Span& span) {
    const std::string first = policy::text(field, span.first);
    return span.first == span.last ? first : first + "-" + policy::text(field, span.last);
}

std::string text(const policy::Test& test) {
    std::string said;
    for (const policy::Term& term : test.of) {
        said += said.empty() ? "" : " . ";
        said += policy::text(term.field);
        if (term.mask != ~WideNumber{0}) {
            said += fmt::format("&{}", policy::text(term.field, term.mask));
        }
        said += term.field.instance.empty() ? "" : " [" + term.field.instance + "]";
    }
    said += test.negated ? " !=" : "";
    for (size_t i = 0; i < test.in->spans.size(); ++i) {
        const size_t column = i % test.in->columns;
        said += column == 0 ? " " : ".";
        said += text(test.of[column].field, test.in->spans[i]);
    }
    return said;
}

std::string text(const Verdict& verdict) {
    constexpr std::string_view names[] = {"accept",    "drop", "reject", "hand over",
                                          "next rule", "back", "jump",   "goto"};
    const std::string name(names[static_cast<size_t>(verdict.kind)]);
    return verdict.kind >= Verdict::Kind::jump ? fmt::format("{} {}", name, verdict.target)
           : verdict.detail.empty()            ? name
                                               : name + " " + verdict.detail;
}

std::string text(const policy::Store& store) {
    const std::string from = store.value.from
                                 ? fmt::format("{}&{:x}^", policy::text(*store.value.from),
                                               static_cast<uint64_t>(store.value.mask))
                                 : "";
    return fmt::format("{} := {}{:x}", policy::text(store.into), from,
                       static_cast<uint64_t>(store.value.flip));
}

std::string text(const policy::Act& act) {
    return act.words + (act.set.empty() ? "" : " (changes " + act.set + ")");
}

std::string text(const policy::Nat& nat) {
    constexpr std::string_view names[] = {"dnat", "snat", "masquerade", "redirect"};
    std::string said(names[static_cast<size_t>(nat.kind)]);
    if (nat.address) {
        said += " " + text(nat.address->last >> 32 == 0 ? policy::field::ip4_source()
                                                        : policy::field::ip6_source(),
                           *nat.address);
    }
    said += nat.port ? ":" + text(policy::field::source_port(), *nat.port) : "";
    return said + (nat.flags.empty() ? "" : " " + nat.flags);
}

std::string text(const policy::Choice&) {
    return "choice";
}

std::string text(const policy::Rule& rule) {
    std::vector<std::string> steps;
    for (const policy::Step& step : rule.steps) {
        steps.push_back(std::visit([](const auto& one) { return text(one); }, step));
    }
    return fmt::format("{}", fmt::join(steps, "; "));
}

constexpr const char* sets =
    "create web hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1\n"
    "add web 198.51.100.10,tcp:80\nadd web 198.51.100.10,53\n"
    "create nets hash:net family inet counters comment\n"
    "add nets 10.0.0.0/8 packets 3 bytes 4 comment \"x\"\nadd nets 10.1.0.0/16 nomatch\n"
    "create hosts hash:ip family inet netmask 24\nadd hosts 192.0.2.0\n"
    "create doors bitmap:port range 0-1024\nadd doors 22\nadd doors 80-90\n"
    "create banned hash:ip family inet timeout 600\nadd banned 192.0.2.1 timeout 55\n"
    "add banned 192.0.2.2 timeout 0\n"
    "create seen hash:ip family inet\n"
    "create both list:set size 8\nadd both nets\nadd both hosts\n"
    "create some list:set size 8\nadd some nets\nadd some banned\n"
    "create none list:set size 8\n"
    "create mixed list:set size 8\nadd mixed nets\nadd mixed doors\n"
    "create six hash:ip family inet6\n"
    "create macs hash:mac\n"
    "create links hash:net,iface family inet\nadd links 10.0.0.0/8,eth0\n"
    "add links 10.0.0.0/8,ppp wildcard\n"
    "create pings hash:ip,port family inet\nadd pings 10.0.0.1,icmp:8/0\n"
    "create bits hash:ip family inet bitmask 255.0.255.0\n"
    "create wrong hash:ip family inet\nadd wrong 10.0.0.1,80\n";

policy::Policy policy_of(const std::string& table, Family family = Family::v4) {
    const auto dump = read_dump(sets + table, "f", family);
    REQUIRE_MESSAGE(dump, dump.error()[0].text());
    return meaning(*dump, "f");
}

policy::Policy policy_of_rule(const std::string& rule, const std::string& table,
                              const std::string& chain, Family family) {
    return policy_of(
        fmt::format("*{}\n:{} ACCEPT\n:own - [0:0]\n-A {} {}\nCOMMIT\n", table, chain, chain, rule),
        family);
}

struct Case {
    const char* rule;
    const char* means;
    const char* table = "filter";
    const char* chain = "INPUT";
    Family family = Family::v4;
};

}  // namespace

TEST_CASE("rules by what they mean") {
    constexpr Family v6 = Family::v6;
    const Case cases[] = {
        {"-j ACCEPT", "accept"},
        {"", ""},
        {"-s 10.0.0.0/8 ! -d 192.0.2.1/32 -j DROP",
         "ip saddr&255.0.0.0 10.0.0.0; ip daddr&255.255.255.255 != 192.0.2.1; drop"},
        {"-s 10.0.0.5/255.0.0.255", "ip saddr&255.0.0.255 10.0.0.5"},
        {"-i eth0 ! -i ppp+",
         "iifname \"eth0\"; iifname != \"ppp\"-\"ppp\xff\xff\xff\xff\xff"
         "\xff\xff\xff\xff\xff\xff\xff\xff\""},
        {"-p tcp -j own", "meta l4proto 6; jump 1"},
        {"-p all -g own", "goto 1"},
        {"! -p 47", "meta l4proto != 47"},
        {"-f", "ip frag-off&8191 != 0"},
        {"! -f", "ip frag-off&8191 0"},
        // -m limit stands first here, and is asked last: the others cost nothing.
        {"-m limit --limit 5/sec -s 10.0.0.1",
         "ip saddr&255.255.255.255 10.0.0.1; xt limit --limit 5/sec 1"},
        {"-p tcp -m tcp --dport 22", "meta l4proto 6; icmp type 0-255; th dport 22"},
        {"-p tcp --sport 1024: ! --dport :80",
         "meta l4proto 6; icmp type 0-255; th sport 1024-65535; th dport != 0-80"},
        {"-p tcp -m tcp --tcp-flags SYN,RST SYN", "meta l4proto 6; icmp type 0-255; tcp flags&6 2"},
        {"-p tcp -m tcp ! --syn", "meta l4proto 6; icmp type 0-255; tcp flags&23 != 2"},
        {"-p sctp --dport 5 --chunk-types any DATA",
         "meta l4proto 132; icmp type 0-255; th dport 5; xt transport --chunk-types any DATA 1"},
        {"-p udp -m multiport --dports 53,67:68", "meta l4proto 17; th dport 53 67-68"},
        {"-p udp -m multiport ! --ports 53",
         "meta l4proto 17; th sport . th dport != 53.0-65535 0-65535.53"},
        {"-p icmp -m icmp --icmp-type 8", "meta l4proto 1; icmp type 0-255; icmp type 8"},
        {"-p icmp -m icmp ! --icmp-type 3/4",
         "meta l4proto 1; icmp type 0-255; icmp type . icmp code != 3.4"},
        {"-p icmp -m icmp --icmp-type any", "meta l4proto 1; icmp type 0-255"},
        {"-p ipv6-icmp -m icmp6 --icmpv6-type 135",
         "meta l4proto 58; icmp type 0-255; icmp type 135", "filter", "INPUT", v6},
        {"-m conntrack --ctstate RELATED,ESTABLISHED", "ct state&6 != 0"},
        {"-m state ! --state NEW", "ct state&8 0"},
        {"-m conntrack --ctstate NEW,DNAT", "ct state&8 . ct status&32 1-8.0-32 0-8.1-32"},
        {"-m conntrack ! --ctorigdst 10.0.0.1", "xt conntrack --ctorigdst 10.0.0.1 != 1"},
        {"-m mark ! --mark 0x1/0xff", "meta mark&255 != 1"},
        {"-m connmark --mark 7", "ct mark&4294967295 7"},
        {"-m iprange --src-range 10.0.0.1-10.0.0.9", "ip saddr 10.0.0.1-10.0.0.9"},
        {"-m ttl --ttl-gt 1 -m length --length 40:1500", "ip ttl 2-255; ip length 40-1500"},
        {"-m dscp --dscp 0x2e", "ip dscp 46"},
        {"-m comment --comment x -m string --string y --algo bm",
         "xt string --string y --algo bm 1"},
        {"-m recent --update --name ssh --rsource",
         "xt recent --update --name ssh --rsource [recent ssh] 1"},
        {"-m mac --mac-source 00:11:22:33:44:55", "meta iiftype 1; ether saddr 73588229205"},
        {"-m set --match-set web dst,dst",
         "ip daddr . meta l4proto . th dport 198.51.100.10.6.80 198.51.100.10.6.53"},
        {"-m set ! --match-set nets src",
         "ip saddr != 10.0.0.0-10.0.255.255 10.2.0.0-10.255.255.255"},
        {"-m set --match-set hosts src", "ip saddr 192.0.2.0-192.0.2.255"},
        {"-m set --match-set doors src", "meta l4proto . th sport 6.22 17.22 6.80-90 17.80-90"},
        {"-m set --match-set both dst",
         "ip daddr 10.0.0.0-10.0.255.255 10.2.0.0-10.255.255.255 192.0.2.0-192.0.2.255"},
        {"-m set --match-set links src,src",
         "ip saddr . iifname 10.0.0.0-10.255.255.255.\"eth0\" 10.0.0.0-10.255.255.255.\"ppp\"-"
         "\"ppp\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\""},
        {"-m set --match-set banned src",
         "ipset banned src hash:ip timeout 600 {192.0.2.2} [banned] 1"},
        {"-m set ! --match-set some src",
         "ipset some src list:set {banned, nets}; nets hash:net {10.0.0.0/8, 10.1.0.0/16 nomatch}; "
         "banned hash:ip timeout 600 {192.0.2.2} [some] != 1"},
        {"-j REJECT", "reject icmp port-unreachable"},
        {"-p tcp -j REJECT --reject-with tcp-reset", "meta l4proto 6; reject tcp reset"},
        {"-j REJECT", "reject icmpv6 port-unreachable", "filter", "INPUT", v6},
        {"-j NFQUEUE --queue-balance 0:3 --queue-bypass", "hand over queue num 0-3 bypass"},
        {"-j LOG --log-prefix \"in: \" --log-level 6 --log-tcp-options",
         "log prefix \"in: \" level info flags tcp options"},
        {"-j SET --add-set seen src", "xt SET --add-set seen src (changes seen)"},
        {"-j MARK --set-xmark 0x1/0xff", "meta mark := meta mark&ffffff00^1", "mangle"},
        {"-j MARK --set-mark 5", "meta mark := 5", "mangle"},
        {"-j MARK --or-mark 5", "meta mark := meta mark&fffffffa^5", "mangle"},
        {"-j MARK --and-mark 5", "meta mark := meta mark&5^0", "mangle"},
        {"-j CONNMARK --save-mark", "ct mark := meta mark&ffffffffffffffff^0", "mangle"},
        {"-j CONNMARK --restore-mark --nfmask 0xff00ff --ctmask 0xff",
         "payload meta mark 24 8 := payload ct mark 24 8&ffffffffffffffff^0; "
         "payload meta mark 8 8 := 0",
         "mangle"},
        {"-j CT --notrack", "ct state := 40", "raw", "PREROUTING"},
        {"-j CT --zone 5 --helper ftp", "ct zone := 5; xt CT --helper ftp", "raw", "PREROUTING"},
        {"-j DSCP --set-dscp 1", "ip dscp := 1", "mangle"},
        {"-p tcp -j DNAT --to-destination 10.1.1.1-10.1.1.9:80-90 --random --persistent",
         "meta l4proto 6; dnat 10.1.1.1-10.1.1.9:80-90 random,persistent", "nat", "PREROUTING"},
        {"-p tcp -j DNAT --to-destination :80", "meta l4proto 6; dnat:80", "nat", "PREROUTING"},
        {"-p tcp -j DNAT --to-destination [2001:db8::1]:80", "meta l4proto 6; dnat 2001:db8::1:80",
         "nat", "PREROUTING", v6},
        {"-j SNAT --to-source 2001:db8::1", "snat 2001:db8::1", "nat", "POSTROUTING", v6},
        {"-p tcp -j MASQUERADE --to-ports 1024-2048 --random-fully",
         "meta l4proto 6; masquerade:1024-2048 fully-random", "nat", "POSTROUTING"},
        {"-p tcp -j REDIRECT --to-ports 80", "meta l4proto 6; redirect:80", "nat", "OUTPUT"},
        {"-d 198.51.100.0/24 -j NETMAP --to 10.0.0.0/24",
         "ip daddr&255.255.255.0 198.51.100.0; dnat 10.0.0.0-10.0.0.255 netmap", "nat",
         "PREROUTING"},
        {"-j NETMAP --to 10.0.0.0/24", "snat 10.0.0.0-10.0.0.255 netmap", "nat", "POSTROUTING"},
    };
    for (const Case& row : cases) {
        CAPTURE(row.rule);
        const policy::Policy policy = policy_of_rule(row.rule, row.table, row.chain, row.family);
        for (const Doubt& doubt : policy.doubts) {
            FAIL_CHECK(doubt.where << ": " << doubt.what);
        }
        REQUIRE(policy.chains[0].rules.size() == 1);
        CHECK(text(policy.chains[0].rules[0]) == row.means);
    }
}

TEST_CASE("what has no meaning here is a doubt with its place and words") {
    const std::pair<const char*, const char*> cases[] = {
        {"-m geoip --src-cc DE", "match geoip is not known"},
        {"-j CHAOS --tarpit", "target CHAOS is not known"},
        {"-s gateway.example", "is no IPv4 address"},
        {"-s 2001:db8::1", "is no IPv4 address"},
        {"-s 10.0.0.1,10.0.0.2", "is no IPv4 address"},
        {"-p nonsense", "is no protocol"},
        {"-p tcp --dport ssh", "is no number up to 65535"},
        {"-p tcp --dport 9:5", "is no range"},
        {"-p tcp --dport 010", "is no number"},
        {"-p tcp --tcp-flags SYN,XYZ SYN", "is no TCP flag"},
        {"-p icmp --icmp-type strange", "is no number"},
        {"-m conntrack --ctstate NEWISH", "is no state"},
        {"-i veth*", "is no interface's name"},
        {"-m mac --mac-source 00:11", "is no hardware address"},
        {"-m set --match-set missing src", "set missing is not there"},
        {"-m set --match-set six src", "of the other family"},
        {"-m set --match-set macs src", "type hash:mac is not modelled"},
        {"-m set --match-set none src", "is empty"},
        {"-m set --match-set mixed src", "sets of several kinds"},
        {"-m set --match-set pings dst,dst", "only ports of TCP"},
        {"-m set --match-set bits dst", "\"bitmask\" is not modelled"},
        {"-m set --match-set wrong dst", "does not fit its type"},
        {"-m set --match-set web dst", "fewer directions"},
        {"-m set ! --match-set web dst,dst", "before a set with ports"},
        {"-m set --match-set nets src --return-nomatch", "--return-nomatch is not modelled"},
        {"-m tcpmss --mss 100", "match tcpmss"},
        {"-j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xff", "bits of a mark"},
        {"-j TTL --ttl-dec 1", "not one that is counted"},
        {"-j ECN --ecn-tcp-remove", "target ECN is not modelled"},
        {"-j DNAT --to-destination 10.0.0.1:80-90/85", "range of ports"},
        {"-j DNAT --to-destination 10.0.0.0/8", "range of addresses"},
        {"-j DNAT", "--to-destination is missing"},
        {"-j LOG --log-level loud", "is no number"},
        {"-j REJECT --reject-with bang", "no known way to reject"},
    };
    for (const auto& [rule, what] : cases) {
        CAPTURE(rule);
        const policy::Policy policy = policy_of_rule(rule, "filter", "INPUT", Family::v4);
        REQUIRE(policy.doubts.size() == 1);
        CHECK(policy.doubts[0].where == "f: iptables filter INPUT: rule 39");
        CHECK_MESSAGE(policy.doubts[0].what.find(what) != std::string::npos, policy.doubts[0].what);
    }
}

TEST_CASE("built-in chains stand where the kernel registers them") {
    const policy::Policy policy = policy_of(
        "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING DROP\nCOMMIT\n"
        "*raw\n:PREROUTING ACCEPT\nCOMMIT\n*filter\n:FORWARD DROP\n:own - [0:0]\nCOMMIT\n");
    CHECK(policy.doubts.empty());
    const struct {
        policy::Stage stage;
        int priority;
        bool nat;
        Verdict::Kind verdict;
    } expected[] = {{policy::Stage::prerouting, -100, true, Verdict::Kind::accept},
                    {policy::Stage::input, 100, true, Verdict::Kind::accept},
                    {policy::Stage::output, -100, true, Verdict::Kind::accept},
                    {policy::Stage::postrouting, 100, true, Verdict::Kind::drop},
                    {policy::Stage::prerouting, -300, false, Verdict::Kind::accept},
                    {policy::Stage::forward, 0, false, Verdict::Kind::drop}};
    REQUIRE(policy.chains.size() == std::size(expected) + 1);
    for (size_t i = 0; i < std::size(expected); ++i) {
        const policy::Hook& hook = policy.chains[i].hook.value();
        CHECK(hook.stage == expected[i].stage);
        CHECK(hook.priority == expected[i].priority);
        CHECK(hook.nat == expected[i].nat);
        CHECK(hook.policy.kind == expected[i].verdict);
        CHECK(hook.layer == policy::Layer::ip4);
    }
    CHECK(!policy.chains.back().hook);
}

TEST_CASE("chains that are none of their table are doubts") {
    CHECK(policy_of("*raw\n:INPUT ACCEPT\nCOMMIT\n").doubts.size() == 1);
    CHECK(policy_of("*raw\n:OUTPUT - [0:0]\nCOMMIT\n").doubts.size() == 1);
}

TEST_CASE("NETMAP in a chain that both directions reach is a doubt") {
    const std::string chains =
        "*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n:own - [0:0]\n-A PREROUTING -j own\n";
    const std::string netmap = "-A own -j NETMAP --to 10.0.0.0/24\nCOMMIT\n";
    CHECK(policy_of(chains + netmap).doubts.empty());
    CHECK(policy_of(chains + "-A POSTROUTING -g own\n" + netmap).doubts.size() == 1);
}

TEST_CASE("what the tools print has few doubts") {
    const auto dump = read_dump(data("site.ipset") + data("site.iptables-legacy"), "site");
    REQUIRE(dump);
    std::vector<std::string> doubts;
    for (const Doubt& doubt : meaning(*dump, "site").doubts) {
        doubts.push_back(doubt.what);
    }
    // "!" before a set with ports.
    CHECK_MESSAGE(doubts.size() == 1, fmt::format("{}", fmt::join(doubts, "\n")));
}

}  // namespace rehome::lbsync::iptables
