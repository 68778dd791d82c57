// A gate's name is a claim, and here each one fails: every gate and check of every playbook has a
// row with what its figures must be, and what turns each of them red.
//
// A row stands for all repetitions of its step; "*" in a pointer for the name of a carrier, a
// gateway or a site.  Answers fit the format of what the command prints, so that a program could
// really say so.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "common/formats/formats.h"
#include "cutover/login/status.h"
#include "cutover/run/figure.h"
#include "cutover/run/runner/runner.h"
#include "tests/unit/cutover/fake_world.h"
#include "tests/unit/cutover/fixture.h"
#include "tests/unit/fits.h"

namespace rehome::cutover::testing {

namespace {

using nlohmann::json;

// ---- the table ----------------------------------------------------------------------------------

// Of a figure that counts it is what each sample adds to what was there before.
constexpr int counted_before = 100;

struct FigureRow {
    const char* pointer;
    json good;
    std::vector<json> bad;
};

struct Row {
    const char* step;  // STAGE/STEP as the playbook has it
    const char* kind;  // "gate", "check" or "guard"
    std::vector<FigureRow> figures;
};

const FigureRow alive{"/peers/gateway=*/alive", true, {false}};
const FigureRow nearly_all_up{"/up", 297, {296, 0}};
const FigureRow answered{"/open_gaps/oldest_ms", 3000, {3001}};
const FigureRow few_canaries_fail{"/canary/failed", 0, {1}};
const FigureRow enabled{"/lines/carrier=*/state", "enabled", {"disabled", "draining"}};
const FigureRow disabled{"/lines/carrier=*/state", "disabled", {"enabled", "draining"}};
const FigureRow residual{"/lines/carrier=*/rx_vip_pps", 5, {5.1, 1000}};

const std::map<std::string, std::vector<Row>> rows{
    {"subnet-move",
     {
         {"guard/sessions stay up",
          "guard",
          {nearly_all_up, answered, {"/broken", 0, {3}}, {"/canary/failed", 0, {3}}}},
         {"sessions/log in", "check", {}},
         {"sessions/all are up", "gate", {{"/up", 300, {299, 0}}}},
         {"policies/carry", "check", {}},
         {"policies/nothing differs", "gate", {}},
         {"policies/confirm", "check", {}},
         {"policies/equal and confirmed", "gate", {}},
         {"relay ${share} %/${old_gateway} hears every new gateway", "gate", {alive}},
         {"relay ${share} %/share of ${old_gateway}",
          "check",
          {{"/share/percent", nullptr, {0, 2, 99.99}}}},
         {"relay ${share} %/logins go through by each carrier",
          "gate",
          {nearly_all_up,
           answered,
           {"/carriers/carrier=*/canary/ok", 1, {0}},
           {"/broken", 0, {1}},
           few_canaries_fail}},
         {"relay proven/fresh logins succeed", "gate", {{"/canary/ok", 1, {0}}}},
         {"relay proven/${new_gateway} serves", "gate", {{"/served/tcp", 1, {0}}}},
         {"relay proven/flows are relayed by ${old_gateway}", "gate", {{"/flows/relayed", 1, {0}}}},
         {"carrier ${carrier}/announce at ${new_gateway}", "check", {}},
         {"carrier ${carrier}/stays announced at ${new_gateway}", "gate", {}},
         {"carrier ${carrier}/enable the line of ${new_gateway}", "check", {enabled}},
         {"carrier ${carrier}/drain at ${old_gateway}", "check", {}},
         {"carrier ${carrier}/the line of ${old_gateway} falls to ${residual_pps} packets a second",
          "gate",
          {residual}},
         {"carrier ${carrier}/disable the line of ${old_gateway}", "check", {disabled}},
         {"carrier ${carrier}/withdraw at ${old_gateway}", "check", {}},
         {"carrier ${carrier}/no worse than before", "gate", {}},
         {"carrier ${carrier}/sessions stay up",
          "gate",
          {nearly_all_up, answered, {"/broken", 0, {1}}, few_canaries_fail}},
         {"log in again/paced resets at ${old_gateway}",
          "check",
          {{"/sites/site=*/state", "weak", {"enabled", "mask", "strong"}},
           {"/sites/site=*/course", "done", {"none", "running"}}}},
         {"log in again/all are up again", "gate", {{"/up", 300, {299, 0}}, few_canaries_fail}},
         {"log in again/${old_gateway} serves no TCP client", "gate", {{"/served/tcp", 0, {1}}}},
         {"log in again/${old_gateway} serves at most ${udp_flows} UDP flows",
          "gate",
          {{"/served/udp", 0, {1}}}},
         {"release/${old_gateway} hears at most ${residual_pps} packets a second by ${carrier}",
          "gate",
          {residual}},
     }},
};

// ---- what the commands say ----------------------------------------------------------------------

const char* const vipd_status = R"json({
  "schema": "rehome/vipd-status/1", "at": "2026-05-06T01:02:03.456789Z", "gateway": "old-gw", "site": "old",
  "uptime_s": 1000, "prefixes": [{"prefix": "198.51.100.0/24", "served": true, "announced": true}],
  "lines": [
    {"carrier": "red", "port": "red", "enabled": true, "state": "enabled", "rx_vip_packets": 9, "tx_vip_packets": 9,
     "rx_vip_pps": 0, "tx_vip_pps": 0},
    {"carrier": "green", "port": "green", "enabled": true, "state": "enabled", "rx_vip_packets": 9, "tx_vip_packets": 9,
     "rx_vip_pps": 0, "tx_vip_pps": 0},
    {"carrier": "blue", "port": "blue", "enabled": true, "state": "enabled", "rx_vip_packets": 9, "tx_vip_packets": 9,
     "rx_vip_pps": 0, "tx_vip_pps": 0}],
  "ports": [{"port": "red", "interface": "red0", "up": true, "trouble": null, "mtu": 1500}],
  "peers": [{"gateway": "new-gw", "site": "new", "alive": true, "hears_us": true, "same_placement": true, "same_access": true, "same_sites": true, "narrow": false, "link_mtu": 1540, "link_mtu_back": null, "tags": null, "last_seen_ms": 12}],
  "share": {"percent": 0, "by": "address"}, "placement": {"digest": "0000000000000000", "ranges": 0, "weights": 0, "not_here": []},
  "flows": {"here": 0, "relayed": 0, "provisional": 0, "closing": 0}, "served": {"tcp": 0, "udp": 0},
  "health": {"keeps": false, "look_down": 0, "endpoints": 0, "servers": []},
  "sites": [{"site": "old", "state": "weak", "course": "done"}], "disabled": [],
  "access": {"digest": "0000000000000000", "rule_count": 0, "expanded": 0, "default": "accept", "build_s": 0, "mib": 0, "admitted_percent": 100,
    "cut_flows": 0, "looking": false, "not_here": [], "turned_away": {"access": 0, "client_limit": 0, "service_limit": 0, "vip_limit": 0, "not_admitted": 0}},
  "copies": {"waiting": 0, "oldest_ms": 0}, "idle_reset": {"after_s": 30, "rate": 100, "peers": [], "running": false, "reset": 0},
  "epoch": 7, "workers": [{"worker": 0, "epoch": 7, "answers": true}],
  "orders": {"path": "/var/lib/rehome/vipd.orders.json", "not_stored": null, "set_aside": null, "kept_at": null,
             "away_s": null, "confirmed": true, "confirmed_by": null}})json";

// What a command of this format says when nothing in particular is the case.
json document_of(const std::string& format) {
    if (format == "vipd-status") {
        return json::parse(vipd_status);
    }
    REQUIRE(format == "login-summary");
    std::vector<LoginStatus> carriers;
    for (const char* carrier : {"red", "green", "blue"}) {
        carriers.push_back({5, "meter", carrier, false, 0, {}});
        carriers.back().counts.wanted = carriers.back().counts.up = 100;
    }
    return login_summary(carriers, 5);
}

// Puts a value where the pointer leads.
void put(json& document, const std::string& pointer, json value) {
    const json* there = find_value(document, pointer);
    REQUIRE_MESSAGE(there != nullptr, pointer);
    const_cast<json&>(*there) = std::move(value);
}

// What each figure of a sample is (or grows by).
using Values = std::map<std::string, json>;

std::string answer_to(const Sample& sample, const Values& values, int nth, UnixMicros now) {
    const Format* format = printed_by(sample.command).format;
    REQUIRE(format != nullptr);
    json document = document_of(std::string(format->name));
    for (const Figure& figure : sample.figures) {
        const json& value = values.at(figure.pointer);
        put(document, figure.pointer,
            figure.counts() ? json(counted_before + nth * value.get<int>()) : value);
    }
    document["at"] = iso8601(now);
    REQUIRE(misfits(format->name, document.dump()) == "");
    return document.dump();
}

// ---- judging ------------------------------------------------------------------------------------

using Answer = std::function<Result<Finished>(int nth, UnixMicros now)>;

class AnsweringWorld : public FakeWorld {
public:
    explicit AnsweringWorld(Answer answer) : answer_(std::move(answer)) {}

    Result<Finished> run(const Step& step, const Argv&, Seconds limit) override {
        (void)FakeWorld::run(step, {"sample", "it"}, limit);  // takes its time
        return answer_(nth_++, now());
    }

private:
    Answer answer_;
    int nth_ = 0;
};

// Why the step's gate or check says no; empty: it is green.
std::string why_not(const Step& step, const Answer& answer) {
    if (step.check) {
        const Reading reading = read_sample(*step.check, answer(1, 5));
        return reading.verdict == Reading::Verdict::good ? "" : reading.why + ".";
    }
    Plan plan;
    plan.steps = {step};
    plan.steps[0].gate.more.reset();  // its act is not in this plan
    AnsweringWorld world(answer);
    world.reopen();
    Progress progress(plan);
    for (const Figure& figure : step.gate.sample.figures) {
        progress.bases[step.id].emplace(key(figure), counted_before);
    }
    Runner runner(plan, progress, world, {});
    const auto ended = runner.go();
    REQUIRE(ended.has_value());
    if (*ended == Exit::yes) {
        return "";
    }
    const auto failed = std::find_if(world.shown.begin(), world.shown.end(),
                                     [](const Record& r) { return r.what == Happened::failed; });
    REQUIRE(failed != world.shown.end());
    return failed->text + ".";
}

// Why the guard is bad after two samples; empty: it is good.
std::string guard_why_not(const Guard& guard, const Answer& answer) {
    constexpr UnixMicros began = 10'000'000;
    constexpr UnixMicros second = 1'000'000;
    GuardWatch watch(guard, began, began);
    watch.enter("a stage");
    watch.take({0, answer(0, began + second), began + second, began + second});
    const UnixMicros now = began + 2 * second;
    const Reading reading = watch.take({0, answer(1, now), now, now});
    return reading.verdict == Reading::Verdict::good ? "" : reading.why + ".";
}

// One of both, by what it says of answers.
using WhyNot = std::function<std::string(const Answer&)>;

const Sample& sample_of(const Step& step) {
    return step.check ? *step.check : step.gate.sample;
}

// "/lines/carrier=red/state" as the table has it.
std::string pattern_of(const std::string& pointer) {
    return std::regex_replace(pointer, std::regex("=[^/]*"), "=*");
}

const FigureRow* row_of(const Row& row, const Figure& figure) {
    for (const FigureRow& one : row.figures) {
        if (one.pointer == pattern_of(figure.pointer)) {
            return &one;
        }
    }
    return nullptr;
}

json good_of(const FigureRow& row, const Figure& figure) {
    if (!row.good.is_null()) {
        return row.good;
    }
    REQUIRE(figure.equals.has_value());
    return std::visit([](const auto& value) { return json(value); }, *figure.equals);
}

void check_exit_codes(const WhyNot& why_not, const std::string& good) {
    for (const int code : {1, 2, 3, 4, 137}) {
        CAPTURE(code);
        CHECK(why_not([&](int, UnixMicros) { return Finished{code, false, good, ""}; }) != "");
    }
    CHECK(why_not([](int, UnixMicros) { return Finished{0, true, "", ""}; }) != "");
}

// The values with all figures good.
Values good_values(const Step& step, const Row& row) {
    Values values;
    for (const Figure& figure : sample_of(step).figures) {
        const FigureRow* one = row_of(row, figure);
        REQUIRE_MESSAGE(one != nullptr, figure.pointer);
        values[figure.pointer] = good_of(*one, figure);
    }
    return values;
}

void check_figures_of(const Step& step, const Row& row, const WhyNot& why_not) {
    const Sample& sample = sample_of(step);
    const Values good = good_values(step, row);
    const auto said = [&sample](const Values& values, UnixMicros older = 0) -> Answer {
        return [&sample, values, older](int nth, UnixMicros now) {
            return Finished{0, false, answer_to(sample, values, nth, now - older), ""};
        };
    };
    CHECK(why_not(said(good)) == "");
    for (const Figure& figure : sample.figures) {
        CAPTURE(figure.pointer);
        const FigureRow& one = *row_of(row, figure);
        CHECK(!one.bad.empty());
        for (const json& bad : one.bad) {
            if (bad == good.at(figure.pointer)) {
                continue;  // of a share, what it is to be this time
            }
            CAPTURE(bad.dump());
            Values values = good;
            values[figure.pointer] = bad;
            const std::string why = why_not(said(values));
            CHECK_MESSAGE(why.find(figure.pointer + " ") != std::string::npos, why);
        }
    }
    if (!sample.fresh.empty()) {
        CHECK(why_not(said(good, 60'000'000)) != "");
    }
    CHECK(why_not([](int, UnixMicros) { return Finished{0, false, "{}", ""}; }) != "");
    check_exit_codes(why_not, answer_to(sample, good, 0, 5));
}

// ---- playbooks ----------------------------------------------------------------------------------

const Inventory& lab_inventory() {
    static const auto read = read_inventory("tests/lab/inventory.json");
    REQUIRE(read.has_value());
    return *read;
}

std::vector<std::string> playbook_names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("playbooks")) {
        if (entry.path().extension() == ".json") {
            names.push_back(entry.path().stem());
        }
    }
    return names;
}

// Its name as the playbook has it, before for_each.
std::string template_of(const json& book, const Step& step) {
    const json::json_pointer at(step.at);
    return book.at(at.parent_pointer().parent_pointer()).at("name").get<std::string>() + "/" +
           book.at(at).at("name").get<std::string>();
}

void check_playbook(const std::string& name, const std::vector<Row>& its_rows) {
    const auto text = read_file("playbooks/" + name + ".json");
    REQUIRE(text.has_value());
    const auto plan =
        read_plan({name, *text, lab_inventory(), {}, "/d/inventory.json", "/d", false});
    REQUIRE_MESSAGE(plan.has_value(), (plan ? "" : all_text(plan.error())));
    const json book = json::parse(*text);
    std::set<const Row*> used;
    const auto row_named = [&](const std::string& step, const std::string& kind) {
        const auto row = std::find_if(its_rows.begin(), its_rows.end(), [&](const Row& r) {
            return r.step == step && r.kind == kind;
        });
        REQUIRE_MESSAGE(row != its_rows.end(), (step + " has no row: what turns it red?"));
        used.insert(&*row);
        return *row;
    };
    for (const Guard& guard : plan->guards) {
        CAPTURE(guard.step.id);
        check_figures_of(guard.step, row_named(guard.step.id, "guard"),
                         [&](const Answer& answer) { return guard_why_not(guard, answer); });
    }
    for (const Step& step : plan->steps) {
        if (!step.check && step.kind != Step::Kind::gate) {
            continue;
        }
        CAPTURE(step.id);
        const Row row = row_named(template_of(book, step), step.check ? "check" : "gate");
        const WhyNot say = [&](const Answer& answer) { return why_not(step, answer); };
        if (sample_of(step).figures.empty()) {
            CHECK(say([](int, UnixMicros) { return Finished{0, false, "", ""}; }) == "");
            check_exit_codes(say, "");
        } else {
            check_figures_of(step, row, say);
        }
    }
    for (const Row& row : its_rows) {
        CHECK_MESSAGE(used.contains(&row),
                      (std::string(row.step) + ": no such gate, check or guard"));
    }
}

// All done and turned back; then each undo in its turn, but for those that fail.  What stays.
std::set<std::string> held_back_by(const Plan& plan, const std::set<std::string>& failing) {
    Progress progress(plan);
    for (const Step& step : plan.steps) {
        REQUIRE(apply(plan, {Happened::begun, 0, step.id}, progress));
        REQUIRE(apply(plan, {Happened::done, 0, step.id}, progress));
    }
    REQUIRE(apply(plan, {Happened::turned_back, 0}, progress));
    for (Action action = next(plan, progress); action.kind == Action::Kind::undo;
         action = next(plan, progress)) {
        const std::string& id = plan.steps[action.step].id;
        const Happened what = failing.contains(id) ? Happened::undo_failed : Happened::undone;
        REQUIRE(apply(plan, {what, 0, id}, progress));
    }
    std::set<std::string> stages;
    for (const size_t i : left_to_undo(plan, progress)) {
        stages.insert(plan.steps[i].stage);
        if (plan.steps[i].stage.starts_with("carrier")) {
            stages.insert(plan.steps[i].id);
        }
    }
    return stages;
}

}  // namespace

TEST_CASE("subnet-move: a carrier whose way back fails keeps its new line, the others go on") {
    const auto text = read_file("playbooks/subnet-move.json");
    const auto plan =
        read_plan({"subnet-move", *text, lab_inventory(), {}, "/d/inventory.json", "/d", false});
    REQUIRE(plan.has_value());
    CHECK(held_back_by(*plan, {}).empty());
    CHECK(held_back_by(*plan, {"carrier green/drain at old-gw"}) ==
          std::set<std::string>{"sessions", "policies", "way home", "relay 1 %", "relay 10 %",
                                "relay 50 %", "relay 100 %", "carrier green",
                                "carrier green/announce at new-gw", "carrier green/drain at old-gw",
                                "carrier green/enable the line of new-gw",
                                "carrier green/time to take the old line back"});
}

TEST_CASE("subnet-move: carriers may take minutes, and gates the longest time that is allowed") {
    const auto text = read_file("playbooks/subnet-move.json");
    const auto plan_with = [&](const Settings& settings) {
        return read_plan(
            {"subnet-move", *text, lab_inventory(), settings, "/d/inventory.json", "/d", false});
    };
    CHECK(plan_with({{"settle_s", "5m"}, {"settle_limit_s", "10m"}}).has_value());
    CHECK_FALSE(plan_with({{"settle_s", "5m"}}).has_value());
    CHECK(plan_with({{"observe_s", "50"}}).has_value());
    CHECK_FALSE(plan_with({{"observe_s", "51"}}).has_value());
}

TEST_CASE("every gate and check of every playbook can fail") {
    const auto names = playbook_names();
    CHECK(names.size() == rows.size());
    for (const std::string& name : names) {
        CAPTURE(name);
        REQUIRE(rows.contains(name));
        check_playbook(name, rows.at(name));
    }
}

}  // namespace rehome::cutover::testing
