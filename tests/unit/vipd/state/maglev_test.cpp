// Maglev tables: even shares, and nothing moves but what has to.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "tests/unit/vipd/packets.h"
#include "vipd/state/maglev.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

using Servers = std::vector<MaglevServer>;

Servers servers(const std::vector<uint32_t>& weights) {
    Servers out;
    for (size_t i = 0; i < weights.size(); ++i) {
        out.push_back({"s" + std::to_string(i + 1), weights[i], true});
    }
    return out;
}

// The table with names instead of indexes: "" where nobody is.
std::vector<std::string> named(const Servers& of) {
    std::vector<std::string> out;
    for (const uint16_t server : make_maglev(of, maglev_size(of))) {
        out.push_back(server == no_slot ? "" : of[server].name);
    }
    return out;
}

const std::vector<std::vector<uint32_t>> mixes{{1},
                                               {1, 1},
                                               {1, 1, 1},
                                               {1, 2},
                                               {1, 2, 3, 4},
                                               {10, 10, 10, 1},
                                               {100, 1},
                                               {7, 7, 7, 5, 5, 3},
                                               std::vector<uint32_t>(40, 1)};

}  // namespace

TEST_CASE("each server has its weight's share of the slots, within a slot or 1 %") {
    for (const auto& weights : mixes) {
        const auto all = servers(weights);
        const auto table = make_maglev(all, maglev_size(all));
        double total = 0;
        for (const uint32_t weight : weights) {
            total += weight;
        }
        for (uint32_t i = 0; i < all.size(); ++i) {
            const double wanted = weights[i] / total * static_cast<double>(table.size());
            const auto got = static_cast<double>(std::count(table.begin(), table.end(), i));
            INFO(all.size(), " servers, ", all[i].name, " wants ", wanted, " has ", got);
            CHECK(std::abs(got - wanted) <= std::max(1.0, wanted / 100));
        }
    }
}

TEST_CASE("whatever the weights, each share is the weight's, rounded up or down") {
    Random random(7);
    for (int round = 0; round < 300; ++round) {
        const uint32_t count = 1 + random.below(60);
        const uint32_t heaviest = 1 + random.below(round % 2 == 0 ? 4 : 1000);
        std::vector<uint32_t> weights;
        uint64_t total = 0;
        for (uint32_t i = 0; i < count; ++i) {
            weights.push_back(random.below(heaviest + 1));
            total += weights.back();
        }
        if (total == 0) {
            continue;
        }
        const auto all = servers(weights);
        const auto size = maglev_size(all);
        std::vector<uint64_t> got(count);
        for (const uint16_t server : make_maglev(all, size)) {
            ++got[server];
        }
        for (uint32_t i = 0; i < count; ++i) {
            const uint64_t wanted = uint64_t{weights[i]} * size;
            INFO(count, " servers, weight ", weights[i], " of ", total, " has ", got[i]);
            REQUIRE(got[i] >= wanted / total);
            REQUIRE(got[i] <= (wanted + total - 1) / total);
        }
    }
}

TEST_CASE("of two live sets that differ by one server, only its slots differ") {
    Random random(8);
    for (const uint32_t live_of_100 : {2, 30, 90}) {  // few: the rendezvous decides
        std::vector<uint32_t> weights;
        for (int i = 0; i < 50; ++i) {
            weights.push_back(1 + random.below(9));
        }
        auto now = servers(weights);
        for (auto& server : now) {
            server.live = random.below(100) < live_of_100;
        }
        now[0].live = true;
        auto before = named(now);
        for (int step = 0; step < 30; ++step) {
            auto& changed = now[1 + random.below(49)];
            changed.live = !changed.live;
            const auto after = named(now);
            size_t moved = 0;
            for (size_t slot = 0; slot < after.size(); ++slot) {
                const auto& owner = changed.live ? after[slot] : before[slot];
                moved += before[slot] != after[slot];
                REQUIRE((before[slot] == after[slot] || owner == changed.name));
            }
            CHECK(moved > 0);
            before = after;
        }
    }
}

TEST_CASE("the last one takes all slots") {
    auto all = servers(std::vector<uint32_t>(40, 1));
    for (auto& server : all) {
        server.live = server.name == "s7";
    }
    const auto table = named(all);
    CHECK(std::count(table.begin(), table.end(), "s7") == static_cast<int64_t>(table.size()));
}

TEST_CASE("what many dead servers leave is shared out by weight") {
    std::vector<uint32_t> weights;
    for (uint32_t i = 0; i < 40; ++i) {
        weights.push_back(1 + i % 4);
    }
    auto all = servers(weights);
    for (size_t i = 0; i < all.size(); ++i) {
        all[i].live = i < 4;
    }
    const auto table = named(all);
    for (uint32_t i = 0; i < 4; ++i) {
        const double part = weights[i] / 10.0;
        const auto wanted = part * static_cast<double>(table.size());
        const auto got = static_cast<double>(std::count(table.begin(), table.end(), all[i].name));
        INFO(all[i].name, " wants ", wanted, " has ", got);
        CHECK(std::abs(got - wanted) <= 4 * std::sqrt(wanted * (1 - part)));
    }
}

TEST_CASE("the size is a prime with 100 slots for the lightest unit") {
    struct Row {
        std::vector<uint32_t> weights;
        uint32_t size;
    };
    const Row rows[] = {{{1}, 251},
                        {{1, 1}, 251},
                        {{1, 1, 1}, 1021},
                        {{5, 5}, 251},
                        {{1, 9}, 1021},
                        {{1, 99}, 16381},
                        {{1, 0}, 251},
                        {std::vector<uint32_t>(1000, 1), 65537},
                        {{4000000000, 4000000000, 1}, 65537},
                        {{0, 0}, 251}};
    for (const Row& row : rows) {
        CHECK(maglev_size(servers(row.weights)) == row.size);
    }
}

TEST_CASE("nobody to serve: an empty table") {
    CHECK(make_maglev({}, 251).empty());
    CHECK(make_maglev(servers({0, 0}), 251).empty());
    auto down = servers({1, 1});
    down[0].live = down[1].live = false;
    CHECK(make_maglev(down, 251).empty());
    down[1].live = true;
    down[1].weight = 0;
    CHECK(make_maglev(down, 251).empty());
}

TEST_CASE("a server without weight gets nothing, dead or alive") {
    auto some = servers({1, 0, 1, 1});
    for (const bool live : {true, false}) {
        some[0].live = live;
        const auto table = named(some);
        CHECK(std::count(table.begin(), table.end(), "s2") == 0);
    }
}

TEST_CASE("the order of the servers in the configuration does not matter") {
    for (const auto& weights : mixes) {
        auto all = servers(weights);
        all[0].live = all.size() < 3;
        const auto table = named(all);
        Random random(4);
        for (int i = 0; i < 5; ++i) {
            for (size_t n = all.size(); n > 1; --n) {
                std::swap(all[n - 1], all[random.below(static_cast<uint32_t>(n))]);
            }
            INFO(all.size(), " servers");
            CHECK(named(all) == table);
        }
    }
}

TEST_CASE("a server that is down gives away its own slots alone") {
    for (const auto& weights : mixes) {
        const auto all = servers(weights);
        const auto before = named(all);
        for (size_t down = 0; down < all.size() && all.size() > 1; ++down) {
            auto rest = all;
            rest[down].live = false;
            const auto after = named(rest);
            size_t moved = 0;
            for (size_t slot = 0; slot < after.size(); ++slot) {
                REQUIRE(after[slot] != all[down].name);
                moved += after[slot] != before[slot] && before[slot] != all[down].name;
            }
            CHECK(moved == 0);
        }
    }
}

TEST_CASE("its slots are shared out by weight") {
    auto all = servers({10, 10, 20, 10});
    const auto before = named(all);
    all[0].live = false;
    const auto after = named(all);
    std::map<std::string, double> won;
    double lost = 0;
    for (size_t slot = 0; slot < after.size(); ++slot) {
        if (before[slot] == "s1") {
            ++won[after[slot]];
            ++lost;
        }
    }
    // A rendezvous draws each slot: three standard deviations of a binomial.
    for (const auto& [name, part] : {std::pair{"s2", 0.25}, {"s3", 0.5}, {"s4", 0.25}}) {
        CHECK(std::abs(won[name] - lost * part) <= 3 * std::sqrt(lost * part * (1 - part)));
    }
}

TEST_CASE("the table depends on the live set alone, not on how it came about") {
    const auto all = servers({1, 2, 3, 4, 5});
    auto now = all;
    std::map<std::vector<bool>, std::vector<std::string>> seen;
    Random random(5);
    for (int i = 0; i < 200; ++i) {
        auto& server = now[random.below(5)];
        server.live = !server.live;
        std::vector<bool> live;
        for (const auto& s : now) {
            live.push_back(s.live);
        }
        const auto table = named(now);
        const auto [found, fresh] = seen.try_emplace(live, table);
        CHECK(found->second == table);
    }
    CHECK(seen.size() > 20);
}
