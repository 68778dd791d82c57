// How far a quantile of the delay is known where delays are correlated: a queue that stands for
// seconds slows thousands of probes, which tell no more than one.  Pure.
//
// The run is cut into 24 blocks.  How much the share of values above the quantile differs from
// block to block, against what it would among independent values, is how many values tell as much
// as one (the design effect, at least 1); by Student's t, as the blocks are few.  Blocks that are
// correlated themselves count for fewer.  The interval is that of order statistics among as many
// independent values.  Where there are too few above for a high end, it is the lowest value above
// which so few lie, counted in periods (bursts.h), that their share is shown to be less than 1 - p.
// A high quantile's low end lies no higher than where as many are shown to lie above, counted so: a
// single queue of seconds holds thousands of values, and is one of the things that happen.
//
// The same is looked at in the middle and at both ends of the values (5, 50 and 95 %): where a run
// is worth fewer than 30 independent values, or fewer than four blocks, it has seen too little of
// what its delays depend on.  Then a quantile is only known to lie among those of the blocks,
// widened by as much as they differ: a drift of microseconds does no harm, a queue tells nothing.
// What stands still over the whole run cannot be seen in it.
#pragma once

#include <optional>
#include <vector>

#include "probe/core/statistics.h"

namespace rehome::probe {

struct Tails {
    double low = 0.025;
    double high = 0.025;
};

struct QuantileEstimate {
    double value = 0;
    std::optional<double> low;   // missed with probability tails.low
    std::optional<double> high;  // and tails.high
};

class Blocks {
public:
    // values: in the order of sending.
    explicit Blocks(std::vector<double> values);

    bool empty() const { return values_.empty(); }
    bool too_correlated() const { return too_correlated_; }
    QuantileEstimate estimate(double p, const Tails& tails) const;  // of what is not empty

private:
    struct Design {
        double effect = 1;
        double blocks = 1;  // that are independent
    };
    Design design_at(double p) const;
    QuantileEstimate estimate_by_range(double p, const Tails& tails) const;
    std::optional<double> rarely_above(double p, double tail) const;
    double often_above(double p, double tail, double at_most) const;
    Interval share_above(double value, double tail) const;

    std::vector<double> values_;
    std::vector<double> sorted_;
    double effect_ = 1;  // the greatest of those that were looked at
    bool too_correlated_ = false;
};

}  // namespace rehome::probe
