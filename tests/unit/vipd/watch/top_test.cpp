// The sketch of the busiest against exact counts, and its guarantees at their edge.
#include "vipd/watch/top.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/unit/vipd/packets.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

using Sketch = SpaceSaving<Address>;

Address nth(uint32_t n) {
    return Address::v4(0x0a000000 + n);
}

std::map<Address, Sketch::Entry> entries_of(const Sketch& sketch) {
    std::map<Address, Sketch::Entry> entries;
    for (const auto& entry : sketch.entries()) {
        REQUIRE(entries.emplace(entry.key, entry).second);  // no key twice
    }
    return entries;
}

// What the paper promises, for every key (its lemmas 2 to 4, theorems 1 and 2).
void check_bounds(const Sketch& sketch, const std::map<Address, uint64_t>& exact,
                  uint64_t counters) {
    const auto entries = entries_of(sketch);
    uint64_t sum = 0, least = UINT64_MAX;
    for (const auto& [key, entry] : entries) {
        sum += entry.count;
        least = std::min(least, entry.count);
        const uint64_t truth = exact.at(key);
        CHECK(entry.count >= truth);
        CHECK(entry.count - entry.error <= truth);
        CHECK(entry.error <= sketch.total() / counters);
    }
    CHECK(sum == sketch.total());
    for (const auto& [key, count] : exact) {
        if (count > sketch.total() / counters) {
            CHECK(entries.contains(key));
        }
        if (!entries.contains(key)) {
            CHECK(count <= least);
        }
    }
}

}  // namespace

TEST_CASE("fewer keys than counters are counted exactly") {
    Sketch sketch(8, 1);
    for (uint32_t i = 0; i < 8; ++i) {
        for (uint32_t k = 0; k <= i; ++k) {
            sketch.add(nth(i), 100);
        }
    }
    CHECK(sketch.total() == 36);
    for (const auto& [key, entry] : entries_of(sketch)) {
        CHECK(entry.count == key.v4_host_order() - 0x0a000000 + 1);
        CHECK(entry.error == 0);
        CHECK(entry.bytes == entry.count * 100);
    }
}

TEST_CASE("the newcomer inherits the least count as its error") {
    Sketch sketch(2, 1);
    sketch.add(nth(1), 10);
    sketch.add(nth(1), 10);
    sketch.add(nth(2), 10);
    sketch.add(nth(3), 7);
    const auto entries = entries_of(sketch);
    REQUIRE(entries.contains(nth(3)));
    CHECK(!entries.contains(nth(2)));
    CHECK(entries.at(nth(3)).count == 2);
    CHECK(entries.at(nth(3)).error == 1);
    CHECK(entries.at(nth(3)).bytes == 7);
    CHECK(entries.at(nth(1)).count == 2);
}

TEST_CASE("the bounds hold for skewed, even and hostile streams") {
    const uint64_t seed = 7;
    CAPTURE(seed);
    Random random(seed);
    struct Row {
        const char* what;
        uint32_t counters, keys, length;
        int kind;  // 0 skewed, 1 even, 2 the same keys over and over in turn
    };
    for (const Row& row : {Row{"skewed", 64, 5000, 50000, 0}, Row{"even", 64, 5000, 50000, 1},
                           Row{"in turn", 64, 65, 20000, 2}, Row{"one counter", 1, 10, 1000, 0},
                           Row{"three", 3, 4, 5000, 1}}) {
        CAPTURE(row.what);
        Sketch sketch(row.counters, random.any32());
        std::map<Address, uint64_t> exact;
        for (uint32_t i = 0; i < row.length; ++i) {
            const uint32_t any = random.below(row.keys);
            const uint32_t key = row.kind == 0   ? random.below(any + 1) * random.below(4) / 4
                                 : row.kind == 1 ? any
                                                 : i % row.keys;
            sketch.add(nth(key), 1);
            ++exact[nth(key)];
        }
        check_bounds(sketch, exact, row.counters);
    }
}

TEST_CASE("one packet in 64 is sampled, at distances that vary") {
    Top top(42);
    uint32_t taken = 0, last = 0, least = UINT32_MAX, most = 0;
    const uint32_t packets = 1'000'000;
    for (uint32_t i = 1; i <= packets; ++i) {
        if (top.due()) {
            ++taken;
            least = std::min(least, i - last);
            most = std::max(most, i - last);
            last = i;
        }
    }
    CHECK(taken > packets / Top::one_in * 97 / 100);
    CHECK(taken < packets / Top::one_in * 103 / 100);
    CHECK(least == 1);
    CHECK(most == 2 * Top::one_in - 1);
}

TEST_CASE("several workers' sketches together, the busiest first") {
    SpaceSaving<TopEnd> a(4, 1), b(4, 2);
    const TopEnd web{6, end("192.0.2.1:443")}, dns{17, end("192.0.2.1:443")}, v6{6, end("[::1]:1")};
    for (int i = 0; i < 3; ++i) {
        a.add(web, 10);
        b.add(dns, 20);
    }
    b.add(web, 10);
    a.add(v6, 1);
    const SpaceSaving<TopEnd>* both[] = {&a, &b};
    const auto top = busiest<TopEnd>(both, 2);
    REQUIRE(top.size() == 2);
    CHECK(top[0].key == web);
    CHECK(top[0].count == 4);
    CHECK(top[0].bytes == 40);
    CHECK(top[1].key == dns);
    CHECK(busiest<TopEnd>(both, 100).size() == 3);
}
