// What stands outside the rule sets: what is understood, what differs by nature, what is doubted.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "lbsync/outside/compare.h"
#include "tests/unit/lbsync/lbsync_data.h"

using namespace rehome;
using namespace rehome::lbsync;
using namespace rehome::lbsync::outside;

namespace {

// A host of two interfaces with connection tracking and nothing else.
Told plain() {
    Told told;
    for (const char* interface : {"all", "lo", "red"}) {
        told.settings[std::string("net/ipv4/conf/") + interface + "/forwarding"] = "1";
        told.settings[std::string("net/ipv4/conf/") + interface + "/rp_filter"] = "0";
    }
    told.settings["net/netfilter/nf_conntrack_tcp_loose"] = "1";
    const auto say = [&](std::string_view command, const char* words) {
        told.said[std::string(command)] = words;
    };
    say(rules_v4, R"([{"priority":0,"src":"all","table":"255"},
                      {"priority":32766,"src":"all","table":"254"}])");
    say(rules_v6, "");
    say(link_list, R"([{"ifname":"lo"},{"ifname":"red"}])");
    say(queue_list, R"([{"kind":"fq_codel","handle":"0:","dev":"red","root":true}])");
    return told;
}

Comparison compared(const Told& one, const Told& other, bool same = true) {
    return compare(facts(one), facts(other), {"a", "b", Images::same(), same});
}

// A rule set's line of a queue with a filter at "ingress".
void add_filter(Told& told, const std::string& filter) {
    told.said[std::string(queue_list)] = R"([{"kind":"clsact","handle":"ffff:","dev":"red"}])";
    told.said["tc -j filter show dev red ingress"] = "[" + filter + "]";
    told.said["tc -j filter show dev red egress"] = "";
}

}  // namespace

TEST_CASE("what differs for sure, with both values") {
    struct Case {
        const char* title;
        std::function<void(Told&)> change;
        const char* what;  // empty: no difference
        const char* new_value;
    };
    const Case cases[] = {
        {"nothing", [](Told&) {}, "", ""},
        {"forwarding", [](Told& told) { told.settings["net/ipv4/conf/red/forwarding"] = "0"; },
         "net/ipv4/conf/{red}/forwarding", "0"},
        {"what the kernel has not is off",
         [](Told& told) { told.settings.erase("net/ipv4/conf/red/forwarding"); },
         "net/ipv4/conf/{red}/forwarding", "0"},
        {"the higher rp_filter holds",
         [](Told& told) { told.settings["net/ipv4/conf/all/rp_filter"] = "2"; },
         "net/ipv4/conf/{lo,red}/rp_filter", "2"},
        {"tcp_loose",
         [](Told& told) { told.settings["net/netfilter/nf_conntrack_tcp_loose"] = "0"; },
         "net/netfilter/nf_conntrack_tcp_loose", "0"},
        {"no tracking at all",
         [](Told& told) { told.settings.erase("net/netfilter/nf_conntrack_tcp_loose"); }, "", ""},
        {"bridges' settings without a bridge",
         [](Told& told) { told.settings["net/bridge/bridge-nf-call-iptables"] = "1"; }, "", ""},
        {"queues that only order",
         [](Told& told) { told.said[std::string(queue_list)] = R"([{"kind":"mq","dev":"red"}])"; },
         "", ""},
        {"a rule by mark",
         [](Told& told) {
             told.said[std::string(rules_v4)] = R"([{"src":"all","fwmark":"0x1","table":"254"}])";
         },
         "ip rules by mark", "rule fwmark 0x1 src all table 254"},
        {"a rule behind the table main",
         [](Told& told) {
             told.said[std::string(rules_v4)] =
                 R"([{"src":"all","table":"254"},{"src":"all","fwmark":"0x1","table":"254"}])";
         },
         "ip rules by mark", "behind the table main: fwmark 0x1 src all table 254"},
        {"a rule without a mark is the site's own",
         [](Told& told) {
             told.said[std::string(rules_v4)] = R"([{"src":"10.0.0.0","srclen":8,"table":"7"}])";
         },
         "", ""},
        {"a filter", [](Told& told) { add_filter(told, R"({"kind":"matchall","options":{}})"); },
         "tc at red", "filter ingress kind matchall"},
        {"an empty table of filters",
         [](Told& told) { add_filter(told, R"({"kind":"u32","chain":0})"); }, "", ""},
        {"XDP",
         [](Told& told) {
             told.said[std::string(link_list)] =
                 R"([{"ifname":"lo"},{"ifname":"red","xdp":{"mode":1,"prog":{"name":"f","tag":"0a"}}}])";
         },
         "XDP at red", "program mode 1 prog name f tag 0a"},
        {"an AF_XDP socket's own program",
         [](Told& told) {
             told.said[std::string(link_list)] =
                 R"([{"ifname":"lo"},{"ifname":"red","xdp":{"prog":{"name":"xsk_def_prog"}}}])";
         },
         "", ""},
        {"an interface more",
         [](Told& told) {
             told.said[std::string(link_list)] =
                 R"([{"ifname":"lo"},{"ifname":"red"},{"ifname":"docker0"}])";
         },
         "", ""},
    };
    for (const Case& one : cases) {
        CAPTURE(one.title);
        Told changed = plain();
        one.change(changed);
        const Comparison found = compared(plain(), changed);
        CHECK(found.doubts.empty());
        REQUIRE(found.differences.size() == (*one.what == '\0' ? 0 : 1));
        if (*one.what != '\0') {
            CHECK(found.differences[0].what == one.what);
            CHECK(found.differences[0].new_value == one.new_value);
            CHECK(compared(changed, plain()).differences.size() == 1);
        }
    }
}

TEST_CASE("bridges' settings count where both have bridges") {
    Told one = plain();
    one.said[std::string(link_list)] =
        R"([{"ifname":"br0","linkinfo":{"info_kind":"bridge"}},{"ifname":"lo"}])";
    Told other = one;
    other.settings["net/bridge/bridge-nf-call-iptables"] = "1";
    CHECK(compared(one, other).differences.size() == 1);
}

TEST_CASE("helpers count where the kernel assigns them by itself") {
    Told one = plain();
    one.said[std::string(module_list)] = "nf_conntrack_ftp 20480 0 - Live\nveth 1 0\n";
    Told other = plain();
    CHECK(compared(one, other).differences.empty());
    one.settings["net/netfilter/nf_conntrack_helper"] = "1";
    other.settings["net/netfilter/nf_conntrack_helper"] = "1";
    REQUIRE(compared(one, other).differences.size() == 1);
    CHECK(compared(one, other).differences[0].old_value == "nf_conntrack_ftp");
}

TEST_CASE("bytes that nobody understands are alike only where all addresses are") {
    Told told = plain();
    add_filter(told, R"({"kind":"u32","options":{"match":{"value":"a000002","off":16}}})");
    CHECK(compared(told, told).equal());
    CHECK(compared(told, told, false).doubts.size() == 1);
    add_filter(told, R"({"kind":"bpf","options":{"tag":"0a"}})");
    CHECK(compared(told, told).doubts.size() == 1);
}

TEST_CASE("addresses and interfaces become the other site's") {
    const Lab lab;
    const Images images{[&](const Interval& interval) { return lab.mapping.map(interval); },
                        [&](const std::string& name) {
                            return map_interface({{"red", "crimson"}}, name);
                        }};
    Told one = plain();
    one.said[std::string(rules_v4)] =
        R"([{"src":"10.1.0.0","srclen":16,"iif":"red","fwmark":"0x1","table":"100"}])";
    one.said["ip -N -j -4 route show table 100"] = R"([{"dst":"10.1.1.11","dev":"red"}])";
    Told other = plain();
    other.said[std::string(link_list)] = R"([{"ifname":"lo"},{"ifname":"crimson"}])";
    other.said[std::string(queue_list)] = "";
    other.said[std::string(rules_v4)] =
        R"([{"src":"172.20.0.0","srclen":16,"iif":"crimson","fwmark":"0x1","table":"100"}])";
    other.said["ip -N -j -4 route show table 100"] = R"([{"dst":"172.20.5.21","dev":"crimson"}])";
    other.settings["net/ipv4/conf/crimson/forwarding"] = "1";
    CHECK(compare(facts(one), facts(other), {"a", "b", images, false}).equal());
    // In whatever order they stand there: these two swap.
    one.said["ip -N -j -4 route show table 100"] =
        R"([{"dst":"10.99.0.1","dev":"lo"},{"dst":"10.99.0.2","dev":"red"}])";
    other.said["ip -N -j -4 route show table 100"] =
        R"([{"dst":"10.99.0.1","dev":"crimson"},{"dst":"10.99.0.2","dev":"lo"}])";
    CHECK(compare(facts(one), facts(other), {"a", "b", images, false}).equal());
    one.said[std::string(rules_v4)] = R"([{"src":"10.1.1.99","fwmark":"0x1","table":"254"}])";
    const Comparison refused = compare(facts(one), facts(other), {"a", "b", images, false});
    REQUIRE(refused.doubts.size() == 1);
    CHECK(contains(refused.doubts[0].what, "object without a counterpart: 10.1.1.99"));
}

TEST_CASE("what was not told, or not understood, is doubted") {
    for (const char* words : {"[{", "{}", "[1]", R"([{"ifname":1}])", "\xff"}) {
        CAPTURE(words);
        Told told = plain();
        told.said[std::string(link_list)] = words;
        CHECK_FALSE(compared(told, plain()).doubts.empty());
        CHECK_FALSE(compared(plain(), told).doubts.empty());
    }
    Told told = plain();
    told.said.erase(std::string(rules_v6));
    CHECK(compared(told, plain()).doubts.size() == 1);
    told = plain();
    told.unread["net/ipv4/conf/red/rp_filter"] = "Permission denied";
    CHECK(compared(told, plain()).doubts.size() == 1);
    told = plain();
    told.said[std::string(rules_v4)] = R"([{"fwmark":"0x1","table":"100"}])";
    CHECK(contains(compared(told, told).doubts.at(0).what, "table 100: was not asked"));
}

TEST_CASE("what is asked for by what was told") {
    Told told = plain();
    CHECK(to_ask(told).empty());
    told.said[std::string(queue_list)] =
        R"([{"kind":"clsact","dev":"red"},{"kind":"htb","handle":"1:","dev":"lo"},
            {"kind":"clsact","dev":"-force"},{"kind":"clsact","dev":"a b"},{"kind":1}])";
    told.said[std::string(rules_v4)] = R"([{"fwmark":"0x1","table":"100"},{"table":"101"}])";
    CHECK(to_ask(told) ==
          std::vector<std::string>{
              "ip -N -j -4 route show table 100",
              "tc -j filter show dev lo parent 1:", "tc -j filter show dev red egress",
              "tc -j filter show dev red ingress", "tc class show dev lo"});
}
