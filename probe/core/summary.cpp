// See summary.h.
#include "probe/core/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "probe/core/fate.h"
#include "probe/core/loss_periods.h"

namespace rehome::probe {

namespace {

double ms(Nanos time) {
    return static_cast<double>(time) / 1e6;
}

bool in_time(const Sample& sample, Nanos wait) {
    return sample.order != 0 && !sample.repeated && sample.round_trip() <= wait;
}

// A clock that was set during the run can make an answer come before its question.
bool has_delay(const Sample& sample, Nanos wait) {
    return in_time(sample, wait) && sample.round_trip() >= 0;
}

// How many of the fates are this one.
uint32_t tally(const std::vector<Fate>& fates, Fate which) {
    return static_cast<uint32_t>(std::count(fates.begin(), fates.end(), which));
}

uint32_t at_most(uint64_t number, uint32_t limit) {
    return static_cast<uint32_t>(std::min<uint64_t>(number, limit));
}

// The socket's drops explain answers that were captured and not delivered; what is left of these a
// filter took.  Where the capture lost packets too, as many of the missing may have come in.
void count_own(const std::vector<Fate>& fates, const OwnSide& side, uint32_t damaged, OwnLoss& own,
               uint32_t& missing) {
    const uint32_t undelivered = tally(fates, Fate::undelivered);
    own.not_sent = tally(fates, Fate::not_sent);
    own.filtered_out = tally(fates, Fate::filtered);
    own.receive_dropped = at_most(side.receive_drops, undelivered);
    own.filtered_in = undelivered - own.receive_dropped;
    const uint64_t known = uint64_t{own.receive_dropped} + damaged;
    const uint64_t unknown = side.receive_drops - std::min(known, side.receive_drops);
    const uint32_t unseen = at_most(std::min(unknown, side.capture_drops), missing);
    own.receive_dropped += unseen;
    missing -= unseen;
}

void count_periods(const Series& series, const std::vector<Fate>& fates, Counts& counts) {
    LossPeriods periods;
    for (uint32_t i = 0; i < fates.size(); ++i) {
        const Nanos left = series.samples()[i].departed();
        if (is_lost(fates[i])) {
            periods.lost(i, left);
        } else if (fates[i] == Fate::received) {
            periods.answered(left);
        }
    }
    counts.loss_runs = static_cast<uint32_t>(periods.list().size());
    counts.longest_loss_run = periods.longest();
}

void count(const Series& series, const std::vector<Fate>& fates, const OwnSide& side,
           Counts& counts, OwnLoss& own) {
    for (size_t i = 0; i < fates.size(); ++i) {
        counts.sent += is_sent(fates[i]) ? 1 : 0;
        counts.half_open += fates[i] == Fate::received && series.samples()[i].half_open ? 1 : 0;
        counts.refused += fates[i] == Fate::received && series.samples()[i].refused ? 1 : 0;
    }
    counts.received = tally(fates, Fate::received);
    counts.late = tally(fates, Fate::late);
    counts.first_lost = tally(fates, Fate::first_lost);
    counts.elsewhere = tally(fates, Fate::elsewhere);
    counts.too_big = tally(fates, Fate::too_big);
    counts.unreflected = tally(fates, Fate::unreflected);
    counts.unauthentic = series.tally().unauthentic;
    counts.no_way_out = tally(fates, Fate::no_way_out);
    counts.damaged = series.tally().damaged;
    uint32_t missing = tally(fates, Fate::on_path);
    count_own(fates, side, counts.damaged, own, missing);
    counts.lost = counts.late + counts.first_lost + missing;
    counts.on_path = missing - std::min(missing, counts.damaged);
    count_periods(series, fates, counts);
    counts.duplicates = series.tally().duplicates;
    own.skipped = series.tally().skipped;
    own.longest_pause_ms = ms(series.tally().longest_pause);
    own.send_error = series.tally().send_error;
}

using ByInterface = std::map<std::string, uint32_t>;

void count_interface(uint32_t index, const OwnSide& side, ByInterface& counts) {
    if (index != 0) {
        const auto name = side.interfaces.find(index);
        ++counts[name == side.interfaces.end() ? "#" + std::to_string(index) : name->second];
    }
}

uint32_t count_reordered(const Series& series) {
    std::vector<uint32_t> by_arrival(series.answered_count());
    for (uint32_t index = 0; index < series.samples().size(); ++index) {
        const uint32_t order = series.samples()[index].order;
        if (order != 0) {
            by_arrival[order - 1] = index;
        }
    }
    // What the target repeated was overtaken by its own clock, not on the path.
    std::erase_if(by_arrival, [&series](uint32_t i) { return series.samples()[i].repeated; });
    return reordered(by_arrival);
}

std::optional<Delay> delay_of(const std::vector<double>& sorted) {
    if (sorted.empty()) {
        return std::nullopt;
    }
    const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
    return Delay{.min_ms = sorted.front(),
                 .p50_ms = quantile(sorted, 0.5),
                 .p95_ms = quantile(sorted, 0.95),
                 .p99_ms = quantile(sorted, 0.99),
                 .max_ms = sorted.back(),
                 .mean_ms = sum / static_cast<double>(sorted.size()),
                 .p50_interval = quantile_interval(sorted, 0.5),
                 .p95_interval = quantile_interval(sorted, 0.95)};
}

// Only neighbours in the sending order make a pair; a lost probe breaks two.
std::optional<Jitter> jitter_of(const std::vector<Sample>& samples, Nanos wait,
                                const std::vector<double>& sorted_delays) {
    std::vector<double> differences;
    for (size_t i = 1; i < samples.size(); ++i) {
        if (has_delay(samples[i - 1], wait) && has_delay(samples[i], wait)) {
            const Nanos difference = samples[i].round_trip() - samples[i - 1].round_trip();
            differences.push_back(std::abs(ms(difference)));
        }
    }
    if (differences.empty()) {
        return std::nullopt;
    }
    std::sort(differences.begin(), differences.end());
    const double sum = std::accumulate(differences.begin(), differences.end(), 0.0);
    const double lowest = sorted_delays.front();
    return Jitter{.ipdv_mean_ms = sum / static_cast<double>(differences.size()),
                  .ipdv_p95_ms = quantile(differences, 0.95),
                  .ipdv_p99_ms = quantile(differences, 0.99),
                  .pdv_p95_ms = quantile(sorted_delays, 0.95) - lowest,
                  .pdv_p99_ms = quantile(sorted_delays, 0.99) - lowest};
}

Timing timing_of(const Series& series, Nanos wait) {
    Timing timing;
    timing.received_unstamped = series.tally().received_unstamped;
    std::vector<double> behind;
    for (const Sample& sample : series.samples()) {
        behind.push_back(ms(sample.behind));
        timing.sent_unstamped += in_time(sample, wait) && sample.stamped == never ? 1 : 0;
    }
    std::sort(behind.begin(), behind.end());
    if (!behind.empty()) {
        timing.behind_p99_ms = quantile(behind, 0.99);
        timing.behind_max_ms = behind.back();
    }
    return timing;
}

// How far one delay may be off: both stamps' resolution, the clock's rate, and the length of the
// send call where the program had to read the sending time itself.
double error_ms(const OwnSide& own, const Delay& delay, const Timing& timing) {
    const double call = timing.sent_unstamped != 0 ? ms(own.longest_send_call) : 0;
    return 2 * ms(own.clock_resolution) + own.clock_tolerance * delay.max_ms + call;
}

std::optional<double> reflector_p50(const std::vector<Sample>& samples, Nanos wait) {
    std::vector<double> held;
    for (const Sample& sample : samples) {
        if (in_time(sample, wait) && sample.reflector != never) {
            held.push_back(ms(sample.reflector));
        }
    }
    std::sort(held.begin(), held.end());
    return held.empty() ? std::nullopt : std::optional(quantile(held, 0.5));
}

}  // namespace

void summarise(const Series& series, Nanos wait, const OwnSide& own, Figures& figures) {
    const std::vector<Fate> fates = fates_of(series, wait);
    count(series, fates, own, figures.counts, figures.own);
    const bool told = series.mirrors().latest() || series.answered_count() == 0;
    if (figures.path.kind == Kind::udp && told) {
        figures.directions = directions(series.mirrors(), missing(fates));
    }
    figures.too_big = series.tally().too_big;
    figures.no_way_out = series.tally().no_way_out;
    for (const Sample& sample : series.samples()) {
        count_interface(sample.out, own, figures.sent_by);
        count_interface(sample.in, own, figures.answered_by);
    }
    figures.counts.reordered = count_reordered(series);
    figures.icmp_errors = series.tally().icmp_errors;
    figures.icmp_error = series.tally().icmp_error;

    figures.outcomes = outcomes_of(series, wait);

    const Counts& counts = figures.counts;
    if (const uint32_t trials = counts.received + counts.lost; trials != 0) {
        const Interval share = binomial_interval(counts.lost, trials);
        figures.loss_pct = 100.0 * counts.lost / trials;
        figures.loss_interval_pct = Interval{100 * share.low, 100 * share.high};
    }
    std::vector<double> delays;
    for (const Sample& sample : series.samples()) {
        if (has_delay(sample, wait)) {
            delays.push_back(ms(sample.round_trip()));
        }
    }
    std::sort(delays.begin(), delays.end());
    figures.timing = timing_of(series, wait);
    figures.rtt = delay_of(delays);
    figures.jitter = jitter_of(series.samples(), wait, delays);
    figures.reflector_p50_ms = reflector_p50(series.samples(), wait);
    if (figures.rtt) {
        figures.rtt->error_ms = error_ms(own, *figures.rtt, figures.timing);
    }
}

}  // namespace rehome::probe
