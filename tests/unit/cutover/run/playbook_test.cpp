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
        {"nothing to walk, which may be, beside something",
         R"({"name": "${login}", "for_each": "logins", "may_be_empty": true, "do": ["x"]},
            {"name": "y", "do": ["y"]})",
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

TEST_CASE("since names an act, what follows a gate or a hold, or the first step of a stage") {
    const auto plan = plan_of_text(R"json({"schema": "rehome/playbook/1", "name": "t", "stages": [
      {"name": "first", "steps": [{"name": "a", "do": ["x"]}, {"name": "b", "do": ["x"]}]},
      {"name": "${carrier}", "for_each": "carriers", "steps": [
        {"name": "go on", "hold": "Go on?"},
        {"name": "g", "gate": {"command": ["x"], "figures": [
          {"pointer": "/n", "since": "first/b", "max": 1},
          {"pointer": "/n", "since": "first", "max": 2},
          {"pointer": "/n", "since": "${carrier}", "max": 3},
          {"pointer": "/n", "since": "${carrier}/go on", "max": 3}]}}]}]})json");
    REQUIRE_MESSAGE(plan.has_value(), all_text(plan.error()));
    for (const auto& [step, stage] : {std::pair{3, "red"}, std::pair{5, "green"}}) {
        const auto& figures = plan->steps.at(static_cast<size_t>(step)).gate.sample.figures;
        CHECK(figures.at(0).since == "first/b");
        CHECK(figures.at(1).since == "first/a");
        CHECK(figures.at(2).since == std::string(stage) + "/go on");
        CHECK(figures.at(3).since == std::string(stage) + "/g");
    }
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

TEST_CASE("what a parameter may be, by its type") {
    struct Case {
        const char* type;
        const char* value;
        const char* in_force;  // nothing: refused
        const char* mistake = "";
    };
    const Case cases[] = {
        {R"("type": "number")", "1.50", "1.5"},
        {R"("type": "number", "min": 1)", "1", "1"},
        {R"("type": "number", "min": 1, "max": 9)", "abc", nullptr,
         "\"abc\" is no number, expected 1 to 9"},
        {R"("type": "number", "min": 1, "max": 9)", "9.5", nullptr,
         "\"9.5\" is out of bounds, expected 1 to 9"},
        {R"("type": "number", "min": 1)", "0", nullptr,
         "\"0\" is out of bounds, expected at least 1"},
        {R"("type": "number")", "", nullptr, "\"\" is no number, expected any"},
        {R"("type": "number")", "nan", nullptr, "\"nan\" is no number"},
        {R"("type": "number")", "1 ", nullptr, "\"1 \" is no number"},
        {R"("type": "integer", "max": 9)", "-3", "-3"},
        {R"("type": "integer", "max": 9)", "3.5", nullptr,
         "\"3.5\" is not whole, expected at most 9"},
        {R"("type": "duration")", "90", "90"},
        {R"("type": "duration")", "90s", "90"},
        {R"("type": "duration")", "1.5m", "90"},
        {R"("type": "duration", "max": 7200)", "2h", "7200"},
        {R"("type": "duration", "max": 7200)", "3h", nullptr,
         "\"3h\" is out of bounds, expected 0 to 7200 seconds (or 5m, 2h)"},
        {R"("type": "duration")", "-1", nullptr, "\"-1\" is out of bounds"},
        {R"("type": "duration")", "m", nullptr, "\"m\" is no duration"},
        {R"("type": "duration")", "5 m", nullptr, "\"5 m\" is no duration"},
        {R"("type": "duration")", "5d", nullptr, "\"5d\" is no duration"},
        {R"("type": "name")", "a.b_c-1", "a.b_c-1"},
        {R"("type": "name")", "", nullptr, "\"\" is no name, expected up to 80 letters"},
        {R"("type": "name")", "--all", nullptr, "\"--all\" is no name"},
        {R"("type": "name")", "a b", nullptr, "\"a b\" is no name"},
        {R"("type": "name", "of": "services")", "meters", "meters"},
        {R"("type": "name", "of": "services")", "meter", nullptr,
         "\"meter\" is none of the services, expected one of meters, terminals"},
        {R"("type": "name", "of": "gateways")", "new-a", "new-a"},
        {R"("type": "name", "of": "servers")", "s1", "s1"},
        {R"("type": "list", "of": "carriers")", "red,green", "red,green"},
        {R"("type": "list")", "", ""},
        {R"("type": "list", "of": "carriers")", "red,mauve", nullptr,
         "\"mauve\" is none of the carriers, expected one of green, red"},
        {R"("type": "list")", "a,,b", nullptr, "\"\" is no name"},
        {R"("type": "list")", "a,a", nullptr, "\"a\" is named twice"},
        {R"("type": "text")", "any thing: ${x}", "any thing: ${x}"},
        {R"("type": "text")", "two\nlines", nullptr, "holds a control character"},
        {R"("type": "name", "min": 1)", "a", nullptr, "min and max belong to a number"},
        {R"("type": "number", "of": "carriers")", "1", nullptr, "of belongs to a name or a list"},
        {R"("type": "number", "min": 2, "max": 1)", "1", nullptr, "min is above max"},
        {R"("type": "date")", "1", nullptr, ""},
    };
    for (const Case& one : cases) {
        CAPTURE(one.type);
        CAPTURE(one.value);
        const std::string book = fmt::format(
            R"({{"schema": "rehome/playbook/1", "name": "t", "parameters": {{"p": {{"about": "", {}}}}},
               "stages": [{{"name": "s", "steps": [{{"name": "x", "do": ["x", "${{p}}"]}}]}}]}})",
            one.type);
        const auto plan = plan_of_text(book, {{"p", one.value}});
        REQUIRE(plan.has_value() == (one.in_force != nullptr));
        if (plan) {
            CHECK(plan->steps[0].act.at(1) == one.in_force);
        } else {
            CHECK_MESSAGE(all_text(plan.error()).find(one.mistake) != std::string::npos,
                          all_text(plan.error()));
        }
    }
}

TEST_CASE("a default is held against its type, with its place") {
    const auto plan = plan_of_text(R"json({"schema": "rehome/playbook/1", "name": "t",
      "parameters": {"rate": {"about": "", "type": "number", "default": "${from}"}},
      "stages": [{"name": "s", "steps": [{"name": "x", "do": ["x"]}]}]})json");
    REQUIRE_FALSE(plan);
    CHECK(all_text(plan.error()) ==
          "book.json: /parameters/rate/default: \"old\" is no number, expected any\n");
}

TEST_CASE("what is kept before an act, and what an undo comes after") {
    const auto plan = plan_of_text(R"json({"schema": "rehome/playbook/1", "name": "t", "stages": [
      {"name": "${carrier}", "for_each": "carriers", "after": ["last"], "steps": [
        {"name": "x", "do": ["x"], "undo": ["y", "${was.n}", "${carrier}"],
         "check": {"command": ["c", "${carrier}"], "was": {"n": "/of/${carrier}"}}},
        {"name": "pause", "undo": ["sleep", "1"], "after": ["last/z"]},
        {"name": "g", "gate": {"command": ["g"]}}]},
      {"name": "last", "steps": [{"name": "z", "do": ["z"], "undo": ["z"]}]}]})json");
    REQUIRE_MESSAGE(plan.has_value(), (plan ? "" : all_text(plan.error())));
    const Step& x = plan->steps[0];
    CHECK(x.undo == Argv{"y", "${was.n}", "red"});
    CHECK(x.was == Kept{{"n", "/of/red"}});
    CHECK(x.after == Texts{"last", "red"});
    CHECK(plan->steps[1].kind == Step::Kind::way_back);
    CHECK(plan->steps[1].after == Texts{"last/z"});
    CHECK_FALSE(plan->steps[2].after.has_value());
    CHECK_FALSE(plan->steps.back().after.has_value());
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
        {"what was not kept", R"({"name": "x", "do": ["x"], "undo": ["${was.n}"]})",
         "/stages/0/steps/0/undo/0: no variable \"was.n\" here"},
        {"what is kept, before it is",
         R"({"name": "x", "do": ["${was.n}"], "check": {"command": ["x"], "was": {"n": "/n"}}})",
         "/stages/0/steps/0/do/0: no variable \"was.n\" here"},
        {"what vipctl never prints",
         R"({"name": "x", "do": ["x"], "check": {"command": ["vipctl", "status", "--json"],
             "was": {"n": "/share/percents"}}})",
         "/stages/0/steps/0/check/was/n: leads nowhere in what it prints (rehome/vipd-status/1)"},
        {"a part and no word",
         R"({"name": "x", "do": ["x"], "check": {"command": ["vipctl", "status", "--json"],
             "was": {"n": "/share"}}})",
         "/stages/0/steps/0/check/was/n: leads to no number, text or truth value"},
        {"a check of an undo alone", R"({"name": "x", "undo": ["x"], "check": ["x"]})",
         "/stages/0/steps/0/check: does not belong to a step that has only an undo"},
        {"after what is not there", R"({"name": "x", "undo": ["x"], "after": ["moon"]})",
         "/stages/0/steps/0: its undo is to come after \"moon\", expected a stage or STAGE/STEP"},
        {"after what comes later on the way back",
         R"({"name": "y", "do": ["y"]}, {"name": "x", "undo": ["x"], "after": ["s/y"]})",
         "/stages/0/steps/1: its undo is to come after \"s/y\""},
        {"after without an undo", R"({"name": "x", "do": ["x"], "after": []})",
         "/stages/0/steps/0/after: belongs to an undo"},
        {"nothing to do", R"({"name": "x"})",
         "/stages/0/steps/0: expected exactly one of do, gate and hold"},
        {"two things to do", R"({"name": "x", "do": ["x"], "hold": "sure?"})",
         "/stages/0/steps/0: expected exactly one of do, gate and hold"},
        {"an undo of a gate", R"({"name": "x", "undo": ["x"], "gate": {"command": ["x"]}})",
         "/stages/0/steps/0/undo: does not belong to a gate"},
        {"a retry of a gate", R"({"name": "a", "gate": {"command": ["x"]}, "retry": {"times": 2}})",
         "/stages/0/steps/0/retry: does not belong to a gate"},
        {"a blind retry", R"({"name": "a", "do": ["x"], "retry": {"times": 2}})",
         "/stages/0/steps/0/retry: nobody could tell whether it is done, expected a check or "
         "repeatable"},
        {"retries without end",
         R"({"name": "a", "do": ["x"], "repeatable": true, "retry": {"times": 101}})",
         "/stages/0/steps/0/retry/times: expected at most 100"},
        {"a figure without a bound",
         R"({"name": "x", "gate": {"command": ["x"], "figures": [{"pointer": "/a"}]}})",
         "/stages/0/steps/0/gate/figures/0: asks for nothing, expected min, max or equals"},
        {"a share that grows",
         R"({"name": "x", "gate": {"command": ["x"], "figures": [
            {"pointer": "/a", "of": "/b", "since_start": true, "min": 1}]}})",
         "/stages/0/steps/0/gate/figures/0: of, since_start and since exclude each other"},
        {"a number that is none", R"({"name": "x", "do": ["x"], "timeout_s": "soon"})",
         "/stages/0/steps/0/timeout_s: \"soon\" is not a number"},
        {"a number that is infinite", R"({"name": "x", "do": ["x"], "timeout_s": "inf"})",
         "/stages/0/steps/0/timeout_s: \"inf\" is not a number"},
        {"no time at all", R"({"name": "x", "do": ["x"], "timeout_s": 0})",
         "/stages/0/steps/0/timeout_s: 0 s are over at once, expected more"},
        {"samples that are never new enough",
         R"({"name": "x", "gate": {"command": ["x"], "fresh": "/at", "max_age_s": 0}})",
         "/stages/0/steps/0/gate/max_age_s: 0 s are over at once, expected more"},
        {"fewer tries than good ones",
         R"({"name": "x", "gate": {"command": ["x"], "tries": 2, "good": 3}})",
         "/stages/0/steps/0/gate/tries: 2 samples can never be 3 good ones, expected at least 3"},
        {"good for longer than it may take",
         R"({"name": "x", "timeout_s": 5, "gate": {"command": ["x"], "for_s": 6}})",
         "/stages/0/steps/0/gate/for_s: 6 s do not pass within timeout_s, 5 s"},
        {"good for as long as it may take",
         R"({"name": "x", "timeout_s": 5, "gate": {"command": ["x"], "for_s": 5}})",
         "/stages/0/steps/0/gate/for_s: 5 s do not pass within timeout_s, 5 s"},
        {"more samples than there is time for",
         R"({"name": "x", "timeout_s": 5, "gate": {"command": ["x"], "good": 6}})",
         "/stages/0/steps/0/gate/good: 6 samples, one every 1 s, do not come within timeout_s, 5"},
        {"nothing between its bounds", R"({"name": "x", "gate": {"command": ["x"], "figures": [
             {"pointer": "/a", "min": 2, "max": 1}]}})",
         "/stages/0/steps/0/gate/figures/0: min 2 is above max 1, nothing is between them"},
        {"nor of a check", R"({"name": "x", "do": ["x"], "check": {"command": ["x"], "figures": [
             {"pointer": "/a", "min": 2, "max": 1}]}})",
         "/stages/0/steps/0/check/figures/0: min 2 is above max 1, nothing is between them"},
        {"an age of what has none", R"({"name": "x", "gate": {"command": ["x"], "max_age_s": 3}})",
         "/stages/0/steps/0/gate/max_age_s: is the age of what fresh points to, expected fresh "
         "too"},
        {"a check that counts",
         R"({"name": "x", "do": ["x"], "check": {"command": ["x"], "figures": [
             {"pointer": "/a", "since_start": true, "min": 1}]}})",
         "/stages/0/steps/0/check/figures/0: counts since an earlier time, which a check does not"},
        {"since no step", R"({"name": "x", "gate": {"command": ["x"], "figures": [
             {"pointer": "/a", "since": "s/y", "min": 1}]}})",
         "/stages/0/steps/0/gate: counts since \"s/y\", which is no stage or step before \"s/x\""},
        {"since itself", R"({"name": "x", "gate": {"command": ["x"], "figures": [
             {"pointer": "/a", "since": "s/x", "min": 1}]}})",
         "/stages/0/steps/0/gate: counts since \"s/x\", which is no stage or step before \"s/x\""},
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
        {"nothing left",
         R"({"name": "${login}", "for_each": "logins", "may_be_empty": true, "do": ["x"]})",
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

// ---- what is missing, and what is left ----------------------------------------------------------

namespace {

// The inventory without this carrier's lines at this site.
Inventory without_lines(size_t site, const std::string& carrier) {
    Inventory result = inventory();
    std::erase_if(result.sites[site].lines,
                  [&carrier](const Line& line) { return line.carrier == carrier; });
    return result;
}

// Moves each carrier: a stage a carrier, a step a line of it at each site; then a look at all
// lines.
const char* const move_text = R"json({"schema": "rehome/playbook/1", "name": "t",
  "parameters": {"leave": {"about": "carriers that stay", "default": ""}},
  "stages": [
    {"name": "${carrier}", "for_each": "carriers", "steps": [
      {"name": "new ${new_gateway}", "for_each": "new_lines", "do": ["x"]},
      {"name": "old ${old_gateway}", "for_each": "old_lines", "do": ["x"]}]},
    {"name": "last", "steps": [
      {"name": "still at the old site: ${left}", "hold": "?"},
      {"name": "${carrier} at ${old_gateway}", "for_each": "old_lines", "do": ["x"]}]}]})json";

Checked<Plan> plan_for(const Inventory& inventory, const std::string& text,
                       const Settings& settings = {}, bool begun = false) {
    return read_plan({"book.json", text, inventory, settings, "/i", "/d", begun});
}

Texts ids(const Checked<Plan>& plan) {
    REQUIRE_MESSAGE(plan.has_value(), (plan ? "" : all_text(plan.error())));
    Texts result;
    for (const Step& step : plan->steps) {
        result.push_back(step.id);
    }
    return result;
}

std::string mistakes_of(const Checked<Plan>& plan) {
    return plan ? "none" : all_text(plan.error());
}

}  // namespace

TEST_CASE("a carrier's line that is not there is a mistake, with the carrier and the site") {
    CHECK(mistakes_of(plan_for(without_lines(1, "red"), move_text)) ==
          "book.json: /stages/0/steps/0/for_each: carrier \"red\" has no line at site \"new\" "
          "(new-a, new-b), expected one, or --set leave=red\n");
    CHECK(mistakes_of(plan_for(without_lines(0, "green"), move_text)) ==
          "book.json: /stages/0/steps/1/for_each: carrier \"green\" has no line at site \"old\" "
          "(old-gw), expected one, or --set leave=green\n"
          "book.json: /stages/1/steps/1/for_each: carrier \"green\" has no line at site \"old\" "
          "(old-gw), expected one, or --set leave=green\n");
}

TEST_CASE("a carrier that is left: no step touches its lines, and the plan says so") {
    const Texts red_alone = {"red/new new-a", "red/old old-gw", "last/still at the old site: green",
                             "last/red at old-gw"};
    for (const Inventory& one : {inventory(), without_lines(1, "green")}) {
        const auto plan = plan_for(one, move_text, {{"leave", "green"}});
        CHECK(ids(plan) == red_alone);
        CHECK(plan_text(*plan).find(
                  "  left: carrier green, no step touches its lines (old site: old-gw)\n") !=
              std::string::npos);
        CHECK(plan_json(*plan).find(R"("carrier": "green")") != std::string::npos);
    }
    const auto all = plan_for(inventory(), move_text);
    CHECK(ids(all).size() == 8);
    CHECK(ids(all).at(5) == "last/still at the old site: none");
    CHECK(plan_text(*all).find("left: ") == std::string::npos);
}

TEST_CASE("what may not be left") {
    struct Case {
        const char* leave;
        const char* mistake;
    };
    const Case cases[] = {
        {"mauve", "\"mauve\" is no carrier, expected some of green, red\n"},
        {"Red", "\"Red\" is no carrier, expected some of green, red\n"},
        {"red, green", "\" green\" is no carrier, expected some of green, red\n"},
        {"red,,green", "\"\" is no carrier, expected some of green, red\n"},
        {",", "\"\" is no carrier, expected some of green, red\n"},
        {"red,red", "\"red\" is named twice\n"},
        {"red,green", "leaves every carrier, expected one that moves\n"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.leave);
        const std::string told =
            mistakes_of(plan_for(inventory(), move_text, {{"leave", one.leave}}));
        CHECK(told.starts_with(std::string("book.json: /parameters/leave: ") + one.mistake));
    }
    CHECK(mistakes_of(plan_for(inventory(), book_of(R"({"name": "x", "do": ["x"]})"),
                               {{"leave", "red"}})) ==
          "book.json: /parameters: --set names \"leave\", which the playbook does not declare\n");
}

TEST_CASE("a for_each over nothing is a mistake, unless it may be empty") {
    struct Case {
        const char* step;
        const char* mistake;  // nothing: none
    };
    const Case cases[] = {
        {R"("for_each": "logins")",
         "/for_each: there are no logins to walk, expected at least one, "
         "or may_be_empty"},
        {R"("for_each": {"login": []})",
         "/for_each: the list is empty, expected at least one, or may_be_empty"},
        {R"("for_each": {"login": ""})",
         "/for_each: the list is empty, expected at least one, or may_be_empty"},
        {R"("for_each": "logins", "may_be_empty": false)", "/for_each: there are no logins"},
        {R"("may_be_empty": true)", "/may_be_empty: belongs to a for_each, and there is none"},
        {R"("for_each": "logins", "may_be_empty": true)", nullptr},
    };
    for (const Case& one : cases) {
        CAPTURE(one.step);
        const std::string step = fmt::format(
            R"({{"name": "y", "do": ["y"]}}, {{"name": "x", "do": ["x"], {}}})", one.step);
        const auto plan = plan_of_text(book_of(step));
        const std::string wanted = one.mistake == nullptr
                                       ? "none"
                                       : std::string("book.json: /stages/0/steps/1") + one.mistake;
        CHECK_MESSAGE(mistakes_of(plan).starts_with(wanted), mistakes_of(plan));
        if (plan) {
            CHECK(plan->absent == Texts{"/stages/0/steps/1/for_each: there are no logins to walk"});
            CHECK(plan_text(*plan).find("  absent: /stages/0/steps/1/") != std::string::npos);
        }
    }
}

TEST_CASE("a list names a carrier that is left: its lines are not walked in silence") {
    const std::string text = R"json({"schema": "rehome/playbook/1", "name": "t",
      "parameters": {"leave": {"about": "", "default": ""}},
      "stages": [{"name": "${carrier}", "for_each": {"carrier": "red,green"}, "steps": [
        {"name": "${old_gateway}", "for_each": "old_lines", "do": ["x"]}]}]})json";
    CHECK(ids(plan_for(inventory(), text)).size() == 2);
    CHECK(
        mistakes_of(plan_for(inventory(), text, {{"leave", "red"}})) ==
        "book.json: /stages/0/steps/0/for_each: carrier \"red\" is left, expected at least one, or "
        "may_be_empty\n");
}

// An earlier cutover let it begin; its steps stand in the journal, and it must be undone.
TEST_CASE("a run that is under way is not refused for what a start is refused for") {
    const auto plan = plan_for(without_lines(1, "red"), move_text, {}, true);
    CHECK(ids(plan).front() == "red/old old-gw");
}

TEST_CASE("figures for each") {
    const auto plan = plan_of_text(book_of(
        R"({"name": "g", "gate": {"command": ["x"], "figures": [
             {"for_each": "carriers", "pointer": "/${carrier}", "min": 1},
             {"pointer": "/all", "min": 2}]}},
           {"name": "d", "do": ["x"], "check": {"command": ["x"], "figures": [
             {"for_each": "new_gateways", "pointer": "/${new_gateway}", "equals": true}]}})"));
    REQUIRE_MESSAGE(plan.has_value(), mistakes_of(plan));
    const auto pointers = [](const std::vector<Figure>& figures) {
        Texts result;
        for (const Figure& figure : figures) {
            result.push_back(figure.pointer);
        }
        return result;
    };
    CHECK(pointers(plan->steps[0].gate.sample.figures) == Texts{"/red", "/green", "/all"});
    CHECK(pointers(plan->steps[1].check->figures) == Texts{"/new-a", "/new-b"});

    CHECK(mistakes_of(plan_of_text(book_of(
              R"({"name": "g", "gate": {"command": ["x"], "figures": [
                 {"pointer": "/a", "min": 1},
                 {"for_each": "carriers", "pointer": "/${carrier}"},
                 {"for_each": "logins", "pointer": "/${login}", "min": 1}]}})"))) ==
          "book.json: /stages/0/steps/0/gate/figures/2/for_each: there are no logins to walk, "
          "expected at least one, or may_be_empty\n"
          "book.json: /stages/0/steps/0/gate/figures/1: asks for nothing, expected min, max or "
          "equals\n");
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
          "         lacks  check\n"
          "     2  g\n"
          "         gate   e\n"
          "                /f, max 2\n"
          "                cannot know whether e prints this\n"
          "                good for 0 s, at least 1 in a row, within 60 s\n"
          "         lacks  freshness\n"
          "     3  h\n"
          "         hold   Go on?\n"
          "\n"
          "1 stages, 3 steps: 1 acts (1 with an undo), 1 gates, 1 holds, 0 for the way "
          "back alone\n"
          "lacking: 1 acts no check, 0 acts no undo; 1 gates and guards no freshness\n");
}

}  // namespace rehome::cutover::testing
