// Expressions as a policy: which field each byte is of, and what has no meaning there.
#include "lbsync/kernel/to_policy.h"

#include <fmt/format.h>

#include "tests/unit/lbsync/kernel/host.h"

namespace rehome::lbsync::kernel {

namespace {

std::string text_of(const policy::Step& step);

std::string text_of(const std::vector<policy::Step>& steps) {
    std::string text;
    for (const policy::Step& step : steps) {
        text += (text.empty() ? "" : "; ") + text_of(step);
    }
    return text;
}

std::string text_of(const std::vector<policy::Term>& of, const policy::Elements& in) {
    std::string text;
    for (size_t i = 0; i < in.spans.size(); ++i) {
        const policy::Field& field = of[i % in.columns].field;
        const policy::Span& span = in.spans[i];
        text += i == 0 ? "" : i % in.columns == 0 ? ", " : " . ";
        text += policy::text(field, span.first);
        text += span.first == span.last ? "" : "-" + policy::text(field, span.last);
    }
    return text;
}

struct Printer {
    std::string operator()(const policy::Test& test) const {
        std::string text;
        for (const policy::Term& term : test.of) {
            text += (text.empty() ? "" : " . ") + policy::text(term.field);
            if (static_cast<uint64_t>(~term.mask) != 0 && term.field.width <= 64 &&
                static_cast<uint64_t>(term.mask) != (uint64_t{2} << (term.field.width - 1)) - 1) {
                text += fmt::format("&{:x}", static_cast<uint64_t>(term.mask));
            }
        }
        return text + (test.negated ? " != " : " == ") + text_of(test.of, *test.in);
    }
    std::string operator()(const policy::Verdict& it) const {
        return fmt::format("verdict {} {}{}", static_cast<int>(it.kind), it.detail, it.target);
    }
    std::string operator()(const policy::Store& it) const {
        return fmt::format("{} set {}&{:x}^{:x}", policy::text(it.into),
                           it.value.from ? policy::text(*it.value.from) : "-",
                           static_cast<uint32_t>(it.value.mask),
                           static_cast<uint64_t>(it.value.flip));
    }
    std::string operator()(const policy::Act& it) const { return it.words + "@" + it.set; }
    std::string operator()(const policy::Nat& it) const {
        const auto part = [](const std::optional<policy::Span>& span) {
            return span ? fmt::format("{:x}-{:x}", static_cast<uint64_t>(span->first),
                                      static_cast<uint64_t>(span->last))
                        : "kept";
        };
        return fmt::format("nat {} {} {} {}", static_cast<int>(it.kind), part(it.address),
                           part(it.port), it.flags);
    }
    std::string operator()(const policy::Choice& it) const {
        std::string text = "choice";
        for (const auto& branch : it.branches) {
            text += " [" + text_of(it.of, *branch.in) + ": " + text_of(branch.steps) + "]";
        }
        return text;
    }
};

std::string text_of(const policy::Step& step) {
    return std::visit(Printer{}, step);
}

std::string meaning(const std::string& expressions, const std::string& sets = "",
                    const std::string& family = "inet") {
    const HostRead read = host_with(expressions, sets, family);
    const Naming naming{"host", [](std::string_view) { return false; },
                        [](const std::string&, uint64_t) { return std::string("words"); }};
    const policy::Policy policy = to_policy(read.ruleset, naming);
    REQUIRE(policy.chains.size() == 2);
    if (!policy.doubts.empty()) {
        CHECK(policy.doubts.front().where == "host: table " + family + " t: chain c: handle 4");
        return "doubt: " + policy.doubts.front().what;
    }
    return text_of(policy.chains[0].rules.at(0).steps);
}

const std::string ip4 = R"({"meta":{"dreg":1,"key":15}},)" + equals(1, "02") + ",";

std::string masked(const std::string& mask) {
    const std::string zero(mask.size(), '0');
    return R"({"bitwise":{"sreg":1,"dreg":1,"len":)" + std::to_string(mask.size() / 2) +
           R"(,"op":0,"mask":{"value":")" + mask + R"("},"xor":{"value":")" + zero + R"("}}},)";
}

}  // namespace

TEST_CASE("bytes become the fields that they are of") {
    const std::string set_size =
        R"({"exthdr":{"sreg":1,"type":2,"op":1,"offset":2,"len":2,"flags":0}})";
    const std::pair<std::string, std::string> cases[] = {
        {ip4 + load(1, 1, 12, 4) + "," + equals(1, "0a000001"),
         "meta nfproto == 2; ip saddr == 10.0.0.1"},
        {ip4 + load(1, 1, 12, 8) + "," + equals(1, "0a0000010a000001", 1),
         "meta nfproto == 2; ip saddr . ip daddr != 10.0.0.1 . 10.0.0.1"},
        {ip4 + load(1, 1, 12, 2) + "," + equals(1, "c000"),
         "meta nfproto == 2; ip saddr == 192.0.0.0-192.0.255.255"},
        {ip4 + load(1, 1, 16, 4) + "," + masked("fffff800") + equals(1, "c0000800"),
         "meta nfproto == 2; ip daddr == 192.0.8.0-192.0.15.255"},
        {ip4 + load(1, 1, 12, 4) + "," + masked("ff0000ff") + equals(1, "0a000001"),
         "meta nfproto == 2; ip saddr&ff0000ff == 10.0.0.1"},
        {load(1, 2, 0, 4) + "," + equals(1, "00010016"), "th sport == 1; th dport == 22"},
        {load(1, 2, 2, 2) + "," + equals(1, "0016", 5), "th dport == 22-65535"},
        {load(1, 2, 2, 2) + "," + equals(1, "0016", 2), "th dport == 0-21"},
        {load(1, 2, 13, 1) + "," + masked("12") + equals(1, "02"), "tcp flags&12 == 2"},
        {R"({"meta":{"dreg":1,"key":6}},)" + equals(1, "65746830000000000000000000000000"),
         "iifname == \"eth0\""},
        {R"({"meta":{"dreg":1,"key":6}},)" + equals(1, "657468"),
         "iifname == \"eth\"-\"eth\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\""},
        {R"({"meta":{"dreg":1,"key":4}},)" + equals(1, "07000000"), "iifname == \"eth0\""},
        {R"({"meta":{"dreg":1,"key":3}},)" + equals(1, "10000000"), "meta mark == 16"},
        {R"({"meta":{"dreg":1,"key":3}},{"byteorder":{"sreg":1,"dreg":1,"op":1,"len":4,"size":4}},)" +
             equals(1, "00000010", 3),
         "meta mark == 0-16"},
        {R"({"ct":{"dreg":1,"key":0}},)" + masked("06000000") + equals(1, "00000000", 1),
         "ct state&6 != 0"},
        {verdict_of(0) + "," + verdict_of(4294967293, "other"), "verdict 1 0; verdict 6 1"},
        {R"({"meta":{"dreg":1,"key":3}},)" + masked("ff000000") + R"({"ct":{"sreg":1,"key":3}})",
         "ct mark set meta mark&ff^0"},
        {R"({"immediate":{"dreg":1,"data":{"value":"0a000001"}}},{"immediate":{"dreg":2,"data":)"
         R"({"value":"1f90"}}},{"nat":{"type":1,"family":2,"reg_addr_min":1,"reg_proto_min":2}})",
         "nat 0 a000001-a000001 1f90-1f90 "},
        {R"({"masq":{"flags":20}})", "nat 2 kept kept random,fully-random"},
        {R"({"reject":{"type":1,"icmp_code":0}})", "verdict 2 tcp reset0"},
        {R"({"notrack":{}})", "ct state set -&ffffffff^40"},
        {R"({"exthdr":{"dreg":1,"type":2,"op":1,"offset":2,"len":2,"flags":0}},)" +
             equals(1, "05b4"),
         "has tcp option maxseg == 1; tcp option maxseg == 1460"},
        {R"({"rt":{"dreg":1,"key":3}},{"byteorder":{"sreg":1,"dreg":1,"op":1,"len":2,"size":2}},)" +
             set_size,
         "tcp option maxseg at most rt mtu&65535@tcp option maxseg"},
        {R"({"immediate":{"dreg":1,"data":{"value":"0550"}}},)" + set_size,
         "tcp option maxseg at most 1360@tcp option maxseg"},
        {ip4 + load(1, 1, 0, 2) + "," +
             R"({"bitwise":{"sreg":1,"dreg":1,"len":2,"op":0,"mask":{"value":"ff03"},)"
             R"("xor":{"value":"0020"}}},)" +
             R"({"payload":{"sreg":1,"base":1,"offset":0,"len":2,"csum_type":1}})",
         "meta nfproto == 2; payload ip 0 16 set payload ip 0 16&ff03^20"},
        {R"({"exthdr":{"dreg":1,"type":44,"op":0,"offset":0,"len":1,"flags":1}},)" +
             equals(1, "01"),
         "ip6 frag exists == 1"},
        {R"({"immediate":{"dreg":1,"data":{"value":"0a000001"}}},)"
         R"({"immediate":{"dreg":2,"data":{"value":"07000000"}}},)"
         R"({"dup":{"sreg_addr":1,"sreg_dev":2}})",
         "dup to 10.0.0.1 device \"eth0\"@"},
        {R"({"limit":{"rate":5,"unit":60,"burst":3,"type":0,"flags":1}})",
         "limit rate over 5/minute burst 3 packets == 1"},
        {R"({"immediate":{"dreg":1,"data":{"value":"07000000"}}},{"fwd":{"sreg_dev":1}})",
         "verdict 3 fwd device \"eth0\"0"},
        // Other families than the address's go on with the next rule.
        {R"({"immediate":{"dreg":1,"data":{"value":"07000000"}}},)"
         R"({"immediate":{"dreg":2,"data":{"value":"0a000001"}}},)"
         R"({"fwd":{"sreg_dev":1,"sreg_addr":2,"nfproto":2}})",
         "meta protocol == 2048; verdict 3 fwd to 10.0.0.1 device \"eth0\"0"},
        {R"({"synproxy":{"mss":1460,"wscale":7,"flags":3}})",
         "meta l4proto == 6; choice [2, 16, 18: verdict 3 synproxy(flags=3 mss=1460 wscale=7)0] "
         "[0: ]"},
        {R"({"socket":{"dreg":1,"key":0}},)" + equals(1, "01"), "socket transparent == 1"},
        {R"({"immediate":{"dreg":1,"data":{"value":"0a000001"}}},{"immediate":{"dreg":2,"data":)"
         R"({"value":"1f90"}}},{"tproxy":{"family":2,"reg_addr":1,"reg_port":2}})",
         "tproxy to 10.0.0.1 port 8080 family 2 == 1; tproxy to 10.0.0.1 port 8080@"},
    };
    for (const auto& [expressions, words] : cases) {
        CAPTURE(expressions);
        CHECK(meaning(expressions) == words);
    }
}

TEST_CASE("the next header is a field of its own") {
    const std::string port = load(1, 2, 2, 2) + "," + equals(1, "0016");
    CHECK(meaning(load(1, 1, 6, 1) + "," + equals(1, "06") + "," + port, "", "ip6") ==
          "ip6 nexthdr == 6; th dport == 22");
    CHECK(meaning(R"({"meta":{"dreg":1,"key":16}},)" + equals(1, "06") + "," + port, "", "ip6") ==
          "meta l4proto == 6; th dport == 22");
}

TEST_CASE("sets and maps are what they hold") {
    const std::string look = R"({"lookup":{"set":"s","sreg":1)";
    const auto with = [&](const std::string& rest, const std::string& set) {
        return meaning(load(1, 2, 2, 2) + "," + look + rest, set);
    };
    const std::string ports = R"({"name":"s","key_len":2,"flags":)";
    CHECK(with("}}",
               ports + R"(0,"elements":[{"key":{"value":"0016"}},{"key":{"value":"0050"}}]})") ==
          "th dport == 22, 80");
    CHECK(with(R"(,"flags":1}})",
               ports +
                   R"(4,"elements":[{"key":{"value":"0401"},"flags":1},{"key":{"value":"0000"},)"
                   R"("flags":1},{"key":{"value":"0016"}}]})") == "th dport != 22-1024");
    CHECK(with("}}", ports + R"(4,"elements":[{"key":{"value":"ff00"}}]})") ==
          "th dport == 65280-65535");
    CHECK(with(R"(,"dreg":0}})",
               ports + R"(8,"elements":[{"key":{"value":"0016"},"data":{"verdict":{"code":1}}},)"
                       R"({"flags":2,"data":{"verdict":{"code":0}}}]})") ==
          "choice [22: verdict 0 0] [0-65535: verdict 1 0]");
    CHECK(with(R"(,"dreg":1}},{"nat":{"type":1,"family":2,"reg_addr_min":1}})",
               ports + R"(8,"data_len":4,"elements":[{"key":{"value":"0016"},)"
                       R"("data":{"value":"0a000001"}}]})") ==
          "choice [22: nat 0 a000001-a000001 kept ]");
    // What rules fill is known again by its name and declaration.
    CHECK(with("}}", ports + R"(32,"elements":[]})") ==
          "in @s set(flags=32 key_len=2) th dport&65535 == 1");
    CHECK(with("}}", ports + R"(32,"timeout":5,"elements":[]})") !=
          with("}}", ports + R"(32,"timeout":6,"elements":[]})"));
    // It need not be declared so.
    CHECK(with(R"(}},{"dynset":{"set":"s","sreg_key":1,"op":0}})",
               ports + R"(0,"elements":[{"key":{"value":"0016"}}]})")
              .starts_with("in @s set("));
}

TEST_CASE("names of sets and limits are a table's own") {
    const std::string set = R"({"name":"s","key_len":2,"flags":32,"elements":[]})";
    const std::string limit = R"({"name":"l","type":4,"handle":1,"data":{"limit":{"rate":5}}})";
    Ruleset two = host_with(load(1, 2, 2, 2) + R"(,{"lookup":{"set":"s","sreg":1}},)"
                                               R"({"dynset":{"set":"s","sreg_key":1,"op":0}})",
                            set)
                      .ruleset;
    const Naming naming{"host", [](std::string_view) { return false; },
                        [](const std::string&, uint64_t) { return std::string(); }};
    const auto words_in = [&](size_t chain) {
        return text_of(to_policy(two, naming).chains.at(chain).rules.at(0).steps);
    };
    CHECK(words_in(0).starts_with("in @s set("));
    two.tables.push_back(two.tables[0]);
    two.tables[1].self.node.attributes = {{"name", std::string("u")}};
    CHECK(words_in(0).starts_with("in @inet t s set("));
    CHECK(words_in(2).starts_with("in @inet u s set("));
    // An update is known to change what is looked into, here and nowhere else.
    const auto policy = to_policy(two, naming);
    const auto& steps = policy.chains[0].rules[0].steps;
    const auto& look = std::get<policy::Test>(steps[0]).of[0].field;
    CHECK(look.instance == std::get<policy::Act>(steps.back()).set);
    CHECK(look.instance == "inet t s");
}

TEST_CASE("what has no meaning as fields is doubted, with the rule's words") {
    const std::pair<std::string, std::string> cases[] = {
        {load(1, 1, 12, 4) + "," + equals(1, "0a000001"), "of which it is not known whose it is"},
        {ip4 + load(1, 1, 14, 2) + "," + equals(1, "0001"), "a part of an address"},
        {R"({"meta":{"dreg":1,"key":6}},)" + masked("ff0000ff000000000000000000000000") +
             equals(1, "65000068000000000000000000000000"),
         "a mask on"},
        {R"({"meta":{"dreg":1,"key":3}},)" + equals(1, "10000000", 3), "in the host's own order"},
        {R"({"meta":{"dreg":1,"key":4}},)" + equals(1, "63000000"), "interface number 99"},
        {R"({"match":{"name":"string","rev":1,"info":"00"}})", "has no meaning here"},
        {R"({"rt":{"dreg":1,"key":1}},)" + equals(1, "0a000001"), "rt(key=1) has no field"},
        {R"({"immediate":{"dreg":1,"data":{"value":"01"}}},)"
         R"({"exthdr":{"sreg":1,"type":3,"op":1,"offset":2,"len":1,"flags":0}})",
         "has no meaning here"},
        {R"({"objref":{"imm_type":4,"imm_name":"gone"}})", "which is not there"},
        {verdict_of(4294967293, "gone"), "which is not there"},
        {R"({"meta":{"dreg":1,"key":16}},{"nat":{"type":1,"family":2,"reg_addr_min":1}})",
         "calculated from the packet"},
    };
    for (const auto& [expressions, words] : cases) {
        CAPTURE(expressions);
        const std::string said = meaning(expressions);
        CHECK_MESSAGE(said.starts_with("doubt: \"words\": "), said);
        CHECK_MESSAGE(said.find(words) != std::string::npos, said);
    }
}

TEST_CASE("a base chain says where and when it runs") {
    const HostRead read = host_with(verdict_of(1));
    const Naming naming{"host", [](std::string_view) { return false; },
                        [](const std::string&, uint64_t) { return std::string(); }};
    const auto policy = to_policy(read.ruleset, naming);
    REQUIRE(policy.chains.at(0).hook.has_value());
    const policy::Hook& hook = *policy.chains[0].hook;
    CHECK(hook.stage == policy::Stage::input);
    CHECK(hook.layer == policy::Layer::inet);
    CHECK(hook.priority == -10);
    CHECK(hook.policy.kind == policy::Verdict::Kind::drop);
    CHECK_FALSE(hook.nat);
    CHECK_FALSE(policy.chains[1].hook.has_value());
}

}  // namespace rehome::lbsync::kernel
