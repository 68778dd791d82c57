// Playbooks: what is expanded, and what is refused.
#include "cutover/run/playbook.h"

#include <doctest/doctest.h>

#include "cutover/run/plan_view.h"
#include "tests/unit/cutover/fixture.h"

namespace rehome::cutover::testing {

namespace {

using Texts = std::vector<std::string>;

// The expanded steps, each as "NAME: WORDS" of its command.
Texts lines(const Checked<Plan>& plan) {
    REQUIRE_MESSAGE(plan.has_value(), (plan ? "" : all_text(plan.error())));
    Texts result;
    for (const Step& step : plan->steps) {
        result.push_back(step.name + ": " + printable(step.host.on(step.act)));
    }
    return result;
}

}  // namespace

TEST_CASE("for_each and variables") {
    struct Case {
        const char* what;
        std::string steps;
        Texts lines;
    };
    const Case cases[] = {
        {"everywhere",
         R"({"name": "x", "do": ["${from}", "${to}", "${old_gateway}", "${run_dir}"]})",
         {"x: old new old-gw /run/d"}},
        {"carriers",
         R"({"name": "${carrier}", "for_each": "carriers", "do": ["${carrier}"]})",
         {"red: red", "green: green"}},
        {"a carrier's only line",
         R"({"name": "${carrier}", "for_each": "carriers", "do": ["${old_gateway}", "${old_port}"]})",
         {"red: old-gw red", "green: old-gw green"}},
        {"lines of one site",
         R"({"name": "${carrier} ${new_gateway}", "for_each": "new_lines", "do": ["${new_port}"]})",
         {"red new-a: red", "green new-a: green", "green new-b: green"}},
        {"gateways",
         R"({"name": "${gateway}", "for_each": "gateways", "do": ["${site}", "${vipd_socket}"]})",
         {"old-gw: old /old/vipd.sock", "new-a: new /new/vipd.sock", "new-b: new /new/vipd.sock"}},
        {"new gateways, on each",
         R"({"name": "${new_gateway}", "for_each": "new_gateways", "on": "${new_gateway}", "do": ["x"]})",
         {"new-a: ssh -T -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=5 -o "
          "ServerAliveCountMax=3 root@a.example -- x",
          "new-b: ssh -T -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=5 -o "
          "ServerAliveCountMax=3 root@b.example -- x"}},
        {"prefixes",
         R"({"name": "${prefix}", "for_each": "prefixes", "do": ["${prefix}"]})",
         {"198.51.100.0/24: 198.51.100.0/24", "203.0.113.0/24: 203.0.113.0/24"}},
        {"services",
         R"({"name": "${service}", "for_each": "services", "do": ["${vip}", "${port}"]})",
         {"meters: 198.51.100.10 1883", "terminals: 203.0.113.5 14000"}},
        {"servers, each once",
         R"({"name": "${server}", "for_each": "servers", "on": "${server}@old", "do": ["x"]})",
         {"s1: ip netns exec old-s1 x", "s2: ip netns exec old-s2 x"}},
        {"a list",
         R"({"name": "${n}", "for_each": {"n": ["1", "10"]}, "do": ["x", "${n}"]})",
         {"1: x 1", "10: x 10"}},
        {"a list in a text",
         R"({"name": "${n}", "for_each": {"n": "1,10"}, "do": ["x", "${n}"]})",
         {"1: x 1", "10: x 10"}},
        {"nothing to walk, beside something",
         R"({"name": "${login}", "for_each": "logins", "do": ["x"]}, {"name": "y", "do": ["y"]})",
         {"y: y"}},
        {"a plain ${",
         R"({"name": "x", "do": ["$${from}", "$5", "a$", "${from}${to}"]})",
         {"x: '${from}' '$5' 'a$' oldnew"}},
        {"on a carrier is on its vantage",
         R"({"name": "x", "on": "red", "do": ["x"]})",
         {"x: ip netns exec red x"}},
        {"on a host by its own name",
         R"({"name": "x", "on": "netns:y", "do": ["x"]})",
         {"x: ip netns exec y x"}},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CHECK(lines(plan_of_text(book_of(one.steps))) == one.lines);
    }
}

TEST_CASE("a stage's for_each and its steps'") {
    const auto plan = plan_of_text(R"json({"schema": "rehome/playbook/1", "name": "t", "stages": [
      {"name": "move ${carrier}", "for_each": "carriers", "steps": [
        {"name": "at ${new_gateway}", "for_each": "new_lines", "do": ["x", "${carrier}"]}]}]})json");
    REQUIRE(plan);
    Texts ids;
    for (const Step& step : plan->steps) {
        ids.push_back(step.id);
    }
    CHECK(ids == Texts{"move red/at new-a", "move green/at new-a", "move green/at new-b"});
}

TEST_CASE("parameters: defaults, settings, and numbers made of them") {
    const std::string book = R"json({"schema": "rehome/playbook/1", "name": "t",
      "parameters": {"rate": {"about": "a second", "default": "200"},
                     "file": {"about": "a path", "default": "${run_dir}/x"},
                     "must": {"about": "without a default"}},
      "stages": [{"name": "s", "steps": [
        {"name": "x", "do": ["x", "${rate}", "${file}", "${must}"], "timeout_s": "${rate}"},
        {"name": "g", "gate": {"command": ["y"], "for_s": 2, "good": "${must}", "figures": [
          {"pointer": "/a", "min": "${must}"}, {"pointer": "/b", "equals": "${must}"},
          {"pointer": "/c", "equals": "${file}"}, {"pointer": "/d", "equals": true}]}}]}]})json";
    const auto plan = plan_of_text(book, {{"must", "7"}});
    CHECK(lines(plan).at(0) == "x: x 200 /run/d/x 7");
    CHECK(plan->steps[0].timeout == Seconds(200));
    const Gate& gate = plan->steps[1].gate;
    CHECK(gate.good == 7);
    CHECK(gate.lasting == Seconds(2));
    CHECK(gate.sample.figures[0].min == 7.0);
    CHECK(std::get<double>(*gate.sample.figures[1].equals) == 7.0);
    CHECK(std::get<std::string>(*gate.sample.figures[2].equals) == "/run/d/x");
    CHECK(std::get<bool>(*gate.sample.figures[3].equals));
    CHECK(plan->parameters.at("rate") == "200");

    const auto without = plan_of_text(book, {{"rat", "1"}});
    REQUIRE_FALSE(without);
    CHECK(all_text(without.error()) ==
          "book.json: /parameters/must: has no default, expected --set must=VALUE\n"
          "book.json: /parameters: --set names \"rat\", which the playbook does not declare\n");
}

TEST_CASE("what is refused") {
    struct Case {
        const char* what;
        std::string step;
        const char* mistake;  // how one of them begins
    };
    const Case cases[] = {
        {"an unknown variable", R"({"name": "x", "do": ["${nope}"]})",
         "/stages/0/steps/0/do/0: no variable \"nope\" here, expected one of: "},
        {"no ${new_gateway} where there are two", R"({"name": "x", "do": ["${new_gateway}"]})",
         "/stages/0/steps/0/do/0: no variable \"new_gateway\" here"},
        {"an open brace", R"({"name": "x", "do": ["${from"]})",
         "/stages/0/steps/0/do/0: ${ without }"},
        {"an unknown set", R"({"name": "x", "for_each": "boats", "do": ["x"]})",
         "/stages/0/steps/0/for_each: no set \"boats\" to walk, expected one of: carriers,"},
        {"an unknown host", R"({"name": "x", "on": "nowhere", "do": ["x"]})",
         "/stages/0/steps/0/on: \"nowhere\" names no host, expected a gateway,"},
        {"an unknown site", R"({"name": "x", "on": "s1@moon", "do": ["x"]})",
         "/stages/0/steps/0/on: \"s1@moon\" names no host"},
        {"nothing to do", R"({"name": "x"})",
         "/stages/0/steps/0: expected exactly one of do, gate and hold"},
        {"two things to do", R"({"name": "x", "do": ["x"], "hold": "sure?"})",
         "/stages/0/steps/0: expected exactly one of do, gate and hold"},
        {"an undo of a gate", R"({"name": "x", "undo": ["x"], "gate": {"command": ["x"]}})",
         "/stages/0/steps/0/undo: does not belong to a gate"},
        {"a figure without a bound",
         R"({"name": "x", "gate": {"command": ["x"], "figures": [{"pointer": "/a"}]}})",
         "/stages/0/steps/0/gate/figures/0: asks for nothing, expected min, max or equals"},
        {"a share that grows",
         R"({"name": "x", "gate": {"command": ["x"], "figures": [
            {"pointer": "/a", "of": "/b", "since_start": true, "min": 1}]}})",
         "/stages/0/steps/0/gate/figures/0: of and since_start exclude each other"},
        {"a number that is none", R"({"name": "x", "do": ["x"], "timeout_s": "soon"})",
         "/stages/0/steps/0/timeout_s: \"soon\" is not a number"},
        {"a number that is infinite", R"({"name": "x", "do": ["x"], "timeout_s": "inf"})",
         "/stages/0/steps/0/timeout_s: \"inf\" is not a number"},
        {"a gate that never rests", R"({"name": "x", "gate": {"command": ["x"], "every_s": 0}})",
         "/stages/0/steps/0/gate/every_s: expected at least 0.01"},
        {"no good samples at all", R"({"name": "x", "gate": {"command": ["x"], "good": "0"}})",
         "/stages/0/steps/0/gate/good: expected a whole number, 1 to 1000000"},
        {"a check without a command",
         R"({"name": "x", "do": ["x"], "check": {"figures": [{"pointer": "/a", "min": 1}]}})",
         "/stages/0/steps/0/check: has no command"},
        {"two steps of one name", R"({"name": "x", "for_each": "carriers", "do": ["x"]})",
         "/stages/0/steps/0/name: makes a second step \"s/x\"; put what for_each binds"},
        {"a shell's text for a command", R"({"name": "x", "do": "rm -rf x"})",
         "/stages/0/steps/0/do: "},
        {"an empty command", R"({"name": "x", "do": []})", "/stages/0/steps/0/do: "},
        {"an unknown key", R"({"name": "x", "do": ["x"], "undoo": ["y"]})", "/stages/0/steps/0"},
        {"a pointer that is none",
         R"({"name": "x", "gate": {"command": ["x"], "figures": [{"pointer": "a", "min": 1}]}})",
         "/stages/0/steps/0/gate/figures/0/pointer: "},
        {"nothing left", R"({"name": "${login}", "for_each": "logins", "do": ["x"]})",
         "/stages: nothing to do is left"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const auto plan = plan_of_text(book_of(one.step));
        REQUIRE_FALSE(plan);
        CHECK_MESSAGE(all_text(plan.error()).find(std::string("book.json: ") + one.mistake) !=
                          std::string::npos,
                      all_text(plan.error()));
        CHECK(plan.error().front().kind == Exit::usage);
    }
}

TEST_CASE("all mistakes are told in one run, each once") {
    const auto plan = plan_of_text(book_of(
        R"({"name": "${new_gateway}", "for_each": "new_gateways", "on": "nowhere", "do": ["${nope}"]},
           {"name": "y", "hold": "${never}"})"));
    REQUIRE_FALSE(plan);
    CHECK_MESSAGE(plan.error().size() == 3, all_text(plan.error()));
}

TEST_CASE("the plan as text") {
    const auto plan = plan_of_text(book_of(
        R"({"name": "x", "on": "red", "do": ["a b", "c"], "undo": ["d"]},
           {"name": "g", "gate": {"command": ["e"], "figures": [{"pointer": "/f", "max": 2}]}},
           {"name": "h", "hold": "Go on?"})"));
    REQUIRE(plan);
    CHECK(plan_text(*plan) ==
          "test\n"
          "\n"
          "stage s\n"
          "     1  x (on red)\n"
          "         do     ip netns exec red 'a b' c\n"
          "         undo   ip netns exec red d\n"
          "     2  g\n"
          "         gate   e\n"
          "                /f, max 2\n"
          "                good for 0 s, at least 1 in a row, within 60 s\n"
          "     3  h\n"
          "         hold   Go on?\n"
          "\n"
          "1 stages, 3 steps: 1 acts (1 with an undo), 1 gates, 1 holds\n");
}

}  // namespace rehome::cutover::testing
