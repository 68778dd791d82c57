// The small parts: intervals, line differences, vipd's services, saved states.
#include <nlohmann/json.hpp>

#include "common/sha256.h"
#include "lbsync/plan/saved.h"
#include "lbsync/plan/vipd_config.h"
#include "lbsync/policy/line_diff.h"
#include "tests/unit/fits.h"
#include "tests/unit/lbsync/lbsync_data.h"

namespace rehome::lbsync {

TEST_CASE("intervals") {
    const auto at = [](const char* text) { return Address::parse(text).value(); };
    CHECK(Interval{at("10.0.0.0"), at("10.0.0.255")}.text() == "10.0.0.0/24");
    CHECK(Interval{at("10.0.0.1"), at("10.0.0.1")}.text() == "10.0.0.1");
    CHECK(Interval{at("10.0.0.1"), at("10.0.0.2")}.text() == "10.0.0.1-10.0.0.2");
    CHECK(Interval{at("0.0.0.0"), at("255.255.255.255")}.text() == "0.0.0.0/0");
    CHECK(Interval{at("2001:db8::"), at("2001:db8::ffff")}.text() == "2001:db8::/112");
    CHECK(!Interval{at("10.0.0.255"), at("10.0.0.0")}.prefix());
    CHECK(next(at("10.0.0.255")) == at("10.0.1.0"));
    CHECK(next(at("::ffff")) == at("::1:0"));
    CHECK(!next(at("255.255.255.255")));
    CHECK(!next(at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
    CHECK(!Interval::of(Prefix::parse("::/0").value())
               .contains(Interval::of(Prefix::parse("10.0.0.0/8").value())));
}

TEST_CASE("line differences") {
    using Lines = std::vector<std::string>;
    struct Case {
        Lines from, to, diff;
    };
    const Case cases[] = {
        {{}, {}, {}},
        {{"a"}, {"a"}, {}},
        {{}, {"a"}, {"+ a"}},
        {{"a"}, {}, {"- a"}},
        {{"a", "b", "c"}, {"a", "c"}, {"- b"}},
        {{"a", "c"}, {"a", "b", "c"}, {"+ b"}},
        {{"a", "b"}, {"b", "a"}, {"- a", "+ a"}},
        {{"a", "b", "c", "d"}, {"x", "b", "d", "e"}, {"- a", "+ x", "- c", "+ e"}},
        {{"a", "a"}, {"a", "a", "a"}, {"+ a"}},
    };
    for (const Case& one : cases) {
        CHECK(line_diff(one.from, one.to) == one.diff);
    }
    // Too long for the table of common lengths: all out, all in, common ends left out.
    Lines from{"first"};
    Lines to{"first"};
    for (int i = 0; i < 2100; ++i) {
        from.push_back("old " + std::to_string(i));
        to.push_back("new " + std::to_string(i));
    }
    const Lines diff = line_diff(from, to);
    CHECK(diff.size() == 4200);
    CHECK(diff.front() == "- old 0");
    CHECK(diff.back() == "+ new 2099");
}

namespace {

const InScope in_scope = in_prefixes({Prefix::parse("198.51.100.0/24").value()});

std::string config(const std::string& services) {
    return R"({"schema":"rehome/vipd/1","gateway":"g","ports":[],"services":)" + services + "}";
}

const std::string meters =
    R"({"name":"meters","vip":"198.51.100.10","protocol":"tcp","port":1883,"forward":"nat","servers":[{"name":"s1","address":"10.1.1.11","port":1883}]})";
const std::string elsewhere =
    R"({"name":"own","vip":"192.0.2.1","protocol":"udp","port":53,"forward":"anything","odd":1,"servers":"?"})";

}  // namespace

TEST_CASE("services are read, and only those that move") {
    const auto read = read_offer(config("[" + meters + "," + elsewhere + "]"), "f", in_scope);
    REQUIRE(read.has_value());
    REQUIRE(read->offer.services.size() == 1);
    CHECK(read->doubts.empty());
    CHECK(read->offer.services[0].servers[0].weight == 1);

    auto offer = read->offer;
    offer.services[0].servers[0].address = Address::parse("172.20.5.21").value();
    const std::string written = with_offer(config("[" + elsewhere + "]"), offer, in_scope);
    const auto document = nlohmann::json::parse(written);
    CHECK(document["gateway"] == "g");
    CHECK(document["services"].size() == 2);
    CHECK(document["services"][0] == nlohmann::json::parse(elsewhere));
    CHECK(read_offer(written, "f", in_scope)->offer == offer);
    // Replaced, not added a second time.
    CHECK(nlohmann::json::parse(with_offer(written, offer, in_scope)) == document);
}

TEST_CASE("services that are refused or doubted") {
    const char* wrong[] = {
        "",
        "[]",
        "{}",
        R"({"schema":"rehome/vipd/2","services":[]})",
        R"({"schema":"rehome/vipd/1"})",
        R"({"schema":"rehome/vipd/1","services":{}})",
        R"({"schema":"rehome/vipd/1","services":[1]})",
        R"({"schema":"rehome/vipd/1","services":[{"vip":"nonsense"}]})",
        R"({"schema":"rehome/vipd/1","services":[{"vip":"198.51.100.1"}]})",
        R"({"schema":"rehome/vipd/1","services":[{"vip":"198.51.100.1","name":"a","protocol":"tcp","port":70000,"servers":[]}]})",
        R"({"schema":"rehome/vipd/1","services":[{"vip":"198.51.100.1","name":"a","protocol":"tcp","port":1,"servers":[{"name":"s","address":"x","port":1}]}]})",
        R"({"schema":"rehome/vipd/1","services":[{"vip":"198.51.100.1","name":"a","protocol":"tcp","port":1,"servers":[{"name":"s","address":"10.1.1.1","port":1,"weight":0}]}]})",
        R"({"schema":"rehome/vipd/1","services":[{"vip":"198.51.100.1","name":"a","protocol":"tcp","port":1,"servers":[7]}]})",
    };
    for (const char* text : wrong) {
        CAPTURE(text);
        const auto read = read_offer(text, "gw: /etc/vipd.json", in_scope);
        REQUIRE(!read.has_value());
        CHECK(read.error()[0].kind == Exit::usage);
        CHECK(read.error()[0].where.starts_with("gw: /etc/vipd.json: /"));
    }
    std::string odd = meters;
    odd.insert(1, R"("hidden":["10.1.0.1"],)");
    const auto read = read_offer(config("[" + odd + "]"), "f", in_scope);
    REQUIRE(read.has_value());
    CHECK(read->doubts.size() == 1);
}

TEST_CASE("maps, tunnels, pools and masks are read whole and written again") {
    struct Row {
        const char* what;
        const char* rest;   // of the document
        const char* wrong;  // where; empty: read
        size_t doubts;
    };
    const Row rows[] = {
        {"a map",
         R"("maps":[{"name":"m","vip_prefix":"198.51.100.0/28","server_prefix":"10.1.7.0/28"}])",
         "", 0},
        {"a map of other VIPs",
         R"("maps":[{"name":"m","vip_prefix":"192.0.2.0/28","server_prefix":"10.1.7.0/28","odd":1}])",
         "", 0},
        {"a map with more",
         R"("maps":[{"name":"m","vip_prefix":"198.51.100.0/28","server_prefix":"10.1.7.0/28","odd":1}])",
         "", 1},
        {"a map that moves in part",
         R"("maps":[{"name":"m","vip_prefix":"198.51.0.0/16","server_prefix":"10.1.0.0/16"}])",
         "/maps/0/vip_prefix", 0},
        {"half a map", R"("maps":[{"name":"m","vip_prefix":"198.51.100.0/28"}])", "/maps/0", 0},
        {"no map", R"("maps":[1])", "/maps/0", 0},
        {"no maps", R"("maps":{})", "/maps", 0},
        {"a pool without a name", R"("pools":[{"addresses":[]}])", "/pools/0", 0},
        {"what is the gateway's own",
         R"("workers":2,"flows":{"capacity":5},"fragments":{},"pools":[{"name":"p","addresses":["10.1.0.0/30"]}])",
         "", 0},
        {"a key of a later version", R"("mirrors":[{"to":"10.1.0.1"}])", "", 1},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const auto read =
            read_offer(R"({"schema":"rehome/vipd/1","services":[],)" + std::string(row.rest) + "}",
                       "f", in_scope);
        if (*row.wrong != '\0') {
            REQUIRE(!read.has_value());
            CHECK(read.error()[0].where == std::string("f: ") + row.wrong);
            continue;
        }
        REQUIRE_MESSAGE(read.has_value(), read.error()[0].text());
        CHECK(read->doubts.size() == row.doubts);
        CHECK(read->offer.maps.size() == (contains(row.rest, "198.51.100") ? 1 : 0));
    }

    const std::string all =
        R"({"schema":"rehome/vipd/1","pools":[{"name":"p","addresses":["10.1.0.0/30"]}],
      "maps":[{"name":"m","vip_prefix":"198.51.100.0/28","server_prefix":"10.1.7.0/28"},
              {"name":"own","vip_prefix":"192.0.2.0/28","server_prefix":"10.1.8.0/28"}],
      "services":[
       {"name":"t","vip":"198.51.100.30","protocol":"udp","port":53,"forward":"tunnel","encapsulation":"gue",
        "servers":[{"name":"s1","address":"10.1.1.11","weight":1,"masked":true}]},
       {"name":"n","vip":"198.51.100.31","protocol":"tcp","port":80,"forward":"nat","source_nat":"p",
        "servers":[{"name":"s1","address":"10.1.1.11","port":80,"weight":1}]}]})";
    const auto read = read_offer(all, "f", in_scope);
    REQUIRE_MESSAGE(read.has_value(), read.error()[0].text());
    CHECK(read->doubts.empty());
    CHECK(read->pools == std::vector<std::string>{"p"});
    const OfferedService& tunnel = read->offer.services[0];
    CHECK(tunnel.encapsulation == "gue");
    CHECK(tunnel.servers[0].port == 0);
    CHECK(tunnel.servers[0].masked);
    CHECK(read->offer.services[1].source_nat == "p");
    CHECK(read->offer.maps ==
          std::vector<OfferedMap>{{"m", Prefix::parse("198.51.100.0/28").value(),
                                   Prefix::parse("10.1.7.0/28").value()}});
    auto document = nlohmann::json::parse(all);
    std::swap(document["maps"][0], document["maps"][1]);  // others' first
    CHECK(nlohmann::json::parse(with_offer(all, read->offer, in_scope)) == document);
    // An encapsulation that is vipd's own choice equals the same one told.
    auto plain = document, told = document;
    plain["services"][0].erase("encapsulation");
    told["services"][0]["encapsulation"] = "ipip";
    CHECK(canonical(read_offer(plain.dump(), "f", in_scope)->offer) ==
          canonical(read_offer(told.dump(), "f", in_scope)->offer));
    CHECK(canonical(read_offer(plain.dump(), "f", in_scope)->offer) != canonical(read->offer));
    // A server of nat has a port.
    auto portless = document;
    portless["services"][1]["servers"][0].erase("port");
    REQUIRE(!read_offer(portless.dump(), "f", in_scope).has_value());
    for (const char* key : {"encapsulation", "source_nat"}) {
        auto odd_one = document;
        odd_one["services"][0][key] = nlohmann::json::array({"10.1.0.1"});
        CAPTURE(key);
        CHECK(!read_offer(odd_one.dump(), "f", in_scope).has_value());
    }
    document["services"][0]["servers"][0]["masked"] = "yes";
    CHECK(!read_offer(document.dump(), "f", in_scope).has_value());
}

TEST_CASE("a saved state comes back as it was") {
    Saved saved;
    saved.at = "2026-05-04T03:02:01.000123Z";
    std::string longer = "table inet t {\n\tset s { elements = { ";
    while (longer.size() < 20'000) {
        longer += "\xc3\xbc, ";
    }
    const std::string digest = sha256("x");
    saved.tables = {{"netns:new-gw", "inet", "t", longer + "} }\n}\n", digest, ""},
                    {"netns:new-gw", "ip", "u", "", "", digest}};
    saved.files = {{"netns:new-gw", "/etc/vipd.json", "", "{\n}\n", digest}};
    CHECK(misfits("lbsync-state", to_json(saved).dump()) == "");
    const auto back = parse_saved("f", to_json(saved).dump());
    REQUIRE_MESSAGE(back.has_value(), back.error()[0].text());
    CHECK(back->tables == saved.tables);
    CHECK(back->files == saved.files);
    CHECK(back->at == saved.at);

    auto document = to_json(saved);
    SUBCASE("unknown key") {
        document["more"] = 1;
    }
    SUBCASE("schema") {
        document["schema"] = "rehome/lbsync-state/2";
    }
    SUBCASE("a name that is more than a name") {
        document["tables"][0]["name"] = "t; flush ruleset";
    }
    SUBCASE("a family that is none") {
        document["tables"][0]["family"] = "any";
    }
    SUBCASE("a relative path") {
        document["files"][0]["path"] = "vipd.json";
    }
    SUBCASE("a digest that is none") {
        document["files"][0]["after_sha256"] = "abc";
    }
    SUBCASE("something missing") {
        document.erase("files");
    }
    const auto refused = parse_saved("f", document.dump());
    REQUIRE(!refused.has_value());
    CHECK(refused.error()[0].kind == Exit::usage);
    CHECK(!parse_saved("f", "").has_value());
}

TEST_CASE("a second apply goes on with the state of the first") {
    const Ruleset one{{{"ip", "t", {"comment \"one\""}, {}, {}, {}}}};
    const Ruleset two{{{"ip", "t", {"comment \"two\""}, {}, {}, {}}}};
    const Ruleset three{{{"ip", "t", {"comment \"three\""}, {}, {}, {}}}};
    const auto step = [](const Ruleset& from, const Ruleset& to) {
        Plan plan;
        plan.hosts.push_back({"h", from, to, {}});
        plan.changes = differences(from, to, "h");
        return plan;
    };
    const Saved first = to_save(step(one, two), true);
    REQUIRE(first.tables.size() == 1);

    const Plan next = step(two, three);
    const Saved both = continued(first, to_save(next, true), next);
    REQUIRE(both.tables.size() == 1);
    CHECK(both.tables[0].before_sha256 == first.tables[0].before_sha256);
    CHECK(both.tables[0].before == first.tables[0].before);
    CHECK(both.tables[0].after_sha256 == digest_of(three, "ip", "t"));

    // Nothing more to do: what the first has done can still be undone.
    const Plan nothing = step(two, two);
    CHECK(continued(first, to_save(nothing, true), nothing).tables == first.tables);

    // Undone or changed since: the old state means nothing any more.
    const Plan anew = step(three, two);
    const Saved fresh = continued(first, to_save(anew, true), anew);
    REQUIRE(fresh.tables.size() == 1);
    CHECK(fresh.tables[0].before_sha256 == digest_of(three, "ip", "t"));
}

}  // namespace rehome::lbsync
