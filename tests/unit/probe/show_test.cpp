// What is shown of records and results.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "probe/core/measurement_json.h"
#include "probe/core/show.h"
#include "tests/unit/fits.h"
#include "tests/unit/probe/report/records.h"

namespace rehome::probe {
namespace {

constexpr Nanos ms = 1'000'000;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Ten probes a second; 2 and 3 are lost, and 6.
Record record() {
    return make_record({.count = 10}, [](uint32_t i) -> Nanos {
        return i == 2 || i == 3 || i == 6 ? 0 : 20 * ms;
    });
}

TEST_CASE("loss periods come with the times of a record") {
    const Shown shown = show("r.db", record());
    const std::string text = to_text(shown);
    CAPTURE(text);
    CHECK(has(text, ": 2, with 3 losses; 66.7 % of these are noticeable\n"));
    CHECK(has(text, "    2026-05-04T03:00:00.2"));
    CHECK(has(text, "Z  0.100 to 0.300 s; probes 2 to 3, 2 lost\n"));
    CHECK(has(text, "Z  0.000 to 0.200 s; probe 6\n"));
    const auto json = nlohmann::json::parse(to_json(shown));
    CHECK(misfits("probe-show", to_json(shown)) == "");
    CHECK(json["paths"][0]["periods"][1]["distance"] == 3);
    CHECK(json["paths"][0]["losses"] == 3);
    CHECK(json["paths"][0]["noticeable"] == 2);
}

TEST_CASE("what is noticeable depends on the constraint") {
    Shown shown = show("r.db", record());
    shown.constraint = 3;
    CHECK(has(to_text(shown), "66.7 % of these"));
    shown.constraint = 2;
    CHECK(has(to_text(shown), "33.3 % of these"));
}

TEST_CASE("a record without an end says so, and what was under way is left out") {
    Record cut = record();
    cut.result.reset();
    cut.ended.reset();
    cut.seen = record_begin / 1000 + 900'000;
    cut.paths[0].probes[9].settled = false;
    cut.paths[0].probes[9].fate = Fate::on_path;
    cut.events = {{.at = cut.seen, .path = 0, .what = "route", .detail = "none"}};
    const Shown shown = show("r.db", cut);
    const std::string text = to_text(shown);
    CAPTURE(text);
    CHECK(
        text.starts_with("r.db: CUT SHORT, or not over yet: what follows is of the probes until "
                         "2026-05-04T03:00:00.900000Z, but for 1 whose"));
    CHECK(has(text, "9 sent, 6 received"));
    CHECK(has(text, "route icmp"));
    CHECK(misfits("probe-show", to_json(shown)) == "");
    CHECK(nlohmann::json::parse(to_json(shown))["cut_short"] == true);
}

TEST_CASE("a result tells its periods by probe; one that is thinned cannot tell") {
    Measurement result = measurement_of(record());
    result.kinds.resize(1);
    Outcomes& outcomes = result.kinds[0].outcomes;
    const Outcome good{.end = Outcome::End::answered, .rtt_us = 1};
    const Outcome ours{.end = Outcome::End::ours};
    outcomes = {.every = 1, .list = {good, Outcome{}, ours, Outcome{}, good}};
    const std::string text = to_text(show("r.json", result));
    CAPTURE(text);
    CHECK(has(text,
              ": 1, with 2 losses; 50.0 % of these are noticeable\n    probes 1 to 3, 2 lost\n"));
    CHECK_FALSE(has(text, "record "));
    CHECK(misfits("probe-show", to_json(show("r.json", result))) == "");
    outcomes.every = 2;
    CHECK(
        has(to_text(show("r.json", result)), "cannot tell, as the file does not hold each probe"));
    CHECK(misfits("probe-show", to_json(show("r.json", result))) == "");
}

TEST_CASE("of many periods the longest are printed, in the order of time") {
    const Record many = make_record(
        {.count = 400}, [](uint32_t i) -> Nanos { return i % 4 == 0 || i == 201 ? 0 : 20 * ms; });
    const std::string text = to_text(show("r.db", many));
    CHECK(has(text, "probes 200 to 201, 2 lost"));
    CHECK(has(text, "and 50 that are no longer; --json has all"));
    const auto json = nlohmann::json::parse(to_json(show("r.db", many)));
    CHECK(json["paths"][0]["periods"].size() == 100);
}

}  // namespace
}  // namespace rehome::probe
