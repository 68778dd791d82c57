// See statistics.h.
#include "probe/core/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <cassert>
#include <cmath>

namespace rehome::probe {

namespace {

using Binomial = boost::math::binomial_distribution<double>;

constexpr double tail_of_both = (1 - confidence) / 2;
constexpr double rounding = 1e-9;

// Where P(X <= rank - 1) reaches a probability, X binomial of n (need not be whole) and p: 0 to n.
double rank_where(double n, double p, double probability) {
    double low = 0;
    double high = n;
    for (int i = 0; i < 60 && high - low > rounding / 4; ++i) {
        const double rank = (low + high) / 2;
        const double below = rank < 1 ? rank * boost::math::ibeta(n, 1, 1 - p)
                                      : boost::math::ibeta(n - rank + 1, rank, 1 - p);
        (below < probability ? low : high) = rank;
    }
    return (low + high) / 2;
}

}  // namespace

Interval binomial_interval(uint64_t hits, uint64_t trials) {
    assert(hits <= trials && trials > 0);
    const auto n = static_cast<double>(trials);
    const auto k = static_cast<double>(hits);
    return {.low = hits == 0 ? 0 : Binomial::find_lower_bound_on_p(n, k, tail_of_both),
            .high = hits == trials ? 1 : Binomial::find_upper_bound_on_p(n, k, tail_of_both)};
}

size_t quantile_index(size_t count, double p) {
    assert(count != 0 && p >= 0 && p <= 1);
    // A hair below, so that 0.95 * 20 is not taken for 19.000000000000004.
    const double rank = std::ceil(p * static_cast<double>(count) - 1e-9);
    const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
    return std::min(index, count - 1);
}

double quantile(std::span<const double> sorted, double p) {
    return sorted[quantile_index(sorted.size(), p)];
}

// The number of values below the quantile is binomial with probability p.  x(l) is too high with
// probability P(X < l): the highest l that keeps it at or under the tail, and as of x(u) the lowest
// u with P(X >= u) so.  Ranks among values that tell as little as n / design are stretched to n.
std::optional<double> quantile_low(std::span<const double> sorted, double p, double tail,
                                   double design) {
    const double n = static_cast<double>(sorted.size()) / design;
    const double rank = rank_where(n, p, tail);
    const double stretched = std::floor(rank * design + rounding);
    if (rank + rounding < 1 || stretched < 1) {
        return std::nullopt;
    }
    return sorted[static_cast<size_t>(stretched) - 1];
}

std::optional<double> quantile_high(std::span<const double> sorted, double p, double tail,
                                    double design) {
    const double n = static_cast<double>(sorted.size()) / design;
    const double rank = rank_where(n, p, 1 - tail);
    if (rank > n - rounding) {
        // Only what is as high as any may do, if so few above it are chance.
        if (n < 1 || std::pow(p, n) > tail) {
            return std::nullopt;
        }
    }
    const double stretched =
        std::min(std::ceil(rank * design - rounding), static_cast<double>(sorted.size()));
    return sorted[static_cast<size_t>(stretched) - 1];
}

std::optional<Interval> quantile_interval(std::span<const double> sorted, double p) {
    const auto low = sorted.empty() ? std::nullopt : quantile_low(sorted, p, tail_of_both, 1);
    const auto high = sorted.empty() ? std::nullopt : quantile_high(sorted, p, tail_of_both, 1);
    return low && high ? std::optional(Interval{*low, *high}) : std::nullopt;
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
