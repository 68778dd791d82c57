// From both sites' states to what must change: the lab's rule sets through the whole pure core.
#include <nlohmann/json.hpp>

#include "lbsync/nft/canonical.h"
#include "lbsync/nft/dynamic_sets.h"
#include "lbsync/nft/interval_expr.h"
#include "lbsync/nft/print.h"
#include "lbsync/plan/batch.h"
#include "lbsync/plan/plan.h"
#include "lbsync/plan/report.h"
#include "lbsync/plan/saved.h"
#include "lbsync/plan/translate.h"
#include "tests/unit/fits.h"
#include "tests/unit/lbsync/lbsync_data.h"

namespace rehome::lbsync {

namespace {

Ruleset translated(const std::string& name, std::vector<Error>& errors) {
    static const Lab lab;
    return translate(reading(name).ruleset, lab.mapping, lab.pairs.hosts[0].interfaces,
                     "netns:old-gw", errors);
}

std::string all_text(const Ruleset& ruleset) {
    std::string text;
    for (const Table& table : ruleset.tables) {
        text += print(table);
    }
    return text;
}

// One rule in a chain of its own, for what a mapping or a comparison makes of it.
Ruleset with_right(const std::string& left, Expr right) {
    Expr key;
    key.kind = Expr::Kind::key;
    key.text = left;
    Rule rule{1, "", {Match{"==", key, std::move(right)}}};
    return {{{"inet", "t", {}, {}, {}, {{"c", {}, {rule}}}}}};
}

Expr set_of(const std::vector<std::string>& items) {
    Expr set;
    set.kind = Expr::Kind::set;
    for (const std::string& item : items) {
        const size_t dash = item.find('-');
        const auto first = Address::parse(item.substr(0, dash));
        if (first) {
            const auto last =
                dash == std::string::npos ? first : Address::parse(item.substr(dash + 1));
            set.args.push_back(to_expr({*first, *last}));
        } else if (const auto prefix = Prefix::parse(item)) {
            set.args.push_back(to_expr(Interval::of(*prefix)));
        } else {
            Expr number;
            number.number = std::stoull(item);
            set.args.push_back(number);
        }
    }
    return set;
}

const std::string old_config = vipd_file(R"({"services":[
 {"name":"meters","vip":"198.51.100.10","protocol":"tcp","port":1883,"forward":"nat","servers":[
  {"name":"s1","address":"10.1.1.11","port":1883,"weight":1}]}]})");

const std::string new_config = vipd_file(R"({"gateway":"new-gw"})");

// The lab with the same rule set on every old host, and another on every new one.
Checked<Plan> lab_plan(const std::string& from, const std::string& to,
                       const std::string& old_file = old_config,
                       const std::string& new_file = new_config) {
    static const Lab lab;
    State state;
    state.hosts.push_back({lab.pairs.hosts[0],
                           from.empty() ? Reading{} : reading(from, "netns:old-gw"),
                           to.empty() ? Reading{} : reading(to, "netns:new-gw")});
    state.gateways.push_back({lab.pairs.gateways[0], old_file, new_file, {}});
    return make_plan(lab.inventory, lab.move, lab.pairs, state);
}

}  // namespace

TEST_CASE("few elements of many are changed one by one") {
    const auto with = [](const std::vector<std::string>& elements, const std::string& flags) {
        Set set{"set", "s", {"type ipv4_addr", flags}, {"ipv4_addr"}, {}, false, true, {}};
        set.elements = set_of(elements).args;
        return Ruleset{{{"inet", "t", {}, {}, {set}, {}}}};
    };
    std::vector<std::string> many;
    for (int i = 1; i < 20; ++i) {
        many.push_back("10.0." + std::to_string(i) + ".0/24");
    }
    std::vector<std::string> other = many;
    other[3] = "10.9.9.9";
    const std::string flags = "flags interval";
    CHECK(batch(with(many, flags), with(other, flags)) ==
          "delete element inet t s { 10.0.4.0/24 }\nadd element inet t s { 10.9.9.9 }\n");
    CHECK(batch(with(many, flags), with(many, flags)).empty());
    other.push_back("10.9.9.11");
    CHECK(contains(batch(with(many, flags), with(other, flags)),
                   "add element inet t s { 10.9.9.11, 10.9.9.9 }"));
    // many of few, and what is fixed
    CHECK(contains(batch(with({"10.0.1.1"}, flags), with({"10.0.1.2"}, flags)),
                   "flush set inet t s"));
    CHECK(
        contains(batch(with(many, flags), with(other, "flags constant,interval")), "delete table"));
}

TEST_CASE("a gateway's rules at the new site") {
    std::vector<Error> errors;
    const std::string text = all_text(translated("gateway", errors));
    CHECK(errors.empty());
    for (const char* line : {
             "elements = { 100.64.2.1, 100.64.12.1, 100.64.22.1 }",
             "elements = { 198.51.100.0/24, 203.0.113.5 }",
             "elements = { 22 : jump admin, 179 : jump bgp }",
             "ip saddr 172.20.0.0/16 ct state new limit rate 10/minute burst 3 packets log prefix "
             "\"admin \" accept",
             "ip saddr 10.99.0.1 udp dport 6080 counter accept comment \"tunnel\"",
             "ip saddr { 172.20.5.21, 172.20.5.22 } meta l4proto { tcp, udp } th dport 53 accept",
             "ip saddr 100.80.0.0/23 tcp flags syn / syn,ack meta mark set 0x00000010",
             "ip daddr 198.51.100.20 tcp dport 80 dnat to 172.20.5.21:8080",
             "dnat to numgen inc mod 2 map { 0 : 172.20.5.21, 1 : 172.20.5.22 }",
             "oifname \"red\" ip saddr 172.20.0.0/16 snat to 100.64.2.2",
         }) {
        CAPTURE(line);
        CHECK(contains(text, line));
    }
    CHECK(!contains(text, "10.1."));
}

TEST_CASE("objects without a counterpart are told with where they stand, all of them") {
    std::vector<Error> errors;
    translated("statements", errors);
    REQUIRE(errors.size() > 10);
    size_t in_rules = 0;
    for (const Error& error : errors) {
        CHECK(error.kind == Exit::usage);
        CHECK(error.where.starts_with("netns:old-gw: table "));
        CHECK(contains(error.what, "object without a counterpart: "));
        in_rules += contains(error.where, ": handle ") ? 1 : 0;
    }
    CHECK(in_rules < errors.size());  // elements of named sets too
    const auto told = [&](const std::string& where, const std::string& words) {
        return std::any_of(errors.begin(), errors.end(), [&](const Error& error) {
            return contains(error.where, where) && contains(error.what, words);
        });
    };
    CHECK(told("table inet filter: chain input: handle ", "10.0.0.0/8"));
    CHECK(told("map dnp", "10.1.1.1"));
    CHECK(told("table inet nat: chain pre", "in: tcp dport 80 dnat ip to 10.1.1.11-10.1.1.20"));
}

TEST_CASE("a port map's keys are mapped") {
    const Lab lab;
    Expr map;
    map.kind = Expr::Kind::map;
    Expr key;
    key.kind = Expr::Kind::key;
    key.text = "ip saddr";
    key.type = "ipv4_addr";
    Expr pair;
    pair.kind = Expr::Kind::pair;
    pair.args = {set_of({"10.1.1.11"}).args[0], set_of({"8080"}).args[0]};
    Expr pairs;
    pairs.kind = Expr::Kind::set;
    pairs.args = {pair};
    map.args = {key, pairs};
    for (const char* kind : {"redirect", "masquerade", "dnat"}) {
        Nat nat;
        nat.kind = kind;
        nat.port = {map};
        Rule rule{1, "", {nat}};
        std::vector<Error> errors;
        const Ruleset result = translate({{{"ip", "t", {}, {}, {}, {{"c", {}, {rule}}}}}},
                                         lab.mapping, {}, "h", errors);
        CHECK(errors.empty());
        CHECK(contains(all_text(result), "map { 172.20.5.21 : 8080 }"));
    }
}

TEST_CASE("a prefix onto a prefix is carried where the hosts keep their places") {
    const Lab lab;
    const auto refused = [&](const Expr& address) {
        Nat nat;
        nat.kind = "dnat";
        nat.prefix = true;
        nat.address = {address};
        std::vector<Error> errors;
        translate({{{"ip", "t", {}, {}, {}, {{"c", {}, {{1, "", {nat}}}}}}}}, lab.mapping, {}, "h",
                  errors);
        return errors.size() == 1 && contains(errors.front().what, "host by host");
    };
    const auto of = [](const std::string& key, const std::string& to) {
        Expr field;
        field.kind = Expr::Kind::key;
        field.text = "ip daddr";
        field.type = "ipv4_addr";
        Expr pair;
        pair.kind = Expr::Kind::pair;
        pair.args = {to_expr(Interval::of(Prefix::parse(key).value())),
                     to_expr(Interval::of(Prefix::parse(to).value()))};
        Expr pairs;
        pairs.kind = Expr::Kind::set;
        pairs.args = {pair};
        Expr map;
        map.kind = Expr::Kind::map;
        map.args = {field, pairs};
        return map;
    };
    CHECK(!refused(of("198.51.100.0/24", "192.0.2.0/24")));
    CHECK(refused(of("198.51.0.0/16", "10.1.0.0/16")));  // servers have other places there
    CHECK(refused(of("10.1.0.0/16", "192.168.0.0/16")));
    CHECK(refused(to_expr(Interval::of(Prefix::parse("192.0.2.0/24").value()))));
    Expr named = of("192.0.2.0/24", "192.0.2.0/24");
    named.args[1] = {};
    named.args[1].kind = Expr::Kind::named_set;
    CHECK(refused(named));
}

TEST_CASE("devices of base chains are mapped") {
    const Lab lab;
    Ruleset ruleset{
        {{"netdev",
          "t",
          {},
          {},
          {},
          {{"one", {"type filter hook ingress device \"green\" priority filter; policy drop;"}, {}},
           {"two",
            {"type filter hook ingress devices = { green, red } priority filter; policy drop;"},
            {}},
           {"none", {"type filter hook input priority filter; policy drop;"}, {}}}}}};
    std::vector<Error> errors;
    const Ruleset result =
        translate(ruleset, lab.mapping, {{"green", "up1"}, {"red", "red"}}, "h", errors);
    CHECK(errors.empty());
    CHECK(contains(result.tables[0].chains[0].properties[0], "device \"up1\" priority filter;"));
    CHECK(contains(result.tables[0].chains[1].properties[0], "devices = { red, up1 } priority"));
    CHECK(result.tables[0].chains[2].properties == ruleset.tables[0].chains[2].properties);
    ruleset.tables[0].chains[0].properties[0] =
        "type filter hook ingress device \"up1\" priority filter;";
    translate(ruleset, lab.mapping, {{"green", "up1"}}, "h", errors);
    CHECK(errors.size() == 1);
}

TEST_CASE("equality") {
    struct Case {
        const char* what;
        std::vector<std::string> a;
        std::vector<std::string> b;
        bool equal;
    };
    const Case cases[] = {
        {"order", {"192.0.2.1", "192.0.2.9"}, {"192.0.2.9", "192.0.2.1"}, true},
        {"order of numbers", {"443", "80"}, {"80", "443"}, true},
        {"neighbours", {"192.0.2.0", "192.0.2.1"}, {"192.0.2.0/31"}, true},
        {"halves", {"192.0.2.0/25", "192.0.2.128/25"}, {"192.0.2.0/24"}, true},
        {"overlap", {"192.0.2.0/24", "192.0.2.7"}, {"192.0.2.0/24"}, true},
        {"a range that is a prefix", {"192.0.2.0-192.0.2.255"}, {"192.0.2.0/24"}, true},
        {"address forms", {"2001:db8:0:0::1"}, {"2001:db8::1"}, true},
        {"last addresses", {"255.255.255.254", "255.255.255.255"}, {"255.255.255.254/31"}, true},
        {"one missing", {"192.0.2.1"}, {"192.0.2.1", "192.0.2.3"}, false},
        {"one more in a range", {"192.0.2.0-192.0.2.6"}, {"192.0.2.0/29"}, false},
        {"a gap", {"192.0.2.1", "192.0.2.3"}, {"192.0.2.1-192.0.2.3"}, false},
        {"other numbers", {"80", "81"}, {"80", "82"}, false},
        {"another family", {"0.0.0.0/0"}, {"::/0"}, false},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const Ruleset a = with_right("x", set_of(one.a));
        const Ruleset b = with_right("x", set_of(one.b));
        CHECK((canonical(a) == canonical(b)) == one.equal);
        CHECK(differences(a, b, "h").empty() == one.equal);
        CHECK(batch(a, b).empty() == one.equal);
    }
}

TEST_CASE("handles are not policy, comments, rule order and properties are") {
    const Ruleset base = reading("gateway").ruleset;
    Ruleset other = base;
    Chain& input = other.tables[0].chains[2];
    REQUIRE(input.name == "input");
    SUBCASE("handle") {
        input.rules[0].handle = 4711;
        CHECK(canonical(other) == canonical(base));
        CHECK(differences(base, other, "h").empty());
        return;
    }
    SUBCASE("order of tables and chains") {
        std::reverse(other.tables.begin(), other.tables.end());
        std::reverse(other.tables[0].chains.begin(), other.tables[0].chains.end());
        CHECK(canonical(other) == canonical(base));
        CHECK(differences(base, other, "h").empty());
        return;
    }
    SUBCASE("comment") {
        input.rules[3].comment = "x";
    }
    SUBCASE("order of rules") {
        std::swap(input.rules[0], input.rules[1]);
    }
    SUBCASE("policy") {
        input.properties[0] = "type filter hook input priority filter; policy accept;";
    }
    SUBCASE("a rule less") {
        input.rules.pop_back();
    }
    SUBCASE("comment of the table") {
        other.tables[0].properties.clear();
    }
    SUBCASE("a set's flag") {
        other.tables[0].sets[0].properties.push_back("flags interval");
    }
    SUBCASE("a table less") {
        other.tables.pop_back();
    }
    SUBCASE("a counter less") {
        other.tables[0].objects.clear();
    }
    CHECK(canonical(other) != canonical(base));
    CHECK(!differences(base, other, "h").empty());
    CHECK(!batch(base, other).empty());
}

TEST_CASE("only what differs is touched") {
    const Ruleset base = reading("gateway").ruleset;
    Ruleset wanted = base;
    CHECK(batch(base, wanted).empty());
    SUBCASE("a rule: its chain is filled anew") {
        wanted.tables[0].chains[1].rules.clear();
        const std::string text = batch(base, wanted);
        CHECK(contains(text, "flush chain inet guard bgp\n"));
        CHECK(!contains(text, "chain input"));
        CHECK(!contains(text, "delete"));
    }
    SUBCASE("elements: they alone") {
        wanted.tables[0].sets[0].elements.pop_back();
        const std::string text = batch(base, wanted);
        CHECK(text == "delete element inet guard routers { 100.64.21.1 }\n");
        CHECK(!contains(text, "chain"));
    }
    SUBCASE("what goes is deleted after what refers to it") {
        wanted.tables[0].sets.pop_back();  // map doors, which jumps to
        wanted.tables[0].chains.erase(wanted.tables[0].chains.begin());  // chain admin
        const std::string text = batch(base, wanted);
        const size_t flush = text.find("flush map inet guard doors\n");
        const size_t map = text.find("delete map inet guard doors\n");
        const size_t chain = text.find("delete chain inet guard admin\n");
        CHECK(flush < map);
        CHECK(map < chain);
        CHECK(chain != std::string::npos);
    }
    SUBCASE("elements of a constant set: the table is made anew") {
        Ruleset constant = base;
        constant.tables[0].sets[0].properties.push_back("flags constant");
        wanted.tables[0].sets[0].properties = constant.tables[0].sets[0].properties;
        CHECK(batch(constant, wanted).empty());
        wanted.tables[0].chains[1].rules.clear();
        CHECK(!remakes(batch(constant, wanted), "inet", "guard"));
        wanted.tables[0].sets[0].elements.pop_back();
        CHECK(remakes(batch(constant, wanted), "inet", "guard"));
        CHECK(!remakes(batch(constant, wanted), "ip", "translate"));
    }
    SUBCASE("a base chain's policy: the table is made anew") {
        wanted.tables[0].chains[2].properties[0] += " ";
        CHECK(batch(base, wanted)
                  .starts_with(
                      "add table inet guard\ndelete table inet guard\ntable inet guard {\n"));
    }
    SUBCASE("a table that must go") {
        wanted.tables.pop_back();
        CHECK(batch(base, wanted) == "add table ip translate\ndelete table ip translate\n");
    }
}

TEST_CASE("what rules have added to sets stays") {
    const std::string listing = R"(table inet guard { # handle 1
	set bans { # handle 2
		type ipv4_addr
		flags dynamic,timeout
		elements = { 192.0.2.1 timeout 1h expires 59m,
			     192.0.2.2 expires 3m }
	}
	set fixed { # handle 3
		type ipv4_addr
		elements = { 192.0.2.3 }
	}
}
)";
    Set bans{"set", "bans", {"type ipv4_addr", "flags dynamic,timeout"}, {"ipv4_addr"}, {}, true,
             false, {}};
    Set fixed{"set", "fixed", {"type ipv4_addr"}, {"ipv4_addr"}, {}, false, false, {}};
    const Ruleset now{{{"inet", "guard", {"comment \"a\""}, {}, {bans, fixed}, {}}}};
    const auto learned = read_learned(listing, now);
    REQUIRE(learned.has_value());
    REQUIRE(learned->size() == 1);
    CHECK(add_elements((*learned)[0]) ==
          "add element inet guard bans { 192.0.2.1 timeout 1h expires "
          "59m, 192.0.2.2 expires 3m }\n");
    Ruleset wanted = now;
    wanted.tables[0].properties.clear();
    const std::string made_anew = batch(now, wanted);
    REQUIRE(remakes(made_anew, "inet", "guard"));
    CHECK(kept(made_anew, wanted, *learned) == add_elements((*learned)[0]));
    CHECK(kept("", wanted, *learned).empty());  // not touched: they are there
    wanted.tables[0].sets[0].properties[0] = "type ipv6_addr";
    CHECK(kept(made_anew, wanted, *learned).empty());
    CHECK(!read_learned("what", now).has_value());

    SavedTable saved{"h", "inet", "guard", "", "", "", *learned};
    saved.learned[0].elements = "192.0.2.9";
    CHECK(contains(learned_text(saved, *learned), "192.0.2.2 expires 3m"));
    CHECK(contains(learned_text(saved, {}), "192.0.2.9"));
}

TEST_CASE("a set that was declared before the rule that adds to it") {
    Rule rule;
    rule.statements.push_back(Update{"add", "seen", {}, {}});
    Set seen{"set",
             "seen",
             {"type ipv4_addr", "size 65535", "timeout 1h"},
             {"ipv4_addr"},
             {},
             false,
             false,
             set_of({"192.0.2.1"}).args};
    Set other = seen;
    other.name = "other";
    Ruleset ruleset{{{"inet", "t", {}, {}, {seen, other}, {{"c", {}, {rule}}}}}};
    mark_dynamic_sets(ruleset);
    const auto& sets = ruleset.tables[0].sets;
    CHECK(sets[0].dynamic);
    CHECK(sets[0].elements.empty());
    CHECK(sets[0].properties == std::vector<std::string>{"type ipv4_addr", "size 65535",
                                                         "flags dynamic,timeout", "timeout 1h"});
    CHECK(!sets[1].dynamic);
    CHECK(sets[1].properties == seen.properties);
}

TEST_CASE("what cannot be read hides nothing of the others") {
    static const Lab lab;
    State state;
    state.gateways.push_back({lab.pairs.gateways[0], old_config, new_config, {}});
    state.unread.push_back({Exit::world, "netns:new-s1: nft", "exit 1: \x1b[2J"});
    const auto plan = make_plan(lab.inventory, lab.move, lab.pairs, state);
    REQUIRE(plan.has_value());
    CHECK(plan->verdict() == Exit::world);
    CHECK(contains(text_report(*plan, false), "add service meters"));
    CHECK(contains(text_report(*plan, false), "not read: netns:new-s1: nft: exit 1: \\x1b[2J"));
    CHECK(summary(*plan) ==
          "not read: 1 part of sites old and new, and 1 object of the others differs");
    CHECK(misfits("lbsync-plan",
                  json_report(*plan, "verify", "2026-05-06T01:02:03.456789Z").dump()) == "");
}

TEST_CASE("the plan of the lab") {
    const auto plan = lab_plan("gateway", "");
    REQUIRE(plan.has_value());
    CHECK(plan->verdict() == Exit::no);
    const std::string at = "2026-05-06T01:02:03.456789Z";
    CHECK(misfits("lbsync-plan", json_report(*plan, "plan", at).dump()) == "");
    REQUIRE(plan->gateways.size() == 1);
    CHECK(contains(plan->gateways[0].wanted_file, R"("address": "172.20.5.21")"));
    CHECK(contains(plan->gateways[0].wanted_file, R"("gateway": "new-gw")"));
    CHECK(contains(plan->gateways[0].wanted_file, R"("enabled": false)"));
    const std::string report = text_report(*plan, false);
    CHECK(contains(report,
                   "  add service meters\n+   198.51.100.10 tcp port 1883 forward nat\n"
                   "+   server s1 172.20.5.21:1883 weight 1\n"));
    CHECK(!contains(report, "\x1b["));
    CHECK(contains(text_report(*plan, true), "\x1b[32m+   server s1"));

    SUBCASE("its digests are bound to both sides") {
        const auto again = lab_plan("gateway", "");
        CHECK(again->from_digest == plan->from_digest);
        CHECK(again->to_digest == plan->to_digest);
        CHECK(lab_plan("server", "")->from_digest != plan->from_digest);
        CHECK(lab_plan("gateway", "server")->to_digest != plan->to_digest);
        CHECK(lab_plan("gateway", "server")->from_digest == plan->from_digest);
    }
    SUBCASE("what is not understood makes it not provable, on either side") {
        for (const auto& [from, to] : {std::pair{"gateway", "refused"}, {"refused", "gateway"}}) {
            static const Lab lab;
            State state;
            state.hosts.push_back({lab.pairs.hosts[0], reading(from), reading(to)});
            auto unclear = make_plan(lab.inventory, lab.move, lab.pairs, state);
            if (unclear) {
                CHECK(unclear->verdict() == Exit::unknown);
                CHECK(misfits("lbsync-plan", json_report(*unclear, "apply", at).dump()) == "");
                CHECK(contains(summary(*unclear), "not provable"));
            } else {  // what could be read of it had no counterpart: that stops it too
                CHECK(unclear.error().front().kind == Exit::usage);
            }
        }
    }
}

TEST_CASE("maps, tunnels and pools at the new site") {
    struct Row {
        const char* what;
        const char* rest;  // of the old gateway's configuration
        const char* told;  // a line of the change; or, with "!", of the error
    };
    const char* tunnel =
        R"("maps":[],"services":[{"name":"t","vip":"198.51.100.30","protocol":"udp","port":53,
        "forward":"tunnel","encapsulation":"gue","servers":[{"name":"s1","address":"10.1.1.11","masked":true}],
        "health":{"kind":"icmp","interval_ms":500,"timeout_ms":400,"all_down":"refuse"}}])";
    const char* nat =
        R"("pools":[{"name":"p","addresses":["10.1.16.0/30"]}],"services":[{"name":"n","vip":"198.51.100.31","protocol":"tcp","port":80,"forward":"nat",
        "source_nat":"p","servers":[{"name":"s1","address":"10.1.1.11","port":80}]}])";
    const char* no_pool =
        R"("pools":[{"name":"q","addresses":["10.1.16.0/30"]}],"services":[{"name":"n","vip":"198.51.100.31","protocol":"tcp","port":80,"forward":"nat",
        "source_nat":"q","servers":[{"name":"s1","address":"10.1.1.11","port":80}]}])";
    const char* stranger =
        R"("services":[{"name":"t","vip":"198.51.100.30","protocol":"udp","port":53,
        "forward":"tunnel","encapsulation":"ipip","servers":[{"name":"s1","address":"10.1.9.9"}]}])";
    const Row rows[] = {
        {"one server",
         R"("maps":[{"name":"m","vip_prefix":"198.51.100.40/32","server_prefix":"10.1.1.12/32"}],"services":[])",
         "+ 198.51.100.40/32 to 172.20.5.22/32"},
        {"a line's subnet",
         R"("maps":[{"name":"m","vip_prefix":"198.51.100.40/30","server_prefix":"100.64.1.0/30"}],"services":[])",
         "+ 198.51.100.40/30 to 100.64.2.0/30"},
        {"a part of the site",
         R"("maps":[{"name":"m","vip_prefix":"198.51.100.0/28","server_prefix":"10.1.7.0/28"}],"services":[])",
         "!object without a counterpart: 10.1.7.0/28"},
        {"foreign servers do not stay",
         R"("maps":[{"name":"m","vip_prefix":"198.51.100.0/28","server_prefix":"192.0.2.0/28"}],"services":[])",
         "!object without a counterpart: 192.0.2.0/28"},
        {"VIPs that move in part",
         R"("maps":[{"name":"m","vip_prefix":"198.51.0.0/16","server_prefix":"10.1.0.0/16"}],"services":[])",
         "!lies in the prefixes that move in part"},
        {"a tunnel", tunnel, "+ server s1 172.20.5.21 weight 1 masked"},
        {"its encapsulation", tunnel, "+ 198.51.100.30 udp port 53 forward tunnel gue"},
        {"how its servers are checked", tunnel,
         R"(+ health {"kind":"icmp","interval_ms":500,"jitter_percent":10,"timeout_ms":400,"rise":2,"fall":3,"all_down":"refuse"})"},
        {"a stranger in a tunnel", stranger, "!object without a counterpart: server s1 (10.1.9.9)"},
        {"a pool that is there", nat, "+ 198.51.100.31 tcp port 80 forward nat source_nat p"},
        {"a pool that is not", no_pool, "!object without a counterpart: pool q"},
    };
    const std::string there =
        vipd_file(R"({"workers":2,"pools":[{"name":"p","addresses":["172.20.0.0/30"]}]})");
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const std::string from = vipd_file(R"({"workers":4,)" + std::string(row.rest) + "}");
        const auto plan = lab_plan("", "", from, there);
        const std::string told = row.told;
        if (told[0] == '!') {
            REQUIRE(!plan.has_value());
            CHECK(contains(plan.error()[0].what, told.substr(1)));
            continue;
        }
        REQUIRE_MESSAGE(plan.has_value(), plan.error()[0].text());
        REQUIRE(plan->changes.size() == 1);
        const auto& lines = plan->changes[0].lines;
        CHECK(std::find(lines.begin(), lines.end(), told) != lines.end());
        // What was written is right, and the rest is still the target's own.
        const std::string written = plan->gateways[0].wanted_file;
        const auto document = nlohmann::json::parse(written);
        CHECK(document["workers"] == 2);
        CHECK(document["pools"][0]["addresses"][0] == "172.20.0.0/30");
        CHECK(lab_plan("", "", from, written)->verdict() == Exit::yes);
    }
    const auto unknown = lab_plan("", "", vipd_file(R"({"mirrors":[]})"), there);
    REQUIRE(!unknown.has_value());
    CHECK(contains(unknown.error()[0].where, "/mirrors"));
}

TEST_CASE("a prefix is mapped address by address") {
    Inventory inventory = lab_inventory();
    const auto mapped = [&](const char* prefix) {
        const Move move = choose_move(inventory, "", "").value();
        return Mapping::make(inventory, move, make_pairs(inventory, move).value())
            .value()
            .map_hosts(Prefix::parse(prefix).value());
    };
    CHECK(mapped("10.1.1.11/32").value() == Prefix::parse("172.20.5.21/32").value());
    // The whole networks correspond, and the servers in them do not keep their places.
    CHECK(contains(mapped("10.1.0.0/16").error(),
                   "10.1.1.11 with 172.20.5.21, expected 172.20.1.11"));
    for (Service& service : inventory.services) {
        for (Server& server : service.servers) {
            server.to.address = server.from.address;
            server.to.address.bytes[0] = 172;
            server.to.address.bytes[1] = 20;
        }
    }
    CHECK(mapped("10.1.0.0/16").value() == Prefix::parse("172.20.0.0/16").value());
    CHECK(!mapped("10.1.1.0/24").has_value());
    CHECK(!mapped("198.51.100.0/28").has_value());  // VIPs are no servers
    CHECK(!mapped("172.20.0.0/16").has_value());    // the new site's already
}

}  // namespace rehome::lbsync
