// One order in words, and what it makes of the document that all gateways have alike.
#include "vipctl/rules_edit.h"

#include <doctest/doctest.h>

namespace rehome::vipctl {

namespace {

using nlohmann::json;

}  // namespace

TEST_CASE("one range of a set") {
    struct Row {
        const char* before;
        const char* service;
        const char* clients;
        const char* site;
        bool done;
        const char* after;
    };
    const Row rows[] = {
        {"{}", "", "staff", "new", true, R"({"sets": [{"ranges": ["staff new"]}]})"},
        {R"({"sets": [{"ranges": ["staff new"]}]})", "", "staff", "old", true,
         R"({"sets": [{"ranges": ["staff old"]}]})"},
        {R"({"sets": [{"ranges": ["staff new"]}]})", "", "staf", "none", false,
         R"({"sets": [{"ranges": ["staff new"]}]})"},
        {R"({"sets": [{"ranges": ["staff new"]}]})", "", "staff", "none", true, "{}"},
        {R"({"sets": [{"ranges": ["2001:db8:0::/48 new"]}]})", "", "2001:db8::/48", "none", true,
         "{}"},
        {R"({"sets": [{"ranges": ["staff new"]}]})", "meters", "staff", "none", false,
         R"({"sets": [{"ranges": ["staff new"]}]})"},
        {R"({"sets": [{"ranges": ["staff new"]}]})", "meters", "staff", "old", true,
         R"({"sets": [{"ranges": ["staff new"]}, {"service": "meters", "ranges": ["staff old"]}]})"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.before);
        CAPTURE(row.clients);
        CAPTURE(row.site);
        json rules = json::parse(row.before);
        CHECK(edit_range(rules, row.service, row.clients, row.site) == row.done);
        CHECK(rules == json::parse(row.after));
    }
}

TEST_CASE("clients that are accepted before all others, and not any more") {
    const json mine{{"action", "accept"}, {"clients", {"192.0.2.7"}}};
    const json meters{{"action", "accept"}, {"clients", {"192.0.2.7"}}, {"service", "meters"}};
    const json bots{{"name", "bots"}, {"action", "drop"}, {"clients", {"192.0.2.0/24"}}};
    const json named{{"name", "accepted"}, {"action", "accept"}, {"clients", {"192.0.2.7"}}};

    json document{{"rules", {bots, named, mine}}};  // the last is somebody's own: bots outrank it
    const json before = document;
    CHECK_FALSE(drop_accepted(document, "192.0.2.7", ""));
    CHECK(document == before);
    add_accepted(document, "192.0.2.7", "meters");
    add_accepted(document, "192.0.2.7", "");
    const json both{mine, meters, bots, named, mine};
    CHECK(document["rules"] == both);
    add_accepted(document, "192.0.2.7", "meters");  // once is enough
    CHECK(document["rules"] == both);
    CHECK_FALSE(drop_accepted(document, "192.0.2.8", ""));
    CHECK(drop_accepted(document, "192.0.2.7", "meters"));
    CHECK(drop_accepted(document, "192.0.2.7", ""));
    CHECK(document == before);

    document = json::object();
    add_accepted(document, "staff", "");
    CHECK(document["rules"] == json{{{"action", "accept"}, {"clients", {"staff"}}}});
    CHECK(drop_accepted(document, "staff", ""));
    CHECK(document == json::object());
}

TEST_CASE("one limit") {
    struct Row {
        const char* before;  // of the limits
        const char* what;
        const char* rate;
        Exit exit;
        const char* after;
    };
    const Row rows[] = {
        {"null", "clients", "20", Exit::yes, R"({"clients": {"per_s": 20}})"},
        {"null", "clients", "many", Exit::usage, "null"},
        {"null", "everybody", "20", Exit::usage, "null"},
        {"null", "service:", "20", Exit::usage, "null"},
        {"null", "except:nat", "20", Exit::no, "null"},
        {"null", "clients", "unlimited", Exit::usage, "null"},
        {"null", "service:game", "none", Exit::no, "null"},
        {R"({"services": [{"service": "game", "per_s": 5}]})", "service:game", "none", Exit::yes,
         "null"},
        {R"({"services": [{"service": "game", "per_s": 5}]})", "vip:192.0.2.1", "7", Exit::yes,
         R"({"services": [{"service": "game", "per_s": 5}],
             "vips": [{"vip": "192.0.2.1", "per_s": 7}]})"},
        {R"({"clients": {"per_s": 1, "except": [{"clients": ["nat"], "per_s": 9}]}})", "clients",
         "2", Exit::yes,
         R"({"clients": {"per_s": 2, "except": [{"clients": ["nat"], "per_s": 9}]}})"},
        {R"({"clients": {"per_s": 1, "except": [{"clients": ["nat"], "per_s": 9}]}})", "except:nat",
         "unlimited", Exit::yes, R"({"clients": {"per_s": 1, "except": [{"clients": ["nat"]}]}})"},
        {R"({"clients": {"per_s": 1, "except": [{"clients": ["nat"], "per_s": 9}]}})", "except:nat",
         "none", Exit::yes, R"({"clients": {"per_s": 1}})"},
        // Others that an exception names beside them keep their rate.
        {R"({"clients": {"per_s": 1, "except": [{"clients": ["city", "nat"], "per_s": 9}]}})",
         "except:nat", "unlimited", Exit::yes,
         R"({"clients": {"per_s": 1, "except": [{"clients": ["city"], "per_s": 9},
                                                {"clients": ["nat"]}]}})"},
        {R"({"clients": {"per_s": 1, "except": [{"clients": ["city", "nat"], "per_s": 9}]}})",
         "except:nat", "none", Exit::yes,
         R"({"clients": {"per_s": 1, "except": [{"clients": ["city"], "per_s": 9}]}})"},
        // However an address is spelled.
        {R"({"vips": [{"vip": "2001:db8:f:0::10", "per_s": 7}]})", "vip:2001:db8:f::10", "none",
         Exit::yes, "null"},
        {R"({"clients": {"per_s": 1, "except": [{"clients": ["192.0.2.1/32"], "per_s": 9}]}})",
         "except:192.0.2.1", "none", Exit::yes, R"({"clients": {"per_s": 1}})"},
        {R"({"clients": {"per_s": 1, "except": [{"clients": ["city"], "per_s": 9}]}})",
         "except:nat", "none", Exit::no, "null"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.before);
        CAPTURE(row.what);
        CAPTURE(row.rate);
        json document = json::object();
        if (const json limits = json::parse(row.before); !limits.is_null()) {
            document["limits"] = limits;
        }
        const auto edited = edit_limit(document, row.what, row.rate, json::object());
        CHECK((edited ? Exit::yes : edited.error().kind) == row.exit);
        if (edited) {
            CHECK(document.value("limits", json()) == json::parse(row.after));
        }
    }
}

TEST_CASE("weights in words") {
    CHECK(*parse_weights("new=10,old=89.99") == json{{"new", 10.0}, {"old", 89.99}});
    const auto wrong = parse_weights("new,=5,old=1,old=2,x=1x");
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().kind == Exit::usage);
    for (const char* each :
         {"\"new\" is no", "\"=5\" is no", "\"old\" is given twice", "\"x=1x\""}) {
        CHECK(wrong.error().text().find(each) != std::string::npos);
    }
}

TEST_CASE("a file of lines") {
    CHECK(lines_of("# all\n\n a\t b \r\nc # d\n   \n#\ne") ==
          std::vector<std::string>{"a b", "c", "e"});
}

}  // namespace rehome::vipctl
