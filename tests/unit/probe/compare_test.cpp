// The three answers of a comparison, each with the figure that gives it: hand-made series whose
// answer is known, and what may not be compared at all.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <functional>

#include "probe/core/compare.h"
#include "tests/unit/fits.h"

namespace rehome::probe {
namespace {

// 60 s at 150 a second: every `every`-th burst of `burst` probes is lost; delays go from rtt_ms up
// by 1 ms, over and over, and are slow for the last `slow` probes.
struct Series1 {
    uint32_t lost = 0;
    uint32_t burst = 1;
    double rtt_ms = 10;
    uint32_t slow = 0;
    double slow_ms = 0;
    uint32_t probes = 9000;
    uint32_t refused = 0;
    uint32_t duplicated = 0;
};

Outcomes series(const Series1& asked) {
    Outcomes outcomes;
    const uint32_t bursts = asked.lost / asked.burst;
    const uint32_t distance = bursts == 0 ? asked.probes + 1 : asked.probes / bursts;
    for (uint32_t i = 0; i < asked.probes; ++i) {
        const bool slow = i >= asked.probes - asked.slow;
        const double rtt = asked.rtt_ms + 0.1 * (i * 7 % 10) + (slow ? asked.slow_ms : 0);
        const bool lost = i % distance < asked.burst && i / distance < bursts;
        outcomes.list.push_back({.end = lost ? Outcome::End::lost : Outcome::End::answered,
                                 .refused = i % 20 < asked.refused,
                                 .duplicated = i % 20 < asked.duplicated,
                                 .rtt_us = static_cast<int64_t>(rtt * 1000)});
    }
    return outcomes;
}

Measurement measured(const Series1& asked, UnixMicros at = 0) {
    Figures figures;
    figures.path = {Kind::tcp, {}, *Endpoint::parse("198.51.100.10:1883")};
    figures.counts.sent = asked.probes;
    figures.outcomes = series(asked);
    Measurement measurement;
    measurement.at = at;
    measurement.ended = at + 60'000'000;
    measurement.plan.carrier = "red";
    measurement.plan.rate_pps = 150;
    measurement.kinds = {figures};
    return measurement;
}

constexpr UnixMicros an_hour = 3'600'000'000;

Measurement measured_now(const Series1& asked) {
    return measured(asked, an_hour);
}

Comparison compared(const Measurement& base, const Measurement& now, const Terms& terms = {}) {
    const auto comparison = compare({base, {now}}, {}, terms);
    REQUIRE(comparison.has_value());
    CHECK(misfits("probe-compare", to_json(*comparison)) == "");
    return *comparison;
}

// "loss_pct worse, ...", of all that are not "no worse".
std::string others(const Comparison& comparison) {
    std::string text;
    for (const Finding& finding : comparison.findings) {
        if (finding.verdict != Verdict::no_worse) {
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", finding.figure,
                                name(finding.verdict));
        }
    }
    return text;
}

const Finding& finding_of(const Comparison& comparison, const std::string& figure) {
    for (const Finding& finding : comparison.findings) {
        if (finding.figure == figure) {
            return finding;
        }
    }
    FAIL("no finding of " << figure);
    return comparison.findings.front();
}

TEST_CASE("verdicts with 3 points and 5 ms allowed, 60 s at 150 a second") {
    const char* const no_delay =
        "rtt_p50_ms cannot tell, rtt_p95_ms cannot tell, rtt_p99_ms cannot tell, ipdv_p95_ms "
        "cannot tell";
    const struct {
        const char* what;
        Series1 base;
        Series1 now;
        Verdict verdict;
        std::string others;
    } cases[] = {
        {"the same", {}, {}, Verdict::no_worse, ""},
        {"one lost", {}, {.lost = 1}, Verdict::no_worse, ""},
        {"better", {.lost = 900, .rtt_ms = 40}, {}, Verdict::no_worse, ""},
        {"1 % lost, before and now", {.lost = 90}, {.lost = 90}, Verdict::no_worse, ""},
        {"5 % lost one by one", {}, {.lost = 450}, Verdict::worse, "loss_pct worse"},
        {"3 % lost one by one", {}, {.lost = 270}, Verdict::cannot_tell, "loss_pct cannot tell"},
        {"6 % lost in bursts of 54: ten of them",
         {},
         {.lost = 540, .burst = 54},
         Verdict::cannot_tell,
         "loss_pct cannot tell"},
        {"1 % in one burst of 90",
         {},
         {.lost = 90, .burst = 90},
         Verdict::cannot_tell,
         "loss_pct cannot tell"},
        {"30 % in one outage of 18 s, which is more than a burst",
         {},
         {.lost = 2700, .burst = 2700},
         Verdict::worse,
         "loss_pct worse"},
        {"a blackhole: worse, though there is no delay to compare",
         {},
         {.lost = 9000, .burst = 9000},
         Verdict::worse,
         std::string("loss_pct worse, ") + no_delay},
        {"dark before and now",
         {.lost = 9000, .burst = 9000},
         {.lost = 9000, .burst = 9000},
         Verdict::cannot_tell,
         std::string("loss_pct cannot tell, ") + no_delay},
        {"6 ms slower",
         {},
         {.rtt_ms = 16},
         Verdict::worse,
         "rtt_p50_ms worse, rtt_p95_ms worse, rtt_p99_ms worse"},
        {"4 ms slower, which is allowed", {}, {.rtt_ms = 14}, Verdict::no_worse, ""},
        {"a drift of 0.5 ms for the last 20 s",
         {},
         {.slow = 3000, .slow_ms = 0.5},
         Verdict::no_worse,
         ""},
        {"a queue of 50 ms for the last 20 s: once says nothing",
         {},
         {.slow = 3000, .slow_ms = 50},
         Verdict::cannot_tell,
         "rtt_p50_ms cannot tell, rtt_p95_ms cannot tell, rtt_p99_ms cannot tell"},
        {"a service that refuses now", {}, {.refused = 2}, Verdict::worse, "refused_pct worse"},
        {"a service that refused before", {.refused = 2}, {}, Verdict::no_worse, ""},
        {"every tenth answer twice", {}, {.duplicated = 2}, Verdict::worse, "duplicates_pct worse"},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        const Comparison comparison = compared(measured(c.base), measured_now(c.now));
        CHECK(others(comparison) == c.others);
        CHECK(comparison.verdict == c.verdict);
    }
}

TEST_CASE("a run that is too short says how many seconds would do, and those do") {
    const auto at = [](uint32_t probes) {
        return compared(measured({.probes = probes}), measured_now({.probes = probes}));
    };
    const Comparison little = at(400);
    CHECK(little.verdict == Verdict::cannot_tell);
    CHECK(finding_of(little, "loss_pct").why ==
          "a run of 2.7 s is too short: 3 points, with bursts of 0.4 s, take 50 s");
    CHECK(at(49 * 150).verdict == Verdict::cannot_tell);
    CHECK(at(50 * 150).verdict == Verdict::no_worse);
    // "worse" cannot be told either
    CHECK(compared(measured({.probes = 400}), measured_now({.lost = 200, .probes = 400})).verdict ==
          Verdict::cannot_tell);
    CHECK(compared(measured({.probes = 400}), measured_now({.probes = 400}), {.burst_s = 0.02})
              .verdict == Verdict::no_worse);
}

TEST_CASE("more samples of the same kind narrow the interval, and the sides may be swapped") {
    double before = 1e9;
    for (const uint32_t probes : {9000U, 18000U, 36000U, 72000U}) {
        const Series1 asked{.lost = probes / 20, .burst = 10, .probes = probes};
        const Comparison comparison = compared(measured(asked), measured_now(asked));
        const auto increase = *finding_of(comparison, "loss_pct").increase;
        CHECK(increase.high - increase.low < before);
        CHECK(increase.high == doctest::Approx(-increase.low));
        before = increase.high - increase.low;
    }
    const Series1 one{.lost = 450, .burst = 10};
    const Series1 other{.lost = 900, .burst = 10};
    const Comparison up = compared(measured(one), measured_now(other));
    const Comparison down = compared(measured(other), measured_now(one));
    CHECK(finding_of(up, "loss_pct").increase->low ==
          doctest::Approx(-finding_of(down, "loss_pct").increase->high));
}

TEST_CASE("an extension adds samples, up to as many as were planned") {
    const Measurement base = measured({.lost = 270, .burst = 10});
    const Measurement now = measured_now({.lost = 270, .burst = 10});
    Measurement more = now;
    more.at += an_hour;
    more.ended += an_hour;
    const auto looked = [&base](std::vector<Measurement> nows, uint32_t looks) {
        return compare({base, std::move(nows)}, {}, {.looks = looks});
    };
    CHECK(looked({now}, 3)->verdict == Verdict::cannot_tell);
    const auto wide = *finding_of(*looked({now}, 3), "loss_pct").increase;
    const auto narrow = *finding_of(*looked({now, more}, 3), "loss_pct").increase;
    CHECK(narrow.high < wide.high);
    CHECK(narrow.low > wide.low);
    CHECK(looked({now, more}, 3)->look == 2);
    CHECK(looked({now, more}, 3)->now_at == more.at);
    // each look more costs: its interval is wider
    CHECK(finding_of(*looked({now}, 1), "loss_pct").increase->high < wide.high);
    CHECK(looked({now, more}, 1).error().kind == Exit::usage);
    CHECK(looked({more, now}, 2).error().kind == Exit::usage);
}

TEST_CASE("\"worse\" is divided among the paths, \"no worse\" is not") {
    const auto paths = [](Measurement measurement, int count) {
        for (int i = 1; i < count; ++i) {
            Figures figures = measurement.kinds[0];
            figures.path.target.port = static_cast<uint16_t>(i);
            measurement.kinds.push_back(figures);
        }
        return measurement;
    };
    const auto increase = [&paths](int count) {
        const auto comparison = compared(paths(measured({.lost = 90}), count),
                                         paths(measured_now({.lost = 90}), count));
        return *finding_of(comparison, "loss_pct").increase;
    };
    CHECK(increase(4).low < increase(1).low);
    CHECK(increase(4).high == increase(1).high);
}

TEST_CASE("what was not measured alike cannot be told, whatever the figures are") {
    const struct {
        const char* what;
        std::function<void(Measurement& base, Measurement& now)> change;
        const char* obstacle;
    } cases[] = {
        {"interrupted", [](auto&, auto& now) { now.interrupted = true; }, "now: was interrupted"},
        {"source", [](auto&, auto& now) { now.plan.binding.source = *Address::parse("192.0.2.9"); },
         "another vantage: 192.0.2.9 mark 0 interface any"},
        {"mark", [](auto&, auto& now) { now.plan.binding.mark = 7; }, "another vantage: "},
        {"interface", [](auto& base, auto&) { base.plan.binding.interface = "x"; },
         "another vantage: "},
        {"rate", [](auto&, auto& now) { now.plan.rate_pps = 40; }, "another pace: 40 a second"},
        {"waiting time", [](auto&, auto& now) { now.plan.wait = 5'000'000'000; },
         "another pace: 150 a second, periodic, waiting time 5000 ms, and 150"},
        {"DSCP", [](auto&, auto& now) { now.plan.dscp = 46; },
         "tcp 198.51.100.10:1883: other packets: any size, DSCP 46, and any size, DSCP 0 in the "
         "base"},
        {"size",
         [](auto& base, auto& now) {
             base.kinds[0].size = 88;
             now.kinds[0].size = 1400;
         },
         "tcp 198.51.100.10:1883: other packets: 1400 bytes, DSCP 0, and 88 bytes, DSCP 0 in the "
         "base"},
        {"too large",
         [](auto&, auto& now) {
             now.kinds[0].counts.too_big = 3;
             now.kinds[0].too_big = "larger than the way's MTU, 1400";
         },
         "now: tcp 198.51.100.10:1883: 3 probes were larger than the way's MTU, 1400"},
        {"refused by the reflector",
         [](auto&, auto& now) { now.kinds[0].counts.unreflected = 900; },
         "now: tcp 198.51.100.10:1883: the reflector refused 900 of"},
        {"clock", [](auto& base, auto&) { base.clock.stepped_ms = -3000; },
         "base: the clock was set by -3000.000 ms within the run"},
        {"sampling", [](auto&, auto& now) { now.plan.sampling = Sampling::poisson; },
         "another pace: "},
        {"too old", [](auto&, auto& now) { now.at += 24 * an_hour; },
         "base: is 89940 s old, expected at most 86400"},
        {"way out", [](auto&, auto& now) { now.kinds[0].route_changes.resize(1); },
         "now: tcp 198.51.100.10:1883: the way out changed within the run"},
        {"our pause", [](auto& base, auto&) { base.kinds[0].own.not_sent = 450; },
         "base: tcp 198.51.100.10:1883: our own side lost or left out 450 of 9450 probes"},
        {"our socket", [](auto&, auto& now) { now.kinds[0].own.receive_dropped = 100; },
         "now: tcp 198.51.100.10:1883: our own side lost or left out 100 of 9000"},
        {"left out", [](auto&, auto& now) { now.kinds[0].own.skipped = 450; },
         "now: tcp 198.51.100.10:1883: our own side lost or left out 450 of 9450"},
        {"the way back", [](auto&, auto& now) { now.kinds[0].counts.elsewhere = 3; },
         "now: tcp 198.51.100.10:1883: 3 answers came by another carrier's interface"},
        {"other source",
         [](auto&, auto& now) { now.plan.other_source = *Address::parse("2001:db8::1"); },
         "another vantage: "},
        {"no way out", [](auto&, auto& now) { now.kinds[0].counts.no_way_out = 1; },
         "now: tcp 198.51.100.10:1883: no way out for 1 probes"},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        for (const uint32_t lost : {0U, 900U}) {
            Measurement base = measured({});
            Measurement now = measured_now({.lost = lost});
            c.change(base, now);
            const Comparison comparison = compared(base, now);
            CHECK(comparison.verdict == Verdict::cannot_tell);
            REQUIRE(comparison.obstacles.size() == 1);
            CHECK(comparison.obstacles[0].starts_with(c.obstacle));
        }
    }
    // a few that were not sent hide nothing
    Measurement now = measured_now({});
    now.kinds[0].own.not_sent = 20;
    CHECK(compared(measured({}), now).verdict == Verdict::no_worse);
}

TEST_CASE("a path that only one side has cannot be told; nor one without samples") {
    const Measurement base = measured({});
    Measurement now = measured_now({});
    now.kinds[0].path.target.port = 80;
    const Comparison comparison = compared(base, now);
    CHECK(comparison.verdict == Verdict::cannot_tell);
    REQUIRE(comparison.findings.size() == 2);
    CHECK(comparison.findings[0].why == "was not measured now");
    CHECK(comparison.findings[1].path == "tcp 198.51.100.10:80");
    CHECK(comparison.findings[1].why == "was not measured in the base");
    now = measured_now({});
    now.kinds[0].outcomes = {};
    CHECK(compared(base, now).findings[0].why.starts_with("the result keeps no samples"));
    now = measured_now({});
    now.kinds.push_back(now.kinds[0]);
    now.kinds[1].path.kind = Kind::udp;
    CHECK(compared(base, now).verdict == Verdict::cannot_tell);
    CHECK(compare({Measurement{}, {Measurement{}}}, {}, {})->verdict == Verdict::cannot_tell);
}

// A reflector that was not there in a part of the run, or in all of it.
Measurement reflected(uint32_t lost, const char* icmp_error, UnixMicros at) {
    Measurement measurement = measured({.lost = lost, .burst = std::max(lost, 1U)}, at);
    Figures& figures = measurement.kinds[0];
    figures.path.kind = Kind::udp;
    figures.counts.lost = lost;
    figures.counts.received = figures.counts.sent - lost;
    figures.icmp_error = icmp_error;
    return measurement;
}

TEST_CASE("losses that may be the reflector's own are no carrier's") {
    constexpr char away[] = "port unreachable by 198.51.100.10";
    const Measurement base = reflected(0, "", 0);
    const auto told = [&base](uint32_t lost, const char* icmp_error) {
        const auto comparison = compared(base, reflected(lost, icmp_error, an_hour));
        const Finding& first = comparison.findings[0];
        return fmt::format("{}: {}", name(comparison.verdict), first.why);
    };
    CHECK(told(2700, "") == "worse: ");
    CHECK(told(2700, "time exceeded in transit by 192.0.2.1") == "worse: ");
    CHECK(told(2700, away) ==
          "cannot tell: now: the reflector was away: port unreachable by 198.51.100.10; which of "
          "the 2700 lost the path lost cannot be told");
    CHECK(told(9000, "") ==
          "cannot tell: now: no answer: the path, or the reflector: is one there, and without a "
          "key?");
    CHECK(told(9000, away) ==
          "cannot tell: now: no reflector is there: port unreachable by 198.51.100.10; the path is "
          "whole");
    // too few to matter
    CHECK(told(20, away) == "no worse: ");
    // another path tells all the same
    Measurement both = measured_now({.lost = 9000, .burst = 9000});
    both.kinds.push_back(reflected(9000, "", an_hour).kinds[0]);
    Measurement before = base;
    before.kinds.push_back(measured({}).kinds[0]);
    CHECK(compared(before, both).verdict == Verdict::worse);
    CHECK(compared(reflected(9000, away, 0), reflected(0, "", an_hour))
              .findings[0]
              .why.starts_with("base: no reflector is there"));
    Measurement anew = reflected(2700, "", an_hour);
    anew.kinds[0].directions = Directions{.why = began_anew};
    CHECK(compared(base, anew).verdict == Verdict::cannot_tell);
}

TEST_CASE("mistakes: another carrier, a base that is younger") {
    const Measurement base = measured({});
    Measurement now = measured_now({});
    CHECK(compare({now, {base}}, {}, {}).error().kind == Exit::usage);
    // nor is a measurement another one than itself, or than what it was beside
    CHECK(compare({base, {base}}, {}, {}).error().kind == Exit::usage);
    CHECK(compare({base, {now, now}}, {}, {.looks = 2}).error().kind == Exit::usage);
    Measurement beside = now;
    beside.at = base.ended - 1;
    CHECK(compare({base, {beside}}, {}, {}).error().kind == Exit::usage);
    now.plan.carrier = "green";
    CHECK(compare({base, {now}}, {}, {}).error().kind == Exit::usage);
}

TEST_CASE("a carrier that did not move and got worse too: it was not the move") {
    const Measurement base = measured({});
    const Measurement worse = measured_now({.lost = 900});
    const auto control = [](Measurement before, Measurement after) {
        before.plan.carrier = after.plan.carrier = "blue";
        return Pair{std::move(before), {std::move(after)}};
    };
    const auto told = [&](const Measurement& now, const Pair& by) {
        return compare({base, {now}}, {by}, {});
    };
    CHECK(told(worse, control(base, measured_now({})))->verdict == Verdict::worse);
    CHECK(told(worse, control(base, worse))->verdict == Verdict::cannot_tell);
    CHECK(told(worse, control(base, worse))->obstacles[0] ==
          "control: carrier \"blue\", which did not move, got worse too");
    CHECK(told(measured_now({}), control(base, worse))->verdict == Verdict::no_worse);
    CHECK(told(worse, Pair{base, {worse}}).error().kind == Exit::usage);
    Measurement later = worse;
    later.at += an_hour;
    CHECK(told(worse, control(base, later)).error().kind == Exit::usage);
}

TEST_CASE("both forms tell the figure, by how much, what was used and what was reckoned with") {
    const Comparison comparison = compared(measured({}), measured_now({.lost = 900}));
    const std::string text = to_text(comparison);
    CHECK(text.find("increase 10.000 (9.") != std::string::npos);
    CHECK(text.find("Newcombe's difference") != std::string::npos);
    CHECK(text.ends_with("\nworse, with losses in bursts of up to 0.4 s\n"));
    CHECK(to_json(comparison).find("\"verdict\": \"worse\"") != std::string::npos);
}

}  // namespace
}  // namespace rehome::probe
