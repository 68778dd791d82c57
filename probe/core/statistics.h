// The statistics that the results are made of.  Pure; values are in whatever unit goes in.
//
// Interval estimates are distribution-free: a loss ratio's is the exact binomial one (Clopper and
// Pearson), a quantile's is a pair of order statistics.  Both take samples for independent; losses
// that come in bursts are not, so that the true interval is wider (summary.h gives the longest
// run).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace rehome::probe {

struct Interval {
    double low = 0;
    double high = 0;
};

constexpr double confidence = 0.95;

// Of the probability of an event seen hits times in trials (> 0) tries.
Interval binomial_interval(uint64_t hits, uint64_t trials);

// The smallest value that a share p of the values does not exceed (RFC 2330 section 11.3's
// empirical distribution): the ceil(p n)-th of n.  sorted: ascending, not empty.
double quantile(std::span<const double> sorted, double p);
size_t quantile_index(size_t count, double p);  // which of them, from 0

// Between which of the values that quantile of the whole population lies; nothing when there are
// too few of them on either side.
std::optional<Interval> quantile_interval(std::span<const double> sorted, double p);

// One end of it, missed with probability `tail`, among values of which `design` tell as much as one
// that is independent.  sorted: not empty.
std::optional<double> quantile_low(std::span<const double> sorted, double p, double tail,
                                   double design);
std::optional<double> quantile_high(std::span<const double> sorted, double p, double tail,
                                    double design);

// How many arrive after one that was sent later (RFC 4737 section 3.3).  sent_index_by_arrival: the
// sending index of each arrival, in the order of arrival.
uint32_t reordered(std::span<const uint32_t> sent_index_by_arrival);

}  // namespace rehome::probe
