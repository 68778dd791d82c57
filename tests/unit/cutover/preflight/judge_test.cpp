// Each thing that is looked at, with what turns it red: a row changes one value of a good answer.
#include <doctest/doctest.h>

#include <functional>

#include "cutover/preflight/report.h"
#include "tests/unit/cutover/preflight/fixture.h"
#include "tests/unit/fits.h"

namespace rehome::cutover::testing {

namespace {

// Another value at a pointer into the answer.
struct Change {
    const char* pointer;
    json value;
};

struct Row {
    const char* host;
    Change change;
    Area area;
    Mark mark;
    const char* text;  // a part of the finding
};

const Row rows[] = {
    {"local",
     {"/programs/1/path", nullptr},
     Area::programs,
     Mark::fails,
     "cat is not there, expected in PATH; install it there"},
    {"local",
     {"/programs/2/path", nullptr},
     Area::programs,
     Mark::fails,
     "lbsync is not there, expected in PATH; install rehome 1.2.3 there"},
    {"netns:old",
     {"/programs/1/version", "1.2.2"},
     Area::programs,
     Mark::fails,
     "vipctl is of version 1.2.2, expected 1.2.3"},
    {"netns:old",
     {"/programs/1/version", nullptr},
     Area::programs,
     Mark::fails,
     "vipctl is of version unknown, expected 1.2.3"},
    {"netns:new-s1",
     {"/programs/0/path", nullptr},
     Area::programs,
     Mark::fails,
     "lbsync is not there, expected in PATH; install rehome 1.2.3 there"},
    {"netns:new-s1",
     {"/programs/0/version", "1.2.2"},
     Area::programs,
     Mark::fails,
     "lbsync is of version 1.2.2, expected 1.2.3; install rehome 1.2.3 there"},
    {"netns:old-s1", {"/tools/0/exit", 1}, Area::programs, Mark::fails, "nft list tables: exit 1"},
    {"netns:old-s1",
     {"/tools/0/trouble", "no such file"},
     Area::programs,
     Mark::fails,
     "nft list tables: no such file"},
    {"netns:old-s1",
     {"/tools/0/timed_out", true},
     Area::programs,
     Mark::unknown,
     "has not ended in time"},
    {"netns:old",
     {"/inventories/0/sha256", "a5a5"},
     Area::files,
     Mark::fails,
     "says something else than /op/inventory.json"},
    {"ssh:root@a.example",
     {"/inventories/0/trouble", "/etc/inventory.json: is not there"},
     Area::files,
     Mark::fails,
     "cannot read the inventory: /etc/inventory.json: is not there"},

    {"netns:old",
     {"/vipd/0/exit", 3},
     Area::vipd,
     Mark::fails,
     "vipd does not answer at /old/vipd.sock"},
    {"netns:old", {"/vipd/0/timed_out", true}, Area::vipd, Mark::fails, "does not answer"},
    {"netns:old", {"/vipd/0/trouble", "no vipctl"}, Area::vipd, Mark::fails, "no vipctl"},
    {"netns:old", {"/vipd/0/out", nullptr}, Area::vipd, Mark::unknown, "cannot be understood"},
    {"netns:old", {"/vipd/0/out/share", 5}, Area::vipd, Mark::unknown, "cannot be understood"},
    {"netns:old",
     {"/vipd/0/out/gateway", "other"},
     Area::vipd,
     Mark::fails,
     "vipd at /old/vipd.sock is other, expected old-gw"},
    {"netns:old",
     {"/vipd/0/out/workers/0/answers", false},
     Area::vipd,
     Mark::fails,
     "worker 0 stands still"},
    {"netns:old",
     {"/vipd/0/out/orders/not_stored", "disk full"},
     Area::vipd,
     Mark::fails,
     "orders are not stored: disk full"},
    {"netns:old",
     {"/vipd/0/out/orders/set_aside", "of another move"},
     Area::vipd,
     Mark::fails,
     "set aside: of another move"},
    {"netns:old",
     {"/vipd/0/out/orders/confirmed", false},
     Area::vipd,
     Mark::fails,
     "announces nothing until it is confirmed"},
    {"netns:old",
     {"/vipd/0/out/share/percent", 10},
     Area::vipd,
     Mark::fails,
     "the share is 10 %, expected 0 % as a move begins; vipctl --socket /old/vipd.sock share 0"},
    {"netns:old",
     {"/vipd/0/out/disabled",
      json::parse(R"([{"level": "site", "name": "old", "mode": "weak", "id": 1,
         "at": "2026-05-06T01:02:03.456789Z", "uid": 0, "anyway": false, "known": true, "rate": 10,
         "quiet_s": 0, "icmp": false, "course": "running", "reset": 0, "forgotten": 0, "left": null,
         "left_udp": null, "end_s": null}])")},
     Area::vipd,
     Mark::fails,
     "site old is disabled (weak), expected nothing that is as a move begins; vipctl --socket "
     "/old/vipd.sock enable site old --here"},
    {"netns:old",
     {"/vipd/0/out/lines/0/carrier", "blue"},
     Area::vipd,
     Mark::fails,
     "vipd has no line to red"},
    {"netns:old",
     {"/vipd/0/out/lines/0/state", "disabled"},
     Area::vipd,
     Mark::fails,
     "the line to red is disabled, expected enabled as a move begins; vipctl --socket "
     "/old/vipd.sock enable line red"},
    {"netns:old",
     {"/vipd/0/out/lines/0/state", "down"},
     Area::vipd,
     Mark::fails,
     "the line to red is down"},
    {"netns:old",
     {"/vipd/0/out/ports/0/up", false},
     Area::vipd,
     Mark::fails,
     "the port red of the line to red is not up"},
    {"netns:old",
     {"/vipd/0/out/peers/0/gateway", "nobody"},
     Area::paths,
     Mark::fails,
     "vipd has no peer new-a"},
    {"netns:old",
     {"/vipd/0/out/peers/0/alive", false},
     Area::paths,
     Mark::fails,
     "does not hear new-a"},
    {"netns:old",
     {"/vipd/0/out/peers/1/narrow", true},
     Area::paths,
     Mark::fails,
     "the link to new-b loses full packets"},
    {"netns:old",
     {"/vipd/0/out/peers/0/link_mtu", nullptr},
     Area::paths,
     Mark::unknown,
     "the link to new-a does not tell"},

    {"netns:old",
     {"/bird/0/trouble", "/old/bird.ctl: cannot reach BIRD"},
     Area::bird,
     Mark::fails,
     "cannot reach BIRD"},
    {"netns:old", {"/bird/0/unconfirmed", true}, Area::bird, Mark::fails, "waits to be confirmed"},
    {"netns:old",
     {"/bird/0/cut_short", true},
     Area::bird,
     Mark::fails,
     "was killed, and is not put back, expected no /old/announce.conf.before"},
    {"netns:old",
     {"/bird/0/carriers/0/unable", "the session red is Active"},
     Area::bird,
     Mark::fails,
     "nothing can be announced to red: the session red is Active"},
    {"netns:old",
     {"/bird/0/carriers/0/answer", "no"},
     Area::bird,
     Mark::fails,
     "expected announced as a move begins; cutover bird announce --gateway old-gw --carrier red "
     "--state announced"},
    {"ssh:root@a.example",
     {"/bird/0/carriers/0/answer", "no"},
     Area::bird,
     Mark::fails,
     "expected withdrawn as a move begins"},
    {"ssh:root@a.example",
     {"/bird/0/carriers/0/answer", "unknown"},
     Area::bird,
     Mark::unknown,
     "expected withdrawn"},
    {"netns:old",
     {"/bird/0/carriers/0/far_trouble", "session old is down"},
     Area::bird,
     Mark::fails,
     "at the far side of red: session old is down"},
    {"netns:old",
     {"/bird/0/carriers", json::array()},
     Area::bird,
     Mark::unknown,
     "not about every carrier"},

    {"netns:red",
     {"/routes/0/trouble", "cannot send to 198.51.100.10: Network is unreachable"},
     Area::paths,
     Mark::fails,
     "red's vantage cannot send to 198.51.100.10"},
    {"netns:old",
     {"/hand/held_by", "is held by another run since noon"},
     Area::reach,
     Mark::fails,
     "is held by another run since noon"},
    {"netns:old", {"/hand/free_mb", 19}, Area::disk, Mark::fails, "its hand's folder has 19 MB"},
    {"netns:old", {"/hand/free_mb", nullptr}, Area::disk, Mark::unknown, "does not tell its room"},
    {"netns:old",
     {"/hand/trouble", "/var/lib cannot be written"},
     Area::disk,
     Mark::fails,
     "/var/lib cannot be written"},
    {"netns:old", {"/hand", nullptr}, Area::reach, Mark::unknown, "who holds it"},
    {"local",
     {"/folders/0/free_mb", 100},
     Area::disk,
     Mark::fails,
     "/op has 100 MB free, expected 200 MB free"},
    {"local", {"/folders/0/free_mb", nullptr}, Area::disk, Mark::unknown, "does not tell its room"},
    {"local",
     {"/folders/0/trouble", "/op cannot be written"},
     Area::disk,
     Mark::fails,
     "/op cannot be written"},

    // 200 ms under way and there, 100 of them there: known to 50 ms.
    {"netns:old",
     {"/ended", "2026-05-06T12:00:00.040000Z"},
     Area::clock,
     Mark::unknown,
     "went backwards"},

    {"local",
     {"/samples/0/exit", nullptr},
     Area::tried,
     Mark::fails,
     "s/lost: cat /lost.json: was not run"},
    {"local", {"/samples/0/timed_out", true}, Area::tried, Mark::unknown, "has not ended in time"},
    {"local",
     {"/samples/0/out", nullptr},
     Area::tried,
     Mark::fails,
     "s/lost: its output is not JSON"},
    {"local",
     {"/samples/0/exit", 1},
     Area::tried,
     Mark::unknown,
     "exit code 1: , expected its figures"},
    {"local",
     {"/samples/0/exit", 6},
     Area::tried,
     Mark::unknown,
     "exit code 6: , expected yes or no"},
    {"local",
     {"/samples/0/out", {{"at", asked_at}, {"lost", 0}}},
     Area::tried,
     Mark::fails,
     "s/lost: /sent leads nowhere"},
    {"local", {"/samples/0/out/lost", "no number"}, Area::tried, Mark::unknown, "s/lost: /lost"},
    {"local", {"/samples/0/out/at", "noon"}, Area::tried, Mark::fails, "/at tells no time"},
    {"netns:old", {"/samples/0/exit", 2}, Area::tried, Mark::fails, "expected input that it takes"},
    {"netns:old", {"/samples/0/exit", 3}, Area::tried, Mark::fails, "that it can be asked"},
    {"netns:old", {"/samples/0/exit", 4}, Area::tried, Mark::unknown, "expected yes or no"},

    {"netns:old",
     {"/programs", json::array()},
     Area::reach,
     Mark::unknown,
     "answers 0 of 3 programs"},
    {"netns:old",
     {"/schema", "rehome/preflight-host/2"},
     Area::reach,
     Mark::unknown,
     "cannot be understood"},
};

const Finding* find(const HostReport& report, const Row& row) {
    for (const Finding& finding : report.findings) {
        if (finding.area == row.area && finding.mark == row.mark &&
            finding.text().find(row.text) != std::string::npos) {
            return &finding;
        }
    }
    return nullptr;
}

std::string all_findings(const HostReport& report) {
    std::string text;
    for (const Finding& finding : report.findings) {
        text += finding.text() + "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("a host that has all that is asked") {
    const Plan plan = preflight_plan();
    for (const HostAsk& ask : preflight_asks(plan).hosts) {
        CAPTURE(ask.host.text());
        const std::string answer = good_answer(ask).dump();
        CHECK(misfits("preflight-host", answer) == "");
        const HostReport report = judged(plan, ask, answered(answer));
        CHECK(all_findings(report) == "");
        for (const auto& [area, mark] : report.marks) {
            CHECK((mark == Mark::good || mark == Mark::none));
        }
    }
}

TEST_CASE("each thing that is looked at turns red") {
    const Plan plan = preflight_plan();
    const Asks asks = preflight_asks(plan);
    for (const Row& row : rows) {
        CAPTURE(row.host);
        CAPTURE(row.change.pointer);
        const HostAsk& ask = ask_of(asks, row.host);
        json answer = good_answer(ask);
        answer.at(json::json_pointer(row.change.pointer)) = row.change.value;
        const HostReport report = judged(plan, ask, answered(answer.dump()));
        CHECK_MESSAGE(find(report, row) != nullptr, all_findings(report));
        CHECK(report.marks.at(row.area) == row.mark);
    }
}

TEST_CASE("a new gateway's line that is on was left by an earlier run") {
    const Plan plan = preflight_plan();
    HostAsk ask = ask_of(preflight_asks(plan), "ssh:root@a.example");
    ask.vipd = {{"new-a", "/new/vipd.sock"}};
    json answer = good_answer(ask);
    answer["vipd"][0]["out"]["lines"][0]["state"] = "enabled";
    answer["vipd"][0]["out"]["peers"] = {answer["vipd"][0]["out"]["peers"][0]};
    answer["vipd"][0]["out"]["peers"][0]["gateway"] = "old-gw";
    const HostReport report = judged(plan, ask, answered(answer.dump()));
    CHECK(all_findings(report) ==
          "the line to red is enabled, expected disabled as a move begins; vipctl --socket "
          "/new/vipd.sock mask line red, if an earlier run left it\n");
}

TEST_CASE("what this host alone has is told of a host that does not answer, too") {
    const Plan plan = preflight_plan({{"far_inventory", "JOURNAL.d/inventory.json"}});
    const HostAsk ask = ask_of(preflight_asks(plan), "ssh:root@a.example");
    const HostReport report = judged(plan, ask, answered("bash: cutover: command not found", 127));
    CHECK(all_findings(report) ==
          "cutover cannot be run: bash: cutover: command not found, expected cutover 1.2.3 in "
          "PATH; install rehome 1.2.3 there\n"
          "the steps name JOURNAL.d/inventory.json, which this host alone has, expected a path "
          "there; put the inventory there, and --set far_inventory=PATH\n");
    CHECK(report.marks.at(Area::reach) == Mark::fails);
    CHECK(report.marks.at(Area::programs) == Mark::unknown);
    CHECK(report.marks.at(Area::vipd) == Mark::none);
}

TEST_CASE("a host that cannot be asked") {
    const Plan plan = preflight_plan();
    const HostAsk ask = ask_of(preflight_asks(plan), "netns:old");
    struct {
        Answered answer;
        Mark mark;
        const char* text;
    } const table[] = {
        {{fail(Exit::unknown, "ssh:x", "Connection refused"), 0, 0},
         Mark::fails,
         "cannot be reached: Connection refused"},
        {{Finished{143, true, "", ""}, 0, 0}, Mark::unknown, "has not answered in time"},
        {answered("Cannot open network namespace \"old\"", 255), Mark::fails, "cannot be reached"},
        {answered("no such command", 2), Mark::fails, "ends with exit 2: no such command"},
        {answered("not found", 127), Mark::fails, "cannot be run"},
        {answered("hello"), Mark::unknown, "cannot be understood"},
        {answered(""), Mark::unknown, "cannot be understood"},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        const HostReport report = judged(plan, ask, row.answer);
        CHECK(all_findings(report).find(row.text) != std::string::npos);
        CHECK(report.marks.at(Area::reach) == row.mark);
        CHECK(report.marks.at(Area::vipd) == Mark::unknown);
    }
}

TEST_CASE("a clock is judged with its error") {
    const Plan plan = preflight_plan();
    const HostAsk ask = ask_of(preflight_asks(plan), "netns:old");
    // The sample of its gate speaks for 10 s, a login's status for 3 s.
    struct {
        double ahead_s;
        Mark mark;
    } const table[] = {{0, Mark::good},        {0.94, Mark::good},  {0.96, Mark::unknown},
                       {1.04, Mark::unknown},  {1.06, Mark::fails}, {-2.94, Mark::good},
                       {-2.96, Mark::unknown}, {-3.06, Mark::fails}};
    for (const auto& row : table) {
        CAPTURE(row.ahead_s);
        json answer = good_answer(ask);
        for (const char* time : {"began", "ended"}) {
            const UnixMicros at = *parse_iso8601(answer[time].get<std::string>());
            answer[time] = iso8601(at + static_cast<UnixMicros>(row.ahead_s * 1e6));
        }
        const HostReport report = judged(plan, ask, answered(answer.dump()));
        REQUIRE(report.clock.has_value());
        CHECK(report.clock->ms == doctest::Approx(row.ahead_s * 1e3));
        CHECK(report.clock->error_ms == doctest::Approx(50));
        CHECK(report.marks.at(Area::clock) == row.mark);
    }
}

TEST_CASE("what is told at the end") {
    const Plan plan = preflight_plan();
    const HostAsk ask = ask_of(preflight_asks(plan), "netns:old");
    Preflight preflight{"book", *parse_iso8601(asked_at), 0.25, {}, {"s/later"}};
    preflight.hosts = {judged(plan, ask, answered(good_answer(ask).dump()))};
    CHECK(answer_of(preflight) == Exit::yes);
    CHECK(preflight_text(preflight) ==
          "host                      reach progs files vipd  bird  paths clock disk  tried\n"
          "netns:old                 ok    ok    ok    ok    ok    ok    ok    ok    ok\n"
          "\nnot tried, as they look at what the run itself makes: 1 gates and checks\n"
          "\nbook: 1 hosts in 0.2 s: 0 will fail, 0 cannot be told\n");
    CHECK(misfits("cutover-preflight", preflight_json(preflight)) == "");

    json unsure = good_answer(ask);
    unsure["vipd"][0]["out"]["peers"][0]["link_mtu"] = nullptr;
    preflight.hosts = {judged(plan, ask, answered(unsure.dump()))};
    CHECK(answer_of(preflight) == Exit::unknown);
    preflight.hosts.push_back(judged(plan, ask, answered("not found", 127)));
    CHECK(answer_of(preflight) == Exit::no);
    preflight.hosts.back().host = "ssh:root@a-gateway-with-a-long-name.example";
    const std::string text = preflight_text(preflight);
    CHECK(text.find("\nssh:root@a-g~name.example FAIL  ?     ?     ?     ?     ?     ?     ?     ?"
                    "\n") != std::string::npos);
    CHECK(text.find("\nwill fail:\nssh:root@a-gateway-with-a-long-name.example: cutover cannot") !=
          std::string::npos);
    CHECK(text.find("\ncannot be told:\nnetns:old: the link to new-a") != std::string::npos);
    CHECK(misfits("cutover-preflight", preflight_json(preflight)) == "");
}

}  // namespace rehome::cutover::testing
