// Loss periods and distances, against RFC 3357's own examples.
#include <doctest/doctest.h>

#include "probe/core/loss_periods.h"

namespace rehome::probe {
namespace {

// A letter a probe, from index 1 on, sent every 10: "." answered, "x" lost, " " says nothing.
std::vector<LossPeriod> periods_of(std::string_view probes) {
    LossPeriods periods;
    for (uint32_t i = 0; i < probes.size(); ++i) {
        if (probes[i] == 'x') {
            periods.lost(i + 1, (i + 1) * 10);
        } else if (probes[i] == '.') {
            periods.answered((i + 1) * 10);
        }
    }
    return periods.list();
}

struct Wanted {
    uint32_t first;
    uint32_t lost;
    uint32_t distance;
};

TEST_CASE("periods, their lengths and what is between them") {
    const struct {
        const char* probes;
        std::vector<Wanted> wanted;
    } cases[] = {
        {"", {}},
        {"....", {}},
        // Section 5.4: of ten packets 2, 5, 7, 9 and 10 are lost.  Periods 1 to 4 (5.2), lengths
        // 1, 1, 1, 2 (6.3), between them 0, 3, 2, 2 (6.4).
        {".x..x.x.xx", {{2, 1, 0}, {5, 1, 3}, {7, 1, 2}, {9, 2, 2}}},
        {"xxx", {{1, 3, 0}}},
        {"x.x", {{1, 1, 0}, {3, 1, 2}}},
        // What says nothing of the path is not there.
        {"x x", {{1, 2, 0}}},
        {"x . x", {{1, 1, 0}, {5, 1, 2}}},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.probes));
        const auto periods = periods_of(c.probes);
        REQUIRE(periods.size() == c.wanted.size());
        for (size_t i = 0; i < periods.size(); ++i) {
            CHECK(periods[i].first == c.wanted[i].first);
            CHECK(periods[i].lost == c.wanted[i].lost);
            CHECK(periods[i].distance == c.wanted[i].distance);
        }
    }
}

TEST_CASE("the losses that are noticeable (section 6.1)") {
    // With a constraint of 99, packet 50 is not, and all of the burst of three from 125 on are.
    const std::string example =
        std::string(49, '.') + "x" + std::string(74, '.') + "xxx" + std::string(20, '.');
    const struct {
        std::string probes;
        uint32_t constraint;
        uint64_t losses;
        uint64_t noticeable;
    } cases[] = {
        {example, 99, 4, 3},     {example, 75, 4, 3},     {example, 74, 4, 2}, {example, 1, 4, 2},
        {".x..x.x.xx", 2, 5, 3}, {".x..x.x.xx", 3, 5, 4}, {"....", 99, 0, 0},  {"x", 99, 1, 0},
    };
    for (const auto& c : cases) {
        CAPTURE(c.probes);
        CAPTURE(c.constraint);
        const Losses losses = noticeable(periods_of(c.probes), c.constraint);
        CHECK(losses.count == c.losses);
        CHECK(losses.noticeable == c.noticeable);
    }
}

TEST_CASE("when a period began and ended, as far as it is known") {
    const auto periods = periods_of("..xx.x");
    REQUIRE(periods.size() == 2);
    CHECK(periods[0].begin == 30);
    CHECK(periods[0].end == 40);
    CHECK(periods[0].good_before == 20);
    CHECK(periods[0].good_after == 50);
    CHECK_FALSE(periods[1].good_after.has_value());
}

}  // namespace
}  // namespace rehome::probe
