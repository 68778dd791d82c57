// What a series tells of its changes, and how it is made again from what was written down.
#include <doctest/doctest.h>

#include "probe/core/fate.h"

namespace rehome::probe {
namespace {

using Indexes = std::vector<uint32_t>;
constexpr size_t all = 1000;
constexpr Nanos ms = 1'000'000;

TEST_CASE("changes are told once, the new ones in the order of sending") {
    Series series(10);
    CHECK(series.take_changes(all).empty());
    for (int i = 0; i < 4; ++i) {
        series.sent(100 + i, 0);
    }
    series.stamped(1, 102);
    CHECK(series.take_changes(all) == Indexes{0, 1, 2, 3});
    CHECK(series.take_changes(all).empty());
    series.stamped(3, 104);
    series.answered({.index = 1}, 200, true);
    series.captured({.index = 1}, 200);
    series.unsent(2, Unsent::filtered, "filter");
    series.sent(110, 0);
    CHECK(series.take_changes(all) == Indexes{1, 2, 3, 4});
    series.answered({.index = 1}, 300, true);   // a duplicate
    series.answered({.index = 77}, 300, true);  // of none that was sent
    CHECK(series.take_changes(all) == Indexes{1});
}

TEST_CASE("what is too much for one turn comes with the next ones") {
    Series series(10);
    for (int i = 0; i < 5; ++i) {
        series.sent(100 + i, 0);
    }
    CHECK(series.take_changes(3) == Indexes{0, 1, 2});
    series.stamped(0, 101);
    series.stamped(4, 105);  // it is new yet
    CHECK(series.take_changes(2) == Indexes{0, 3});
    CHECK(series.take_changes(2) == Indexes{4});
    CHECK(series.take_changes(2).empty());
}

TEST_CASE("made again it has the same fates, whatever numbers its arrivals have") {
    Series series(4, 3, 1000 * ms);
    for (int i = 0; i < 5; ++i) {
        series.sent(100 * ms + i, 0);
        series.stamped(static_cast<uint32_t>(i), 100 * ms + i);
    }
    series.answered({.index = 2}, 150 * ms, true, 3);
    series.answered({.index = 0}, 160 * ms, true, 3);
    series.captured({.index = 1}, 150 * ms, 4);
    series.unsent(4, Unsent::no_way_out, "route: none");
    series.skipped(7, 20 * ms);
    std::vector<Sample> samples = series.samples();
    samples[2].order = 900;
    samples[0].order = 4'000'000'000;
    const Series again = Series::restored(samples, series.tally(), 3, 1000 * ms);
    CHECK(again.answered_count() == 2);
    CHECK(again.samples()[2].order == 1);
    CHECK(again.samples()[0].order == 2);
    CHECK(again.tally() == series.tally());
    CHECK(fates_of(again, 1000 * ms) == fates_of(series, 1000 * ms));
    CHECK(fates_of(again, 1000 * ms) == std::vector{Fate::received, Fate::elsewhere, Fate::received,
                                                    Fate::on_path, Fate::no_way_out});
    CHECK_FALSE(seen_fate(again, again.samples()[3], 1000 * ms).has_value());
}

}  // namespace
}  // namespace rehome::probe
