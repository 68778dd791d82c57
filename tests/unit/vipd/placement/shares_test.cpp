// Which site a client gets by the sites' weights.
#include "vipd/placement/shares.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <map>
#include <string>

#include "tests/unit/vipd/packets.h"
#include "vipd/state/share.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

using Role = WeightedSite::Role;
using Weights = std::vector<uint32_t>;

constexpr std::array names{"old", "new", "east", "west", "north", "south", "up", "down"};

// The first two are the ends of the scale.
Shares shares_of(const Weights& weights, ShareBy by = ShareBy::address) {
    std::vector<WeightedSite> sites;
    for (size_t i = 0; i < weights.size(); ++i) {
        const Role role = i == 0 ? Role::high : i == 1 ? Role::low : Role::other;
        sites.push_back({names[i], static_cast<SiteNumber>(i), weights[i], role});
    }
    return {by, sites};
}

std::optional<SiteNumber> site(const Shares& shares, const Endpoint& client) {
    return shares.choose(client, [](SiteNumber) { return true; });
}

Endpoint client(uint32_t number) {
    return {Address::v4(0x64000000 + number), static_cast<uint16_t>(number * 7)};
}

rc::Gen<Weights> weights_of(size_t sites) {
    return rc::gen::container<Weights>(
        sites, rc::gen::oneOf(rc::gen::inRange(0U, 10'001U), rc::gen::element(0U, 1U, 10'000U)));
}

// Nothing is said twice: what has risen against what.
bool risen(const Weights& before, const Weights& after, size_t from, size_t to) {
    return uint64_t{after[to]} * before[from] > uint64_t{before[to]} * after[from];
}

}  // namespace

TEST_CASE("a logarithm is right to 2^-18, and never 0") {
    for (const uint64_t number : {uint64_t{1}, uint64_t{3}, uint64_t{1} << 40, UINT64_MAX / 3,
                                  UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX}) {
        const double exact = 64 - std::log2(static_cast<double>(number));
        CHECK(static_cast<double>(minus_log2(number)) / (1 << 24) ==
              doctest::Approx(exact).epsilon(1e-12).scale(1.0 / (1 << 18) * 1e12));
        CHECK(minus_log2(number) >= 1);
    }
}

TEST_CASE("two sites are divided as by a share, to the bit") {
    CHECK(rc::check([] {
        const uint32_t hundredths = *rc::gen::inRange(0U, 10'001U);
        const auto by = *rc::gen::element(ShareBy::address, ShareBy::address_port);
        const Shares shares = shares_of({10'000 - hundredths, hundredths}, by);
        for (uint32_t i = 0; i < 200; ++i) {
            const Endpoint end = client(*rc::gen::arbitrary<uint16_t>() * 200U + i);
            RC_ASSERT((site(shares, end) == 1) == (Share{hundredths, by}.relays(end)));
        }
    }));
}

TEST_CASE("whatever changes, clients go only to where the weight has risen against their site's") {
    CHECK(rc::check([] {
        const size_t sites = *rc::gen::inRange<size_t>(1, Shares::sites_max + 1);
        const Weights before = *weights_of(sites);
        const Weights after = *weights_of(sites);
        const Shares was = shares_of(before), is = shares_of(after);
        for (uint32_t i = 0; i < 300; ++i) {
            const auto from = site(was, client(i)), to = site(is, client(i));
            RC_ASSERT(from == to || !from || !to || risen(before, after, *from, *to));
        }
    }));
}

TEST_CASE("a change of one site's weight moves clients to or from that site alone") {
    CHECK(rc::check([] {
        const size_t sites = *rc::gen::inRange<size_t>(2, Shares::sites_max + 1);
        const Weights before = *weights_of(sites);
        const size_t changed = *rc::gen::inRange<size_t>(0, sites);
        Weights after = before;
        after[changed] = *rc::gen::inRange(0U, 10'001U);
        const bool more = after[changed] > before[changed];
        const Shares was = shares_of(before), is = shares_of(after);
        for (uint32_t i = 0; i < 300; ++i) {
            const auto from = site(was, client(i)), to = site(is, client(i));
            RC_ASSERT(from == to || (more ? to : from) == static_cast<SiteNumber>(changed));
        }
    }));
}

TEST_CASE("a site that does not take a client leaves it to who would have it without that site") {
    CHECK(rc::check([] {
        const size_t sites = *rc::gen::inRange<size_t>(2, Shares::sites_max + 1);
        const Weights all = *weights_of(sites);
        const auto away = *rc::gen::inRange<SiteNumber>(0, static_cast<SiteNumber>(sites));
        Weights rest = all;
        rest[away] = 0;
        const Shares full = shares_of(all), without = shares_of(rest);
        for (uint32_t i = 0; i < 200; ++i) {
            const auto next = full.choose(client(i), [&](SiteNumber s) { return s != away; });
            RC_ASSERT(next == site(without, client(i)));
        }
    }));
}

TEST_CASE("each site gets its weight's part") {
    const std::vector<Weights> cases{{9'999, 1},
                                     {5'000, 3'000, 2'000},
                                     {0, 0, 7'500, 2'500},
                                     {100, 100, 100, 100, 100, 100, 100, 100},
                                     {9'000, 500, 400, 100},
                                     {0, 1'000, 9'000}};
    constexpr uint32_t clients = 200'000;
    for (const Weights& weights : cases) {
        const Shares shares = shares_of(weights);
        double total = 0;
        for (const uint32_t weight : weights) {
            total += weight;
        }
        std::map<size_t, uint32_t> got;
        for (uint32_t i = 0; i < clients; ++i) {
            ++got[site(shares, client(i)).value()];
        }
        for (size_t i = 0; i < weights.size(); ++i) {
            const double part = weights[i] / total;
            const double deviation = std::sqrt(clients * part * (1 - part));
            INFO(i, " of ", weights.size(), " has ", got[i]);
            CHECK(std::abs(got[i] - clients * part) <= 5 * deviation);
        }
    }
}

// Every gateway, and every release, has to say the same.
TEST_CASE("test vectors") {
    const Weights weights{4'000, 3'000, 2'000, 1'000};
    std::string by_address, by_port, two;
    for (uint32_t i = 0; i < 60; ++i) {
        by_address += names[site(shares_of(weights), client(i)).value()][0];
        by_port += names[site(shares_of(weights, ShareBy::address_port), client(i)).value()][0];
        two += names[site(shares_of({7'000, 3'000}), client(i)).value()][0];
    }
    CHECK(by_address == "eewoeoeneoeoeweneonoooeeonoennennnnoweeononnoeooonnewwonoenn");
    CHECK(by_port == "ewooooooneeoooeooeeewnnennonoooenoeooeneonnnoonoowonwnoenonn");
    CHECK(two == "ooooooonooooonnnoonooonoooonnnnnonnooooononnooooononooononon");
    const Endpoint v6{*Address::parse("2001:db8::7"), 443};
    CHECK(std::string(names[site(shares_of(weights), v6).value()]) == "east");
    CHECK(!site(shares_of({0, 0, 0}), v6));
}
