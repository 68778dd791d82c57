// Source NAT: places are each flow's own, come back last, and run out with a count.
#include "vipd/flow/source_nat.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

constexpr uint8_t tcp = 6, udp = 17;
constexpr uint32_t ports = 65536 - SourceNat::first_port;

std::vector<PoolTable> pools(std::initializer_list<std::vector<const char*>> all) {
    std::vector<PoolTable> made;
    for (const auto& addresses : all) {
        PoolTable pool;
        for (const char* address : addresses) {
            pool.addresses.push_back(ip(address));
        }
        made.push_back(pool);
    }
    return made;
}

// A flow of that client, with its place once take() gave it one.
FlowV4 flow_of(uint32_t client, uint8_t protocol, std::optional<SourceNat::Place> place = {}) {
    FlowV4 flow;
    flow.protocol = protocol;
    flow.client_address = client;
    if (place) {
        flow.nat_address = place->address;
        flow.nat_port = place->port;
    }
    return flow;
}

}  // namespace

TEST_CASE("a place stands for one flow, of its protocol") {
    SourceNat nat(0, 1);
    nat.set_pools(pools({{"10.1.9.1"}, {"10.1.9.2", "10.1.9.3"}}));
    const auto first = nat.take(0, flow_of(1, tcp), 71);
    const auto second = nat.take(0, flow_of(1, tcp), 72);
    const auto datagrams = nat.take(0, flow_of(1, udp), 73);
    REQUIRE((first && second && datagrams));
    CHECK(nat.endpoint(*first).text() == "10.1.9.1:1024");
    CHECK(nat.endpoint(*second).text() == "10.1.9.1:1025");
    CHECK(nat.endpoint(*datagrams).text() == "10.1.9.1:1024");
    CHECK(nat.find(tcp, *first) == 71);
    CHECK(nat.find(udp, *first) == 73);
    CHECK(nat.find(tcp, {first->address, 999}) == FlowIndex::none);
    nat.moved(flow_of(1, tcp, first), 171);
    CHECK(nat.find(tcp, *first) == 171);
    CHECK(nat.use(0).used == 3);
    CHECK(nat.use(1).used == 0);
}

TEST_CASE("a client keeps its address while that has ports") {
    SourceNat nat(0, 1);
    nat.set_pools(pools({{"10.1.9.1", "10.1.9.2", "10.1.9.3"}}));
    std::set<uint16_t> used;
    for (uint32_t client = 0; client < 50; ++client) {
        const auto place = nat.take(0, flow_of(client, tcp), client);
        REQUIRE(place);
        used.insert(place->address);
        CHECK(nat.take(0, flow_of(client, udp), client)->address == place->address);
    }
    CHECK(used.size() == 3);
}

TEST_CASE("a pool that is used up says so, and a port that comes back is used last") {
    SourceNat nat(0, 1);
    nat.set_pools(pools({{"10.1.9.1", "10.1.9.2"}}));
    std::set<std::pair<uint16_t, uint16_t>> places;
    SourceNat::Place given_back;
    for (uint32_t i = 0; i < 2 * ports; ++i) {
        const auto place = nat.take(0, flow_of(7, tcp), i);
        REQUIRE(place);
        places.insert({place->address, place->port});
        given_back = i == 100 ? *place : given_back;
    }
    CHECK(places.size() == 2 * ports);
    CHECK_FALSE(nat.take(0, flow_of(7, tcp), 1));
    CHECK_FALSE(nat.take(0, flow_of(8, tcp), 1));
    CHECK(nat.take(0, flow_of(7, udp), 1));
    CHECK(nat.use(0).exhausted == 2);
    CHECK(nat.use(0).used == 2 * ports + 1);
    CHECK(nat.use(0).capacity == 4 * uint64_t{ports});
    nat.moved(flow_of(7, tcp, given_back), FlowIndex::none);
    CHECK(nat.find(tcp, given_back) == FlowIndex::none);
    const auto again = nat.take(0, flow_of(8, tcp), 9);
    REQUIRE(again);
    CHECK(again->port == given_back.port);
    CHECK(nat.find(tcp, given_back) == 9);
    CHECK_FALSE(nat.take(0, flow_of(8, tcp), 1));
}

TEST_CASE("workers share a pool by its ports' remainders") {
    uint64_t all = 0;
    for (uint32_t worker = 0; worker < 3; ++worker) {
        SourceNat nat(worker, 3);
        nat.set_pools(pools({{"10.1.9.1"}}));
        for (int i = 0; i < 5; ++i) {
            const auto place = nat.take(0, flow_of(1, tcp), 1);
            REQUIRE(place);
            CHECK(place->port % 3 == worker);
            CHECK(place->port >= SourceNat::first_port);
        }
        all += nat.use(0).capacity;
    }
    CHECK(all == 2 * uint64_t{ports});
}

TEST_CASE("a client whom a pool has no port for is dropped, until a flow ends") {
    const Config config = every_forwarding();
    Datapath::Settings settings;
    settings.flows = {1000, 200'000};
    settings.hash_key = 7;
    settings.ports.assign(config.ports.size(), PortLink{{2, 0, 0, 0, 0, 1}, 1500});
    Micros now = 1'000'000'000;
    Act act(with_lines(config, true), settings, now);
    Datapath& path = act.path;
    RouteTable routes;
    routes.set({*Prefix::parse("10.1.0.0/16"), 0}, {servers_port, {}});
    path.replace_routes(std::make_shared<const Fib>(routes.build()));
    const auto connect = [&](uint32_t client) {
        Say say{{Address::v4(0x64500000 + client), 4000}, end("203.0.113.7:80"), 6};
        say.flags = flag::S;
        Buffer buffer(make_frame(say));
        return path.handle(buffer.frame, red, now);
    };
    const auto dropped = [&] {
        return path.counters().drops[static_cast<size_t>(Drop::no_source_port)];
    };
    for (uint32_t client = 0; client < 2 * ports; ++client) {
        REQUIRE(connect(client).kind == Verdict::Kind::forward);
    }
    CHECK(dropped() == 0);
    CHECK(connect(2 * ports).drop == Drop::no_source_port);
    CHECK(dropped() == 1);
    CHECK(path.source_nat().use(0).exhausted == 1);
    CHECK(path.flows().size() == 2 * ports);
    now += 31'000'000;  // half-open flows are over after 30 s
    for (int i = 0; i < 200; ++i) {
        path.flows().expire(now);
    }
    CHECK(path.source_nat().use(0).used == 0);
    CHECK(connect(2 * ports).kind == Verdict::Kind::forward);
}

}  // namespace rehome::vipd::testing
