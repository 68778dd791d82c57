// The small parts: intervals, line differences, saved states.
#include <nlohmann/json.hpp>

#include "common/sha256.h"
#include "lbsync/nft/words.h"
#include "lbsync/plan/line_diff.h"
#include "lbsync/plan/saved.h"
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
    CHECK(Interval{at("10.0.0.1"), at("10.0.0.255")}.text() == "10.0.0.1-10.0.0.255");
    CHECK(Interval{at("10.0.0.1"), at("255.255.255.255")}.text() == "10.0.0.1-255.255.255.255");
    CHECK(next(at("10.0.0.255")) == at("10.0.1.0"));
    CHECK(next(at("::ffff")) == at("::1:0"));
    CHECK(!next(at("255.255.255.255")));
    CHECK(!next(at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
    CHECK(!Interval::of(Prefix::parse("::/0").value())
               .contains(Interval::of(Prefix::parse("10.0.0.0/8").value())));
}

TEST_CASE("differences without an order") {
    using Lines = std::vector<std::string>;
    CHECK(unordered_diff({"a", "b", "c"}, {"c", "d", "a"}) == Lines{"- b", "+ d"});
    CHECK(unordered_diff({"a", "b"}, {"b", "a"}).empty());
}

TEST_CASE("JSON that is bounded in depth") {
    const auto nested = [](size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(parse_bounded(nested(64)).is_array());
    CHECK(parse_bounded(nested(65)).is_discarded());
    CHECK(parse_bounded("[\"" + std::string(100, '[') + "\\\"[\"]").is_array());
    CHECK(parse_bounded(std::string(1'000'000, '{')).is_discarded());
    CHECK(parse_bounded("[1").is_discarded());
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

TEST_CASE("a difference in its place") {
    using Lines = std::vector<std::string>;
    struct Case {
        Lines from, to, diff;
    };
    const Case cases[] = {
        {{}, {}, {}},
        {{"a"}, {"a"}, {}},
        {{}, {"a"}, {"@ rule 1, now 1", "+ a"}},
        {{"a", "b", "c", "d"}, {"a", "b", "c", "d", "e"}, {"@ rule 5, now 5", "  c", "  d", "+ e"}},
        // The same words at another place: what moved shows by what it passes.
        {{"28", "x", "y"}, {"x", "y", "28"}, {"@ rule 1, now 1", "- 28", "  x", "  y", "+ 28"}},
        {{"a", "1", "2", "3", "4", "5", "6", "z"},
         {"1", "2", "3", "4", "5", "6", "b", "z"},
         {"@ rule 1, now 1", "- a", "  1", "  2", "@ rule 8, now 7", "  5", "  6", "+ b", "  z"}},
    };
    for (const Case& one : cases) {
        CHECK(diff_in_place(one.from, one.to, "rule") == one.diff);
    }
}

TEST_CASE("a saved state comes back as it was") {
    Saved saved;
    saved.at = "2026-05-04T03:02:01.000123Z";
    std::string longer = "table inet t {\n\tset s { elements = { ";
    while (longer.size() < 20'000) {
        longer += "\xc3\xbc, ";
    }
    const std::string digest = sha256("x");
    const Learned bans{"inet", "t", "bans", "type ipv4_addr", "192.0.2.1 expires 4m"};
    saved.tables = {{"netns:new-gw", "inet", "t", longer + "} }\n}\n", digest, "", {bans}},
                    {"netns:new-gw", "ip", "u", "", "", digest, {}}};
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
    CHECK(both.tables[0].after_sha256 == digest_of(three, {}, "ip", "t"));

    // Nothing more to do: what the first has done can still be undone.
    const Plan nothing = step(two, two);
    CHECK(continued(first, to_save(nothing, true), nothing).tables == first.tables);

    // Undone or changed since: the old state means nothing any more.
    const Plan anew = step(three, two);
    const Saved fresh = continued(first, to_save(anew, true), anew);
    REQUIRE(fresh.tables.size() == 1);
    CHECK(fresh.tables[0].before_sha256 == digest_of(three, {}, "ip", "t"));
}

}  // namespace rehome::lbsync
