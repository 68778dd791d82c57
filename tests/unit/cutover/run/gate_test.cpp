// Figures and samples, as tables.
#include "cutover/run/gate.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cutover/run/figure.h"

namespace rehome::cutover::testing {

namespace {

using nlohmann::json;
using Verdict = Reading::Verdict;

const char* const status = R"json({
  "at": "2026-05-04T03:02:01.500000Z", "up": 998, "wanted": 1000, "none": 0, "name": "red",
  "alive": true, "nothing": null, "a/b": {"c~d": 7},
  "lines": [{"carrier": "red", "pps": 12}, {"carrier": "green", "pps": 0}, 5],
  "peers": [{"id": 3, "alive": false}]
})json";

Figure figure(const std::string& pointer) {
    Figure result;
    result.pointer = pointer;
    return result;
}

Figure at_least(const std::string& pointer, double min) {
    Figure result = figure(pointer);
    result.min = min;
    return result;
}

Figure at_most(const std::string& pointer, double max) {
    Figure result = figure(pointer);
    result.max = max;
    return result;
}

Figure equal(const std::string& pointer, std::variant<double, bool, std::string> value) {
    Figure result = figure(pointer);
    result.equals = std::move(value);
    return result;
}

Figure share(const std::string& pointer, const std::string& of, double min) {
    Figure result = at_least(pointer, min);
    result.of = of;
    return result;
}

// At most so much more than in the gate's first sample.
Figure growth(const std::string& pointer, double max) {
    Figure result = at_most(pointer, max);
    result.since_start = true;
    return result;
}

Figure growth_since(const std::string& step, const std::string& pointer, double max) {
    Figure result = at_most(pointer, max);
    result.since = step;
    return result;
}

Finished said(const std::string& out, int code = 0) {
    return {code, false, out, ""};
}

}  // namespace

TEST_CASE("pointers") {
    struct Case {
        const char* pointer;
        const char* value;  // null: leads nowhere
    };
    const Case cases[] = {
        {"/up", "998"},
        {"/lines/0/pps", "12"},
        {"/lines/carrier=red/pps", "12"},
        {"/lines/carrier=green/pps", "0"},
        {"/peers/id=3/alive", "false"},
        {"/a~1b/c~0d", "7"},
        {"/lines/carrier=blue/pps", nullptr},
        {"/lines/carrier=red/pps/x", nullptr},
        {"/lines/3", nullptr},
        {"/lines/-1", nullptr},
        {"/lines/1x", nullptr},
        {"/lines/", nullptr},
        {"/up/x", nullptr},
        {"/missing", nullptr},
        {"/carrier=red", nullptr},
        {"up", nullptr},
        {"//", nullptr},
    };
    const json document = json::parse(status);
    for (const Case& one : cases) {
        CAPTURE(one.pointer);
        const json* found = find_value(document, one.pointer);
        CHECK((found != nullptr) == (one.value != nullptr));
        if (found != nullptr && one.value != nullptr) {
            CHECK(found->dump() == one.value);
        }
    }
}

TEST_CASE("figures against their bounds") {
    using enum Verdict;
    struct Case {
        Figure figure;
        Verdict verdict;
        const char* shown;
    };
    const Case cases[] = {
        {at_least("/up", 998), good, "/up 998, min 998"},
        {at_least("/up", 999), bad, "/up 998, min 999"},
        {at_most("/up", 998), good, "/up 998, max 998"},
        {at_most("/up", 997.5), bad, "/up 998, max 997.5"},
        {equal("/up", 998.0), good, "/up 998, equals 998.0"},
        {equal("/up", 997.0), bad, "/up 998, equals 997.0"},
        {equal("/alive", true), good, "/alive true, equals true"},
        {equal("/alive", false), bad, "/alive true, equals false"},
        {equal("/name", "red"), good, "/name \"red\", equals \"red\""},
        {equal("/name", "blue"), bad, "/name \"red\", equals \"blue\""},
        {share("/up", "/wanted", 0.998), good, "/up 998 of /wanted 1000, min 0.998"},
        {share("/up", "/wanted", 0.999), bad, "/up 998 of /wanted 1000, min 0.999"},
        // Of another kind than was asked for: it is not known what it means.
        {equal("/up", true), cannot_tell, "/up 998, equals true"},
        {equal("/alive", 1.0), cannot_tell, "/alive true, equals 1.0"},
        {equal("/name", 1.0), cannot_tell, "/name \"red\", equals 1.0"},
        {at_least("/name", 0), cannot_tell, "/name \"red\", min 0"},
        {at_least("/missing", 0), cannot_tell, "/missing is not there"},
        {at_most("/nothing", 0), cannot_tell, "/nothing is not there"},
        {equal("/nothing", 0.0), cannot_tell, "/nothing is not there"},
        {share("/name", "/wanted", 0), cannot_tell, "/name \"red\" is no number"},
        {share("/up", "/none", 0), cannot_tell, "/none is no number above 0"},
        {share("/up", "/name", 0), cannot_tell, "/name is no number above 0"},
        {share("/up", "/nothing", 0), cannot_tell, "/nothing is no number above 0"},
    };
    const json document = json::parse(status);
    for (const Case& one : cases) {
        CAPTURE(one.shown);
        const FigureReading reading = read_figure(one.figure, document, std::nullopt);
        CHECK(reading.verdict == one.verdict);
        CHECK(reading.shown == one.shown);
    }
}

TEST_CASE("what KEY=VALUE selects more than once must be good each time") {
    using enum Verdict;
    struct Case {
        const char* what;
        Figure figure;
        Verdict verdict;
        const char* shown;
    };
    const Case cases[] = {
        {"a dead second gateway", equal("/peers/site=new/alive", true), bad,
         "/peers/site=new/alive true and false, equals true"},
        {"both alive", equal("/peers/site=old/alive", true), good,
         "/peers/site=old/alive true and true, equals true"},
        {"numbers", at_most("/peers/site=new/ms", 7), bad, "/peers/site=new/ms 7 and 8, max 7"},
        {"one lacks it", equal("/peers/site=old/ms", 7.0), cannot_tell,
         "/peers/site=old/ms 7 and nothing, equals 7.0"},
        {"both lack it", equal("/peers/site=old/x", 7.0), cannot_tell,
         "/peers/site=old/x nothing and nothing, equals 7.0"},
        {"a share", share("/peers/site=new/ms", "/all", 0), cannot_tell,
         "/peers/site=new/ms is there 2 times, expected once"},
        {"a whole", share("/all", "/peers/site=new/ms", 0), cannot_tell,
         "/peers/site=new/ms is no number above 0"},
        {"a growth", growth("/peers/site=new/ms", 9), cannot_tell,
         "/peers/site=new/ms is there 2 times, expected once"},
    };
    const json document = json::parse(R"({"all": 9, "peers": [
        {"site": "new", "alive": true, "ms": 7}, {"site": "new", "alive": false, "ms": 8},
        {"site": "old", "alive": true, "ms": 7}, {"site": "old", "alive": true}]})");
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const FigureReading reading = read_figure(one.figure, document, std::nullopt);
        CHECK(reading.verdict == one.verdict);
        CHECK(reading.shown == one.shown);
    }
}

TEST_CASE("a value is shown in few words, however long it is") {
    const json document{{"x", std::string(7'000, 'a')}, {"l", json::array({1, 2})}};
    const auto shown = [&](const char* pointer) {
        return read_figure(at_most(pointer, 5), document, std::nullopt).shown;
    };
    CHECK(shown("/x").size() < 300);
    CHECK(shown("/l") == "/l is a list, max 5");
    const std::string line(7'000, 'a');
    CHECK(read_sample({}, Finished{1, false, "", "said\n" + line}).why.size() < 1'100);
}

TEST_CASE("growth since the start") {
    Figure more = at_least("/up", 1);
    more.since_start = true;
    const json document = json::parse(status);
    const auto verdict = [&](std::optional<double> first) {
        return read_figure(more, document, first).verdict;
    };
    CHECK(verdict(std::nullopt) == Verdict::bad);  // the first sample
    CHECK(verdict(998) == Verdict::bad);
    CHECK(verdict(997) == Verdict::good);
    CHECK(read_figure(more, document, 990).shown == "/up +8 since start, min 1");
    CHECK(verdict(999) == Verdict::fatal);
    CHECK(read_figure(more, document, 999).shown == "/up fell from 999 to 998: it counts anew");
}

TEST_CASE("what a check's answer says") {
    Figure now = at_least("/up", 1000);
    Figure at_once = now;
    at_once.at_once = true;
    struct Case {
        const char* what;
        Sample sample;
        Result<Finished> answer;
        Verdict verdict;
    };
    const Case cases[] = {
        {"exit 0", {}, said("no JSON"), Verdict::good},
        {"exit 1", {}, said("", 1), Verdict::bad},
        {"exit 2", {}, said("", 2), Verdict::cannot_tell},
        {"exit 4", {}, said("", 4), Verdict::cannot_tell},
        {"killed", {}, said("", 137), Verdict::cannot_tell},
        {"late", {}, Finished{0, true, "", ""}, Verdict::cannot_tell},
        {"not started", {}, fail(Exit::world, "", "no such file"), Verdict::cannot_tell},
        {"good figure", {{}, {at_least("/up", 1)}, "", {}}, said(status), Verdict::good},
        {"bad figure", {{}, {now}, "", {}}, said(status), Verdict::bad},
        {"bad at once", {{}, {at_once}, "", {}}, said(status), Verdict::fatal},
        {"one bad of two", {{}, {at_least("/up", 1), now}, "", {}}, said(status), Verdict::bad},
        {"a figure is missing",
         {{}, {now, at_least("/x", 1)}, "", {}},
         said(status),
         Verdict::cannot_tell},
        {"bad at once beside a missing one",
         {{}, {at_least("/x", 1), at_once}, "", {}},
         said(status),
         Verdict::fatal},
        {"a missing one beside bad at once",
         {{}, {at_once, at_least("/x", 1)}, "", {}},
         said(status),
         Verdict::fatal},
        {"null", {{}, {at_most("/nothing", 1)}, "", {}}, said(status), Verdict::cannot_tell},
        {"a text for a number",
         {{}, {at_most("/name", 1)}, "", {}},
         said(status),
         Verdict::cannot_tell},
        {"no JSON", {{}, {now}, "", {}}, said("oops"), Verdict::cannot_tell},
        {"empty", {{}, {now}, "", {}}, said(""), Verdict::cannot_tell},
        {"a key that stands twice",
         {{}, {at_most("/x", 5)}, "", {}},
         said(R"({"x": 9, "x": 1})"),
         Verdict::cannot_tell},
        {"more behind a NUL",
         {{}, {at_most("/x", 5)}, "", {}},
         said(std::string("{\"x\": 1}\0{\"x\": 9}", 17)),
         Verdict::cannot_tell},
        {"nested without end",
         {{}, {at_most("/x", 5)}, "", {}},
         said("{\"x\": " + std::string(200'000, '[') + std::string(200'000, ']') + "}"),
         Verdict::cannot_tell},
        {"good figures, exit 1", {{}, {at_least("/up", 1)}, "", {}}, said(status, 1), Verdict::bad},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CHECK(read_sample(one.sample, one.answer).verdict == one.verdict);
    }
}

TEST_CASE("only fresh samples count") {
    const UnixMicros at = *parse_iso8601("2026-05-04T03:02:01.500000Z");
    struct Case {
        const char* what;
        std::string fresh;
        UnixMicros started;
        UnixMicros now;
        bool good;
    };
    const Case cases[] = {
        {"just taken", "/at", at - 1, at + 1'000, true},
        {"at the very start", "/at", at, at, true},
        {"older than the gate", "/at", at + 1, at + 1'000, false},
        {"as old as it may be", "/at", at - 1, at + 10'000'000, true},
        {"too old", "/at", at - 1, at + 10'000'001, false},
        {"ahead as far as clocks differ", "/at", at - 1'000'000, at - 1'000'000, true},
        {"from the future", "/at", at - 1'000'001, at - 1'000'001, false},
        {"no time", "/when", at - 1, at, false},
        {"no time but a number", "/up", at - 1, at, false},
        {"no time but a text", "/name", at - 1, at, false},
        {"no time but null", "/nothing", at - 1, at, false},
        {"not asked for", "", at + 1, at + 1, true},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Gate gate;
        gate.sample.figures = {at_least("/up", 1)};
        gate.sample.fresh = one.fresh;
        GateWatch watch(gate, one.started);
        const Reading reading = watch.take(said(status), one.now, 0);
        CHECK((reading.verdict == Verdict::good) == one.good);
        CHECK(watch.passed() == one.good);
        CHECK(reading.why.empty() == one.good);
    }
}

namespace {

constexpr UnixMicros begin_us = 1'777'777'777'000'000;

// A gate that gets samples at seconds after its start.
struct Series {
    explicit Series(const Gate& its, Bases bases = {})
        : gate(its), watch(gate, begin_us, std::move(bases)) {}

    // A sample of the second `at` that comes when it is `now`.
    Reading take(double at, double now, const std::string& members) {
        const auto us = [](double s) { return static_cast<int64_t>(s * 1e6); };
        const std::string time = iso8601(begin_us + us(at));
        return watch.take(said(R"({"at": ")" + time + R"(", )" + members + "}"), begin_us + us(now),
                          us(now));
    }

    Gate gate;
    GateWatch watch;
};

Gate fresh_gate(std::vector<Figure> figures, unsigned good = 1) {
    Gate gate;
    gate.sample.figures = std::move(figures);
    gate.sample.fresh = "/at";
    gate.sample.max_age = Seconds(3);
    gate.good = good;
    return gate;
}

}  // namespace

TEST_CASE("a frozen sample counts once, however often it is shown") {
    Gate gate = fresh_gate({at_least("/n", 1)}, 3);
    gate.tries = 3;
    Series series(gate);
    for (int i = 0; i < 20; ++i) {
        const Reading reading = series.take(0, 0.1 * i, R"("n": 1)");
        CHECK(reading.seen_before == (i > 0));
        CHECK(reading.verdict == (i > 0 ? Verdict::cannot_tell : Verdict::good));
    }
    CHECK_FALSE(series.watch.passed());
    CHECK_FALSE(series.watch.used_up());
    // It has not broken the row either.
    series.take(2.1, 2.1, R"("n": 1)");
    series.take(2.1, 2.2, R"("n": 1)");
    series.take(3.1, 3.1, R"("n": 1)");
    CHECK(series.watch.passed());
    CHECK(series.watch.used_up());
}

TEST_CASE("a frozen bad sample stays bad") {
    Series series(fresh_gate({at_least("/n", 1)}));
    series.take(0, 0, R"("n": 0)");
    CHECK(series.take(0, 1, R"("n": 0)").verdict != Verdict::good);
    CHECK_FALSE(series.watch.passed());
}

TEST_CASE("a sample that is older than the one before is bad") {
    Series series(fresh_gate({at_least("/n", 1)}, 2));
    series.take(2, 2, R"("n": 1)");
    const Reading reading = series.take(1, 2.5, R"("n": 1)");
    CHECK(reading.verdict == Verdict::cannot_tell);
    CHECK(reading.why.find("is older than the one before") != std::string::npos);
    series.take(3, 3, R"("n": 1)");
    CHECK_FALSE(series.watch.passed());  // the row began anew
}

TEST_CASE("a hole in the series is not good") {
    Gate gate = fresh_gate({at_least("/n", 1)});
    gate.lasting = Seconds(10);
    SUBCASE("by the samples' own time: every_s and max_age_s, 4 s") {
        Series series(gate);
        series.take(0, 0, R"("n": 1)");
        series.take(4, 4, R"("n": 1)");
        series.take(8, 8, R"("n": 1)");
        CHECK(series.take(12.1, 12.1, R"("n": 1)").why ==
              "there was no sample for 4.1 s, 4 s are the most");
        CHECK_FALSE(series.watch.passed());
        for (int i = 13; i <= 23; ++i) {
            CHECK_FALSE(series.watch.passed());
            series.take(i, i, R"("n": 1)");
        }
        CHECK(series.watch.passed());
    }
    SUBCASE("by ours where they have none") {
        gate.sample = Sample();
        GateWatch watch(gate, 0);
        CHECK(watch.take(said(""), 0, 0).verdict == Verdict::good);
        CHECK(watch.take(said(""), 0, 11'000'000).verdict == Verdict::good);
        CHECK(watch.passed());
        CHECK(watch.take(said(""), 0, 23'000'000).verdict == Verdict::bad);
    }
}

TEST_CASE("growth counts from the first fresh sample") {
    Gate gate = fresh_gate({at_least("/n", 5)});
    gate.sample.figures[0].since_start = true;
    Series series(gate);
    series.take(-1, 1, R"("n": 1)");
    series.take(0, 1, R"("n": 3)");
    series.take(0.5, 1, R"("n": 7)");
    CHECK_FALSE(series.watch.passed());
    series.take(0.6, 1, R"("n": 8)");
    CHECK(series.watch.passed());
}

TEST_CASE("a counter that was restarted fails the gate") {
    struct Case {
        const char* what;
        Figure figure;
        std::vector<int> counts;
        const char* why;
    };
    const Case cases[] = {
        {"below the first", growth("/n", 5), {7, 8, 0}, "/n fell from 8 to 0: it counts anew"},
        {"above it, but it fell",
         growth("/n", 5),
         {7, 9, 8},
         "/n fell from 9 to 8: it counts anew"},
        {"below the step's",
         growth_since("s/a", "/n", 9),
         {4},
         "/n fell from 5 to 4: it counts anew"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        Series series(fresh_gate({one.figure}, 9), {{"/n since s/a", 5}});
        Reading reading;
        for (size_t i = 0; i < one.counts.size(); ++i) {
            const double at = static_cast<double>(i);
            CHECK(reading.verdict != Verdict::fatal);
            reading = series.take(at, at, fmt::format(R"("n": {})", one.counts[i]));
        }
        CHECK(reading.verdict == Verdict::fatal);
        CHECK(reading.why == one.why);
    }
}

TEST_CASE("each figure counts from its own base") {
    // A share of the same pointer, an earlier step's number, and the gate's first sample.
    Figure part = share("/n", "/all", 0);
    Series series(fresh_gate({part, growth("/n", 1), growth_since("s/a", "/n", 5)}, 9),
                  {{"/n since s/a", 3}});
    CHECK(series.take(0, 0, R"("n": 7, "all": 10)").verdict == Verdict::good);
    const Reading reading = series.take(1, 1, R"("n": 9, "all": 10)");
    CHECK(reading.shown == std::vector<std::string>{"/n 9 of /all 10, min 0",
                                                    "/n +2 since start, max 1",
                                                    "/n +6 since s/a, max 5"});
    CHECK(reading.verdict == Verdict::bad);
}

TEST_CASE("without its base a figure cannot be told") {
    Series series(fresh_gate({growth_since("s/a", "/n", 5)}));
    CHECK(series.take(0, 0, R"("n": 7)").verdict == Verdict::fatal);
}

TEST_CASE("what figures will count from") {
    const UnixMicros now = begin_us;
    const std::string at = R"("at": ")" + iso8601(now) + R"(")";
    struct Case {
        const char* what;
        Result<Finished> answer;
        std::string text;
    };
    const Case cases[] = {
        {"both", said("{" + at + R"(, "n": 7, "m": 1.5})"),
         R"({"/m since s/a":1.5,"/n since s/a":7.0})"},
        {"one is missing", said("{" + at + R"(, "n": 7})"), "/m is not there"},
        {"null", said("{" + at + R"(, "n": null, "m": 1})"), "/n is not there"},
        {"a text", said("{" + at + R"(, "n": "7", "m": 1})"), "/n \"7\" is no number"},
        {"no time", said(R"({"n": 7, "m": 1})"), "/at is not there"},
        {"old", said(R"({"at": "2026-01-01T00:00:00.000000Z", "n": 7, "m": 1})"),
         "the sample of 2026-01-01T00:00:00.000000Z is too old"},
        {"no JSON", said("7"), "/at is not there"},
        {"torn", said("{"), "its output is not JSON"},
        {"it failed", said("{" + at + R"(, "n": 7, "m": 1})", 4), "exit code 4"},
    };
    const Sample sample = fresh_gate({growth_since("s/a", "/n", 0), growth_since("s/a", "/m", 0),
                                      growth_since("s/b", "/else", 0), at_least("/up", 1)})
                              .sample;
    for (const Case& one : cases) {
        CAPTURE(one.what);
        const auto bases = read_bases(sample, "s/a", one.answer, now);
        const std::string got = bases ? bases_text(*bases) : bases.error().what;
        CHECK(got.substr(0, one.text.size()) == one.text);
        if (bases) {
            CHECK(parse_bases(got) == *bases);
        }
    }
}

}  // namespace rehome::cutover::testing
