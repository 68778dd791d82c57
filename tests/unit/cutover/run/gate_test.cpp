// Figures and samples, as tables.
#include "cutover/run/gate.h"

#include <doctest/doctest.h>

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
    struct Case {
        Figure figure;
        bool good;
        const char* shown;
    };
    const Case cases[] = {
        {at_least("/up", 998), true, "/up 998, min 998"},
        {at_least("/up", 999), false, "/up 998, min 999"},
        {at_most("/up", 998), true, "/up 998, max 998"},
        {at_most("/up", 997.5), false, "/up 998, max 997.5"},
        {equal("/up", 998.0), true, "/up 998, equals 998.0"},
        {equal("/up", true), false, "/up 998, equals true"},
        {equal("/alive", true), true, "/alive true, equals true"},
        {equal("/alive", false), false, "/alive true, equals false"},
        {equal("/alive", 1.0), false, "/alive true, equals 1.0"},
        {equal("/name", "red"), true, "/name \"red\", equals \"red\""},
        {equal("/name", "blue"), false, "/name \"red\", equals \"blue\""},
        {at_least("/name", 0), false, "/name \"red\", min 0"},
        {at_least("/missing", 0), false, "/missing is not there"},
        {equal("/nothing", 0.0), false, "/nothing is not there"},
        {share("/up", "/wanted", 0.998), true, "/up 998 of /wanted 1000, min 0.998"},
        {share("/up", "/wanted", 0.999), false, "/up 998 of /wanted 1000, min 0.999"},
        {share("/up", "/none", 0), false, "/none is no number above 0"},
        {share("/up", "/name", 0), false, "/name is no number above 0"},
    };
    const json document = json::parse(status);
    for (const Case& one : cases) {
        CAPTURE(one.shown);
        const FigureReading reading = read_figure(one.figure, document, std::nullopt);
        CHECK(reading.good == one.good);
        CHECK(reading.shown == one.shown);
    }
}

TEST_CASE("growth since the start") {
    Figure growth = at_least("/up", 1);
    growth.since_start = true;
    const json document = json::parse(status);
    CHECK_FALSE(read_figure(growth, document, std::nullopt).good);  // the first sample
    CHECK_FALSE(read_figure(growth, document, 998).good);
    CHECK(read_figure(growth, document, 997).good);
    CHECK(read_figure(growth, document, 990).shown == "/up +8 since start, min 1");
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
        {"missing, then bad",
         {{}, {at_least("/x", 1), at_once}, "", {}},
         said(status),
         Verdict::cannot_tell},
        {"no JSON", {{}, {now}, "", {}}, said("oops"), Verdict::cannot_tell},
        {"empty", {{}, {now}, "", {}}, said(""), Verdict::cannot_tell},
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
        {"no time", "/when", at - 1, at, false},
        {"no time but a number", "/up", at - 1, at, false},
        {"no time but a text", "/name", at - 1, at, false},
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

TEST_CASE("growth counts from the first fresh sample") {
    Gate gate;
    gate.sample.figures = {at_least("/n", 5)};
    gate.sample.figures[0].since_start = true;
    gate.sample.fresh = "/at";
    GateWatch watch(gate, *parse_iso8601("2026-05-04T03:02:01.000000Z"));
    const UnixMicros now = *parse_iso8601("2026-05-04T03:02:02.000000Z");
    watch.take(said(R"({"at": "2026-05-04T03:02:00.000000Z", "n": 1})"), now, 0);
    watch.take(said(R"({"at": "2026-05-04T03:02:01.000000Z", "n": 3})"), now, 1);
    watch.take(said(R"({"at": "2026-05-04T03:02:01.500000Z", "n": 7})"), now, 2);
    CHECK_FALSE(watch.passed());
    watch.take(said(R"({"at": "2026-05-04T03:02:01.600000Z", "n": 8})"), now, 3);
    CHECK(watch.passed());
}

}  // namespace rehome::cutover::testing
