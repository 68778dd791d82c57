// See timeline.h.
#include "probe/report/timeline.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace rehome::probe {

namespace {

constexpr Nanos second = 1'000'000'000;

Nanos left_at(const ProbeRow& probe) {
    return probe.sample.departed();
}

Nanos floor_to(Nanos time, Nanos width) {
    return time / width * width;
}

// A clock that was set back lets probes stand out of order.
std::pair<Nanos, Nanos> span_of(const std::vector<ProbeRow>& probes) {
    const auto [first, last] = std::minmax_element(
        probes.begin(), probes.end(),
        [](const ProbeRow& a, const ProbeRow& b) { return left_at(a) < left_at(b); });
    return {left_at(*first), left_at(*last)};
}

Nanos width_for(Nanos span, size_t most_buckets) {
    constexpr std::array<Nanos, 17> seconds{1,   2,   5,    10,   15,   20,   30,    60,   120,
                                            300, 600, 1200, 1800, 3600, 7200, 21600, 86400};
    for (const Nanos width : seconds) {
        if (span / (width * second) + 2 <= static_cast<Nanos>(most_buckets)) {
            return width * second;
        }
    }
    return (span / static_cast<Nanos>(most_buckets - 1) / second + 1) * second;
}

// Sorts no more than it has to.
Spread spread_of(std::vector<double>& delays) {
    const auto place = [&delays](double p) {
        return delays.begin() + static_cast<ptrdiff_t>(quantile_index(delays.size(), p));
    };
    const auto [least, most] = std::minmax_element(delays.begin(), delays.end());
    Spread spread{.min_ms = *least, .max_ms = *most};
    std::nth_element(delays.begin(), place(0.5), delays.end());
    spread.p50_ms = *place(0.5);
    std::nth_element(place(0.5), place(0.95), delays.end());
    spread.p95_ms = *place(0.95);
    return spread;
}

// Feeds one bucket after the other with its probes.
class Filling {
public:
    void add(const ProbeRow& probe) {
        if (!is_counted(probe)) {
            bucket_.ours += is_lost(probe.fate) ? 0 : 1;
            return;
        }
        if (const Nanos at = left_at(probe) / second; at != second_) {
            close_second();
            second_ = at;
        }
        ++of_second_;
        ++bucket_.probes;
        if (probe.fate != Fate::received) {
            ++lost_of_second_;
            ++bucket_.lost;
        } else if (probe.sample.round_trip() >= 0) {
            delays_.push_back(static_cast<double>(probe.sample.round_trip()) / 1e6);
        }
    }

    Bucket take(Nanos begin) {
        close_second();
        if (!delays_.empty()) {
            bucket_.rtt = spread_of(delays_);
        }
        bucket_.begin = begin;
        delays_.clear();
        second_ = -1;
        return std::exchange(bucket_, Bucket{});
    }

private:
    void close_second() {
        if (of_second_ != 0) {
            const double pct = 100.0 * lost_of_second_ / of_second_;
            bucket_.worst_second_pct = std::max(bucket_.worst_second_pct, pct);
        }
        of_second_ = 0;
        lost_of_second_ = 0;
    }

    Bucket bucket_;
    std::vector<double> delays_;
    Nanos second_ = -1;
    uint32_t of_second_ = 0;
    uint32_t lost_of_second_ = 0;
};

}  // namespace

Timeline timeline_of(const std::vector<ProbeRow>& probes, size_t most_buckets) {
    assert(most_buckets >= 2);
    if (probes.empty()) {
        return {};
    }
    const auto [first, last] = span_of(probes);
    Timeline timeline{.width = width_for(last - first, most_buckets), .buckets = {}};
    Nanos begin = floor_to(first, timeline.width);
    Filling filling;
    for (const ProbeRow& probe : probes) {
        for (; left_at(probe) >= begin + timeline.width; begin += timeline.width) {
            timeline.buckets.push_back(filling.take(begin));
        }
        filling.add(probe);
    }
    timeline.buckets.push_back(filling.take(begin));
    return timeline;
}

}  // namespace rehome::probe
