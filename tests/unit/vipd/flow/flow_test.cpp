// The flow table against a std::map as its model, and what it forgets when.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <tuple>

#include "tests/unit/vipd/packets.h"
#include "vipd/flow/flow_table.h"

using namespace rehome;
using namespace rehome::vipd;
using namespace rehome::vipd::testing;

namespace {

constexpr Micros second = 1'000'000;

// Keys and servers from few values, so that they meet often.
FlowKey key(uint32_t n) {
    const Endpoint client{Address::v4(0x64500000 + n / 8),
                          static_cast<uint16_t>(40000 + n / 2 % 4)};
    return {static_cast<uint8_t>(n % 7 == 0 ? 17 : 6), client,
            n % 2 == 0 ? end("198.51.100.10:1883") : end("203.0.113.5:14000")};
}

Endpoint server(uint32_t n) {
    return {Address::v4(0x0a01010b + n), 1883};
}

using ByKey = std::tuple<uint8_t, Endpoint, Endpoint>;
using ByReply = std::tuple<uint8_t, Endpoint, Endpoint>;

ByKey of(const FlowKey& k) {
    return {k.protocol, k.client, k.vip};
}

// What a flow table should hold: key -> its server (port 0: none), and the replies' way to it.
struct Model {
    std::map<ByKey, Endpoint> flows;
    std::map<ByReply, ByKey> replies;

    static ByReply reply(const FlowKey& k, const Endpoint& at) {
        return {k.protocol, at, k.client};
    }
    void unserve(const FlowKey& k) {
        Endpoint& at = flows[of(k)];
        if (at.port != 0) {
            replies.erase(reply(k, at));
        }
        at = {};
    }
    bool serve(const FlowKey& k, const Endpoint& at) {
        unserve(k);
        const bool fresh = replies.try_emplace(reply(k, at), of(k)).second;
        flows[of(k)] = fresh ? at : Endpoint{};
        return fresh;
    }
    void erase(const FlowKey& k) {
        unserve(k);
        flows.erase(of(k));
    }
};

constexpr uint32_t keys = 400, servers = 3;

// Whether both hold the same, seen from every key and every reply.
std::string difference(FlowTable& table, Model& model) {
    if (table.size() != model.flows.size() || table.served() != model.replies.size()) {
        return "size " + std::to_string(table.size()) + " served " + std::to_string(table.served());
    }
    for (uint32_t n = 0; n < keys; ++n) {
        const FlowKey k = key(n);
        const Flow* flow = table.find(k);
        const auto found = model.flows.find(of(k));
        if ((flow != nullptr) != (found != model.flows.end())) {
            return "key " + std::to_string(n);
        }
        if (flow != nullptr &&
            !(flow->key() == k && (flow->served ? flow->server() : Endpoint{}) == found->second)) {
            return "content of key " + std::to_string(n);
        }
        for (uint32_t s = 0; s < servers; ++s) {
            const Flow* by_reply = table.find_reply(k.protocol, server(s), k.client);
            const auto reply = model.replies.find(Model::reply(k, server(s)));
            if ((by_reply != nullptr) != (reply != model.replies.end()) ||
                (by_reply != nullptr && of(by_reply->key()) != reply->second)) {
                return "reply of key " + std::to_string(n) + " by server " + std::to_string(s);
            }
        }
    }
    return "";
}

void step(FlowTable& table, Model& model, Random& random) {
    const FlowKey k = key(random.below(keys));
    Flow* flow = table.find(k);
    if (flow == nullptr) {
        flow = table.insert(k, 0);
        REQUIRE(flow != nullptr);
        model.flows[of(k)] = {};
    }
    if (random.chance(30)) {
        flow = table.settle(flow);  // while there is room
    }
    switch (random.below(4)) {
        case 0:
            table.erase(*flow);
            model.erase(k);
            break;
        case 1:
            table.unserve(*flow);
            model.unserve(k);
            break;
        default:
            const Endpoint at = server(random.below(servers));
            const bool served = table.serve(*flow, at);
            REQUIRE(served == model.serve(k, at));
    }
}

}  // namespace

TEST_CASE("random operations agree with a std::map") {
    for (const uint32_t capacity : {1U, 7U, 64U, 200U, 1000U}) {
        // A ring that never has to replace: nothing is in it for more than 3,000 steps.
        FlowTable table({capacity, 4000}, 42);
        Model model;
        Random random(capacity);
        for (int i = 0; i < 3000; ++i) {
            step(table, model, random);
            if (i % 50 == 0) {
                INFO("capacity ", capacity, ", step ", i);
                REQUIRE(difference(table, model) == "");
            }
        }
        CHECK(difference(table, model) == "");
    }
}

// All ids under a handful of hashes, at the end of the array too: buckets that overflow, and wrap
// around.
TEST_CASE("the index against a std::map, whatever collides") {
    for (const uint64_t home : {uint64_t{0}, uint64_t{0xffffffff00000000}, uint64_t{1} << 63}) {
        FlowIndex index(200);
        std::map<uint32_t, uint64_t> model;
        Random random(home);
        for (int i = 0; i < 4000; ++i) {
            const uint32_t id = random.below(60);
            // A tag that is the id's own in half of the cases, and the same for many in the other.
            const uint64_t hash = home | (id % 2 == 0 ? id : 7);
            if (model.erase(id) != 0) {
                index.erase(hash, id);
            } else {
                REQUIRE(index.insert(hash, id));
                model[id] = hash;
            }
            for (uint32_t other = 0; other < 60; ++other) {
                const auto found = model.find(other);
                const uint64_t at = found == model.end() ? hash : found->second;
                const auto id_found = index.find(at, [&](uint32_t n) { return n == other; });
                REQUIRE(id_found == (found == model.end() ? FlowIndex::none : other));
            }
        }
    }
}

TEST_CASE("one client's address and port holds a bounded number of flows") {
    FlowTable table({1000, 1000}, 1);
    uint16_t taken = 0;
    const auto another = [&] {
        return table.insert({6, end("192.0.2.1:1"), {ip("198.51.100.10"), taken}}, 0);
    };
    while (taken < 1000 && another() != nullptr) {
        ++taken;
    }
    CHECK(taken >= 100);
    CHECK(taken < 500);
    for (uint16_t n = 0; n < taken; ++n) {
        CHECK(table.find({6, end("192.0.2.1:1"), {ip("198.51.100.10"), n}}) != nullptr);
    }
    CHECK(table.insert({6, end("192.0.2.1:2"), end("198.51.100.10:1")}, 0) != nullptr);
}

TEST_CASE("the oldest unanswered flow gives way; a settled one never does") {
    FlowTable table({2, 3}, 1);
    Flow* settled = table.settle(table.insert(key(0), 0));
    CHECK(table.settled() == 1);
    for (uint32_t n = 1; n <= 20; ++n) {
        REQUIRE(table.insert(key(n), 0) != nullptr);
    }
    CHECK(table.size() == 4);
    CHECK(table.replaced() == 17);
    CHECK(table.find(key(0)) == settled);
    CHECK(table.find(key(17)) == nullptr);
    for (uint32_t n = 18; n <= 20; ++n) {
        CHECK(table.find(key(n)) != nullptr);
    }
    SUBCASE("settling twice changes nothing") {
        CHECK(table.settle(settled) == settled);
        CHECK(table.settled() == 1);
    }
    SUBCASE("a full table leaves the flow where it is, and counts it") {
        table.settle(table.find(key(18)));
        CHECK(table.full() == 0);
        Flow* late = table.find(key(19));
        CHECK(table.settle(late) == late);
        CHECK(table.full() == 1);
        table.erase(*settled);
        CHECK(table.settle(late) == settled);  // its place is used again
        CHECK(table.find(key(19)) == settled);
        CHECK(table.settled() == 2);
    }
}

TEST_CASE("in a full table those give way that may, and no other") {
    FlowTable table({4, 4}, 1);
    bool spare = true;
    const auto may = [](const void* on, const Flow& flow) {
        return *static_cast<const bool*>(on) && flow.direct_return();
    };
    table.can_spare(may, &spare);
    for (uint32_t n = 0; n < 4; ++n) {
        const auto reach = n == 2 ? Flow::Reach::ipip : Flow::Reach::nat;
        table.settle(*table.open(key(n), server(n), reach, 0));
    }
    spare = false;
    Flow* late = *table.open(key(10), server(10), Flow::Reach::nat, 0);
    CHECK(table.settle(late) == late);
    CHECK(table.full() == 1);
    spare = true;
    CHECK(table.settle(late) != late);
    CHECK(table.spared() == 1);
    CHECK(table.find(key(2)) == nullptr);
    for (const uint32_t n : {0U, 1U, 3U, 10U}) {
        CHECK(table.find(key(n)) != nullptr);
    }
    Flow* later = *table.open(key(11), server(11), Flow::Reach::nat, 0);
    CHECK(table.settle(later) == later);  // nobody is left who may
    CHECK(table.full() == 2);
    CHECK(table.spared() == 1);
}

TEST_CASE("who is met in mid-flow takes no place from who begins, nor the other way round") {
    using Ring = FlowTable::Ring;
    for (const Ring flood : {Ring::begun, Ring::mid_flow}) {
        const Ring other = flood == Ring::begun ? Ring::mid_flow : Ring::begun;
        FlowTable flows({100, 100}, 7);
        for (uint32_t n = 0; n < 25; ++n) {
            REQUIRE(flows.insert(key(n), 0, other));
        }
        for (uint32_t n = 1000; n < 3000; ++n) {
            REQUIRE(flows.insert(key(n), 0, flood));
        }
        for (uint32_t n = 0; n < 25; ++n) {
            CHECK(flows.find(key(n)));
        }
        CHECK(flows.size() == 25 + 100);
        uint64_t place = 0;
        uint32_t seen = 0;
        while (flows.next(place) != nullptr) {
            ++seen;
        }
        CHECK(seen == flows.size());
        for (int i = 0; i < 2000; ++i) {
            flows.expire(1'000 * second);
        }
        CHECK(flows.size() == 0);
    }
}

TEST_CASE("a number tells its flow until it moves or goes") {
    FlowTable table({8, 8}, 1);
    std::vector<uint32_t> moves;
    table.on_moved(
        [](void* to, const Flow&, uint32_t from, uint32_t id) {
            auto& all = *static_cast<std::vector<uint32_t>*>(to);
            all.insert(all.end(), {from, id});
        },
        &moves);
    Flow* flow = table.insert(key(0), 0);
    CHECK(table.at(false, table.id(*flow)) == flow);
    const uint32_t first = table.id(*flow);
    flow = table.settle(flow);
    CHECK(table.at(false, table.id(*flow)) == flow);
    const uint32_t last = table.id(*flow);
    table.erase(*flow);
    CHECK(table.at(false, last) == nullptr);
    CHECK(moves == std::vector<uint32_t>{first, last, last, FlowIndex::none});
}

TEST_CASE("both families, and never across them") {
    FlowTable table({8, 8}, 1);
    const FlowKey v6{6, end("[2001:db8::1]:40000"), end("[2001:db8:1::9]:1883")};
    Flow* flow = table.insert(v6, 0);
    REQUIRE(flow != nullptr);
    REQUIRE(table.serve(*flow, end("[fd00::5]:1883")));
    CHECK(table.find(v6)->key() == v6);
    CHECK(table.find_reply(6, end("[fd00::5]:1883"), v6.client) == flow);
    flow = table.settle(flow);
    CHECK(table.find_reply(6, end("[fd00::5]:1883"), v6.client) == flow);
    CHECK(table.insert({6, end("192.0.2.1:1"), v6.vip}, 0) == nullptr);
    CHECK(table.find({6, end("192.0.2.1:1"), v6.vip}) == nullptr);
    uint64_t place = 0;
    CHECK(table.next(place) == flow);
    CHECK(table.next(place) == nullptr);
}

TEST_CASE("at most 64 bytes a flow of IPv4, 128 of IPv6, the ring and the index included") {
    for (const uint32_t capacity : {1'000'000U, 10'000'000U}) {
        const FlowTable table({capacity, capacity / 100}, 1);
        CHECK(table.bytes(Family::v4) <= uint64_t{capacity} * 64);
        CHECK(table.bytes(Family::v6) <= uint64_t{capacity} * 128);
    }
}

TEST_CASE("which flows were there before an order that ends flows") {
    FlowTable table({8, 8}, 1);
    const auto born = [&](uint16_t n, FlowTable::Ring ring) {
        return table.insert({6, end("192.0.2.1:1"), {ip("198.51.100.10"), n}}, 0, ring)->born;
    };
    const auto begun = FlowTable::Ring::begun, mid_flow = FlowTable::Ring::mid_flow;
    const uint16_t before = born(1, begun);
    const uint16_t first = table.generations().begin();
    table.generations().set_oldest(first);
    CHECK(Generations::older(before, first));
    const uint16_t between = born(2, begun);
    CHECK_FALSE(Generations::older(between, first));
    const uint16_t second = table.generations().begin();
    CHECK(Generations::older(between, second));
    CHECK(Generations::older(born(3, mid_flow), first));  // both orders are about it
    table.generations().set_oldest(second);               // the first has ended
    CHECK(Generations::older(born(4, mid_flow), second));
    CHECK_FALSE(Generations::older(born(5, begun), second));
    CHECK(Generations::older(65'535, 3));  // numbers wrap
}

TEST_CASE("whom this site's servers serve") {
    FlowTable table({8, 8}, 1);
    const auto served = [&table] {
        return std::pair(table.counts().served_tcp, table.counts().served_udp);
    };
    using Served = std::pair<uint64_t, uint64_t>;
    Flow* tcp = table.insert({6, end("192.0.2.1:1"), end("198.51.100.10:1")}, 0);
    table.serve(*tcp, server(1));
    CHECK(served() == Served(0, 0));  // nobody has answered
    table.change(*tcp, tcp->kind, Flow::Stage::established);
    CHECK(served() == Served(1, 0));
    table.unserve(*tcp);  // relayed
    CHECK(served() == Served(0, 0));
    table.serve(*tcp, server(1));
    CHECK(served() == Served(1, 0));
    table.change(*tcp, tcp->kind, Flow::Stage::closing);
    CHECK(served() == Served(0, 0));
    Flow* udp = table.insert({17, end("192.0.2.1:1"), end("198.51.100.10:1")}, 0);
    CHECK(served() == Served(0, 0));  // not placed yet
    table.serve(*udp, server(2));
    CHECK(served() == Served(0, 1));
    FlowTable other({8, 8}, 1);
    other.copy(table, *udp);
    CHECK(other.counts().served_udp == 1);
    table.erase(*udp);
    CHECK(served() == Served(0, 0));

    const auto opened = [&table](uint8_t protocol) {
        return *table.open({protocol, end("192.0.2.1:1"), end("198.51.100.10:1")}, server(1),
                           Flow::Reach::nat, 0);
    };
    Flow* at_once = opened(17);
    CHECK(served() == Served(0, 1));
    table.erase(*at_once);
    table.erase(*opened(6));
    CHECK(served() == Served(0, 0));
}

TEST_CASE("what changes about a server makes its flows due, once each, and no other") {
    FlowTable table({1024, 64}, 1);
    constexpr uint32_t servers = 3, each = 100;
    for (uint32_t n = 0; n < servers * each; ++n) {
        const auto flow = table.open(key(n), server(n % servers), Flow::Reach::ipip, 0);
        REQUIRE(flow);
        (*flow)->answered = true;
        table.change(**flow, Flow::Kind::here, Flow::Stage::established);
        REQUIRE(table.settle(*flow)->confirmed());
    }
    PartVersions versions{};
    ++versions[part_slot(server(1).address)];
    table.follow(versions);
    for (int packets = 0; packets < 2; ++packets) {
        for (uint32_t n = 0; n < servers * each; ++n) {
            Flow* flow = table.find(key(n));
            const uint32_t hash = address_hash(server(n % servers).address.v4_host_order());
            if (!table.decided(*flow, hash)) {
                table.stamp(*flow);
            }
        }
        CHECK(table.decided_again() == each);
    }
}

// As the fast path asks: an entry whose stamp holds was decided about since its server's part last
// changed, wherever it has moved meanwhile and however often the parts have changed.
TEST_CASE("a stamp that holds is never one of an earlier time") {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
        Random random(seed);
        FlowTable table({256, 64}, seed);
        table.set_lifetimes({});
        PartVersions versions{};
        std::map<uint32_t, uint32_t> decided_at;  // by the key's number: the version
        uint32_t held = 0;
        for (int i = 0; i < 300'000; ++i) {
            const uint32_t n = random.below(200);
            const uint32_t slot = part_slot(server(n % 3).address);
            if (random.chance(60)) {
                ++versions[part_slot(server(random.below(3)).address)];
                table.follow(versions);
            }
            Flow* flow = table.find(key(n));
            if (flow == nullptr) {
                const auto opened = table.open(key(n), server(n % 3), Flow::Reach::ipip, 0);
                REQUIRE(opened);
                decided_at[n] = versions[slot];
            } else if (random.chance(5)) {
                table.stamp(*flow);
                decided_at[n] = versions[slot];
            } else if (random.chance(5)) {
                table.settle(flow);
            } else if (random.chance(1)) {
                table.erase(*flow);
            }
            flow = table.find(key(n));
            if (flow != nullptr &&
                table.decided(*flow, address_hash(server(n % 3).address.v4_host_order()))) {
                ++held;
                REQUIRE(decided_at[n] == versions[slot]);
            }
            if (random.below(2000) == 0) {
                table.expire(0);
            }
        }
        CHECK(held > 1000);
    }
}

TEST_CASE("two VIPs in front of one server: the second flow of one client port is refused") {
    FlowTable table({8, 8}, 1);
    Flow* meters = table.insert({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")}, 0);
    Flow* terminals = table.insert({6, end("100.80.0.1:40000"), end("203.0.113.5:14000")}, 0);
    REQUIRE(table.serve(*meters, server(0)));
    CHECK_FALSE(table.serve(*terminals, server(0)));
    CHECK(table.find_reply(6, server(0), end("100.80.0.1:40000")) == meters);
    CHECK(table.serve(*terminals, server(1)));
    CHECK(table.served() == 2);

    SUBCASE("a flow that is over gives way") {
        for (const auto over : {Flow::Stage::closing, Flow::Stage::reset}) {
            table.change(*meters, meters->kind, over);
            REQUIRE(table.serve(*terminals, server(0)));
            CHECK(table.find_reply(6, server(0), end("100.80.0.1:40000")) == terminals);
            CHECK(table.find({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")}) == nullptr);
            meters = table.insert({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")}, 0);
            REQUIRE(table.serve(*terminals, server(1)));
            REQUIRE(table.serve(*meters, server(0)));
        }
    }
    SUBCASE("a flow that goes frees its place") {
        table.erase(*meters);
        CHECK(table.serve(*terminals, server(0)));
        CHECK(table.served() == 1);
    }
    SUBCASE("serving the same server again keeps it") {
        CHECK(table.serve(*meters, server(0)));
        CHECK(table.served() == 2);
    }
}

TEST_CASE("how long silence is borne") {
    struct Row {
        std::string what;
        uint8_t protocol;
        Flow::Kind kind;
        Flow::Stage stage;
        Micros seconds;
        uint32_t turns = 0;  // UDP
        Flow::Reach reach = Flow::Reach::nat;
    };
    using K = Flow::Kind;
    using S = Flow::Stage;
    const Row rows[] = {
        {"a SYN alone", 6, K::here, S::half_open, 30},
        {"established (RFC 5382: 2 h 4 min)", 6, K::here, S::established, 7440},
        {"closed by both", 6, K::here, S::closing, 60},
        {"reset by us", 6, K::here, S::reset, 20},
        {"relayed, established", 6, K::relayed, S::established, 7440},
        {"asked for, not confirmed", 6, K::provisional, S::established, 10},
        {"UDP", 17, K::here, S::half_open, 30, 1},
        {"UDP, one exchange", 17, K::here, S::established, 30, 2},
        {"UDP, a second one has begun (RFC 4787: 2 min)", 17, K::here, S::established, 120, 3},
        {"UDP, relayed: its answers may pass elsewhere", 17, K::relayed, S::half_open, 120, 1},
        {"UDP, two exchanges", 17, K::here, S::established, 120, 4},
        {"UDP, of which one side is seen", 17, K::here, S::half_open, 120, 1, Flow::Reach::ipip},
        {"UDP, asked for", 17, K::provisional, S::half_open, 10},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        FlowTable table({4, 4}, 1);
        Flow* flow = table.insert({row.protocol, end("100.80.0.1:1"), end("198.51.100.10:1")}, 5);
        table.change(*flow, row.kind, row.stage);
        flow->turns = row.turns;
        flow->reach = row.reach;
        CHECK(table.lifetime(*flow) == row.seconds * second);
        table.expire(row.seconds * second);
        CHECK(table.size() == 1);
        table.expire(row.seconds * second + 1000);
        CHECK(table.size() == 0);
    }
}

TEST_CASE("forgetting goes round, the settled and the others") {
    FlowTable table({50, 100}, 1);
    for (uint32_t n = 0; n < 100; ++n) {
        Flow* flow = table.insert(key(n), n % 2 == 0 ? 0 : 120 * second);
        REQUIRE(flow != nullptr);
        table.serve(*flow, server(n));
        if (n < 50) {
            table.settle(flow);
        }
    }
    table.expire(121 * second);
    CHECK(table.size() == 50);
    CHECK(table.served() == 50);
    CHECK(table.settled() == 25);
    table.expire(300 * second);
    CHECK(table.size() == 0);
    CHECK(table.counts().here == 0);
    FlowTable empty({10, 10}, 1);
    empty.expire(121 * second);
    CHECK(empty.size() == 0);
}

TEST_CASE("lifetimes can be set") {
    FlowTable table({4, 4}, 1);
    Lifetimes lifetimes;
    lifetimes.udp_once = 7;
    table.set_lifetimes(lifetimes);
    table.insert({17, end("192.0.2.1:1"), end("198.51.100.10:1")}, 0);
    table.expire(7 * second);
    CHECK(table.size() == 1);
    table.expire(8 * second);
    CHECK(table.size() == 0);
}
