// Statistics against values computed by other means (exact sums of binomial probabilities).
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "probe/core/schedule.h"
#include "probe/core/statistics.h"

namespace rehome::probe {
namespace {

std::vector<double> up_to(int n) {
    std::vector<double> values(static_cast<size_t>(n));
    std::iota(values.begin(), values.end(), 1.0);
    return values;
}

TEST_CASE("exact binomial intervals") {
    const struct {
        uint64_t hits;
        uint64_t trials;
        double low;
        double high;
    } cases[] = {
        {0, 10, 0, 0.3084971},  {1, 10, 0.0025286, 0.4450161},   {5, 10, 0.1870860, 0.8129140},
        {10, 10, 0.6915029, 1}, {10, 100, 0.0490047, 0.1762226}, {0, 300, 0, 0.0122210},
        {0, 1, 0, 0.975},
    };
    for (const auto& c : cases) {
        CAPTURE(c.hits);
        CAPTURE(c.trials);
        const Interval interval = binomial_interval(c.hits, c.trials);
        CHECK(interval.low == doctest::Approx(c.low).epsilon(1e-5));
        CHECK(interval.high == doctest::Approx(c.high).epsilon(1e-5));
    }
}

TEST_CASE("quantiles are values that occurred") {
    CHECK(quantile(up_to(1), 0.5) == 1);
    CHECK(quantile(up_to(4), 0.5) == 2);
    CHECK(quantile(up_to(5), 0.5) == 3);
    CHECK(quantile(up_to(20), 0.95) == 19);
    CHECK(quantile(up_to(100), 0.99) == 99);
    CHECK(quantile(up_to(101), 0.99) == 100);
    CHECK(quantile(up_to(7), 0) == 1);
    CHECK(quantile(up_to(7), 1) == 7);
}

TEST_CASE("a quantile's interval, by ranks") {
    const struct {
        int n;
        double p;
        double low;  // 0: none
        double high;
    } cases[] = {
        {0, 0.5, 0, 0},     {5, 0.5, 0, 0},   {6, 0.5, 1, 6},       {10, 0.5, 2, 9},
        {100, 0.5, 40, 61}, {71, 0.95, 0, 0}, {100, 0.95, 90, 100},
    };
    for (const auto& c : cases) {
        CAPTURE(c.n);
        const auto interval = quantile_interval(up_to(c.n), c.p);
        REQUIRE(interval.has_value() == (c.low > 0));
        if (interval) {
            CHECK(interval->low == c.low);
            CHECK(interval->high == c.high);
        }
    }
}

TEST_CASE("a quantile's interval of many values is near the normal approximation and not within") {
    const int n = 1'000'000;
    const auto values = up_to(n);
    const auto interval = quantile_interval(values, 0.5);
    REQUIRE(interval.has_value());
    const double half = 1.959964 * std::sqrt(n * 0.25);
    CHECK(interval->low <= n / 2.0 - half + 1);
    CHECK(interval->low == doctest::Approx(n / 2.0 - half).epsilon(1e-4));
    CHECK(interval->high >= n / 2.0 + half - 1);
    CHECK(interval->high == doctest::Approx(n / 2.0 + half).epsilon(1e-4));
}

TEST_CASE("reordering by RFC 4737: what arrives after one that was sent later") {
    const auto count = [](std::vector<uint32_t> arrivals) { return reordered(arrivals); };
    CHECK(count({}) == 0);
    CHECK(count({0, 1, 2, 5}) == 0);
    CHECK(count({0, 2, 1, 3}) == 1);
    CHECK(count({3, 0, 1, 2}) == 3);
    CHECK(count({3, 2, 1, 0}) == 3);
}

TEST_CASE("the periodic schedule adds up no rounding") {
    Schedule schedule(Sampling::periodic, 3, 0, 1000);
    for (int i = 0; i < 3'000'000; ++i) {
        schedule.advance();
    }
    CHECK(schedule.due() == 1000 + 1'000'000 * Nanos{1'000'000'000});
}

TEST_CASE("the Poisson schedule has exponential gaps, and the seed gives them again") {
    Schedule schedule(Sampling::poisson, 100, 42, 0);
    Schedule again(Sampling::poisson, 100, 42, 0);
    const int n = 100'000;
    int over_mean = 0;
    Nanos before = 0;
    for (int i = 0; i < n; ++i) {
        schedule.advance();
        again.advance();
        over_mean += schedule.due() - before > 10'000'000 ? 1 : 0;
        before = schedule.due();
    }
    CHECK(schedule.due() == again.due());
    CHECK(static_cast<double>(before) / n == doctest::Approx(1e7).epsilon(0.02));
    CHECK(static_cast<double>(over_mean) / n == doctest::Approx(std::exp(-1)).epsilon(0.02));
}

}  // namespace
}  // namespace rehome::probe
