// See statistics.h.
#include "probe/core/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cassert>
#include <cmath>

namespace rehome::probe {

namespace {

using Binomial = boost::math::binomial_distribution<double>;

constexpr double tail = (1 - confidence) / 2;

}  // namespace

Interval binomial_interval(uint64_t hits, uint64_t trials) {
    assert(hits <= trials && trials > 0);
    const auto n = static_cast<double>(trials);
    const auto k = static_cast<double>(hits);
    return {.low = hits == 0 ? 0 : Binomial::find_lower_bound_on_p(n, k, tail),
            .high = hits == trials ? 1 : Binomial::find_upper_bound_on_p(n, k, tail)};
}

double quantile(std::span<const double> sorted, double p) {
    assert(!sorted.empty() && p >= 0 && p <= 1);
    // A hair below, so that 0.95 * 20 is not taken for 19.000000000000004.
    const double rank = std::ceil(p * static_cast<double>(sorted.size()) - 1e-9);
    const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
    return sorted[std::min(index, sorted.size() - 1)];
}

// The number of values below the quantile is binomial with probability p.  x(l) is too high with
// probability P(X < l), and x(u) is too low with P(X >= u): the tightest l and u that keep each at
// or under the tail.
std::optional<Interval> quantile_interval(std::span<const double> sorted, double p) {
    const auto n = static_cast<double>(sorted.size());
    if (sorted.empty()) {
        return std::nullopt;
    }
    const Binomial below(n, p);
    const auto at_most = [&below, n](double k) {
        return k < 0 ? 0.0 : k >= n ? 1.0 : cdf(below, k);
    };
    double low = std::floor(n * p);
    double high = low;
    // Start near the answer and walk: a binomial's tail is a few standard deviations away.
    const double stride = std::max(1.0, std::floor(std::sqrt(n * p * (1 - p)) / 64));
    while (low >= 1 && at_most(low - 1) > tail) {
        low -= stride;
    }
    while (high <= n && at_most(high - 1) < 1 - tail) {
        high += stride;
    }
    if (low < 1 || high > n) {
        return std::nullopt;
    }
    return Interval{.low = sorted[static_cast<size_t>(low) - 1],
                    .high = sorted[static_cast<size_t>(high) - 1]};
}

Runs runs_of(const std::vector<bool>& events) {
    Runs runs;
    uint32_t length = 0;
    for (const bool event : events) {
        length = event ? length + 1 : 0;
        runs.count += length == 1 ? 1 : 0;
        runs.longest = std::max(runs.longest, length);
    }
    return runs;
}

uint32_t reordered(std::span<const uint32_t> sent_index_by_arrival) {
    uint32_t count = 0;
    uint32_t next_expected = 0;
    for (const uint32_t index : sent_index_by_arrival) {
        count += index < next_expected ? 1 : 0;
        next_expected = std::max(next_expected, index + 1);
    }
    return count;
}

}  // namespace rehome::probe
