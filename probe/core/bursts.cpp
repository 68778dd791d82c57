// See bursts.h.
#include "probe/core/bursts.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <cassert>
#include <cmath>
#include <limits>

namespace rehome::probe {

namespace {

using Beta = boost::math::beta_distribution<double>;

constexpr double bursts_an_outage = 10;

// The lengths of periods, in hits, as they are fed hit by hit.
class Lengths {
public:
    Lengths(double gap, double longest) : gap_(gap), longest_(std::max(1.0, longest)) {}

    void hit(size_t at) {
        const bool same = length_ > 0 && static_cast<double>(at - last_) <= gap_ &&
                          static_cast<double>(length_) < longest_;
        if (!same) {
            close();
        }
        ++length_;
        last_ = at;
    }

    void close() {
        count_ += length_ > 0 ? 1 : 0;
        squares_ += static_cast<double>(length_) * static_cast<double>(length_);
        length_ = 0;
    }

    uint64_t count() const { return count_; }
    double squares() const { return squares_; }

private:
    double gap_;
    double longest_;
    size_t last_ = 0;
    uint64_t length_ = 0;
    uint64_t count_ = 0;
    double squares_ = 0;
};

}  // namespace

Periods periods_of(const std::vector<bool>& hits, double spacing_s, double burst_s) {
    Periods periods;
    periods.trials = hits.size();
    periods.hits = static_cast<uint64_t>(std::count(hits.begin(), hits.end(), true));
    const double burst = burst_s / spacing_s;  // in trials
    periods.burst_share = burst / static_cast<double>(std::max<size_t>(1, hits.size()));
    if (periods.hits == 0) {
        return periods;
    }
    const double distance = static_cast<double>(hits.size()) / static_cast<double>(periods.hits);
    Lengths lengths(std::max(1.0, std::min(distance / 10, burst)), bursts_an_outage * burst);
    for (size_t i = 0; i < hits.size(); ++i) {
        if (hits[i]) {
            lengths.hit(i);
        }
    }
    lengths.close();
    periods.count = lengths.count();
    periods.design = lengths.squares() / static_cast<double>(periods.hits);
    return periods;
}

Interval share_interval(const Periods& periods, double tail) {
    assert(periods.trials > 0 && periods.hits <= periods.trials);
    const double n = static_cast<double>(periods.trials) / periods.design;
    const double k = static_cast<double>(periods.hits) / periods.design;
    const double rest = n - k;
    Interval interval;
    interval.low = periods.hits == 0 ? 0 : quantile(Beta(k, rest + 1), tail);
    interval.high = rest <= 0 ? 1 : quantile(complement(Beta(k + 1, rest), tail));
    return interval;
}

double share_unseen(const Periods& periods, double tail) {
    return std::min(1.0, -std::log(tail) * periods.burst_share);
}

double seconds_for(double share, double burst_s, double tail) {
    return -std::log(tail) * burst_s / share;
}

Interval increase(const Estimate& a, const Estimate& b) {
    const double middle = b.value - a.value;
    return {.low = middle - std::hypot(b.value - b.interval.low, a.interval.high - a.value),
            .high = middle + std::hypot(b.interval.high - b.value, a.value - a.interval.low)};
}

}  // namespace rehome::probe
