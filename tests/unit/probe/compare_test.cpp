// The three answers of a comparison, each with the figure that gives it.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include "probe/core/compare.h"
#include "tests/unit/fits.h"

namespace rehome::probe {
namespace {

struct Path1 {
    uint32_t lost;
    uint32_t trials;
    double p50;
    double p95;
    double half_width;  // of both intervals; negative: too few samples for one
};

std::optional<Interval> around(double value, double half_width) {
    return half_width < 0 ? std::nullopt
                          : std::optional(Interval{value - half_width, value + half_width});
}

Measurement measured(const Path1& path) {
    Figures figures;
    figures.path = {Kind::tcp, {}, *Endpoint::parse("198.51.100.10:1883")};
    figures.counts.lost = path.lost;
    figures.counts.received = path.trials - path.lost;
    figures.loss_pct = path.trials == 0 ? 0 : 100.0 * path.lost / path.trials;
    if (figures.counts.received != 0) {
        figures.rtt = Delay{.p50_ms = path.p50,
                            .p95_ms = path.p95,
                            .p50_interval = around(path.p50, path.half_width),
                            .p95_interval = around(path.p95, path.half_width)};
    }
    Measurement measurement;
    measurement.plan.carrier = "red";
    measurement.kinds = {figures};
    return measurement;
}

std::string verdicts(const Comparison& comparison) {
    std::string text;
    for (const Finding& finding : comparison.findings) {
        text +=
            fmt::format("{}{} {}", text.empty() ? "" : ", ", finding.figure, name(finding.verdict));
    }
    return text;
}

TEST_CASE("verdicts with 1 point and 5 ms allowed") {
    const struct {
        const char* what;
        Path1 base;
        Path1 now;
        Verdict verdict;
        const char* findings;
    } cases[] = {
        {"the same",
         {0, 500, 10, 12, 0.1},
         {0, 500, 10, 12, 0.1},
         Verdict::no_worse,
         "loss_pct no worse, rtt_p50_ms no worse, rtt_p95_ms no worse"},
        {"better",
         {50, 500, 40, 90, 1},
         {0, 500, 10, 12, 0.1},
         Verdict::no_worse,
         "loss_pct no worse, rtt_p50_ms no worse, rtt_p95_ms no worse"},
        {"3 % more loss",
         {0, 1000, 10, 12, 0.1},
         {30, 1000, 10, 12, 0.1},
         Verdict::worse,
         "loss_pct worse, rtt_p50_ms no worse, rtt_p95_ms no worse"},
        {"2 % more loss, but 0.7 % cannot be ruled out",
         {0, 500, 10, 12, 0.1},
         {10, 500, 10, 12, 0.1},
         Verdict::cannot_tell,
         "loss_pct cannot tell, rtt_p50_ms no worse, rtt_p95_ms no worse"},
        {"the same loss, in too few samples",
         {5, 100, 10, 12, 0.1},
         {5, 100, 10, 12, 0.1},
         Verdict::cannot_tell,
         "loss_pct cannot tell, rtt_p50_ms no worse, rtt_p95_ms no worse"},
        {"no loss in 366",
         {0, 366, 10, 12, 0.1},
         {0, 366, 10, 12, 0.1},
         Verdict::cannot_tell,
         "loss_pct cannot tell, rtt_p50_ms no worse, rtt_p95_ms no worse"},
        {"no loss in 368",
         {0, 368, 10, 12, 0.1},
         {0, 368, 10, 12, 0.1},
         Verdict::no_worse,
         "loss_pct no worse, rtt_p50_ms no worse, rtt_p95_ms no worse"},
        {"6 ms slower",
         {0, 500, 10, 12, 0.1},
         {0, 500, 16, 18, 0.1},
         Verdict::worse,
         "loss_pct no worse, rtt_p50_ms worse, rtt_p95_ms worse"},
        {"4 ms slower, which is allowed",
         {0, 500, 10, 12, 0.1},
         {0, 500, 14, 16, 0.1},
         Verdict::no_worse,
         "loss_pct no worse, rtt_p50_ms no worse, rtt_p95_ms no worse"},
        {"only the slow ones slower",
         {0, 500, 10, 12, 0.1},
         {0, 500, 10, 40, 0.1},
         Verdict::worse,
         "loss_pct no worse, rtt_p50_ms no worse, rtt_p95_ms worse"},
        {"wide intervals",
         {0, 500, 10, 12, 3},
         {0, 500, 10, 12, 3},
         Verdict::cannot_tell,
         "loss_pct no worse, rtt_p50_ms cannot tell, rtt_p95_ms cannot tell"},
        {"too few for an interval",
         {0, 500, 10, 12, -1},
         {0, 500, 10, 12, 0.1},
         Verdict::cannot_tell,
         "loss_pct no worse, rtt_p50_ms cannot tell, rtt_p95_ms cannot tell"},
        {"a blackhole: worse, though there is no delay to compare",
         {0, 20, 10, 12, 0.1},
         {20, 20, 0, 0, 0},
         Verdict::worse,
         "loss_pct worse, rtt_p50_ms cannot tell, rtt_p95_ms cannot tell"},
        {"dark before and now",
         {500, 500, 0, 0, 0},
         {500, 500, 0, 0, 0},
         Verdict::cannot_tell,
         "loss_pct no worse, rtt_p50_ms cannot tell, rtt_p95_ms cannot tell"},
        {"no samples now",
         {0, 500, 10, 12, 0.1},
         {0, 0, 0, 0, 0},
         Verdict::cannot_tell,
         "loss_pct cannot tell, rtt_p50_ms cannot tell, rtt_p95_ms cannot tell"},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        const auto comparison = compare(measured(c.base), measured(c.now), {});
        REQUIRE(comparison.has_value());
        CHECK(verdicts(*comparison) == c.findings);
        CHECK(comparison->verdict == c.verdict);
    }
}

TEST_CASE("the interval of the increase of loss") {
    const auto increase = [](Path1 base, Path1 now) {
        return *compare(measured(base), measured(now), {})->findings[0].increase;
    };
    // by exact sums of binomial probabilities
    CHECK(increase({10, 1000, 1, 1, 0}, {12, 1000, 1, 1, 0}).low == doctest::Approx(-0.812769));
    CHECK(increase({10, 1000, 1, 1, 0}, {12, 1000, 1, 1, 0}).high == doctest::Approx(1.227708));
    CHECK(increase({0, 20, 1, 1, 0}, {20, 20, 1, 1, 0}).low == doctest::Approx(76.179910));
    CHECK(increase({0, 20, 1, 1, 0}, {20, 20, 1, 1, 0}).high == doctest::Approx(100));
}

TEST_CASE("it says how many samples would do, and that many do") {
    const auto comparison =
        compare(measured({0, 100, 10, 12, 0.1}), measured({0, 100, 10, 12, 0.1}), {});
    CHECK(comparison->findings[0].why == "too few samples, about 381 and 381 would do");
    CHECK(compare(measured({0, 381, 10, 12, 0.1}), measured({0, 381, 10, 12, 0.1}), {})->verdict ==
          Verdict::no_worse);
}

TEST_CASE("a path that is not measured now cannot be told; another carrier is a mistake") {
    const Measurement base = measured({0, 500, 10, 12, 0.1});
    Measurement now = base;
    now.kinds[0].path.target.port = 80;
    const auto comparison = compare(base, now, {});
    CHECK(comparison->verdict == Verdict::cannot_tell);
    CHECK(comparison->findings[0].why == "was not measured now");
    CHECK(misfits("probe-compare", to_json(*comparison)) == "");
    now.plan.carrier = "green";
    CHECK(compare(base, now, {}).error().kind == Exit::usage);
    CHECK(compare(Measurement{}, Measurement{}, {})->verdict == Verdict::cannot_tell);
}

TEST_CASE("both forms tell the figure, by how much and what was used") {
    const auto comparison =
        compare(measured({0, 1000, 10, 12, 0.1}), measured({30, 1000, 10, 12, 0.1}), {});
    const std::string text = to_text(*comparison);
    CHECK(text.find("increase 3.000 (1.") != std::string::npos);
    CHECK(text.find("Newcombe from Clopper-Pearson") != std::string::npos);
    CHECK(text.ends_with("\nworse\n"));
    CHECK(to_json(*comparison).find("\"verdict\": \"worse\"") != std::string::npos);
    CHECK(misfits("probe-compare", to_json(*comparison)) == "");
}

}  // namespace
}  // namespace rehome::probe
