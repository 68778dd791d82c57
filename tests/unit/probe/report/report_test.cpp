// The report of hand-made records: its figures, its verdicts, what it refuses, and how it is shown.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base64.h"
#include "common/sha256.h"
#include "probe/report/html.h"
#include "probe/report/page.h"
#include "probe/report/report.h"
#include "probe/report/text.h"
#include "probe/report/words.h"
#include "records.h"

namespace rehome::probe {
namespace {

constexpr Nanos ms = 1'000'000;
constexpr Nanos hour = 3'600'000 * ms;

Nanos whole(uint32_t) {
    return 20 * ms;
}

// A minute, of which 1.5 s are dark.
Record dark() {
    return make_record({.count = 600},
                       [](uint32_t i) { return i >= 300 && i < 315 ? 0 : 20 * ms; });
}

Checked<Report> made_of(const std::vector<RunInput>& inputs) {
    std::vector<RunReport> runs;
    for (const RunInput& input : inputs) {
        runs.push_back(report_run(input, {}));
    }
    return make_report(inputs, std::move(runs), {});
}

Report report_of(const std::vector<RunInput>& inputs) {
    auto report = made_of(inputs);
    REQUIRE(report.has_value());
    return std::move(*report);
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

TEST_CASE("loss with its interval, its period, and what the others did meanwhile") {
    const Record red = dark();
    const Record green = make_record({.carrier = "green", .count = 600}, whole);
    const Report report =
        report_of({{.file = "red.db", .record = &red}, {.file = "green.db", .record = &green}});
    REQUIRE(report.runs.size() == 2);
    const RunReport& run = report.runs.back();
    CHECK(run.label == "red");
    CHECK(run.headline == Headline::loss);
    const PathReport& path = run.paths.front();
    CHECK(path.loss.lost == 15);
    CHECK(path.loss.probes == 600);
    CHECK(path.loss.pct == 2.5);
    REQUIRE(path.loss.interval_pct.has_value());
    // One period of 15 tells as much as one loss of 40.
    CHECK(path.loss.interval_pct->low < 0.1);
    CHECK(path.loss.interval_pct->high > 10);
    REQUIRE(path.longest.size() == 1);
    CHECK(period_text(path.longest.front()).begin == "2026-05-04 03:00:30.000");
    CHECK(period_text(path.longest.front()).end == "2026-05-04 03:00:31.400");
    CHECK(period_text(path.longest.front()).length == "1.4 s to 1.6 s");
    CHECK(period_text(path.longest.front()).meanwhile == "green 0 of 17");
    CHECK(report.runs.front().headline == Headline::no_loss);
}

TEST_CASE("against a baseline: worse, no worse, and the control beside") {
    const Record base = make_record({.id = "b", .count = 9000, .rate_pps = 150}, whole);
    const Nanos later = record_begin + hour;
    const Record bad = make_record({.id = "n", .count = 9000, .rate_pps = 150, .begin = later},
                                   [](uint32_t i) { return i % 10 == 0 ? 0 : 20 * ms; });
    const Record control =
        make_record({.carrier = "blue", .count = 9000, .rate_pps = 150, .begin = later}, whole);
    const Report worse = report_of({{.file = "n", .record = &bad, .base = base.result},
                                    {.file = "c", .record = &control, .control = true}});
    CHECK(worse.runs.front().headline == Headline::worse);
    CHECK(has(verdict_text(worse.runs.front()),
              "the loss went from 0.000 to 10.000, an increase of 10.000 points"));
    CHECK(has(control_text(worse.runs.front(), worse), "blue, which did not move: NO LOSS SEEN"));

    const Record good =
        make_record({.id = "g", .count = 9000, .rate_pps = 150, .begin = later}, whole);
    const Report same = report_of({{.file = "g", .record = &good, .base = base.result}});
    CHECK(same.runs.front().headline == Headline::no_worse);
}

TEST_CASE("a control that got worse too leaves no verdict on the move") {
    const auto tenth = [](uint32_t i) { return i % 10 == 0 ? 0 : 20 * ms; };
    const auto made = [](const char* carrier, const char* id, Nanos begin) {
        return Made{.carrier = carrier, .id = id, .count = 9000, .rate_pps = 150, .begin = begin};
    };
    const Record red = make_record(made("red", "1", record_begin + hour), tenth);
    const Record blue = make_record(made("blue", "2", record_begin + hour), tenth);
    const auto red_base = make_record(made("red", "3", record_begin), whole).result;
    const auto blue_base = make_record(made("blue", "4", record_begin), whole).result;
    const Report report =
        report_of({{.file = "r", .record = &red, .base = red_base},
                   {.file = "b", .record = &blue, .base = blue_base, .control = true}});
    CHECK(report.runs.front().headline == Headline::cannot_tell);
    CHECK(has(verdict_text(report.runs.front()), "which did not move, got worse too"));
    CHECK(report.runs.back().headline == Headline::worse);
}

TEST_CASE(
    "a record that was cut short: what is under way does not count, and nothing is compared") {
    Record record = dark();
    const auto base =
        make_record({.id = "b", .count = 600, .begin = record_begin - hour}, whole).result;
    record.result.reset();
    record.ended.reset();
    auto& rows = record.paths.front().probes;
    for (size_t i = rows.size() - 5; i < rows.size(); ++i) {
        rows[i].fate = Fate::on_path;
        rows[i].settled = false;
    }
    const Report report = report_of({{.file = "red.db", .record = &record, .base = base}});
    const RunReport& run = report.runs.front();
    CHECK(run.headline == Headline::cannot_tell);
    CHECK(has(verdict_text(run), "was interrupted"));
    CHECK(run.paths.front().loss.lost == 15);
    CHECK(run.paths.front().loss.probes == 595);
    CHECK(run.paths.front().under_way == 5);
    CHECK(has(sent_facts(run)[1].second, "(cut short)"));
}

TEST_CASE("what the result counts as ours is not in the low end of the carrier's") {
    Record record =
        make_record({.count = 1000}, [](uint32_t i) { return i % 10 == 0 ? 0 : 20 * ms; });
    Figures& figures = record.result->kinds.front();
    figures.counts.lost -= 50;
    figures.own.receive_dropped = 50;
    const Report report = report_of({{.file = "red.db", .record = &record}});
    const LossFigure& loss = report.runs.front().paths.front().loss;
    CHECK(loss.lost == 50);
    CHECK(loss.probes == 950);
    CHECK(loss.interval_pct->low < 100.0 * 50 / 950);
}

TEST_CASE("no way out blames no carrier") {
    Record record = make_record({.count = 100}, whole);
    for (ProbeRow& row : record.paths.front().probes) {
        row.fate = Fate::no_way_out;
    }
    record.result->kinds.front().counts = {.no_way_out = 100};
    record.result->kinds.front().no_way_out = "link: red0 is down or gone";
    const Report report = report_of({{.file = "red.db", .record = &record}});
    CHECK(report.runs.front().headline == Headline::cannot_tell);
    CHECK(has(verdict_text(report.runs.front()), "which blames no carrier"));
}

TEST_CASE("what is lost stands by what became of it") {
    Record record = make_record({}, [](uint32_t i) { return i < 10 ? 0 : 20 * ms; });
    Counts& counts = record.result->kinds.front().counts;
    counts.on_path = 3;
    counts.late = 5;
    counts.damaged = 2;
    const Report report = report_of({{.file = "r", .record = &record}});
    CHECK(
        has(verdict_text(report.runs.front()), "Lost: 3 on the path, 2 damaged, 5 answered late."));
    CHECK(has(to_text(report), "Besides: 2 damaged answers."));
    CHECK(not_the_carriers(report.runs.front()).empty());  // damaged ones are its losses
}

// Each changes the figures of a path that answered nothing.
TEST_CASE("losses that nobody can lay on the carrier are no LOSS") {
    const auto nothing = [](uint32_t) { return Nanos{0}; };
    struct Case {
        Kind kind;
        void (*change)(Figures&);
        const char* why;
    };
    const Case cases[] = {
        {Kind::tcp, [](Figures& figures) { figures.service = Service::dead; },
         "the service answers nothing"},
        {Kind::udp,
         [](Figures& figures) {
             figures.icmp_error = "port unreachable by 198.51.100.10";
             figures.counts.received = 0;
         },
         "no reflector is there"},
        {Kind::icmp,
         [](Figures& figures) { figures.route_changes = {{.at = 1, .to = std::nullopt}}; },
         "way changed during the run"}};
    for (const Case& one : cases) {
        Record record = make_record({.kind = one.kind}, nothing);
        // Where nothing answers a datagram, nobody can tell a reflector from its path.
        const bool udp = one.kind == Kind::udp;
        CHECK(report_of({{.file = "r", .record = &record}}).runs.front().headline ==
              (udp ? Headline::cannot_tell : Headline::loss));
        one.change(record.result->kinds.front());
        const Report report = report_of({{.file = "r", .record = &record}});
        CAPTURE(one.why);
        CHECK(report.runs.front().headline == Headline::cannot_tell);
        CHECK(has(verdict_text(report.runs.front()), "Cannot tell of the carrier."));
        CHECK(has(verdict_text(report.runs.front()), "its losses blame no carrier; "));
        CHECK(has(verdict_text(report.runs.front()), one.why));
    }
}

TEST_CASE("a service that resets is told beside a whole path") {
    Record record = make_record({.kind = Kind::tcp}, whole);
    Figures& figures = record.result->kinds.front();
    figures.service = Service::resets;
    figures.path_whole = true;
    figures.counts.refused = 100;
    const Report report = report_of({{.file = "r", .record = &record}});
    CHECK(report.runs.front().headline == Headline::no_loss);
    CHECK(has(verdict_text(report.runs.front()), "the service resets each connection"));
    CHECK(has(to_text(report), "Service: resets; the path is whole."));
}

TEST_CASE("no loss seen is not said of a run that had no way out for a while") {
    Record record = make_record({}, whole);
    Figures& figures = record.result->kinds.front();
    figures.counts.no_way_out = 40;
    figures.no_way_out = "link: red is down or gone";
    const Report report = report_of({{.file = "r", .record = &record}});
    CHECK(report.runs.front().headline == Headline::cannot_tell);
    CHECK(!has(verdict_text(report.runs.front()), "  "));
    CHECK(has(verdict_text(report.runs.front()), "40 probes had no way out of this host (link: "));
}

TEST_CASE("refused: all of it at once") {
    const Record one = dark();
    Record twin = dark();
    Record beside = dark();
    beside.id = "other";
    Record empty = make_record({.carrier = "green", .count = 0}, whole);
    twin.plan.carrier = "blue";
    const auto report = made_of({{.file = "one", .record = &one},
                                 {.file = "twin", .record = &twin},
                                 {.file = "beside", .record = &beside},
                                 {.file = "empty", .record = &empty}});
    REQUIRE_FALSE(report.has_value());
    std::string told;
    for (const Error& error : report.error()) {
        CHECK(error.kind == Exit::usage);
        told += error.text() + "\n";
    }
    CHECK(told ==
          "twin: is the same run as one, expected each run once\n"
          "beside: is of carrier \"red\" at the same time as one, expected one run after the "
          "other\n"
          "empty: holds no probe, expected one or more\n");
}

TEST_CASE("two runs of a carrier stand apart, in their order") {
    const Record second = make_record({.id = "2", .begin = record_begin + hour}, whole);
    const Record first = make_record({.id = "1"}, whole);
    const Report report =
        report_of({{.file = "2", .record = &second}, {.file = "1", .record = &first}});
    CHECK(report.runs.front().label == "red, run 1");
    CHECK(report.runs.front().file == "1");
    CHECK(report.runs.back().label == "red, run 2");
}

constexpr char hostile[] = "</script><img onerror=alert(1)>\x1b[2J=cmd|'/C'!A0\xff";

Record hostile_record() {
    Record record = dark();
    record.plan.carrier = hostile;
    record.host = hostile;
    record.program = hostile;
    record.paths.front().path.services = {hostile};
    record.events.push_back({.at = record.started, .path = {}, .what = "icmp", .detail = hostile});
    return record;
}

TEST_CASE("the mail: 72 columns, verdict first, nothing that a terminal would obey") {
    const Record record = hostile_record();
    const Record plain_one = make_record({.carrier = "green", .count = 600}, whole);
    Report report =
        report_of({{.file = "h", .record = &record}, {.file = "g", .record = &plain_one}});
    report.runs.front().raw = {{"raw/1-red.csv", 12, std::string(64, 'a')}};
    const std::string text = to_text(report);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        CHECK_MESSAGE(line.size() <= 76, line);
    }
    CHECK(std::none_of(text.begin(), text.end(),
                       [](char c) { return static_cast<uint8_t>(c) < 0x20 && c != '\n'; }));
    CHECK(text.find("LOSS") < text.find("What this cannot tell"));
    CHECK(text.find("green: NO LOSS SEEN") < text.find("Carrier green"));
}

TEST_CASE("the page: nothing from elsewhere, and a policy that holds it to that") {
    const Record record = hostile_record();
    const std::string html = to_html(report_of({{.file = "h", .record = &record}}));
    std::string own = html;
    own.erase(own.find(page_graphs()), page_graphs().size());
    for (const char* part : {"http:", "https:", "src=", "href=", "url(", "@import", "<link", "<img",
                             "<iframe", "<base", " style=", " onload=", "onerror=alert(1)>"}) {
        CHECK_MESSAGE(!has(own, part), std::string(part));
    }
    for (const std::string_view script : {page_graphs(), page_script(), page_style()}) {
        Sha256 sum;
        sum.add(script);
        CHECK(has(html, "'sha256-" + to_base64(sum.finish()) + "'"));
        CHECK_FALSE(has(script, "</script"));
        CHECK_FALSE(has(script, "<!--"));
    }
    CHECK(has(html, "default-src 'none'"));
    const size_t begin = html.find("id=\"data\">") + 10;
    const auto data =
        nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
    CHECK(data["runs"][0]["paths"][0]["t"].size() == 60);
    CHECK(data["runs"][0]["paths"][0]["loss"][30] == 100);
}

}  // namespace
}  // namespace rehome::probe
