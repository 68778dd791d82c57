// What of nft's output is understood, and what makes the answer "not provable".
#include "lbsync/nft/print.h"
#include "tests/unit/lbsync/lbsync_data.h"

namespace rehome::lbsync {

namespace {

size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) {
        ++found;
    }
    return found;
}

}  // namespace

TEST_CASE("every known statement reads as nft itself prints it") {
    for (const std::string& name :
         {std::string("gateway"), std::string("server"), std::string("statements")}) {
        const Reading read = reading(name);
        for (const Doubt& doubt : read.doubts) {
            FAIL_CHECK(doubt.where << ": " << doubt.what);
        }
        size_t rules = 0;
        for (const Table& table : read.ruleset.tables) {
            for (const Chain& chain : table.chains) {
                rules += chain.rules.size();
            }
        }
        CHECK(rules == count(data(name + ".json"), "{\"rule\""));
    }
}

TEST_CASE("what has no place in the model is doubted, rule by rule, with its words") {
    const Reading read = reading("refused", "netns:old-s1");
    const std::pair<std::string, std::string> cases[] = {
        {"quota q", "not modelled"},
        {"ct expiration < 5s accept", "expiration"},
        {"meta priority set 1:2", "priority"},
        {"vlan id 5 accept", "vlan"},
        {"ether saddr 00:11:22:33:44:55 accept", "ether"},
        {"exthdr hbh exists accept", "exthdr"},
        {"tcp option maxseg exists accept", "tcp option"},
        {"jhash ip saddr mod 10 seed 0xdeadbeef 5 accept", "jhash"},
        {"fib saddr . iif oif 0 drop", "JSON form reads as"},
        {"ipsec in reqid 5 accept", "ipsec"},
        {"@nh,32,32 0xa010109 drop", "payload"},
        {"quota name \"q\" drop", "quota"},
        {"jump { ip saddr 10.1.1.9 accept }", "nft has no JSON form"},
        {"ip saddr & 0.0.255.255 == 0.0.1.11 drop", "calculation with &"},
        {"ct count over 10 drop", "ct count"},
        {"meta hour \"08:00\"-\"17:00\" accept", "hour"},
        {"socket transparent 1 accept", "socket"},
        {"meter m size 65535 { ip saddr limit rate 5/second } accept", "meter"},
        {"synproxy mss 1460 wscale 7", "synproxy"},
        {"ip saddr > 10.1.1.1 accept", "addresses by order"},
        {"osf name \"Linux\" accept", "osf"},
        {"arp saddr ip 10.1.1.1 drop", "arp"},
    };
    CHECK(read.doubts.size() == std::size(cases));
    for (const auto& [words, reason] : cases) {
        CAPTURE(words);
        const bool told =
            std::any_of(read.doubts.begin(), read.doubts.end(), [&](const Doubt& doubt) {
                const std::string line = doubt.where + ": " + doubt.what;
                return contains(line, words) && contains(line, reason) &&
                       line.starts_with("netns:old-s1: table ");
            });
        CHECK(told);
    }
}

namespace {

constexpr const char* good_json = R"({"nftables": [{"table": {"family": "inet", "name": "t"}},
 {"chain": {"family": "inet", "table": "t", "name": "c"}},
 {"set": {"family": "inet", "table": "t", "name": "s", "type": "ipv4_addr", "elem": ["192.0.2.1"]}},
 {"rule": {"family": "inet", "table": "t", "chain": "c", "handle": 2, "expr": [{"accept": null}]}}]})";

constexpr const char* good_text =
    "table inet t { # handle 1\n"
    "\tset s { # handle 3\n"
    "\t\ttype ipv4_addr\n"
    "\t\telements = { 192.0.2.1 }\n"
    "\t}\n"
    "\n"
    "\tchain c { # handle 1\n"
    "\t\taccept # handle 2\n"
    "\t}\n"
    "}\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("what one form shows and the other does not is doubted") {
    struct Case {
        const char* what;
        const char* from;
        const char* to;
        const char* doubt;
    };
    const Case in_text[] = {
        {"a flag that JSON loses", "type ipv4_addr", "type ipv4_addr\n\t\tsecret word", "secret"},
        {"an element", "192.0.2.1 }", "192.0.2.1,\n\t\t\t     192.0.2.2 }", "elements"},
        {"no elements", "\t\telements = { 192.0.2.1 }\n", "", "elements"},
        {"another verdict", "accept #", "drop #", "JSON form reads as"},
        {"a comment", "accept #", "accept comment \"x\" #", "JSON form reads as"},
        {"a rule more", "accept # handle 2", "accept # handle 2\n\t\tdrop # handle 9",
         "2 in the text"},
        {"another handle", "# handle 2", "# handle 4", "JSON form reads as"},
        {"a property of the chain", "\t\taccept",
         "\t\ttype filter hook input priority 0;\n\t\taccept", nullptr},
        {"an owned table", "{ # handle 1\n\tset", "{ # handle 1\n\tflags owner\n\tset", "owned"},
        {"a property of the table", "{ # handle 1\n\tset", "{ # handle 1\n\tcolour blue\n\tset",
         "colour"},
        {"a flowtable", "\tset s {", "\tflowtable f { # handle 8\n\t\thook ingress\n\t}\n\tset s {",
         "text form only"},
        {"nothing more", "table", "table", nullptr},
    };
    for (const Case& one : in_text) {
        CAPTURE(one.what);
        const auto read = read_ruleset(good_json, replaced(good_text, one.from, one.to), "h");
        REQUIRE(read.has_value());
        CHECK(read->doubts.empty() == (one.doubt == nullptr));
        if (one.doubt != nullptr && !read->doubts.empty()) {
            CHECK(contains(read->doubts.front().what, one.doubt));
        }
    }
}

TEST_CASE("what nft cannot have printed is an error") {
    const char* texts[] = {
        "table inet t {", "chain c { # handle 1\n}\n",
        "table inet t { # handle 1\n\tchain c { # handle 2\n}\n",
        "table inet t { # handle 1\n\tset s { # handle 2\n\t\telements = { 1,\n\t}\n}\n",
        "table inet t { # handle 1\n\tchain c { # handle 2\n\t\tjump {\n\t}\n}\n"};
    for (const char* text : texts) {
        CAPTURE(text);
        const auto read = read_ruleset(R"({"nftables": []})", text, "h");
        REQUIRE(!read.has_value());
        CHECK(read.error().kind == Exit::unknown);
    }
    std::string deep = R"({"nftables": )";
    for (int i = 0; i < 200; ++i) {
        deep += "[";
    }
    for (const std::string& json :
         {std::string(""), std::string("[]"), std::string("{}"), std::string(R"({"nftables": 1})"),
          deep, deep + std::string(200, ']') + "}"}) {
        CHECK(!read_ruleset(json, "", "h").has_value());
    }
}

TEST_CASE("tables of other programs are not read") {
    for (const std::string name : {"vipd-quiet", "rehome-red0"}) {
        CAPTURE(name);
        const auto read = read_ruleset(R"({"nftables": []})",
                                       "table netdev " + name +
                                           " { # handle 1\n\tchain in { # handle "
                                           "1\n\t\tfwd to \"x\" # handle 2\n\t}\n}\n",
                                       "h");
        REQUIRE(read.has_value());
        CHECK(read->doubts.empty());
        CHECK(read->ruleset.tables.empty());
    }
}

}  // namespace rehome::lbsync
