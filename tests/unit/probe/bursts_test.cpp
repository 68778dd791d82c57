// Periods of loss, and quantiles of delays that hang together, with answers known by other means.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "probe/core/blocks.h"
#include "probe/core/bursts.h"
#include "probe/core/outcomes.h"

namespace rehome::probe {
namespace {

// "..x.xx" with x for a hit, each so many times.
std::vector<bool> hits(const std::string& text, int times = 1) {
    std::vector<bool> all;
    for (int i = 0; i < times; ++i) {
        for (const char c : text) {
            all.push_back(c == 'x');
        }
    }
    return all;
}

TEST_CASE("periods, by hand") {
    const struct {
        const char* what;
        std::vector<bool> hits;
        double burst_s;  // at one trial a second
        uint64_t count;
        double design;  // sum of squares by sum of lengths
    } cases[] = {
        {"none", hits("......"), 3, 0, 1},
        {"single ones", hits("x....x....x....x"), 1, 4, 1},
        {"a run", hits("..xxx................................."), 3, 1, 3},
        {"two lengths", hits("..xxx..............................x.."), 3, 2, 10.0 / 4},
        // 2 of 60: a tenth of the mean distance is 3
        {"a gap within a period", hits("..x..x" + std::string(54, '.')), 3, 1, 2},
        {"the burst bounds the gap", hits("..x..x" + std::string(54, '.')), 2, 2, 1},
        {"an outage of 25 bursts is three periods", hits(std::string(25, 'x')), 1, 3, 225.0 / 25},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        const Periods periods = periods_of(c.hits, 1, c.burst_s);
        CHECK(periods.count == c.count);
        CHECK(periods.design == doctest::Approx(c.design));
    }
}

TEST_CASE("independent hits have the exact binomial interval, bursts that of fewer") {
    const auto single = share_interval(periods_of(hits("x...................", 5), 1, 1), 0.025);
    CHECK(single.low == doctest::Approx(binomial_interval(5, 100).low));
    CHECK(single.high == doctest::Approx(binomial_interval(5, 100).high));
    const auto bursts =
        share_interval(periods_of(hits("xxxx" + std::string(76, '.'), 5), 1, 4), 0.025);
    CHECK(bursts.low == doctest::Approx(binomial_interval(5, 100).low));
    CHECK(bursts.high == doctest::Approx(binomial_interval(5, 100).high));
}

TEST_CASE("what a clean run shows: -ln(tail) x burst / run, and the seconds for it") {
    const Periods clean = periods_of(std::vector<bool>(9000), 1.0 / 150, 0.4);
    CHECK(share_unseen(clean, 0.025) == doctest::Approx(3.6889 * 0.4 / 60).epsilon(1e-4));
    CHECK(seconds_for(0.03, 0.4, 0.025) == doctest::Approx(3.6889 * 0.4 / 0.03).epsilon(1e-4));
}

std::vector<double> noise(int n) {
    std::mt19937_64 random(7);
    std::vector<double> values;
    for (int i = 0; i < n; ++i) {
        values.push_back(static_cast<double>(random() >> 11) * 0x1p-53);
    }
    return values;
}

TEST_CASE("independent delays have about the interval of order statistics") {
    const auto values = noise(9000);
    const Blocks blocks(values);
    auto sorted = values;
    std::sort(sorted.begin(), sorted.end());
    CHECK(!blocks.too_correlated());
    for (const double p : {0.5, 0.95, 0.99}) {
        const auto estimate = blocks.estimate(p, {});
        const auto exact = quantile_interval(sorted, p);
        CHECK(estimate.value == quantile(sorted, p));
        CHECK(*estimate.low <= exact->low);
        CHECK(*estimate.high >= exact->high);
        CHECK(*estimate.high - *estimate.low < 2 * (exact->high - exact->low));
    }
}

TEST_CASE("a queue of 20 s in 60 tells nothing of the delay, ten of half a second do") {
    auto values = noise(9000);
    for (int i = 3000; i < 6000; ++i) {
        values[static_cast<size_t>(i)] += 30;
    }
    CHECK(Blocks(values).too_correlated());
    CHECK(*Blocks(values).estimate(0.5, {}).low < -29);
    CHECK(*Blocks(values).estimate(0.5, {}).high > 59);
    // the same, of microseconds
    for (double& value : values) {
        value /= 1000;
    }
    CHECK(*Blocks(values).estimate(0.5, {}).low > -0.1);
    CHECK(*Blocks(values).estimate(0.5, {}).high < 0.1);
    values = noise(9000);
    for (int i = 0; i < 9000; ++i) {
        values[static_cast<size_t>(i)] += i % 300 < 75 ? 30 : 0;
    }
    CHECK(!Blocks(values).too_correlated());
    CHECK(Blocks(values).estimate(0.5, {}).high.value() < 1);
}

TEST_CASE("one queue of three seconds in a minute shows no high delay, twenty short ones do") {
    auto once = noise(9000);
    auto often = noise(9000);
    for (size_t i = 0; i < 500; ++i) {
        once[4000 + i] += 30;
        often[i / 25 * 450 + i % 25] += 30;
    }
    CHECK(!Blocks(once).too_correlated());
    CHECK(*Blocks(once).estimate(0.99, {}).low < 1);
    CHECK(*Blocks(often).estimate(0.99, {}).low > 30);
}

TEST_CASE("too few values have no ends") {
    CHECK(!Blocks(noise(5)).estimate(0.5, {}).low);
    CHECK(!Blocks(noise(100)).estimate(0.99, {}).high);
    CHECK(Blocks({}).empty());
}

TEST_CASE("where few lie above, the high end is what so few exceed: 0 of 400 are under 1 %") {
    auto values = noise(400);
    CHECK(Blocks(values).estimate(0.99, {}).high.has_value());
    // one stall of ten in a row might come again
    for (size_t i = 200; i < 210; ++i) {
        values[i] += 30;
    }
    CHECK(Blocks(values).estimate(0.99, {}).high.value() > 30);
}

TEST_CASE("samples as text, there and back") {
    std::vector<Outcome> list;
    REQUIRE(parse_row("3120 3120r 3120d 3120rd - = ? ?r", list));
    CHECK(to_rows({1, list}) == std::vector<std::string>{"3120 3120r 3120d 3120rd - = ? ?r"});
    CHECK(list[1].refused);
    CHECK(list[4].end == Outcome::End::lost);
    CHECK(list[5].end == Outcome::End::ours);
    CHECK(list[6].rtt_us == -1);
    for (const char* wrong : {"", " ", "1  2", "1 ", "-1", "x", "1dr", "-r", "1000000001", "1r2",
                              "99999999999999999999"}) {
        CAPTURE(std::string(wrong));
        CHECK(!parse_row(wrong, list));
    }
    CHECK(to_rows({1, std::vector<Outcome>(250)}).size() == 3);
}

}  // namespace
}  // namespace rehome::probe
