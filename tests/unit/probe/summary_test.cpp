// From samples to figures, against results worked out by hand.
#include <doctest/doctest.h>

#include "probe/core/service.h"
#include "probe/core/summary.h"

namespace rehome::probe {
namespace {

constexpr Nanos ms = 1'000'000;
constexpr Nanos wait = 100 * ms;

// Probes are sent every 10 ms; delays in ms by index, 0: no answer.  Arrivals in the order given.
struct Arrival {
    uint32_t index;
    double delay_ms;
};

Series series_of(uint32_t count, std::initializer_list<Arrival> arrivals) {
    Series series(count);
    for (uint32_t i = 0; i < count; ++i) {
        series.sent(1000 * ms + i * 10 * ms, 0);
        series.stamped(i, 1000 * ms + i * 10 * ms + 5'000);
    }
    for (const Arrival& arrival : arrivals) {
        const Nanos departed = series.samples().at(arrival.index).departed();
        const auto delay = static_cast<Nanos>(arrival.delay_ms * 1e6);
        CHECK(series.answered({.index = arrival.index}, departed + delay, true));
    }
    return series;
}

Figures figures_of(const Series& series, const OwnSide& own = {}) {
    Figures figures;
    summarise(series, wait, own, figures);
    return figures;
}

TEST_CASE("delay and its variation") {
    const Figures figures = figures_of(series_of(5, {{0, 10}, {1, 12}, {3, 11}, {4, 15}}));
    CHECK(figures.counts.sent == 5);
    CHECK(figures.counts.received == 4);
    CHECK(figures.counts.lost == 1);
    CHECK(figures.loss_pct == 20);
    REQUIRE(figures.rtt.has_value());
    CHECK(figures.rtt->min_ms == 10);
    CHECK(figures.rtt->p50_ms == 11);
    CHECK(figures.rtt->p95_ms == 15);
    CHECK(figures.rtt->max_ms == 15);
    CHECK(figures.rtt->mean_ms == 12);
    CHECK_FALSE(figures.rtt->p95_interval.has_value());
    // pairs: 0-1 (2 ms) and 3-4 (4 ms); the lost probe 2 breaks two
    REQUIRE(figures.jitter.has_value());
    CHECK(figures.jitter->ipdv_mean_ms == doctest::Approx(3));
    CHECK(figures.jitter->ipdv_p95_ms == doctest::Approx(4));
    CHECK(figures.jitter->pdv_p95_ms == doctest::Approx(5));
}

TEST_CASE("an answer after the waiting time is a loss, and is listed") {
    const Figures figures = figures_of(series_of(3, {{0, 10}, {1, 100}, {2, 100.000001}}));
    CHECK(figures.counts.received == 2);
    CHECK(figures.counts.lost == 1);
    CHECK(figures.counts.late == 1);
    CHECK(figures.rtt->max_ms == 100);
}

TEST_CASE("duplicates, reordering, runs of loss") {
    const Figures figures =
        figures_of(series_of(8, {{0, 30}, {2, 5}, {1, 17}, {2, 40}, {2, 50}, {6, 10}}));
    CHECK(figures.counts.received == 4);
    CHECK(figures.counts.duplicates == 2);
    CHECK(figures.counts.reordered == 1);
    CHECK(figures.rtt->min_ms == 5);
    CHECK(figures.counts.lost == 4);
    CHECK(figures.counts.loss_runs == 2);
    CHECK(figures.counts.longest_loss_run == 3);
}

// Ten probes: six answered, one that came to the interface only, and three that did not come back.
TEST_CASE("what our own side loses is taken out") {
    Series series = series_of(10, {{0, 10}, {1, 10}, {2, 10}, {3, 10}, {4, 10}, {5, 10}});
    series.captured({.index = 0}, 1010 * ms);
    series.captured({.index = 6}, 1070 * ms);
    SUBCASE("not sent") {
        series.unsent(9, Unsent::no_room, "No buffer space available");
        series.unsent(8, Unsent::filtered, "a packet filter");
        const Figures figures = figures_of(series);
        CHECK(figures.counts.sent == 8);
        CHECK(figures.own.not_sent == 1);
        CHECK(figures.own.filtered_out == 1);
        CHECK(figures.counts.lost == 1);
        CHECK(figures.loss_pct == doctest::Approx(100.0 * 1 / 7));
    }
    SUBCASE("a filter of ours took the answer") {
        const Figures figures = figures_of(series);
        CHECK(figures.own.filtered_in == 1);
        CHECK(figures.own.receive_dropped == 0);
        CHECK(figures.counts.lost == 3);
        CHECK(figures.loss_pct == doctest::Approx(100.0 * 3 / 9));
    }
    SUBCASE("our socket was full; drops of strangers' packets explain nothing") {
        const Figures figures = figures_of(series, {.receive_drops = 50});
        CHECK(figures.own.receive_dropped == 1);
        CHECK(figures.own.filtered_in == 0);
        CHECK(figures.counts.lost == 3);
    }
    SUBCASE("the capture was full too: as many as both lost may have come in") {
        const Figures figures = figures_of(series, {.receive_drops = 3, .capture_drops = 50});
        CHECK(figures.own.receive_dropped == 3);
        CHECK(figures.counts.lost == 1);
    }
    SUBCASE("the answer came to the interface after the waiting time") {
        series.captured({.index = 7}, 1171 * ms);
        const Figures figures = figures_of(series);
        CHECK(figures.counts.late == 1);
        CHECK(figures.counts.on_path == 2);
        CHECK(figures.own.filtered_in == 1);
    }
}

// Seen: rawv6 and UDP sockets count damaged answers as dropped, and 30 % of damage read as no loss.
TEST_CASE("damaged answers are losses, whatever the socket counts them as") {
    Series series = series_of(10, {{0, 10}, {1, 10}, {2, 10}, {3, 10}, {4, 10}, {5, 10}, {6, 10}});
    for (const Refusal refusal : {Refusal::wrong_checksum, Refusal::truncated, Refusal::not_ours}) {
        series.refused(refusal);
    }
    for (const uint64_t capture_drops : {uint64_t{0}, uint64_t{9}}) {
        const Figures figures =
            figures_of(series, {.receive_drops = 2, .capture_drops = capture_drops});
        CHECK(figures.counts.damaged == 2);
        CHECK(figures.counts.lost == 3);
        CHECK(figures.counts.on_path == 1);
        CHECK(figures.own.receive_dropped == 0);
    }
}

TEST_CASE("no way out: the calls that failed") {
    Series series = series_of(10, {{0, 10}, {1, 10}, {2, 10}, {3, 10}});
    for (uint32_t i = 5; i < 10; ++i) {
        series.unsent(i, Unsent::no_way_out, "route: none");
    }
    series.unsent(9, Unsent::filtered, "what is known first stays");
    const Figures figures = figures_of(series);
    CHECK(figures.counts.no_way_out == 5);
    CHECK(figures.no_way_out == "route: none");
    CHECK(figures.own.filtered_out == 0);
    CHECK(figures.counts.sent == 5);
    CHECK(figures.counts.lost == 1);
}

// The device stamps what leaves; what the kernel took and kept has no stamp.
TEST_CASE("a probe that the kernel kept has not left") {
    const auto series_with = [](bool stamps, bool answers) {
        Series series(4);
        for (uint32_t i = 0; i < 4; ++i) {
            series.sent(1000 * ms, 0);
        }
        if (stamps) {
            series.stamped(0, 1000 * ms);
            series.stamped(1, 1000 * ms);
        }
        if (answers) {
            series.answered({.index = 0}, 1001 * ms, true);
        }
        return series;
    };
    SUBCASE("while others left, and nothing says why: ours") {
        const Figures figures = figures_of(series_with(true, true));
        CHECK(figures.own.not_sent == 2);
        CHECK(figures.counts.lost == 1);
    }
    SUBCASE("of a neighbour that did not answer") {
        Series series = series_with(true, true);
        series.unsent(2, Unsent::no_way_out, "neighbour");
        CHECK(figures_of(series).counts.no_way_out == 2);
    }
    SUBCASE("a neighbour that was silent from the start") {
        Series series = series_with(false, false);
        series.unsent(2, Unsent::no_way_out, "neighbour");
        CHECK(figures_of(series).counts.no_way_out == 4);
    }
    SUBCASE("a device without stamps says nothing") {
        CHECK(figures_of(series_with(false, true)).counts.lost == 3);
        CHECK(figures_of(series_with(false, false)).counts.lost == 4);
    }
}

TEST_CASE("by which interface probes left and answers came") {
    Series series(4, 3);
    for (uint32_t i = 0; i < 4; ++i) {
        series.sent(1000 * ms, 0);
        series.stamped(i, 1000 * ms, i == 3 ? 4 : 3);
    }
    series.answered({.index = 0}, 1010 * ms, true, 3);
    series.captured({.index = 0}, 1010 * ms, 9);  // the socket's word is the first one
    series.captured({.index = 1}, 1010 * ms, 4);  // bound to 3: another carrier's
    series.captured({.index = 2}, 1010 * ms, 3);  // a filter of ours
    const Figures figures = figures_of(series, {.interfaces = {{3, "red"}, {5, "blue"}}});
    CHECK(figures.sent_by == std::map<std::string, uint32_t>{{"red", 3}, {"#4", 1}});
    CHECK(figures.answered_by == std::map<std::string, uint32_t>{{"red", 2}, {"#4", 1}});
    CHECK(figures.counts.elsewhere == 1);
    CHECK(figures.own.filtered_in == 1);
    CHECK(figures.counts.lost == 1);
    CHECK(figures.counts.sent == 4);
    CHECK(figures.loss_pct == 50);
}

// Seen: 5 % of loss read as 0 with a wait of 5 s, as the target had repeated what was lost.
TEST_CASE("what a TCP target repeats was lost at first, whatever the waiting time") {
    for (const Nanos waiting : {100 * ms, 5000 * ms}) {
        Series series(4, 0, 1000 * ms);
        for (uint32_t i = 0; i < 4; ++i) {
            series.sent(1000 * ms + i * 10 * ms, 0);
            series.stamped(i, 1000 * ms + i * 10 * ms);
        }
        series.answered({.index = 0}, 1015 * ms, true);
        series.answered({.index = 3}, 1040 * ms, true);
        series.answered({.index = 0}, 1016 * ms, true);  // a duplicate
        series.answered({.index = 0}, 2015 * ms, true);  // repeated: no duplicate
        series.answered({.index = 1}, 2025 * ms, true);  // repeated: lost at first, in order
        series.captured({.index = 2}, 3035 * ms);        // the same, seen by the capture
        Figures figures;
        summarise(series, waiting, {}, figures);
        CHECK(figures.counts.received == 2);
        CHECK(figures.counts.first_lost == 2);
        CHECK(figures.counts.lost == 2);
        CHECK(figures.counts.on_path == 0);
        CHECK(figures.counts.late == 0);
        CHECK(figures.counts.duplicates == 1);
        CHECK(figures.counts.reordered == 0);
        CHECK(figures.own.filtered_in == 0);
        CHECK(figures.rtt->max_ms == 15);
    }
}

TEST_CASE("what TCP can say of a service") {
    const auto of = [](Kind kind, const char* target, Counts counts) {
        Figures figures;
        figures.path = {kind, {}, *Endpoint::parse(target)};
        figures.counts = counts;
        return figures;
    };
    const struct {
        Counts tcp;
        uint32_t icmp;
        Service service;
        bool whole;
    } cases[] = {
        {{.received = 9}, 9, Service::up, true},
        {{.received = 9}, 0, Service::up, true},
        {{.received = 9, .refused = 9}, 9, Service::resets, true},
        {{.received = 9, .refused = 4}, 9, Service::up_resets, true},
        {{.received = 9, .half_open = 9}, 0, Service::half_open, true},
        {{.received = 9, .refused = 1, .half_open = 8}, 0, Service::resets, true},
        {{.lost = 9}, 9, Service::dead, true},
        {{.lost = 9}, 0, Service::unknown, false},
    };
    for (const auto& c : cases) {
        std::vector<Figures> kinds{of(Kind::icmp, "192.0.2.9:0", {.received = c.icmp}),
                                   of(Kind::icmp, "192.0.2.10:0", {.received = 9}),
                                   of(Kind::tcp, "192.0.2.9:80", c.tcp)};
        judge_services(kinds);
        CHECK_FALSE(kinds[0].service.has_value());
        CHECK(name(*kinds[2].service) == name(c.service));
        CHECK(kinds[2].path_whole == c.whole);
    }
}

TEST_CASE("slots that nothing was sent in are told") {
    Series series = series_of(2, {{0, 10}, {1, 10}});
    series.skipped(449, 3000 * ms);
    series.skipped(1, 11 * ms);
    const Figures figures = figures_of(series);
    CHECK(figures.own.skipped == 450);
    CHECK(figures.own.longest_pause_ms == 3000);
    CHECK(figures.counts.sent == 2);
    CHECK(figures.counts.lost == 0);
}

TEST_CASE("no sample, no figure") {
    Series series(2);
    series.sent(1, 0);
    series.unsent(0, Unsent::no_room, "");
    const Figures figures = figures_of(series);
    CHECK(figures.counts.sent == 0);
    CHECK_FALSE(figures.loss_interval_pct.has_value());
    CHECK_FALSE(figures.rtt.has_value());
    CHECK_FALSE(figures.jitter.has_value());
    CHECK(figures_of(Series(0)).counts.sent == 0);
}

TEST_CASE("a sending time that the kernel left out is the program's, with a larger error") {
    Series series(2);
    series.sent(1000 * ms, 2 * ms);
    series.sent(1010 * ms, 0);
    series.stamped(1, 1010 * ms);
    series.answered({.index = 0}, 1010 * ms, true);
    series.answered({.index = 1}, 1020 * ms, false);
    const OwnSide own{.longest_send_call = 3 * ms, .clock_resolution = 1, .clock_tolerance = 1e-4};
    const Figures figures = figures_of(series, own);
    CHECK(figures.timing.sent_unstamped == 1);
    CHECK(figures.timing.received_unstamped == 1);
    CHECK(figures.timing.behind_max_ms == 2);
    CHECK(figures.rtt->max_ms == 10);
    CHECK(figures.rtt->error_ms == doctest::Approx(3 + 0.001 + 0.000002));
}

TEST_CASE("a clock set back makes no delay") {
    const Figures figures = figures_of(series_of(3, {{0, -5}, {1, 10}, {2, 10}}));
    CHECK(figures.counts.received == 3);
    CHECK(figures.rtt->min_ms == 10);
}

TEST_CASE("resets are answers, and STAMP tells how long the reflector held a probe") {
    Series series(2);
    series.sent(1000 * ms, 0);
    series.sent(1010 * ms, 0);
    series.answered({.index = 0, .refused = true}, 1001 * ms, true);
    series.answered({.index = 1, .reflector = Reflected{.received = 5 * ms, .sent = 7 * ms}},
                    1015 * ms, true);
    const Figures figures = figures_of(series);
    CHECK(figures.counts.received == 2);
    CHECK(figures.counts.refused == 1);
    CHECK(figures.reflector_p50_ms == 2);
}

TEST_CASE("an answer to a probe that was never sent is not counted") {
    Series series = series_of(2, {});
    CHECK_FALSE(series.answered({.index = 2}, 1, true));
    CHECK_FALSE(series.answered({.index = 0xffffffff}, 1, true));
    CHECK(figures_of(series).counts.received == 0);
}

}  // namespace
}  // namespace rehome::probe
