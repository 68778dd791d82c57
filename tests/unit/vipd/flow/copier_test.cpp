// When flows are copied: in which order, how fast, again, and no more once they have ended.
#include "vipd/flow/copier.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/vipd/lab.h"
#include "vipd/flow/tcp.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros second = 1'000 * ms;

// A table with a copier, whose copies are kept with the time at which they were sent.
struct World {
    explicit World(double rate_per_s, uint32_t capacity = 1000)
        : flows({capacity, 1000}, 1), copier(rate_per_s) {
        copier.tick(flows, now, never());
    }

    static Copier::Send never() {
        return [](const Flow&) { return false; };
    }
    static FlowKey key(uint32_t n, Protocol protocol = Protocol::udp) {
        return {static_cast<uint8_t>(protocol),
                {Address::v4(0x64500000 + n), 40000},
                end("198.51.100.10:862")};
    }
    Flow* open(uint32_t n, Flow::Reach reach = Flow::Reach::nat) {
        const Endpoint server =
            reach == Flow::Reach::nat ? end("10.1.1.11:862") : end("10.1.1.11:0");
        return *flows.open(key(n), server, reach, now);
    }
    Flow* say(Flow* flow, Side side) {
        Segment segment;
        segment.protocol = flow->protocol;
        return follow(flows, *flow, segment, true, side, now);
    }
    void exchange_twice(uint32_t n) {
        Flow* flow = open(n);
        for (const Side side : {Side::client, Side::server, Side::client, Side::server}) {
            flow = say(flow, side);
        }
    }
    void pass(Micros time) {
        for (const Micros until = now + time; now < until;) {
            now += 10 * ms;
            copier.tick(flows, now, [&](const Flow& flow) {
                sent.push_back({now, flow.client().address.v4_host_order() - 0x64500000});
                return takes;
            });
        }
    }
    size_t sent_of(uint32_t n) const {
        return static_cast<size_t>(std::count_if(sent.begin(), sent.end(),
                                                 [&](const auto& one) { return one.second == n; }));
    }

    FlowTable flows;
    Copier copier;
    Micros now = 1000 * second;
    bool takes = true;
    std::vector<std::pair<Micros, uint32_t>> sent;
};

}  // namespace

TEST_CASE("a flow is copied once its second exchange has passed") {
    struct Row {
        std::string said;  // by client and server
        Flow::Reach reach;
        bool copied;
    };
    const Row rows[] = {
        {"c", Flow::Reach::nat, false},       {"ccccc", Flow::Reach::nat, false},
        {"cs", Flow::Reach::nat, false},      {"csssss", Flow::Reach::nat, false},
        {"csc", Flow::Reach::nat, false},     {"ccsscc", Flow::Reach::nat, false},
        {"cscs", Flow::Reach::nat, true},     {"cccssccs", Flow::Reach::nat, true},
        {"cscscscs", Flow::Reach::nat, true}, {"c", Flow::Reach::ipip, false},
        {"cc", Flow::Reach::ipip, false},     {"ccc", Flow::Reach::ipip, true},
        {"ccccc", Flow::Reach::gue, true},
    };
    for (const Row& row : rows) {
        INFO(row.said);
        World world(1000);
        Flow* flow = world.open(1, row.reach);
        for (const char who : row.said) {
            flow = world.say(flow, who == 'c' ? Side::client : Side::server);
        }
        CHECK(settled(*flow) == row.copied);
        world.pass(50 * ms);
        CHECK(world.sent.size() == (row.copied ? 1 : 0));
    }
}

TEST_CASE("TCP's flows are not copied, nor are those that a peer serves") {
    World world(1000);
    Flow* tcp = *world.flows.open(World::key(1, Protocol::tcp), end("10.1.1.11:862"),
                                  Flow::Reach::nat, world.now);
    Flow* relayed = world.flows.insert(World::key(2), world.now);
    world.flows.change(*relayed, Flow::Kind::relayed, relayed->stage);
    for (const Side side : {Side::client, Side::server, Side::client, Side::server}) {
        tcp = world.say(tcp, side);
        relayed = world.say(relayed, side);
    }
    world.pass(50 * ms);
    CHECK(world.sent.empty());
}

TEST_CASE("oldest first, within the budget, and the lag is what is left") {
    World world(100);
    for (uint32_t n = 0; n < 50; ++n) {
        world.exchange_twice(n);
        world.now += ms;
    }
    world.pass(100 * ms);
    CHECK(world.sent.size() >= 9);
    CHECK(world.sent.size() <= 12);  // what was saved up is a fiftieth of a second
    CHECK(world.copier.lag().waiting == 50 - world.sent.size());
    CHECK(world.copier.lag().oldest >= 100 * ms);
    CHECK(world.copier.lag().oldest <= 150 * ms);
    world.pass(500 * ms);
    REQUIRE(world.sent.size() == 50);
    for (uint32_t n = 0; n < 50; ++n) {
        CHECK(world.sent[n].second == n);
    }
    CHECK(world.copier.lag().waiting == 0);
    CHECK(world.copier.lag().oldest == 0);
}

TEST_CASE("a flow is copied again every quarter of its lifetime, as long as it lives") {
    World world(1000);
    world.exchange_twice(1);
    world.exchange_twice(2);
    world.pass(65 * second);
    CHECK(world.sent_of(1) == 3);  // of 120 s: at 0, 30 and 60
    CHECK(world.sent_of(2) == 3);
    world.flows.erase(*world.flows.find(World::key(1)));
    world.exchange_twice(3);  // in its place
    world.pass(60 * second);
    CHECK(world.sent_of(1) == 3);
    CHECK(world.sent_of(2) == 5);
    CHECK(world.sent_of(3) == 2);
}

TEST_CASE("when a peer has come all are due at once, behind those that have no copy") {
    World world(100);
    for (uint32_t n = 0; n < 20; ++n) {
        world.exchange_twice(n);
    }
    world.pass(second);
    world.sent.clear();
    world.copier.again(world.now);
    world.exchange_twice(20);
    world.pass(100 * ms);
    REQUIRE(world.sent.size() > 3);
    CHECK(world.sent[0].second == 20);
    CHECK(world.sent[1].second == 0);
    CHECK(world.copier.lag().waiting == 21 - world.sent.size());
    CHECK(world.copier.lag().oldest >= 90 * ms);
    world.pass(second);
    CHECK(world.sent.size() == 21);
    CHECK(world.copier.lag().waiting == 0);
}

TEST_CASE("while no peer takes them nothing waits, and nothing is forgotten") {
    World world(10);
    world.takes = false;
    for (uint32_t n = 0; n < 100; ++n) {
        world.exchange_twice(n);
    }
    world.pass(20 * ms);
    CHECK(world.sent.size() == 100);  // asked for, at no cost
    CHECK(world.copier.lag().waiting == 0);
    world.sent.clear();
    world.takes = true;
    world.copier.again(world.now);
    world.pass(10 * second + 500 * ms);
    CHECK(world.sent.size() == 100);
}

TEST_CASE("a flow without a lasting place is not copied until it has one") {
    World full(1000, 1);
    full.exchange_twice(1);
    full.exchange_twice(2);
    full.pass(50 * ms);
    CHECK(full.sent.size() == 1);
    full.flows.erase(*full.flows.find(World::key(1)));
    full.say(full.flows.find(World::key(2)), Side::server);
    full.pass(50 * ms);
    CHECK(full.sent_of(2) == 1);
}

}  // namespace rehome::vipd::testing
