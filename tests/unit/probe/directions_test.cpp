// Near-end and far-end loss from a reflector's numbers: by hand, and against simulated paths whose
// truth is known.  What is told is never wrong, whatever befalls the reflector.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <random>

#include "probe/core/directions.h"
#include "probe/core/fate.h"
#include "probe/core/summary.h"

namespace rehome::probe {
namespace {

// An answer to a probe, with the reflector's number; sent in the order of `at`.
Answer answer(uint32_t index, uint32_t sequence, Nanos at, std::optional<SessionReport> report) {
    return {.index = index,
            .reflector = Reflected{
                .received = at, .sent = at, .sequence = sequence, .report = std::move(report)}};
}

struct Row {
    uint32_t index;
    uint32_t sequence;
    uint32_t unreflected = 0;
    uint32_t session = 1;
    Nanos at = 0;  // 0: a second for each index
};

Mirrors mirrors_of(std::initializer_list<Row> rows, bool reported = true, bool stateful = true) {
    Mirrors mirrors;
    for (const Row& row : rows) {
        const SessionReport report{
            .stateful = stateful, .session = row.session, .unreflected = row.unreflected};
        const Nanos at = row.at != 0 ? row.at : (Nanos{row.index} + 1) * 1'000'000'000;
        mirrors.take(
            answer(row.index, row.sequence, at, reported ? std::optional(report) : std::nullopt));
    }
    return mirrors;
}

std::vector<bool> missing_of(std::string_view marks) {
    std::vector<bool> missing;
    for (const char mark : marks) {
        missing.push_back(mark == 'x');
    }
    return missing;
}

std::string text(const Directions& told) {
    return told.why.empty() ? fmt::format("forward {}/{} backward {}/{} unknown {}",
                                          told.forward.lost, told.forward.sent, told.backward.lost,
                                          told.backward.sent, told.unknown)
                            : fmt::format("{}; unknown {}", told.why, told.unknown);
}

TEST_CASE("by hand") {
    constexpr char anew[] =
        "the reflector began to count anew: it was started again, or forgot the session";
    const struct {
        const char* what;
        Mirrors mirrors;
        const char* missing;  // x
        std::string told;
    } cases[] = {
        {"nothing lost", mirrors_of({{0, 0}, {1, 1}, {2, 2}}), "...",
         "forward 0/3 backward 0/3 unknown 0"},
        {"one lost there", mirrors_of({{0, 0}, {1, 1}, {3, 2}, {4, 3}}), "..x..",
         "forward 1/5 backward 0/4 unknown 0"},
        {"one lost back", mirrors_of({{0, 0}, {1, 1}, {3, 3}, {4, 4}}), "..x..",
         "forward 0/5 backward 1/5 unknown 0"},
        {"two there and one back, in one gap", mirrors_of({{0, 0}, {1, 1}, {5, 3}, {6, 4}}),
         "..xxx..", "forward 2/7 backward 1/5 unknown 0"},
        {"before the first answer nothing is known", mirrors_of({{2, 1}, {3, 2}}), "xx..",
         "forward 0/2 backward 0/2 unknown 2"},
        {"nor just behind it, as it may have been overtaken", mirrors_of({{0, 0}, {2, 1}, {4, 2}}),
         ".x.x.", "forward 0/3 backward 0/3 unknown 2"},
        {"nor after the last", mirrors_of({{0, 0}}), ".xx", "forward 0/1 backward 0/1 unknown 2"},
        {"but a question at the end tells it", mirrors_of({{0, 0}, {1, 1}, {4, 3}}), "..xx",
         "forward 1/4 backward 1/3 unknown 0"},
        {"overtaken on the way there",
         mirrors_of({{0, 0}, {2, 1}, {1, 2, 0, 1, 3'500'000'000}, {4, 3}, {6, 4}}), "...x.x.",
         "forward 1/6 backward 0/5 unknown 1"},
        {"the same answer twice", mirrors_of({{0, 0}, {1, 1}, {3, 2}, {3, 2}, {4, 3}}), "..x..",
         "forward 1/5 backward 0/4 unknown 0"},
        {"no answer", mirrors_of({}), "xx", "there was no answer; unknown 2"},
        {"stateless, and says so", mirrors_of({{0, 0}, {2, 2}}, true, false), ".x.",
         "the reflector is stateless; unknown 1"},
        {"stateless without loss", mirrors_of({{0, 0}, {1, 1}}, true, false), "..",
         "forward 0/2 backward 0/2 unknown 0"},
        {"as a stateless one does", mirrors_of({{0, 0}, {2, 2}}, false), ".x.",
         "the reflector is stateless, or does not say that it is not; unknown 1"},
        {"another's stateful one",
         mirrors_of({{0, 0}, {1, 1}, {2, 2}, {3, 3}, {5, 4}, {7, 6}, {8, 7}, {9, 8}}, false),
         "....x.x...", "forward 1/10 backward 1/9 unknown 0"},
        {"another's, which could have begun anew unseen",
         mirrors_of({{0, 0}, {1, 1}, {7, 3}, {8, 4}}, false), "..xxxxx..",
         "forward 0/4 backward 0/4 unknown 5"},
        {"started again: lower numbers", mirrors_of({{0, 0}, {1, 1}, {3, 0}}, false), "..x.",
         std::string(anew) + "; unknown 1"},
        {"started again: the same number", mirrors_of({{0, 0}, {1, 1}, {3, 1}}, false), "..x.",
         std::string(anew) + "; unknown 1"},
        {"started again: higher numbers, another session",
         mirrors_of({{0, 0}, {1, 1}, {9, 5, 0, 2}}), "..xxxxxxx.",
         std::string(anew) + "; unknown 7"},
        {"doubled on the way there",
         mirrors_of({{0, 0}, {1, 1}, {1, 2, 0, 1, 2'500'000'000}, {4, 4}}), "..xx.",
         "probes were doubled on the way to the reflector; unknown 2"},
        {"numbers that cannot be", mirrors_of({{0, 0}, {2, 9}}), ".x.",
         "more answers are missing than probes; unknown 1"},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        CHECK(text(directions(c.mirrors, missing_of(c.missing))) == c.told);
    }
}

TEST_CASE("who asks in our name uses up numbers, which are no loss") {
    Mirrors mirrors = mirrors_of({{0, 0}, {1, 1}, {3, 3}});
    CHECK(directions(mirrors, missing_of("..x.")).backward.lost == 1);
    mirrors.take_not_asked();
    CHECK(text(directions(mirrors, missing_of("..x."))) ==
          "somebody else asked in this session, by forged packets; unknown 1");
    CHECK(text(directions(mirrors, missing_of("...."))) == "forward 0/3 backward 0/3 unknown 0");
}

TEST_CASE("a reflector of a later version of this program") {
    Mirrors mirrors;
    Answer told = answer(0, 0, 1, std::nullopt);
    told.reflector->other_version = true;
    mirrors.take(told);
    CHECK(directions(mirrors, missing_of(".x")).why ==
          "the reflector is of another version of this program");
}

TEST_CASE("intervals are as wide as what is unknown makes them") {
    const Mirrors mirrors = mirrors_of({{0, 0}, {1, 1}, {3, 2}, {4, 3}});
    const Interval all = binomial_interval(1, 5);
    const Directions told = directions(mirrors, missing_of("..x.."));
    CHECK(told.forward.loss_pct_interval.low == doctest::Approx(100 * all.low));
    CHECK(told.forward.loss_pct_interval.high == doctest::Approx(100 * all.high));
    const Directions open = directions(mirrors, missing_of("..x..x"));
    CHECK(open.forward.loss_pct_interval.low == doctest::Approx(100 * binomial_interval(1, 6).low));
    CHECK(open.forward.loss_pct_interval.high ==
          doctest::Approx(100 * binomial_interval(2, 6).high));
}

TEST_CASE("what the reflector refused is told between two answers, and no loss of the path") {
    CHECK(unreflected(mirrors_of({{0, 0}, {4, 1, 2}}), missing_of(".xxx.")) ==
          std::vector<uint32_t>{1, 2});
    CHECK(unreflected(mirrors_of({{2, 0, 1}, {4, 1, 1}}), missing_of("xx.x.")) ==
          std::vector<uint32_t>{0});
    CHECK(unreflected(mirrors_of({{0, 0, 3}}), missing_of(".xxx")).empty());
    CHECK(unreflected(mirrors_of({{0, 0}, {2, 0, 1, 2}}), missing_of(".x.")) ==
          std::vector<uint32_t>{1});
    CHECK(unreflected(mirrors_of({{0, 0}, {2, 1, 5}}, false), missing_of(".x.")).empty());

    Series series(5);
    for (uint32_t i = 0; i < 5; ++i) {
        series.sent(i * 1'000'000, 0);
        series.stamped(i, i * 1'000'000);
    }
    const auto tell = [](uint32_t count) {
        return SessionReport{.stateful = true, .session = 1, .unreflected = count};
    };
    series.answered(answer(0, 0, 1, tell(0)), 1'000'000, true);
    series.answered(answer(4, 1, 2, tell(2)), 5'000'000, true);
    mark_unreflected(series, 1'000'000'000);
    Figures figures;
    figures.path.kind = Kind::udp;
    summarise(series, 1'000'000'000, {}, figures);
    CHECK(figures.counts.sent == 5);
    CHECK(figures.counts.unreflected == 2);
    CHECK(figures.counts.lost == 1);
    CHECK(figures.directions->unknown == 1);
    CHECK(figures.outcomes.list[1].end == Outcome::End::ours);
    CHECK(figures.outcomes.list[3].end == Outcome::End::lost);
}

// A path with losses of both directions and a reflector that refuses, overtaking, and restarts.
struct World {
    std::mt19937 random;
    bool reported = true;
    double forward = 0, backward = 0, refused = 0, restarts = 0, overtakes = 0;

    Mirrors mirrors{};
    std::vector<bool> missing{};
    uint32_t lost_forward = 0, lost_backward = 0, refusals = 0;

    bool chance(double probability) {
        return std::uniform_real_distribution<>(0, 1)(random) < probability;
    }
    void run(uint32_t count);
};

void World::run(uint32_t count) {
    std::vector<uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    for (uint32_t i = 1; i < count; ++i) {
        if (chance(overtakes)) {
            std::swap(order[i - 1], order[i]);
        }
    }
    missing.assign(count, true);
    uint32_t number = 0, session = 1, unreflected = 0;
    Nanos now = 0;
    bool dark = false;  // losses come in bursts too
    for (const uint32_t index : order) {
        now += 1'000'000;
        dark = chance(dark ? 0.9 : 0.01);
        if (chance(restarts)) {
            number = unreflected = 0;
            ++session;
        }
        if (chance(dark ? forward * 8 : forward)) {
            ++lost_forward;
        } else if (chance(refused)) {
            ++unreflected;
            ++refusals;
        } else if (const uint32_t own = number++; chance(dark ? backward * 8 : backward)) {
            ++lost_backward;
        } else {
            const SessionReport report{
                .stateful = true, .session = session, .unreflected = unreflected};
            mirrors.take(answer(index, own, now, reported ? std::optional(report) : std::nullopt));
            missing[index] = false;
        }
    }
}

void check_told(World& world) {
    const auto found = unreflected(world.mirrors, world.missing);
    CHECK(found.size() <= world.refusals);
    for (const uint32_t index : found) {
        CHECK(world.missing.at(index));
        world.missing[index] = false;
    }
    const Directions told = directions(world.mirrors, world.missing);
    const uint32_t untold = world.refusals - static_cast<uint32_t>(found.size());
    if (told.why.empty()) {
        CHECK(told.forward.lost <= world.lost_forward + untold);
        CHECK(told.forward.lost + told.unknown + untold >= world.lost_forward);
        CHECK(told.backward.lost <= world.lost_backward);
        CHECK(told.backward.lost + told.unknown >= world.lost_backward);
    }
    if (world.restarts == 0 && world.reported && told.why.empty()) {
        CHECK(told.unknown + untold < 100);
    }
}

TEST_CASE("what is told is true, of simulated paths") {
    int told = 0;
    for (uint32_t seed = 0; seed < 4'000; ++seed) {
        CAPTURE(seed);
        World world{.random = std::mt19937(seed), .reported = seed % 2 == 0};
        world.forward = world.chance(0.7) ? 0.05 : 0;
        world.backward = world.chance(0.7) ? 0.05 : 0;
        world.refused = world.reported && world.chance(0.5) ? 0.2 : 0;
        world.restarts = world.chance(0.5) ? 0.01 : 0;
        world.overtakes = world.chance(0.5) ? 0.02 : 0;
        world.run(500);
        check_told(world);
        told += directions(world.mirrors, world.missing).why.empty() ? 1 : 0;
    }
    CHECK(told > 1'500);
}

}  // namespace
}  // namespace rehome::probe
