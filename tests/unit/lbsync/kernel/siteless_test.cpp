// What may be carried in nft's own words, and what might hide something of a site.
#include "lbsync/kernel/siteless.h"

#include "lbsync/kernel/flow.h"

#include "tests/unit/lbsync/kernel/host.h"

namespace rehome::lbsync::kernel {

namespace {

bool siteless(const std::string& expressions, const std::string& family,
              const std::string& sets = "") {
    const HostRead read = host_with(expressions, sets, family);
    const Table& table = read.ruleset.tables.front();
    const Sets known(table);
    const auto normal = normal_form(table.chains.front().rules.front().node, known);
    REQUIRE_MESSAGE(normal.has_value(), normal.error());
    return is_siteless(*normal, known);
}

std::string test_of(const std::string& source, const std::string& value) {
    return source + "," + equals(1, value);
}

std::string meta(int key) {
    return R"({"meta":{"dreg":1,"key":)" + std::to_string(key) + "}}";
}

std::string ct(int key) {
    return R"({"ct":{"dreg":1,"key":)" + std::to_string(key) + "}}";
}

}  // namespace

TEST_CASE("what belongs to a site is found wherever it hides") {
    const std::string zero4 = "00000000";
    const std::string zero16 = zero4 + zero4 + zero4 + zero4;
    struct Case {
        const char* what;
        std::string expressions;
        const char* family;
        bool siteless;
    };
    const std::string hash =
        load(1, 1, 12, 4) + R"(,{"hash":{"sreg":1,"dreg":1,"len":4,"modulus":2}})";
    const std::string address = R"({"immediate":{"dreg":1,"data":{"value":"0a000001"}}},)";
    const Case cases[] = {
        {"hardware addresses", test_of(load(1, 0, 6, 6), "001122334455"), "bridge", false},
        {"a frame's type", test_of(load(1, 0, 12, 2), "0800"), "bridge", true},
        {"a part of an address", test_of(load(1, 1, 14, 1), "01"), "ip", false},
        {"ttl", test_of(load(1, 1, 8, 1), "40"), "ip", true},
        {"ttl, or an IPv6 address", test_of(load(1, 1, 8, 1), "40"), "inet", false},
        {"the packet that an ICMP error quotes", test_of(load(1, 2, 20, 4), zero4), "ip", false},
        {"TCP's window", test_of(load(1, 2, 14, 2), "0000"), "inet", true},
        {"an interface's name", test_of(meta(6), zero16), "inet", false},
        {"an interface's number", test_of(meta(4), zero4), "inet", false},
        {"an hour, in the host's time zone", test_of(meta(32), zero4), "inet", false},
        {"a priority", test_of(meta(2), zero4), "inet", true},
        {"a connection's address", test_of(ct(19), zero4), "inet", false},
        {"a connection's label", test_of(ct(13), zero16), "inet", true},
        {"a hash of an address", test_of(hash, zero4), "ip", false},
        {"a translation's address", address + R"({"nat":{"type":1,"family":2,"reg_addr_min":1}})",
         "ip", false},
        {"a proxy's address", address + R"({"tproxy":{"family":2,"reg_addr":1}})", "ip", false},
        {"a device", address + R"({"dup":{"sreg_addr":1}})", "ip", false},
        {"an extension of iptables", R"({"match":{"name":"iprange","rev":1,"info":"00"}})", "ip",
         false},
        {"a quota", R"({"quota":{"bytes":5,"flags":0}})", "ip", true},
        {"a TCP option",
         test_of(R"({"exthdr":{"dreg":1,"type":2,"op":1,"offset":2,"len":2}})", "05b4"), "inet",
         true},
        {"a routing header's address",
         test_of(R"({"exthdr":{"dreg":1,"type":43,"op":0,"offset":8,"len":4}})", zero4), "ip6",
         false},
        {"a chain within the rule", verdict_of(4294967293, "__chain0"), "ip", false},
        {"a chain", verdict_of(4294967293, "other"), "ip", true},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CHECK(siteless(one.expressions, one.family) == one.siteless);
    }
    const auto map = [](const std::string& chain) {
        return R"({"name":"m","key_len":2,"flags":8,"elements":[{"key":{"value":"0016"},)"
               R"("data":{"verdict":{"code":4294967293,"chain":")" +
               chain + R"("}}}]})";
    };
    const std::string look = load(1, 2, 2, 2) + R"(,{"lookup":{"set":"m","sreg":1,"dreg":0}})";
    CHECK(siteless(look, "inet", map("other")));
    CHECK_FALSE(siteless(look, "inet", map("__chain0")));
}

}  // namespace rehome::lbsync::kernel
