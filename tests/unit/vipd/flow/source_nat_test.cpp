// Source NAT: no two flows are seen by a server as the same client, ports come back, are not to be
// guessed, and those that are half open hold so many and no more.
#include "vipd/flow/source_nat.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include "tests/unit/vipd/lab.h"
#include "vipd/flow/tcp.h"
#include "vipd/packet/rss.h"

namespace rehome::vipd::testing {

namespace {

constexpr uint8_t tcp = 6, udp = 17;
constexpr uint32_t ports = 65'536 - 1024;
const Endpoint server = {Address::v4(0x0a010101), 80};

PoolTable pool_of(std::initializer_list<const char*> addresses, uint16_t first = 1024,
                  uint16_t last = 65'535, uint32_t half_open_percent = 100) {
    PoolTable pool;
    for (const char* address : addresses) {
        pool.addresses.push_back(ip(address));
    }
    pool.family = pool.addresses[0].family;
    pool.first_port = first;
    pool.last_port = last;
    pool.half_open_percent = half_open_percent;
    return pool;
}

Address client_of(uint32_t number, Family family) {
    if (family == Family::v4) {
        return Address::v4(0x64500000 + number);
    }
    Address address = ip("2001:db8:c::");
    for (unsigned i = 0; i < 4; ++i) {
        address.bytes[15 - i] = static_cast<uint8_t>(number >> 8 * i);
    }
    return address;
}

// A worker's flows, and what stands for their clients.
struct World {
    explicit World(const std::vector<PoolTable>& pools, uint32_t worker = 0, uint32_t workers = 1,
                   uint64_t seed = 7)
        : flows({200'000, 200'000}, 7), nat(flows, worker, workers, seed) {
        flows.on_moved([](void* to, const Flow& flow, uint32_t from,
                          uint32_t now) { static_cast<SourceNat*>(to)->moved(flow, from, now); },
                       &nat);
        nat.set_pools(pools);
    }

    // Null: there is no port for it.
    Flow* begin(uint32_t client, const Endpoint& to = server, uint8_t protocol = tcp,
                uint32_t pool = 0) {
        const Family family = to.address.family;
        const FlowKey key{protocol,
                          {client_of(client, family), 4000},
                          {family == Family::v4 ? ip("203.0.113.9") : ip("2001:db8:f::9"), 80}};
        const auto opened = flows.open(key, to, Flow::Reach::source_nat, 0);
        REQUIRE(opened);
        if (!nat.take(pool, **opened)) {
            flows.erase(**opened);
            return nullptr;
        }
        return *opened;
    }
    Flow* settle(Flow* flow) {
        flows.change(*flow, Flow::Kind::here, Flow::Stage::established);
        flow->answered = true;
        return flows.settle(flow);
    }

    FlowTable flows;
    SourceNat nat;
};

std::string text(const World& world, const Flow* flow) {
    return flow == nullptr ? "none" : world.nat.seen(*flow).text();
}

}  // namespace

TEST_CASE("a reply's ends tell its flow, wherever that stands") {
    World world({pool_of({"10.1.9.1"}), pool_of({"10.1.9.2", "10.1.9.3"})});
    Flow* flow = world.begin(1);
    const Endpoint seen = world.nat.seen(*flow);
    CHECK(seen.address.text() == "10.1.9.1");
    CHECK(world.nat.find(tcp, server, seen) == flow);
    flow = world.settle(flow);
    CHECK(world.nat.find(tcp, server, seen) == flow);
    CHECK(world.nat.find(udp, server, seen) == nullptr);
    CHECK(world.nat.find(tcp, {server.address, 81}, seen) == nullptr);
    CHECK(world.nat.find(tcp, {ip("10.1.1.2"), 80}, seen) == nullptr);
    CHECK(world.nat.use(0).used == 1);
    CHECK(world.nat.use(1).used == 0);
    world.flows.erase(*flow);
    CHECK(world.nat.find(tcp, server, seen) == nullptr);
    CHECK(world.nat.use(0).used == 0);
}

TEST_CASE("a client keeps its address while that has ports") {
    World world({pool_of({"10.1.9.1", "10.1.9.2", "10.1.9.3"})});
    std::set<Address> used;
    for (uint32_t client = 0; client < 50; ++client) {
        const Flow* first = world.begin(client);
        REQUIRE(first != nullptr);
        const Address address = world.nat.seen(*first).address;
        used.insert(address);
        CHECK(world.nat.seen(*world.begin(client, server, udp)).address == address);
    }
    CHECK(used.size() == 3);
}

TEST_CASE("a port serves a flow to each server's port at once, and runs out towards one alone") {
    World world({pool_of({"10.1.9.1"}, 5000, 5000)});
    CHECK(text(world, world.settle(world.begin(1))) == "10.1.9.1:5000");
    CHECK(text(world, world.settle(world.begin(2, {server.address, 81}))) == "10.1.9.1:5000");
    CHECK(text(world, world.settle(world.begin(3, {ip("10.1.1.2"), 80}))) == "10.1.9.1:5000");
    CHECK(text(world, world.begin(4)) == "none");
    CHECK(world.nat.use(0).exhausted == 1);
    CHECK(world.nat.use(0).used == 1);
    CHECK(world.nat.use(0).capacity == 2);
    CHECK(text(world, world.begin(4, server, udp)) == "10.1.9.1:5000");
}

TEST_CASE("every port of a pool stands for a flow before one is refused, and any comes back") {
    World world({pool_of({"10.1.9.1", "10.1.9.2"})});
    std::set<std::pair<Address, uint16_t>> seen;
    std::vector<Flow*> flows;
    for (uint32_t i = 0; i < 2 * ports; ++i) {
        Flow* flow = world.begin(i);
        REQUIRE(flow != nullptr);
        flow = world.settle(flow);
        const Endpoint as = world.nat.seen(*flow);
        seen.insert({as.address, as.port});
        flows.push_back(flow);
    }
    CHECK(seen.size() == 2 * ports);
    CHECK(world.begin(2 * ports) == nullptr);
    CHECK(world.nat.use(0).used == 2 * ports);
    const Endpoint back = world.nat.seen(*flows[100]);
    world.flows.erase(*flows[100]);
    CHECK(world.nat.seen(*world.settle(world.begin(2 * ports + 1))).text() == back.text());
    CHECK(world.begin(2 * ports + 2) == nullptr);
}

TEST_CASE("ports are not to be guessed: neither in a row, nor the same with another seed") {
    std::vector<uint16_t> first, second;
    World one({pool_of({"10.1.9.1"})}, 0, 1, 1), other({pool_of({"10.1.9.1"})}, 0, 1, 2);
    uint32_t low = 0, neighbours = 0;
    for (uint32_t i = 0; i < 1000; ++i) {
        first.push_back(one.begin(i)->nat_port);
        second.push_back(other.begin(i)->nat_port);
        low += first.back() < 1024 + ports / 2 ? 1 : 0;
        neighbours += i > 0 && first[i] == first[i - 1] + 1 ? 1 : 0;
    }
    CHECK(first != second);
    CHECK(low > 400);
    CHECK(low < 600);
    CHECK(neighbours < 5);
}

TEST_CASE("half-open flows hold their part of the ports, of which the oldest gives way") {
    World world({pool_of({"10.1.9.1"}, 1000, 1099, 25)});
    std::vector<Flow*> settled;
    for (uint32_t i = 0; i < 60; ++i) {
        settled.push_back(world.settle(world.begin(i)));
    }
    std::vector<Endpoint> waiting;
    for (uint32_t i = 0; i < 25; ++i) {
        waiting.push_back(world.nat.seen(*world.begin(100 + i)));
    }
    CHECK(world.nat.use(0).gave_way == 0);
    // The third has been answered meanwhile: it is not the one to give way.
    world.settle(world.nat.find(tcp, server, waiting[2]));
    for (uint32_t i = 0; i < 3; ++i) {
        REQUIRE(world.begin(200 + i) != nullptr);
    }
    CHECK(world.nat.use(0).gave_way == 2);
    CHECK(world.nat.use_of_address(0).tcp_half_open == 25);
    CHECK(world.nat.use(0).used == 60 + 25 + 1);
    const auto still = [&](size_t i) {
        const Flow* flow = world.nat.find(tcp, server, waiting[i]);
        return flow != nullptr &&
               flow->client().address == client_of(100 + static_cast<uint32_t>(i), Family::v4);
    };
    CHECK_FALSE(still(0));
    CHECK_FALSE(still(1));
    CHECK(still(2));
    CHECK(still(3));
    for (const Flow* flow : settled) {
        CHECK(world.nat.find(tcp, server, world.nat.seen(*flow)) == flow);
    }
}

TEST_CASE("datagrams give way until their second exchange, though they were answered") {
    World world({pool_of({"10.1.9.1"}, 1000, 1099, 25)});
    Segment datagram;
    datagram.protocol = udp;
    const auto exchange = [&](Flow* flow) {
        for (const Side side : {Side::client, Side::server}) {
            flow = follow(world.flows, *flow, datagram, true, side, 0);
        }
        return flow;
    };
    const Flow* talks = exchange(exchange(world.begin(0, server, udp)));
    const Endpoint seen = world.nat.seen(*talks);
    for (uint32_t i = 1; i <= 200; ++i) {
        Flow* flow = world.begin(i, server, udp);
        REQUIRE(flow != nullptr);
        CHECK(exchange(flow)->confirmed());
    }
    CHECK(world.nat.use(0).gave_way == 175);
    CHECK(world.nat.use(0).used == 26);
    CHECK(world.nat.find(udp, server, seen) == talks);
}

TEST_CASE("where settled flows leave fewer than that, half-open ones share what is left") {
    World world({pool_of({"10.1.9.1"}, 1000, 1009, 50)});
    for (uint32_t i = 0; i < 9; ++i) {
        world.settle(world.begin(i));
    }
    for (uint32_t i = 0; i < 20; ++i) {
        REQUIRE(world.begin(100 + i) != nullptr);
    }
    CHECK(world.nat.use(0).gave_way == 19);
    world.settle(world.begin(9));
    CHECK(world.begin(200) == nullptr);
}

TEST_CASE("workers share a pool by its ports' remainders, and together have all of it") {
    std::set<uint16_t> all;
    uint64_t capacity = 0;
    for (uint32_t worker = 0; worker < 3; ++worker) {
        World world({pool_of({"10.1.9.1"}, 1000, 1100)}, worker, 3);
        while (Flow* flow = world.begin(static_cast<uint32_t>(all.size()))) {
            CHECK(flow->nat_port % 3 == worker);
            all.insert(world.settle(flow)->nat_port);
        }
        capacity += world.nat.use(0).capacity;
    }
    CHECK(all.size() == 101);
    CHECK(*all.begin() == 1000);
    CHECK(*all.rbegin() == 1100);
    CHECK(capacity == 2 * 101);
}

TEST_CASE("another port of the client's own address is that of its worker, and of nobody else") {
    for (uint32_t worker = 0; worker < 2; ++worker) {
        World world({}, worker, 2);
        std::set<uint16_t> seen;
        for (uint32_t i = 0; i < 300; ++i) {
            const FlowKey key{
                udp, {client_of(1, Family::v4), 4000}, {Address::v4(0xcb007100 + i), 53}};
            const auto opened = world.flows.open(key, server, Flow::Reach::source_nat, 0);
            REQUIRE(opened);
            REQUIRE(world.nat.take_other_port(**opened));
            const Endpoint as = world.nat.seen(**opened);
            CHECK(as.address == client_of(1, Family::v4));
            CHECK(rss_queue(rss_hash(as), 2) == worker);
            CHECK(seen.insert(as.port).second);
            CHECK(world.nat.find(udp, server, as) == *opened);
        }
    }
}

// Whatever begins, settles and ends: what is found is what was given, to nobody else, and what is
// counted is what there is.
TEST_CASE("the law of the pool, over random lives of flows of both families") {
    std::mt19937 draw(1);
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(draw() % n); };
    for (int round = 0; round < 40; ++round) {
        const bool v6 = round % 2 == 1;
        const uint32_t percent = 1 + below(100), workers = 1 + below(3), worker = below(workers);
        const auto last = static_cast<uint16_t>(2000 + below(200));
        const auto pool = v6 ? pool_of({"2001:db8:a::1", "2001:db8:a::2"}, 2000, last, percent)
                             : pool_of({"10.1.9.1", "10.1.9.2"}, 2000, last, percent);
        World world({pool}, worker, workers);
        std::vector<Endpoint> servers;
        for (const uint16_t port : {uint16_t{80}, uint16_t{81}}) {
            servers.push_back({v6 ? ip("2001:db8:b::1") : ip("10.1.1.1"), port});
        }
        const uint64_t own = world.nat.use(0).capacity / 4;  // of an address and protocol
        const uint64_t most = std::max<uint64_t>(1, own * percent / 100);
        for (uint32_t i = 0; i < 3000; ++i) {
            uint64_t place = below(400'000);
            Flow* some = world.flows.next(place);
            if (below(3) == 0 && some != nullptr) {
                world.flows.erase(*some);
            } else if (below(3) == 0 && some != nullptr) {
                world.settle(some);
            } else {
                world.begin(i, servers[below(2)], below(2) == 0 ? tcp : udp);
            }
            CHECK(world.nat.use_of_address(0).tcp_half_open <= 2 * most);
        }
        std::set<std::tuple<uint8_t, std::string, std::string>> ends;
        std::map<std::pair<uint32_t, uint8_t>, std::set<uint16_t>> used;
        std::map<std::tuple<uint32_t, uint8_t, std::string>, uint64_t> half_open;
        uint64_t place = 0;
        while (Flow* flow = world.flows.next(place)) {
            const Endpoint as = world.nat.seen(*flow);
            CHECK(world.nat.find(flow->protocol, flow->server(), as) == flow);
            CHECK(ends.insert({flow->protocol, flow->server().text(), as.text()}).second);
            CHECK(as.port % workers == worker);
            used[{flow->nat_address, flow->protocol}].insert(as.port);
            const bool waits = !world.flows.lasts(world.flows.id(*flow));
            half_open[{flow->nat_address, flow->protocol, flow->server().text()}] += waits ? 1 : 0;
        }
        uint64_t together = 0;
        for (uint32_t number = 0; number < 2; ++number) {
            const PoolAddressUse use = world.nat.use_of_address(number);
            CHECK(use.tcp_used == used[{number, tcp}].size());
            CHECK(use.udp_used == used[{number, udp}].size());
            together += use.tcp_used + use.udp_used;
        }
        CHECK(world.nat.use(0).used == together);
        for (const auto& [where, count] : half_open) {
            CHECK(count <= most);
        }
        world.flows.expire(0);
        for (place = 0; Flow* flow = world.flows.next(place);) {
            world.flows.erase(*flow);
        }
        CHECK(world.nat.use(0).used == 0);
    }
}

TEST_CASE("a client whom a pool has no port for is dropped, until a flow ends") {
    Config config = every_forwarding();
    config.pools[0].addresses = {*Prefix::parse("10.1.200.0/32")};
    config.pools[0].first_port = 1024;
    config.pools[0].last_port = 1123;
    config.services.back().servers.resize(1);
    Datapath::Settings settings;
    settings.flows = {1000, 1000};
    settings.hash_key = 7;
    settings.ports.assign(config.ports.size(), PortLink{{2, 0, 0, 0, 0, 1}, 1500});
    Micros now = 1'000'000'000;
    Act act(with_lines(config, true), settings, now);
    Datapath& path = act.path;
    RouteTable routes;
    routes.set({*Prefix::parse("10.1.0.0/16"), 0}, {servers_port, {}});
    path.replace_routes(std::make_shared<const Fib>(routes.build()));
    const auto drops = [&](Drop drop) { return path.counters().drops[static_cast<size_t>(drop)]; };
    const auto handle = [&](const Say& say, PortIndex port) {
        Buffer buffer(make_frame(say));
        const Verdict verdict = path.handle(buffer.frame, port, now);
        return std::pair(verdict.kind, *parse_packet(buffer.frame.bytes(), ethernet_bytes));
    };
    const auto connect = [&](uint32_t client, bool establish) {
        Say say{{client_of(client, Family::v4), 4000}, end("203.0.113.7:80"), 6};
        say.flags = flag::S;
        const auto [kind, at_server] = handle(say, red);
        if (kind == Verdict::Kind::forward && establish) {
            handle(answer(at_server, flag::S | flag::A), servers_port);
            say.flags = flag::A;
            say.seq += 1;
            handle(say, red);
        }
        return kind;
    };
    for (uint32_t client = 0; client < 100; ++client) {
        REQUIRE(connect(client, true) == Verdict::Kind::forward);
    }
    CHECK(path.flows().settled() == 100);
    CHECK(connect(1000, false) == Verdict::Kind::drop);
    CHECK(drops(Drop::no_source_port) == 1);
    CHECK(path.source_nat().use(0).exhausted == 1);
    CHECK(path.source_nat().use(0).used == 100);
    now += 8'000'000'000;  // established flows are over after 7,440 s
    for (int i = 0; i < 200; ++i) {
        path.flows().expire(now);
    }
    CHECK(path.source_nat().use(0).used == 0);
    // A flood of SYNs holds a quarter of them, and newer ones always get one.
    for (uint32_t client = 0; client < 5000; ++client) {
        REQUIRE(connect(client, false) == Verdict::Kind::forward);
    }
    CHECK(path.source_nat().use(0).used == 25);
    CHECK(path.source_nat().use(0).gave_way == 5000 - 25);
    CHECK(connect(9000, true) == Verdict::Kind::forward);
    CHECK(path.flows().settled() == 1);
}

TEST_CASE("one exchange of datagrams holds its port for 30 s, two for the flow's lifetime") {
    World world({pool_of({"10.1.9.1"}, 1000, 1999)});
    constexpr Micros second = 1'000'000;
    for (const auto& [turns, over_s] : {std::pair{2U, 31}, {4U, 121}}) {
        Flow* flow = world.begin(turns, server, udp);
        flow->turns = turns;
        flow->answered = true;
        world.flows.change(*flow, Flow::Kind::here, Flow::Stage::established);
        flow = turns == 4 ? world.flows.settle(flow) : flow;
        const Endpoint seen = world.nat.seen(*flow);
        const auto at = [&](int s) {
            for (int i = 0; i < 20; ++i) {
                world.flows.expire(s * second);
            }
            return world.nat.find(udp, server, seen) != nullptr;
        };
        CHECK(at(over_s - 2));
        CHECK_FALSE(at(over_s));
        CHECK(world.nat.use(0).used == 0);
    }
}

}  // namespace rehome::vipd::testing
