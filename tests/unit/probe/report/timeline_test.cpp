// Loss and delay over time, thinned: what may not get lost by that, and loss periods.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "probe/core/loss_periods.h"
#include "probe/report/timeline.h"
#include "records.h"

namespace rehome::probe {
namespace {

constexpr Nanos ms = 1'000'000;
constexpr Nanos second = 1'000 * ms;

const std::vector<ProbeRow>& rows_of(const Record& record) {
    return record.paths.front().probes;
}

TEST_CASE("a minute in seconds") {
    // Ten a second: the third second loses all, the fifth two.
    const Record record = make_record({.count = 60}, [](uint32_t i) -> Nanos {
        const bool lost = i / 10 == 2 || i == 41 || i == 45;
        return lost ? 0 : (i == 7 ? 90 : 20) * ms;
    });
    const Timeline timeline = timeline_of(rows_of(record));
    CHECK(timeline.width == second);
    REQUIRE(timeline.buckets.size() == 6);
    CHECK(timeline.buckets[0].begin == record_begin);
    CHECK(timeline.buckets[0].probes == 10);
    REQUIRE(timeline.buckets[0].rtt.has_value());
    CHECK(timeline.buckets[0].rtt->min_ms == 20);
    CHECK(timeline.buckets[0].rtt->p50_ms == 20);
    CHECK(timeline.buckets[0].rtt->max_ms == 90);
    CHECK(timeline.buckets[2].lost == 10);
    CHECK(timeline.buckets[2].worst_second_pct == 100);
    CHECK_FALSE(timeline.buckets[2].rtt.has_value());
    CHECK(loss_pct(timeline.buckets[4]) == 20);
}

TEST_CASE("a day in buckets: the worst second of one stays visible") {
    // One second of 86,400 is dark: 0.28 % of a bucket, and 100 % of its worst second.
    const Record record = make_record({.count = 86'400, .rate_pps = 1},
                                      [](uint32_t i) { return i == 40'000 ? 0 : 20 * ms; });
    const Timeline timeline = timeline_of(rows_of(record));
    CHECK(timeline.buckets.size() <= 720);
    CHECK(timeline.width == 300 * second);
    const Bucket& bucket = timeline.buckets[40'000 / 300];
    CHECK(bucket.lost == 1);
    CHECK(bucket.worst_second_pct == 100);
}

TEST_CASE("what is not the carrier's is apart, and a hole is a bucket without probes") {
    Record record = make_record({.count = 40}, [](uint32_t) { return 20 * ms; });
    auto& rows = record.paths.front().probes;
    rows[3].fate = Fate::no_way_out;
    rows[4].fate = Fate::undelivered;
    rows.back().fate = Fate::on_path;
    rows.back().settled = false;  // still under way
    rows.erase(rows.begin() + 10, rows.begin() + 30);
    const Timeline timeline = timeline_of(rows);
    REQUIRE(timeline.buckets.size() == 4);
    CHECK(timeline.buckets[0].probes == 8);
    CHECK(timeline.buckets[0].ours == 2);
    CHECK(timeline.buckets[1].probes == 0);
    CHECK(timeline.buckets[3].probes == 9);
    CHECK(timeline.buckets[3].lost == 0);
}

TEST_CASE("no probes, no timeline") {
    CHECK(timeline_of({}).buckets.empty());
}

TEST_CASE("of any run: nothing is lost by thinning, and the extremes stay") {
    const auto holds = [](std::vector<uint8_t> ends) {
        RC_PRE(!ends.empty());
        const auto count = static_cast<uint32_t>(ends.size());
        const double rate = *rc::gen::element(0.01, 1.0, 10.0, 1000.0);
        const Record record = make_record({.count = count, .rate_pps = rate},
                                          [&ends](uint32_t i) { return ends[i] * ms; });
        const auto most = *rc::gen::inRange<size_t>(2, 40);
        const Timeline timeline = timeline_of(rows_of(record), most);
        RC_ASSERT(timeline.buckets.size() <= most);
        uint64_t probes = 0;
        uint64_t lost = 0;
        double highest = 0;
        for (const Bucket& bucket : timeline.buckets) {
            probes += bucket.probes;
            lost += bucket.lost;
            highest = std::max(highest, bucket.rtt ? bucket.rtt->max_ms : 0);
            RC_ASSERT(bucket.probes == 0 || bucket.worst_second_pct >= loss_pct(bucket) - 1e-9);
        }
        RC_ASSERT(probes == count);
        RC_ASSERT(lost == static_cast<uint64_t>(std::count(ends.begin(), ends.end(), 0)));
        RC_ASSERT(highest == *std::max_element(ends.begin(), ends.end()));
    };
    CHECK(rc::check(holds));
}

TEST_CASE("loss periods: begin and end, and how well they are known") {
    // Lost are 2, 3 and 6; 4 says nothing of the path; 8 and 9 are lost at the end.
    Record record = make_record({.count = 10}, [](uint32_t i) -> Nanos {
        return i == 2 || i == 3 || i == 6 || i >= 8 ? 0 : 20 * ms;
    });
    auto& rows = record.paths.front().probes;
    rows[4].fate = Fate::no_way_out;
    const auto left = [&rows](uint32_t i) { return rows[i].sample.departed(); };
    const auto periods = loss_periods_of(rows);
    REQUIRE(periods.size() == 3);
    CHECK(periods[0].lost == 2);
    CHECK(periods[0].begin == left(2));
    CHECK(periods[0].end == left(3));
    CHECK(periods[0].good_before == left(1));
    CHECK(periods[0].good_after == left(5));
    CHECK(periods[1].lost == 1);
    CHECK(periods[1].first == 6);
    CHECK(periods[1].last == 6);
    CHECK(periods[2].lost == 2);
    CHECK_FALSE(periods[2].good_after.has_value());
}

}  // namespace
}  // namespace rehome::probe
