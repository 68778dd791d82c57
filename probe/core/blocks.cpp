// See blocks.h.
#include "probe/core/blocks.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cassert>
#include <cmath>
#include <numeric>

#include "probe/core/bursts.h"

namespace rehome::probe {

namespace {

constexpr size_t block_count = 24;
constexpr double fewest_blocks = 4;
constexpr double fewest_values = 30;  // as far as so many were measured
constexpr double high_quantile = 0.9;
constexpr double no_effect = 2;  // more is chance in few runs whose values are independent

using Counts = std::array<double, block_count>;  // of values above a threshold, block by block

Counts count_above(const std::vector<double>& values, double threshold) {
    Counts above{};
    for (size_t i = 0; i < values.size(); ++i) {
        above[i * block_count / values.size()] += values[i] > threshold ? 1 : 0;
    }
    return above;
}

struct Scatter {
    double variance = 0;
    double correlation = 0;  // of neighbours
};

Scatter scatter_of(const Counts& above) {
    const double mean = std::accumulate(above.begin(), above.end(), 0.0) / block_count;
    double squares = 0;
    double products = 0;
    for (size_t i = 0; i < block_count; ++i) {
        squares += (above[i] - mean) * (above[i] - mean);
        products += i == 0 ? 0 : (above[i] - mean) * (above[i - 1] - mean);
    }
    return {squares / (block_count - 1), squares == 0 ? 0 : products / squares};
}

// How many of the blocks are worth one that is independent; 1 where the correlation may be chance.
double blocks_a_block(double correlation) {
    const double chance = 2 / std::sqrt(static_cast<double>(block_count));
    return correlation <= chance ? 1 : (1 + correlation) / (1 - correlation);
}

// Student's t against the normal's, squared: a variance that is known from few blocks counts more.
double for_few(double blocks, double tail) {
    const double t = quantile(complement(boost::math::students_t(blocks - 1), tail));
    const double z = quantile(complement(boost::math::normal(), tail));
    return (t / z) * (t / z);
}

}  // namespace

Blocks::Blocks(std::vector<double> values) : values_(std::move(values)), sorted_(values_) {
    std::sort(sorted_.begin(), sorted_.end());
    if (values_.empty()) {
        return;
    }
    const auto n = static_cast<double>(values_.size());
    for (const double p : {0.05, 0.5, 0.95}) {
        const Design design = design_at(p);
        effect_ = std::max(effect_, design.effect);
        const bool few = design.effect > 1 && n / design.effect < fewest_values;
        too_correlated_ = too_correlated_ || few || design.blocks < fewest_blocks;
    }
}

Blocks::Design Blocks::design_at(double p) const {
    const Scatter scatter = scatter_of(count_above(values_, quantile(sorted_, p)));
    const double repeated = blocks_a_block(scatter.correlation);
    const double by_chance = static_cast<double>(values_.size()) / block_count * p * (1 - p);
    return {std::max(1.0, scatter.variance / by_chance * repeated), block_count / repeated};
}

QuantileEstimate Blocks::estimate(double p, const Tails& tails) const {
    assert(!values_.empty());
    const Design design = design_at(p);
    if (too_correlated_ || design.blocks < fewest_blocks) {
        return estimate_by_range(p, tails);
    }
    const auto effect = [&design](double tail) {
        return design.effect * for_few(design.blocks, tail);
    };
    QuantileEstimate estimate{quantile(sorted_, p), std::nullopt, std::nullopt};
    estimate.low = quantile_low(sorted_, p, tails.low, effect(tails.low));
    estimate.high = quantile_high(sorted_, p, tails.high, effect(tails.high));
    if (!estimate.high) {
        estimate.high = rarely_above(p, tails.high);
    }
    if (estimate.low && p >= high_quantile && effect_ > no_effect) {
        estimate.low = often_above(p, tails.low, *estimate.low);
    }
    return estimate;
}

// No end where even independent values would be too few for it.
QuantileEstimate Blocks::estimate_by_range(double p, const Tails& tails) const {
    QuantileEstimate estimate{quantile(sorted_, p), std::nullopt, std::nullopt};
    if (values_.size() < block_count) {
        return estimate;
    }
    std::vector<double> quantiles;
    for (size_t i = 0; i < block_count; ++i) {
        const auto begin = static_cast<ptrdiff_t>(i * values_.size() / block_count);
        const auto end = static_cast<ptrdiff_t>((i + 1) * values_.size() / block_count);
        std::vector<double> block(values_.begin() + begin, values_.begin() + end);
        std::sort(block.begin(), block.end());
        quantiles.push_back(quantile(block, p));
    }
    const auto [least, most] = std::minmax_element(quantiles.begin(), quantiles.end());
    const double range = *most - *least;
    if (quantile_low(sorted_, p, tails.low, 1)) {
        estimate.low = *least - range;
    }
    if (quantile_high(sorted_, p, tails.high, 1)) {
        estimate.high = *most + range;
    }
    return estimate;
}

// In periods of at most some blocks.
Interval Blocks::share_above(double value, double tail) const {
    std::vector<bool> above;
    above.reserve(values_.size());
    for (const double one : values_) {
        above.push_back(one > value);
    }
    const double block = static_cast<double>(values_.size()) / block_count;
    return share_interval(periods_of(above, 1, block), tail);
}

// Monotone in the value, so that it is found by halves.
std::optional<double> Blocks::rarely_above(double p, double tail) const {
    const auto rare = [&](double value) { return share_above(value, tail).high <= 1 - p; };
    if (!rare(sorted_.back())) {
        return std::nullopt;
    }
    const auto found = std::partition_point(sorted_.begin(), sorted_.end(),
                                            [&rare](double value) { return !rare(value); });
    return found == sorted_.end() ? sorted_.back() : *found;
}

// Within a queue values come in any order, and look like many things that happen: so it is looked
// for from below, where what stands above is the queue as a whole.
double Blocks::often_above(double p, double tail, double at_most) const {
    constexpr int steps = 16;
    constexpr double from = 0.9;  // with more above, nearly all of them are a single period
    double low = sorted_.front();
    for (int i = 0; i <= steps; ++i) {
        const double above = from * std::pow((1 - p) / from, static_cast<double>(i) / steps);
        const double value = std::min(quantile(sorted_, 1 - above), at_most);
        if (share_above(value, tail).low < 1 - p) {
            break;
        }
        low = value;
    }
    return low;
}

}  // namespace rehome::probe
