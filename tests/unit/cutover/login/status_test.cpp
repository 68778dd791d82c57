// Counters of gaps, the status file that goes out and comes back, and the sum over carriers.
#include "cutover/login/status.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "cutover/login/report.h"
#include "tests/unit/fits.h"

using namespace rehome;
using namespace rehome::cutover;

namespace {

LoginStatus status(const std::string& carrier, uint64_t up, UnixMicros at) {
    LoginStatus s;
    s.at = at;
    s.login = "meter";
    s.carrier = carrier;
    s.late_us = 1'500;
    s.counts.wanted = 10;
    s.counts.up = up;
    s.counts.logins_ok = 12;
    s.counts.broken_reset = 2;
    s.counts.broken_timeout = 1;
    s.counts.gaps.add(1'234'567);
    s.counts.gaps.add(20'000);
    s.counts.open_gaps = 1;
    s.counts.oldest_gap_us = 2'500'000;
    s.counts.canary_ok = 5;
    s.counts.canary_failed = 1;
    s.counts.canary_last_failure = "session 900001: connecting: \"refused\"";
    return s;
}

struct LineCase {
    const char* line;
    bool good;
};

const LineCase line_cases[] = {
    {R"({"from":"2026-05-04T03:00:00.000000Z","gap_ms":5,"cause":"reset","relogin":true})", true},
    {R"({"from":"2026-05-04T03:00:00.000000Z","gap_ms":5,"cause":"slow","relogin":false})", true},
    {R"({"from":"2026-05-04T03:00:00.000000Z","gap_ms":5,"cause":"reset","relo)", false},
    {R"({"from":"2026-05-04T03:00:00.000000Z","gap_ms":5,"cause":"weather","relogin":true})",
     false},
    {R"({"from":"2026-05-04T03:00:00.000000Z","gap_ms":"5","cause":"reset","relogin":true})",
     false},
    {R"({"from":"yesterday","gap_ms":5,"cause":"reset","relogin":true})", false},
    {R"({"from":"2026-05-04T03:00:00.000000Z","cause":"reset","relogin":true})", false},
    {R"({"from":"2026-05-04T03:00:00.000000Z","gap_ms":5,"cause":7,"relogin":true})", false},
    {"[]", false},
    {"", false},
};

}  // namespace

TEST_CASE("login gaps: nearest rank, never more than 3.2 % too long, the longest exact") {
    LoginGaps gaps;
    CHECK(gaps.percentile_us(99) == 0);
    for (int64_t ms = 1; ms <= 1000; ++ms) gaps.add(ms * 1000);
    CHECK(gaps.count() == 1000);
    CHECK(gaps.max_us == 1'000'000);
    CHECK(gaps.percentile_us(100) == 1'000'000);
    for (const double percent : {1.0, 50.0, 90.0, 99.0}) {
        const double exact = percent * 10'000;
        CHECK(static_cast<double>(gaps.percentile_us(percent)) >= exact);
        CHECK(static_cast<double>(gaps.percentile_us(percent)) <= exact * 1.032);
    }
    CHECK(gaps.counts.size() < 350);
    LoginGaps one;
    one.add(-3);  // a clock that goes back is no reason to fall over
    CHECK(one.percentile_us(50) == 0);
}

TEST_CASE("login gaps: two carriers' add up") {
    LoginGaps a;
    LoginGaps b;
    for (int i = 0; i < 99; ++i) a.add(1'000);
    b.add(50'000);
    a.add(b);
    CHECK(a.count() == 100);
    CHECK(a.percentile_us(50) <= 1'032);
    CHECK(a.percentile_us(100) == 50'000);
}

TEST_CASE("login status: comes back as it went out") {
    const LoginStatus out = status("red", 9, 1'777'777'777'123'456);
    const std::string text = to_json(out).dump();
    const auto in = parse_login_status("status.json", text);
    REQUIRE(in);
    CHECK(to_json(*in).dump() == text);
    CHECK(in->at == out.at);
    CHECK(in->counts.gaps.counts == out.counts.gaps.counts);
    CHECK(in->counts.oldest_gap_us == 2'500'000);
    CHECK(to_json(*in)["broken"] == 3);
}

TEST_CASE("login status: what is none is told with its place") {
    nlohmann::json value = to_json(status("red", 9, 1));
    value.erase("up");
    value["wanted"] = -1;
    value["at"] = "yesterday";
    const auto wrong = parse_login_status("status.json", value.dump());
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().size() >= 2);
    CHECK_FALSE(parse_login_status("status.json", "{"));
    value = to_json(status("red", 9, 1));
    value["at"] = "yesterday";
    const auto when = parse_login_status("status.json", value.dump());
    REQUIRE_FALSE(when);
    CHECK(when.error().front().where.find("/at") != std::string::npos);
}

TEST_CASE("login formats: what is written is what is said") {
    const LoginStatus red = status("red", 9, 1'777'777'777'000'000);
    CHECK(misfits("login-status", to_json(red).dump()) == "");
    CHECK(misfits("login-status", to_series(red).dump()) == "");
    CHECK(misfits("login-summary", login_summary({red, status("green", 7, 5)}, red.at).dump()) ==
          "");
    const LoginGap gap{17,   {Address::v4(0x64500011), 40'001}, 1'000, 813'400, LoginCause::slow,
                       false};
    const std::string line = gap_line(gap, *Endpoint::parse("198.51.100.10:1883"), red.at);
    CHECK(misfits("login-gaps", line) == "");
    GapSummary gaps;
    gaps.add_lines(line, 0);
    CHECK(misfits("login-report", login_report({{red, gaps}}).dump()) == "");

    // A line of the series does not make a status.
    const auto wrong = parse_login_status("status.json", to_series(red).dump());
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().front().text() == "status.json: /gap_counts: is missing, expected a list");
    auto summary = login_summary({red}, red.at);
    summary["carriers"][0]["uup"] = 1;
    CHECK(misfits("login-summary", summary.dump()).find("/carriers/0/uup: unknown key") !=
          std::string::npos);
    summary = login_summary({red}, red.at);
    summary.erase("stale");
    CHECK(misfits("login-summary", summary.dump()).find("/stale: is missing") != std::string::npos);
}

TEST_CASE("login summary: the sum, as old as the oldest, and who is too old") {
    const UnixMicros now = 1'777'777'777'000'000;
    const std::vector<LoginStatus> carriers = {status("red", 10, now - 500'000),
                                               status("green", 7, now - 3'000'001)};
    const nlohmann::json sum = login_summary(carriers, now);
    CHECK(sum["up"] == 17);
    CHECK(sum["wanted"] == 20);
    CHECK(sum["broken"] == 6);
    CHECK(sum["gaps"] == 4);
    CHECK(sum["gap_ms"]["max"] == 1234.567);
    CHECK(sum["open_gaps"]["count"] == 2);
    CHECK(sum["canary"]["ok"] == 10);
    CHECK(sum["at"] == iso8601(now - 3'000'001));
    CHECK(sum["stale"] == nlohmann::json::array({"green"}));
    CHECK(sum["carriers"][1]["up"] == 7);
    CHECK(login_table(carriers, now).find("stale, 3 s old") != std::string::npos);
}

TEST_CASE("login report: gap lines, good and bad") {
    for (const LineCase& c : line_cases) {
        CAPTURE(std::string(c.line));
        GapSummary gaps;
        gaps.add_lines(std::string(c.line) + "\n", 0);
        CHECK(gaps.lengths_ms.size() == (c.good ? 1 : 0));
        CHECK(gaps.bad_lines == (c.good ? 0 : 1));
    }
}

TEST_CASE("login report: a gap's line is read back, and only since when it is asked") {
    const LoginGap gap{17,  {Address::v4(0x64500011), 40'001}, 1'000, 813'400, LoginCause::closed,
                       true};
    const UnixMicros midnight = 1'777'766'400'000'000;  // 2026-05-03T00:00:00Z
    const std::string line = gap_line(gap, *Endpoint::parse("198.51.100.10:1883"), midnight);
    CHECK(line == R"({"session":17,"local":"100.80.0.17:40001","remote":"198.51.100.10:1883",)"
                  R"("from":"2026-05-03T00:00:00.001000Z","to":"2026-05-03T00:00:00.813400Z",)"
                  R"("gap_ms":812.400,"cause":"closed","relogin":true})"
                  "\n");
    GapSummary gaps;
    gaps.add_lines(line + line, midnight + 1'000);
    gaps.add_lines(line, midnight + 1'001);
    CHECK(gaps.lengths_ms.size() == 2);
    const nlohmann::json report = login_report({{status("red", 9, midnight), gaps}});
    CHECK(report["gaps"] == 2);
    CHECK(report["relogins"] == 2);
    CHECK(report["causes"]["closed"] == 2);
    CHECK(report["causes"]["reset"] == 0);
    CHECK(report["gap_ms"]["p50"] == 812.4);
    CHECK(report["carriers"][0]["carrier"] == "red");
}
