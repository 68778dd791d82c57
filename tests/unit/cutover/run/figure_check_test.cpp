// Figures held against what their commands print.
#include "cutover/run/figure_check.h"

#include <doctest/doctest.h>

#include "cutover/run/plan_view.h"
#include "tests/unit/cutover/fixture.h"

namespace rehome::cutover::testing {

namespace {

const char* const vipctl = R"(["vipctl", "--socket", "/x", "status", "--json"])";
const char* const logins = R"(["cutover", "login", "status", "--dir", "d", "--json"])";

// A gate's and a check's mistakes about the same figures.
std::string mistakes_of(const char* command, const std::string& rest, bool begun = false) {
    std::string all;
    for (const char* step : {R"({{"name": "g", "gate": {{"command": {}, {}}}}})",
                             R"({{"name": "d", "do": ["x"], "check": {{"command": {}, {}}}}})"}) {
        const std::string text = book_of(fmt::format(fmt::runtime(step), command, rest));
        const auto plan = read_plan({"book.json", text, inventory(), {}, "/i", "/d", begun});
        all += plan ? "" : all_text(plan.error());
    }
    return all;
}

}  // namespace

TEST_CASE("where a figure must lead") {
    struct Case {
        const char* command;
        const char* figure;
        const char* mistake;  // in the gate's; nothing: none
    };
    const Case cases[] = {
        {vipctl, R"({"pointer": "/flows/here", "max": 0})", nullptr},
        {vipctl, R"({"pointer": "/lines/carrier=red/enabled", "equals": true})", nullptr},
        {vipctl, R"({"pointer": "/lines/0/rx_vip_pps", "max": 1})", nullptr},
        {vipctl, R"({"pointer": "/peers/site=new/last_seen_ms", "max": 1})", nullptr},
        {vipctl, R"({"pointer": "/share/by", "equals": "address"})", nullptr},
        {logins, R"({"pointer": "/up", "of": "/wanted", "min": 1})", nullptr},
        {logins, R"({"pointer": "/carriers/carrier=red/canary/ok", "min": 1})", nullptr},
        {vipctl, R"({"pointer": "/flow/here", "max": 0})",
         R"(0/pointer: leads nowhere in what it prints (rehome/vipd-status/1): "flow" is not there, )"
         "expected one of access, at, copies, disabled, epoch, flows, gateway, "},
        {vipctl, R"({"pointer": "/flows/her", "max": 0})",
         R"(0/pointer: leads nowhere in what it prints (rehome/vipd-status/1): "her" is not there, )"
         "expected one of closing, here, provisional, relayed\n"},
        {vipctl, R"({"pointer": "/lines/carier=red/enabled", "equals": true})",
         R"(0/pointer: leads nowhere in what it prints (rehome/vipd-status/1): "carier=red" selects )"
         "nothing in a list, expected an index or KEY=VALUE with a key of carrier, enabled, "},
        {vipctl, R"({"pointer": "/lines/red/enabled", "equals": true})",
         R"(0/pointer: leads nowhere in what it prints (rehome/vipd-status/1): "red" selects nothing)"},
        {vipctl, R"({"pointer": "/lines/carrier=red/enabeld", "equals": true})",
         R"(0/pointer: leads nowhere in what it prints (rehome/vipd-status/1): "enabeld" is not)"},
        {vipctl, R"({"pointer": "/uptime_s/x", "min": 1})",
         R"(0/pointer: leads nowhere in what it prints (rehome/vipd-status/1): "x" is below what has )"
         "nothing below it\n"},
        {vipctl, R"({"pointer": "/lines", "min": 1})",
         "0/pointer: leads to no number in what it prints (rehome/vipd-status/1)\n"},
        {vipctl, R"({"pointer": "/site", "min": 1})",
         "0/pointer: leads to no number in what it prints (rehome/vipd-status/1)\n"},
        {vipctl, R"({"pointer": "/flows/here", "equals": "none"})",
         "0/pointer: leads to no string in what it prints (rehome/vipd-status/1)\n"},
        {vipctl, R"({"pointer": "/flows/here", "equals": true})",
         "0/pointer: leads to no boolean in what it prints (rehome/vipd-status/1)\n"},
        {logins, R"({"pointer": "/up", "of": "/want", "min": 1})",
         R"(0/of: leads nowhere in what it prints (rehome/login-summary/1): "want" is not there, )"},
        {logins, R"({"pointer": "/up", "of": "/login", "min": 1})",
         "0/of: leads to no number in what it prints (rehome/login-summary/1)\n"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.figure);
        const std::string told =
            mistakes_of(one.command, fmt::format(R"("figures": [{}])", one.figure));
        if (one.mistake == nullptr) {
            CHECK(told == "");
            continue;
        }
        for (const char* at : {"gate", "check"}) {
            const std::string wanted =
                fmt::format("book.json: /stages/0/steps/0/{}/figures/{}", at, one.mistake);
            CHECK_MESSAGE(told.find(wanted) != std::string::npos, told);
        }
        CHECK(mistakes_of(one.command, fmt::format(R"("figures": [{}])", one.figure), true) == "");
    }
}

TEST_CASE("the time of a sample, and commands that print no JSON") {
    const auto gate = [](const char* command, const char* rest) {
        const auto plan = plan_of_text(book_of(
            fmt::format(R"({{"name": "g", "gate": {{"command": {}, {}}}}})", command, rest)));
        return plan ? "" : all_text(plan.error());
    };
    const char* const figure = R"("figures": [{"pointer": "/up", "min": 1}])";
    CHECK(gate(vipctl, R"("fresh": "/at")") == "");
    CHECK(gate(vipctl, R"("fresh": "/att")")
              .starts_with("book.json: /stages/0/steps/0/gate/fresh: leads nowhere in what it "));
    CHECK(gate(vipctl, R"("fresh": "/uptime_s")")
              .starts_with("book.json: /stages/0/steps/0/gate/fresh: leads to no string in what "));
    CHECK(
        gate(R"(["vipctl", "status"])", figure) ==
        "book.json: /stages/0/steps/0/gate/command: vipctl status prints no JSON, expected --json "
        "with it\n");
    CHECK(
        gate(R"(["lbsync", "put"])", figure)
            .starts_with("book.json: /stages/0/steps/0/gate/command: lbsync put prints no JSON, "));
    // Nothing is looked for in it.
    CHECK(gate(R"(["lbsync", "verify"])", R"("tries": 1)") == "");
}

TEST_CASE("of a foreign command it cannot be known, and show says so") {
    const auto plan = plan_of_text(book_of(
        R"({"name": "g", "gate": {"command": ["jq", ".", "x"], "figures": [{"pointer": "/y", "min": 1}]}},
           {"name": "f", "gate": {"command": ["my tool"], "fresh": "/at"}},
           {"name": "e", "gate": {"command": ["true"]}},
           {"name": "v", "gate": {"command": ["vipctl", "status", "--json"], "fresh": "/at"}})"));
    REQUIRE_MESSAGE(plan.has_value(), all_text(plan.error()));
    const std::string text = plan_text(*plan);
    const auto count = [&text](const std::string& part) {
        size_t found = 0;
        for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
            ++found;
        }
        return found;
    };
    CHECK(count("                cannot know whether jq prints this\n") == 1);
    CHECK(count("                cannot know whether 'my tool' prints this\n") == 1);
    CHECK(count("cannot know") == 2);
}

}  // namespace rehome::cutover::testing
