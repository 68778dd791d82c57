// How often `probe compare` errs: simulated pairs whose truth is known, through the product's own
// compare().  Prints JSON, one row a kind of line.
//
//   compare PAIRS
//
// A pair is two paths of 60 s at 150 probes a second before and now, with 3 points of loss and 5 ms
// of delay allowed.  Losses are independent, or come in bursts of geometric length (a Gilbert
// channel that loses all in its bad state); delays are 20 ms and an exponential tail of 0.5 ms, and
// queues add 15 ms for an exponential time of 20 s, once a minute.  Each row has a seed of its own.
#include <fmt/format.h>

#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "probe/core/bursts.h"
#include "probe/core/compare.h"

namespace rehome::probe {
namespace {

constexpr uint32_t probes = 9000;
constexpr double rate_pps = 150;
constexpr int paths = 2;

struct Line {
    double loss = 0;
    double burst = 1;    // probes, on average
    double queue_s = 0;  // how long one stands, on average; 0: none
    double slower_ms = 0;
};

struct Row {
    const char* name;
    Line base;
    Line now;
};

using Random = std::mt19937_64;

double uniform(Random& random) {
    return static_cast<double>(random() >> 11) * 0x1p-53;
}

// A state that holds for `on` steps on average and is on for this share of the time.
class Switch {
public:
    Switch(double share, double on, Random& random)
        : off_(1 / on),
          on_(share >= 1 ? 1 : share / (1 - share) / on),
          random_(&random),
          state_(uniform(random) < share) {}

    bool next() {
        const bool state = state_;
        state_ = state_ ? uniform(*random_) >= off_ : uniform(*random_) < on_;
        return state;
    }

private:
    double off_;
    double on_;
    Random* random_;
    bool state_;
};

Outcomes simulate(const Line& line, Random& random) {
    // Independent losses are not bursts of mean length one, which never touch.
    const bool independent = line.burst <= 1;
    Switch bursts(line.loss, std::max(1.0, line.burst), random);
    constexpr double queued_share = 0.25;  // of the time: 20 s in 80
    Switch queue(line.queue_s > 0 ? queued_share : 0, std::max(1.0, line.queue_s * rate_pps),
                 random);
    Outcomes outcomes;
    outcomes.list.reserve(probes);
    for (uint32_t i = 0; i < probes; ++i) {
        const bool lost = independent ? uniform(random) < line.loss : bursts.next();
        const double queued_ms = queue.next() ? 15 : 0;
        const double rtt = 20 + line.slower_ms + queued_ms - 0.5 * std::log1p(-uniform(random));
        outcomes.list.push_back(
            lost ? Outcome{}
                 : Outcome{.end = Outcome::End::answered, .rtt_us = std::llround(rtt * 1000)});
    }
    return outcomes;
}

Measurement measure(const Line& line, UnixMicros at, Random& random) {
    Measurement measurement;
    measurement.at = at;
    measurement.ended = at + 60'000'000;
    measurement.plan.carrier = "simulated";
    measurement.plan.rate_pps = rate_pps;
    for (int i = 0; i < paths; ++i) {
        Figures figures;
        figures.path.target.port = static_cast<uint16_t>(1 + i);
        figures.path.kind = Kind::tcp;
        figures.counts.sent = probes;
        figures.outcomes = simulate(line, random);
        measurement.kinds.push_back(std::move(figures));
    }
    return measurement;
}

struct Tally {
    uint64_t no_worse = 0;
    uint64_t worse = 0;
    uint64_t unknown = 0;
    uint64_t covered = 0;    // of the loss now, by its 95 % interval
    uint64_t increases = 0;  // of its increase
};

bool holds(const Interval& interval, double truth) {
    return interval.low <= truth && truth <= interval.high;
}

void add_coverage(const Pair& pair, const Row& row, const Comparison& comparison, Tally& tally) {
    std::vector<bool> lost;
    for (const Outcome& outcome : pair.now[0].kinds[0].outcomes.list) {
        lost.push_back(outcome.end == Outcome::End::lost);
    }
    const Periods periods = periods_of(lost, 1 / rate_pps, comparison.terms.burst_s);
    tally.covered += holds(share_interval(periods, 0.025), row.now.loss) ? 1 : 0;
    const auto& increase = comparison.findings[0].increase;
    tally.increases += increase && holds(*increase, 100 * (row.now.loss - row.base.loss)) ? 1 : 0;
}

Tally run(const Row& row, uint64_t pairs, uint64_t seed) {
    Random random(seed);
    Tally tally;
    for (uint64_t i = 0; i < pairs; ++i) {
        Pair pair{measure(row.base, 0, random), {}};
        pair.now.push_back(measure(row.now, 3'600'000'000, random));
        const auto comparison = compare(pair, {}, Terms{});
        if (!comparison) {
            std::cerr << comparison.error().text() << "\n";
            std::exit(1);
        }
        tally.no_worse += comparison->verdict == Verdict::no_worse ? 1 : 0;
        tally.worse += comparison->verdict == Verdict::worse ? 1 : 0;
        tally.unknown += comparison->verdict == Verdict::cannot_tell ? 1 : 0;
        add_coverage(pair, row, *comparison, tally);
    }
    return tally;
}

double ratio(uint64_t hits, uint64_t pairs) {
    return static_cast<double>(hits) / static_cast<double>(pairs);
}

// The share in per cent, and the 95 % upper limit of it.
nlohmann::ordered_json share(uint64_t hits, uint64_t pairs) {
    using Binomial = boost::math::binomial_distribution<double>;
    const auto n = static_cast<double>(pairs);
    const auto k = static_cast<double>(hits);
    const double high = hits == pairs ? 1 : Binomial::find_upper_bound_on_p(n, k, 0.05);
    const auto rounded = [](double value) { return std::round(value * 1e4) / 1e2; };
    return {{"pct", rounded(k / n)}, {"upper_pct", rounded(high)}};
}

const Row rows[] = {
    {"clean", {}, {}},
    {"independent 1 %", {.loss = 0.01}, {.loss = 0.01}},
    {"bursts of 10, 1 %", {.loss = 0.01, .burst = 10}, {.loss = 0.01, .burst = 10}},
    {"bursts of 10, 3 %", {.loss = 0.03, .burst = 10}, {.loss = 0.03, .burst = 10}},
    {"bursts of 10, 0 to 3 %", {}, {.loss = 0.03, .burst = 10}},
    {"bursts of 10, 1 to 4 %", {.loss = 0.01, .burst = 10}, {.loss = 0.04, .burst = 10}},
    {"independent, 0 to 3 %", {}, {.loss = 0.03}},
    {"independent, 0 to 5 %", {}, {.loss = 0.05}},
    {"independent, 1 to 6 %", {.loss = 0.01}, {.loss = 0.06}},
    {"bursts of 10, 5 %", {.loss = 0.05, .burst = 10}, {.loss = 0.05, .burst = 10}},
    {"bursts of 25, 5 %", {.loss = 0.05, .burst = 25}, {.loss = 0.05, .burst = 25}},
    {"queues of 20 s", {.queue_s = 20}, {.queue_s = 20}},
    {"4 ms slower", {}, {.slower_ms = 4}},
    {"5 ms slower", {}, {.slower_ms = 5}},
    {"6 ms slower", {}, {.slower_ms = 6}},
};

void print_all(uint64_t pairs) {
    nlohmann::ordered_json all = {{"pairs", pairs},
                                  {"seconds", probes / rate_pps},
                                  {"rate_pps", rate_pps},
                                  {"paths", paths},
                                  {"loss_points", Terms{}.loss_pct},
                                  {"delay_ms", Terms{}.delay_ms},
                                  {"burst_s", Terms{}.burst_s},
                                  {"rows", nlohmann::json::array()}};
    uint64_t seed = 1;
    for (const Row& row : rows) {
        const Tally tally = run(row, pairs, seed++);
        all["rows"].push_back({{"row", row.name},
                               {"no_worse", share(tally.no_worse, pairs)},
                               {"worse", share(tally.worse, pairs)},
                               {"cannot_tell", share(tally.unknown, pairs)},
                               {"coverage", ratio(tally.covered, pairs)},
                               {"coverage_increase", ratio(tally.increases, pairs)},
                               {"bursts", probes * row.now.loss / row.now.burst}});
    }
    std::cout << all.dump(2) << "\n";
}

}  // namespace
}  // namespace rehome::probe

int main(int argc, char** argv) {
    const long pairs = argc == 2 ? std::strtol(argv[1], nullptr, 10) : 0;
    if (pairs < 1) {
        std::cerr << "usage: compare PAIRS\n";
        return 2;
    }
    try {
        rehome::probe::print_all(static_cast<uint64_t>(pairs));
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
    return 0;
}
