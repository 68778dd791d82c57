// The result file: written, read again, and refused when it is not what it should be.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "probe/core/measurement_json.h"
#include "probe/core/measurement_text.h"
#include "tests/unit/fits.h"

namespace rehome::probe {
namespace {

using nlohmann::json;

Measurement measurement() {
    Measurement m;
    m.at = 1'795'233'600'000'001;
    m.ended = 1'795'233'611'000'000;
    m.plan = {.carrier = "red",
              .binding = {.source = *Address::parse("192.0.2.1"), .mark = 7, .interface = "red0"},
              .paths = {},
              .left_out = {"six", "seven"},
              .count = 100,
              .rate_pps = 10,
              .wait = 1'000'000'000,
              .sampling = Sampling::poisson,
              .seed = 42};
    Figures figures;
    figures.path = {Kind::tcp, {"meters"}, *Endpoint::parse("198.51.100.10:1883")};
    figures.route = {.type = Route::Type::unicast,
                     .interface = "red0",
                     .next_hop = *Address::parse("192.0.2.254"),
                     .table = 100};
    figures.flow = "17 flows";
    figures.service = Service::resets;
    figures.path_whole = true;
    figures.counts = {.sent = 99,
                      .received = 88,
                      .lost = 7,
                      .on_path = 4,
                      .late = 1,
                      .half_open = 3,
                      .damaged = 2,
                      .elsewhere = 1,
                      .no_way_out = 3};
    figures.route_changes = {{.at = 1'795'233'605'000'000, .to = std::nullopt},
                             {.at = 1'795'233'606'000'000, .to = figures.route}};
    figures.sent_by = {{"green0", 9}, {"red0", 90}};
    figures.answered_by = {{"green0", 88}};
    figures.no_way_out = "route: the kernel has no route";
    figures.own = {.not_sent = 1,
                   .filtered_out = 5,
                   .filtered_in = 1,
                   .receive_dropped = 2,
                   .skipped = 9,
                   .longest_pause_ms = 60,
                   .send_error = "No buffer space available"};
    m.host_counters = {{"TcpExt.IPReversePathFilter", 12, "dropped by the reverse-path filter"}};
    figures.loss_pct = 100.0 * 7 / 97;
    figures.loss_interval_pct = Interval{2.9, 14.3};
    figures.rtt = Delay{.min_ms = 1,
                        .p50_ms = 2.0000004,
                        .p95_ms = 3,
                        .p99_ms = 4,
                        .max_ms = 5,
                        .mean_ms = 2.5,
                        .p50_interval = Interval{1.9, 2.1},
                        .p95_interval = std::nullopt,
                        .error_ms = 0.001};
    m.kinds.push_back(figures);
    Figures silent;
    silent.path = {Kind::icmp, {}, {*Address::parse("198.51.100.10"), 0}};
    silent.counts = {.sent = 100, .received = 0, .lost = 100};
    silent.loss_pct = 100;
    silent.loss_interval_pct = Interval{96.4, 100};
    m.kinds.push_back(silent);
    return m;
}

TEST_CASE("what is written is read again") {
    CHECK(misfits("probe", to_json(measurement())) == "");
    const auto read = parse_measurement("base.json", to_json(measurement()));
    REQUIRE_MESSAGE(read.has_value(), read.error().front().text());
    CHECK(read->at == measurement().at);
    CHECK(read->plan.carrier == "red");
    REQUIRE(read->kinds.size() == 2);
    const Figures& figures = read->kinds[0];
    CHECK(figures.path.kind == Kind::tcp);
    CHECK(figures.path.target == *Endpoint::parse("198.51.100.10:1883"));
    CHECK(figures.counts.received == 88);
    CHECK(figures.counts.lost == 7);
    CHECK(figures.counts.no_way_out == 3);
    CHECK(figures.counts.elsewhere == 1);
    CHECK(figures.service == Service::resets);
    CHECK(figures.path_whole);
    CHECK_FALSE(read->kinds[1].service.has_value());
    REQUIRE(figures.route_changes.size() == 2);
    CHECK(figures.route_changes[0].at == 1'795'233'605'000'000);
    CHECK(read->kinds[1].route_changes.empty());
    REQUIRE(figures.rtt.has_value());
    CHECK(figures.rtt->p50_ms == 2);  // rounded to the nanosecond
    CHECK(figures.rtt->p50_interval->high == 2.1);
    CHECK_FALSE(figures.rtt->p95_interval.has_value());
    CHECK(read->kinds[1].path.target.address == *Address::parse("198.51.100.10"));
    CHECK_FALSE(read->kinds[1].rtt.has_value());
}

TEST_CASE("what is read is written again to the letter, and shown as it was") {
    Measurement m = measurement();
    m.record = RecordKept{.file = "r.db", .rows = 9, .dropped = 2, .error = "r.db: disk is full"};
    m.plan.other_source = *Address::parse("2001:db8::1");
    m.clock = {.resolution_ms = 1e-6, .stepped_ms = -2.5, .synchronised = true};
    m.kinds[0].jitter = Jitter{1, 2, 3, 4, 5};
    m.kinds[0].reflector_p50_ms = 0.25;
    m.kinds[0].timing = {1, 2, 0.5, 0.75};
    m.kinds[0].icmp_errors = 3;
    m.kinds[0].icmp_error = "host unreachable by 192.0.2.254";
    m.kinds[0].outcomes.list = {{.end = Outcome::End::answered, .rtt_us = 3120}, {}};
    CHECK(misfits("probe", to_json(m)) == "");
    const auto read = parse_measurement("base.json", to_json(m));
    REQUIRE(read.has_value());
    CHECK(to_json(*read) == to_json(m));
    CHECK(heading(read->plan) + to_text(*read) == heading(m.plan) + to_text(m));
    CHECK(read->plan.paths.size() == 2);
}

TEST_CASE("refused results") {
    const struct {
        const char* what;
        std::function<void(json&)> spoil;
        const char* pointer;  // of the first mistake
    } cases[] = {
        {"another schema", [](json& j) { j["schema"] = "rehome/probe/1"; }, "/schema"},
        {"an unknown key", [](json& j) { j["colour"] = "red"; }, ""},
        {"no kinds", [](json& j) { j.erase("kinds"); }, ""},
        {"negative count", [](json& j) { j["kinds"][0]["sent"] = -1; }, "/kinds/0/sent"},
        {"count past 32 bits", [](json& j) { j["kinds"][0]["lost"] = 1e15; }, "/kinds/0/lost"},
        {"counts that do not add up", [](json& j) { j["kinds"][0]["received"] = 91; },
         "/kinds/0/sent"},
        {"loss over 100 %", [](json& j) { j["kinds"][0]["loss_pct"] = 101; }, "/kinds/0/loss_pct"},
        {"half an interval", [](json& j) { j["kinds"][0]["loss_pct_interval"] = {1}; },
         "/kinds/0/loss_pct_interval"},
        {"a delay that is text", [](json& j) { j["kinds"][0]["rtt_ms"]["p50"] = "2"; },
         "/kinds/0/rtt_ms/p50"},
        {"a target without a port", [](json& j) { j["kinds"][0]["target"] = "198.51.100.10"; },
         "/kinds/0/target"},
        {"a host name", [](json& j) { j["kinds"][1]["target"] = "example.org"; },
         "/kinds/1/target"},
        {"an unknown kind", [](json& j) { j["kinds"][1]["kind"] = "sctp"; }, "/kinds/1/kind"},
        {"a change at no time", [](json& j) { j["kinds"][0]["route_changes"][1]["at"] = "late"; },
         "/kinds/0/route_changes/1/at"},
        {"more parts than losses", [](json& j) { j["kinds"][0]["late"] = 5; }, "/kinds/0/lost"},
        {"a way to nowhere",
         [](json& j) { j["kinds"][0]["route_changes"][1]["to"]["next_hop"] = "far"; },
         "/kinds/0/route_changes/1/to/next_hop"},
        {"a control sequence", [](json& j) { j["carrier"] = "red\x1b[2J"; }, "/carrier"},
        {"another one", [](json& j) { j["left_out"][1] = "x\xc2\x9b"; }, "/left_out/1"},
        {"a line of its own", [](json& j) { j["kinds"][0]["flow"] = "a\nb"; }, "/kinds/0/flow"},
        {"a time that is none", [](json& j) { j["at"] = "yesterday"; }, "/at"},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        json document = json::parse(to_json(measurement()));
        c.spoil(document);
        const auto read = parse_measurement("now.json", document.dump());
        REQUIRE_FALSE(read.has_value());
        const Error& mistake = read.error().front();
        CAPTURE(mistake.text());
        CHECK(mistake.kind == Exit::usage);
        CHECK(mistake.where.starts_with(fmt::format("now.json: {}", c.pointer)));
    }
    CHECK_FALSE(parse_measurement("x", "").has_value());
    CHECK_FALSE(parse_measurement("x", "[]").has_value());
}

TEST_CASE("the text names every figure's error, and our own losses") {
    const std::string text = heading(measurement().plan) + to_text(measurement());
    for (const char* part :
         {"7.216 % (95 %: 2.900 to 14.300)",
          "each within 0.001000 ms",
          "(too few samples for an interval)",
          "lost     4 on the path, 2 damaged, 1 answered late",
          "1 not sent: No buffer space available",
          "5 not sent: a packet filter of this host",
          "1 answers that came in and were dropped by a filter of this host",
          "2 answers dropped by our own full buffer",
          "1 answers that came by another interface than asked for",
          "CHANGED at 2026-11-21T04:00:05.000000Z: none",
          "CHANGED at 2026-11-21T04:00:06.000000Z: dev red0 via 192.0.2.254, table",
          "ways     sent by green0 9, red0 90",
          "ways     answers came by green0 88",
          "left out, as there is no source of their family: six, seven",
          "9 slots left out; this host was up to 60.0 ms behind",
          "NO WAY OUT for 3 probes, no carrier's loss; route: the kernel has",
          "12 dropped by the reverse-path filter (TcpExt.IPReversePathFilter)",
          "service  resets; the path is whole",
          "3 bare ACKs for a half-open port",
          "rtt      no answer"}) {
        CAPTURE(std::string(part));
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(heading(measurement().plan).find("Poisson sampling (seed 42), an answer after 1000 ms") !=
          std::string::npos);
}

}  // namespace
}  // namespace rehome::probe
