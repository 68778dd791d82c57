// The lab's wire: what it takes as settings, and that its fates are those that were set.
#include <doctest/doctest.h>

#include "tests/lab/wire_impair.h"
#include "tests/lab/wire_record.h"

using namespace rehome;
using namespace rehome::lab;

namespace {

constexpr int64_t ms = 1'000'000;

struct Tally {
    int lost = 0;
    int runs_of_losses = 0;
    int duplicated = 0;
    int reordered = 0;
    int64_t least_ns = INT64_MAX;
    int64_t most_ns = 0;
    bool in_order = true;
};

// Packets 100 us apart.
Tally tally(const Impairment& with, int packets, uint64_t seed = 1, uint32_t flows = 1) {
    Impairer impairer(seed);
    Tally result;
    int64_t last = 0;
    bool lost_before = false;
    for (int i = 0; i < packets; ++i) {
        const int64_t now = int64_t{i} * 100'000;
        const Fate fate = impairer.decide(with, now, static_cast<uint32_t>(i) % flows, false);
        const bool lost = fate.lost != Cause::none;
        result.lost += lost;
        result.runs_of_losses += lost && !lost_before;
        lost_before = lost;
        result.duplicated += fate.duplicated;
        result.reordered += fate.reordered;
        result.least_ns = std::min(result.least_ns, fate.release_ns - now);
        result.most_ns = std::max(result.most_ns, fate.release_ns - now);
        result.in_order = result.in_order && fate.release_ns >= last;
        last = fate.release_ns;
    }
    return result;
}

}  // namespace

TEST_CASE("a wire's settings that are taken") {
    Impairments set;
    REQUIRE(apply_settings(
        set, {"delay=15ms", "jitter=200us", "loss=0.5%", "up.loss=0.02", "down.burst=1%",
              "burst-length=20", "burst-loss=90%", "duplicate=1", "reorder=0", "reorder-by=1.5s"}));
    CHECK(set[0].delay_ns == 15 * ms);
    CHECK(set[1].jitter_ns == 200'000);
    CHECK(set[0].loss == doctest::Approx(0.02));
    CHECK(set[1].loss == doctest::Approx(0.005));
    CHECK(set[0].burst == 0);
    CHECK(set[1].burst == doctest::Approx(0.01));
    CHECK(set[1].burst_length == 20);
    CHECK(set[0].burst_loss == doctest::Approx(0.9));
    CHECK(set[0].duplicate == 1);
    CHECK(set[1].reorder_by_ns == 1500 * ms);
}

TEST_CASE("a wire's settings that are refused, and then none is applied") {
    const std::vector<std::string> refused{
        "delay",        "delay=",       "delay=15",       "delay=-1ms",      "delay=61s",
        "delay=1 ms",   "jitter=nanms", "loss=101%",      "loss=-1%",        "loss=1.5",
        "loss=1%%",     "loss=x",       "burst-length=0", "burst-length=3x", "lose=1%",
        "left.loss=1%", "=1",           "up.=1",          "reorder-by=5",    "loss=inf",
    };
    for (const std::string& setting : refused) {
        CAPTURE(setting);
        Impairments set;
        const auto applied = apply_settings(set, {"delay=1ms", setting});
        REQUIRE_FALSE(applied);
        CHECK(applied.error().kind == Exit::usage);
        CHECK(applied.error().where == setting);
        CHECK(set[0].delay_ns == 0);
    }
}

TEST_CASE("a wire without settings passes everything at once") {
    const Tally t = tally({}, 1000);
    CHECK(t.lost + t.duplicated + t.reordered == 0);
    CHECK(t.most_ns == 0);
}

TEST_CASE("jitter stays around the delay and keeps the order of a flow") {
    const Tally t = tally({.delay_ns = 15 * ms, .jitter_ns = 2 * ms}, 10'000);
    CHECK(t.least_ns >= 13 * ms);
    CHECK(t.most_ns <= 17 * ms);
    CHECK(t.in_order);
}

TEST_CASE("a flow is not held up by others") {
    const Tally t = tally({.delay_ns = 15 * ms, .jitter_ns = 2 * ms}, 10'000, 1, 1000);
    CHECK(t.least_ns < 13'100'000);
    CHECK(t.most_ns > 16'900'000);
}

TEST_CASE("independent loss, duplication and reordering come as often as set") {
    const Tally t =
        tally({.delay_ns = ms, .loss = 0.02, .duplicate = 0.05, .reorder = 0.1}, 100'000);
    CHECK(t.lost == doctest::Approx(2000).epsilon(0.1));
    CHECK(t.duplicated == doctest::Approx(5000).epsilon(0.1));
    CHECK(t.reordered == doctest::Approx(10'000).epsilon(0.1));
    CHECK(t.most_ns == 6 * ms);
    CHECK_FALSE(t.in_order);
}

TEST_CASE("losses in bursts come in runs") {
    // In the bad state for 20 of 1020 packets, on average.
    const Tally t = tally({.burst = 0.001, .burst_length = 20}, 1'000'000);
    CHECK(t.lost == doctest::Approx(1e6 * 20 / 1020).epsilon(0.15));
    CHECK(static_cast<double>(t.lost) / t.runs_of_losses == doctest::Approx(20).epsilon(0.15));
}

TEST_CASE("the same seed and packets meet the same fate, whatever else was set before") {
    Impairer a(7);
    Impairer b(7);
    for (int i = 0; i < 1000; ++i) {
        a.decide({.loss = 0.5, .duplicate = 0.5}, i, 0, false);
        b.decide({}, i, 1, i % 2 == 0);
    }
    for (int i = 0; i < 1000; ++i) {
        CHECK(a.decide({.loss = 0.3}, i, 0, false).lost ==
              b.decide({.loss = 0.3}, i, 0, false).lost);
    }
    CHECK(tally({.loss = 0.3}, 1000, 1).lost != tally({.loss = 0.3}, 1000, 2).lost);
}

TEST_CASE("what is no IPv4 is delayed and nothing else") {
    Impairer impairer(1);
    const Fate fate =
        impairer.decide({.delay_ns = ms, .loss = 1, .duplicate = 1, .reorder = 1}, 0, 0, true);
    CHECK(fate.lost == Cause::none);
    CHECK_FALSE(fate.duplicated);
    CHECK(fate.release_ns == ms);
}

TEST_CASE("a frame's record names its packet") {
    std::vector<uint8_t> frame(14 + 20 + 20);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[18] = 0x12;
    frame[19] = 0x34;
    frame[23] = 6;
    const std::vector<uint8_t> addresses{100, 80, 0, 7, 198, 51, 100, 10};
    std::copy(addresses.begin(), addresses.end(), frame.begin() + 26);
    const std::vector<uint8_t> tcp{0x9c, 0x41, 0x07, 0x5b, 0, 0, 0, 9};
    std::copy(tcp.begin(), tcp.end(), frame.begin() + 34);
    frame[47] = 0x02;
    Record record = describe(frame);
    record.lost = static_cast<uint8_t>(Cause::loss);
    CHECK(
        text(record).ends_with("up   100.80.0.7:40001 > 198.51.100.10:1883 proto 6 id 4660 seq 9 "
                               "flags 02 54 B: lost 0 us"));

    for (size_t length = 0; length < frame.size(); ++length) {
        CAPTURE(length);
        const Record cut = describe(std::span(frame).first(length));
        CHECK(cut.length == length);
        CHECK((cut.source != 0) == (length >= 34));
        CHECK((cut.source_port != 0) == (length >= 42));
        CHECK(cut.tcp_flags == 0);
    }
}
