// Stamps: what holds, and that none comes round while an entry may still have it.
#include "vipd/flow/stamps.h"

#include <doctest/doctest.h>

#include "tests/unit/vipd/packets.h"

namespace rehome::vipd::testing {

namespace {

constexpr uint32_t slot = 7, other = 8;

struct Versions {
    PartVersions versions{};

    void change(Stamps& stamps, uint32_t at = slot) {
        ++versions[at];
        stamps.follow(versions);
    }
};

}  // namespace

TEST_CASE("a stamp holds until its slot's parts change") {
    Stamps stamps;
    Versions versions;
    const uint16_t before = stamps.give(slot), beside = stamps.give(other);
    CHECK(stamps.holds(before, slot));
    CHECK(!stamps.holds(Stamps::none, slot));
    stamps.follow(versions.versions);
    CHECK(stamps.holds(before, slot));
    versions.change(stamps);
    CHECK(!stamps.holds(before, slot));
    CHECK(stamps.holds(stamps.give(slot), slot));
    CHECK(stamps.holds(beside, other));
    // Whoever comes late finds the newest alone.
    versions.versions[slot] += 1000;
    stamps.follow(versions.versions);
    CHECK(!stamps.holds(before, slot));
}

TEST_CASE("no stamp comes round: without a round of the table they run out, and nothing holds") {
    Stamps stamps;
    Versions versions;
    const uint16_t old = stamps.give(slot);
    for (int i = 0; i < 200'000; ++i) {
        versions.change(stamps);
        REQUIRE(!stamps.holds(old, slot));
        const uint16_t given = stamps.give(slot);
        REQUIRE((given == Stamps::none || stamps.holds(given, slot)));
        REQUIRE(!stamps.holds(Stamps::none, slot));
    }
    CHECK(stamps.give(slot) == Stamps::none);
    CHECK(stamps.give(other) != Stamps::none);
    // The round that was under way may have passed entries before they were left behind.
    stamps.round_is_over();
    stamps.round_is_over();
    CHECK(stamps.give(slot) != Stamps::none);
    CHECK(stamps.holds(stamps.give(slot), slot));
}

// Entries of any age beside a table that is gone through as FlowTable::expire does: what holds is
// only ever what was given since the last change.
TEST_CASE("whatever changes, and however seldom a round ends, what holds is not stale") {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
        Random random(seed);
        Stamps stamps;
        Versions versions;
        struct Entry {
            uint16_t stamp = Stamps::none;
            uint32_t given_at = 0;  // the version
        };
        std::vector<Entry> entries(64);
        size_t cursor = 0;
        const uint32_t seldom = random.below(400);
        for (int i = 0; i < 400'000; ++i) {
            if (random.below(8) != 0) {
                versions.change(stamps);
            }
            Entry& entry = entries[random.below(64)];
            if (random.chance(10)) {
                entry = {stamps.give(slot), versions.versions[slot]};
            }
            if (stamps.holds(entry.stamp, slot)) {
                REQUIRE(entry.given_at == versions.versions[slot]);
            }
            if (random.below(seldom + 1) == 0) {
                Entry& at = entries[cursor];
                at.stamp = stamps.holds(at.stamp, slot) ? at.stamp : Stamps::none;
                if (++cursor == entries.size()) {
                    cursor = 0;
                    stamps.round_is_over();
                }
            }
        }
    }
}

}  // namespace rehome::vipd::testing
