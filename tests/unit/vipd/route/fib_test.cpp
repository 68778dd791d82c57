// Longest prefix match against a plain search over all routes, and the neighbours.
#include "vipd/route/fib.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace rehome;
using namespace rehome::vipd;

namespace {

Prefix prefix(const char* text) {
    return *Prefix::parse(text);
}
Address address(const char* text) {
    return *Address::parse(text);
}

std::string text(const std::optional<Hop>& hop) {
    return hop ? std::to_string(hop->port) + " " + hop->address.text() : "none";
}

struct Route {
    const char* prefix;
    uint32_t metric;
    int port;  // -1: no port of ours
    const char* gateway;
};

RouteTable table_of(std::initializer_list<Route> routes) {
    RouteTable table;
    for (const auto& [to, metric, port, gateway] : routes) {
        Via via;
        if (port >= 0) {
            via.port = static_cast<PortIndex>(port);
        }
        if (gateway) {
            via.gateway = address(gateway);
        }
        table.set({prefix(to), metric}, via);
    }
    return table;
}

}  // namespace

TEST_CASE("a route is looked up by the longest prefix") {
    const auto fib = table_of({{"0.0.0.0/0", 0, 1, "192.0.2.1"},
                               {"10.0.0.0/8", 0, 2, "192.0.2.2"},
                               {"10.1.0.0/16", 0, 3, nullptr},
                               {"10.1.1.0/24", 0, -1, nullptr},
                               {"10.1.1.7/32", 0, 4, "192.0.2.4"},
                               {"255.255.255.255/32", 0, 5, nullptr},
                               {"172.16.0.0/12", 20, 6, "192.0.2.6"},
                               {"172.16.0.0/12", 10, 7, "192.0.2.7"},
                               {"2001:db8::/32", 1024, 1, "fe80::1"},
                               {"2001:db8:0:0:8000::/65", 1024, 2, nullptr},
                               {"2001:db8::5/128", 1024, 3, nullptr}})
                         .build();
    const std::pair<const char*, const char*> cases[] = {
        {"0.0.0.0", "1 192.0.2.1"},
        {"9.255.255.255", "1 192.0.2.1"},
        {"10.0.0.0", "2 192.0.2.2"},
        {"10.1.0.255", "3 10.1.0.255"},  // on the link: the destination itself
        {"10.1.1.6", "none"},            // a blackhole shadows what encloses it
        {"10.1.1.7", "4 192.0.2.4"},
        {"10.1.1.8", "none"},
        {"10.1.2.0", "3 10.1.2.0"},
        {"10.2.0.0", "2 192.0.2.2"},
        {"11.0.0.0", "1 192.0.2.1"},
        {"172.16.0.1", "7 192.0.2.7"},  // the lower metric
        {"255.255.255.254", "1 192.0.2.1"},
        {"255.255.255.255", "5 255.255.255.255"},
        {"2001:db7:ffff::", "none"},
        {"2001:db8::", "1 fe80::1"},
        {"2001:db8::5", "3 2001:db8::5"},
        {"2001:db8::6", "1 fe80::1"},
        {"2001:db8::8000:0:0:1", "2 2001:db8::8000:0:0:1"},
        {"2001:db8:0:1::", "1 fe80::1"},
        {"2001:db9::", "none"},
    };
    for (const auto& [to, expected] : cases) {
        CAPTURE(to);
        CHECK(text(fib.lookup(address(to))) == expected);
    }
}

TEST_CASE("no routes, no way") {
    const auto fib = RouteTable().build();
    CHECK_FALSE(fib.lookup(address("192.0.2.1")));
    CHECK_FALSE(fib.lookup(address("2001:db8::1")));
    CHECK(fib.ranges() == 0);
}

TEST_CASE("a route that goes away uncovers the next metric, then what encloses it") {
    auto table = table_of({{"0.0.0.0/0", 0, 0, "192.0.2.1"},
                           {"10.0.0.0/8", 5, 1, nullptr},
                           {"10.0.0.0/8", 6, 2, nullptr}});
    const auto before = table.build();
    CHECK(table.remove({prefix("10.0.0.0/8"), 5}));
    CHECK_FALSE(table.remove({prefix("10.0.0.0/8"), 5}));
    CHECK(text(table.build().lookup(address("10.0.0.1"))) == "2 10.0.0.1");
    CHECK(table.remove({prefix("10.0.0.0/8"), 6}));
    CHECK(text(table.build().lookup(address("10.0.0.1"))) == "0 192.0.2.1");
    CHECK(text(before.lookup(address("10.0.0.1"))) == "1 10.0.0.1");  // a snapshot stays
}

TEST_CASE("neighbours that share a way out need no range of their own") {
    RouteTable table;
    for (uint32_t i = 0; i < 1000; ++i) {
        table.set({{Address::v4(0x0a000000 + (i << 8)), 24}, 0},
                  {PortIndex{1}, address("192.0.2.1")});
    }
    CHECK(table.build().ranges() == 3);  // before them, theirs, behind them
}

TEST_CASE("random tables agree with a plain search") {
    std::mt19937 engine(4711);  // a fixed seed: the same tables each time
    const auto random = [&] { return static_cast<uint32_t>(engine()); };
    for (int round = 0; round < 50; ++round) {
        std::map<Prefix, Via> routes;
        RouteTable table;
        for (int i = 0; i < 60; ++i) {
            // Few bits, so that prefixes nest and touch, within 16 bits and across.
            const unsigned length = random() % 9 + random() % 4 * 8;
            const uint32_t bits = (random() % 4) << 30 | (random() % 3) << 16 | (random() % 64);
            const uint32_t mask = length == 0 ? 0 : ~uint32_t{0} << (32 - length);
            const Prefix to{Address::v4(bits & mask), length};
            Via via;
            if (random() % 4 != 0) {
                via = {static_cast<PortIndex>(random() % 3), std::nullopt};
            }
            routes[to] = via;
            table.set({to, 0}, via);
        }
        const auto fib = table.build();
        for (uint32_t i = 0; i < 1536; ++i) {
            const uint32_t low = i / 12 % 2 == 0 ? i / 24 : 0xffff - i / 24;
            const Address to = Address::v4((i % 4) << 30 | (i / 4 % 3) << 16 | low);
            const Via* best = nullptr;
            unsigned longest = 0;
            for (const auto& [each, via] : routes) {
                if (each.contains(to) && (!best || each.length >= longest)) {
                    best = &via;
                    longest = each.length;
                }
            }
            const bool expected = best && best->port;
            const auto found = fib.lookup(to);
            REQUIRE(found.has_value() == expected);
            if (found) {
                REQUIRE(found->port == *best->port);
            }
        }
    }
}

TEST_CASE("a neighbour is known by port and address") {
    Neighbours neighbours;
    const Hop hop{1, address("10.1.1.1")};
    const Neighbour resolved{{2, 0, 0, 0, 0, 1}, true};
    CHECK(neighbours.find(hop) == nullptr);
    CHECK(neighbours.set(hop, resolved));
    CHECK_FALSE(neighbours.set(hop, resolved));  // nothing new, no new snapshot
    CHECK(neighbours.find({2, hop.address}) == nullptr);
    REQUIRE(neighbours.find(hop));
    CHECK(neighbours.find(hop)->usable);
    CHECK(neighbours.set(hop, {}));
    CHECK_FALSE(neighbours.find(hop)->usable);
    CHECK(neighbours.remove(hop));
    CHECK_FALSE(neighbours.remove(hop));
}
