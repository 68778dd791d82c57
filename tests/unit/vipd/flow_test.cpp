// The flow table against a std::map as its model, and what it forgets when.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <tuple>

#include "tests/unit/vipd/packets.h"
#include "vipd/core/flow.h"

using namespace rehome;
using namespace rehome::testing;

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
        if (flow != nullptr && !(flow->key == k && flow->server == found->second)) {
            return "content of key " + std::to_string(n);
        }
        for (uint32_t s = 0; s < servers; ++s) {
            const Flow* by_reply = table.find_reply(k.protocol, server(s), k.client);
            const auto reply = model.replies.find(Model::reply(k, server(s)));
            if ((by_reply != nullptr) != (reply != model.replies.end()) ||
                (by_reply != nullptr && of(by_reply->key) != reply->second)) {
                return "reply of key " + std::to_string(n) + " by server " + std::to_string(s);
            }
        }
    }
    return "";
}

void step(FlowTable& table, Model& model, Random& random, uint32_t capacity) {
    const FlowKey k = key(random.below(keys));
    Flow* flow = table.find(k);
    if (flow == nullptr) {
        flow = table.insert(k, 0);
        REQUIRE((flow != nullptr) == (model.flows.size() < capacity));
        if (flow != nullptr) {
            model.flows[of(k)] = {};
        }
    }
    if (flow == nullptr) {
        return;
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
        FlowTable table(capacity, 42);
        Model model;
        Random random(capacity);
        for (int i = 0; i < 3000; ++i) {
            step(table, model, random, capacity);
            if (i % 50 == 0) {
                INFO("capacity ", capacity, ", step ", i);
                REQUIRE(difference(table, model) == "");
            }
        }
        CHECK(difference(table, model) == "");
    }
}

// All ids under a handful of hashes, at the end of the array too: long runs that wrap around.
TEST_CASE("the index deletes by moving back, whatever collides") {
    const uint32_t capacity = 64;
    for (const uint64_t home : {uint64_t{0}, uint64_t{120}, uint64_t{127}}) {
        HashIndex index(capacity);
        std::map<uint32_t, uint64_t> model;
        Random random(home);
        for (int i = 0; i < 4000; ++i) {
            const uint32_t id = random.below(capacity - 1);
            // A tag that is the id's own in half of the cases, and the same for many in the other.
            const uint64_t tag = id % 2 == 0 ? uint64_t{id} << 32 : uint64_t{7} << 32;
            const uint64_t hash = tag | (home + id % 5);
            if (model.erase(id) != 0) {
                index.erase(hash, id);
            } else {
                index.insert(hash, id);
                model[id] = hash;
            }
            for (uint32_t other = 0; other < capacity; ++other) {
                const auto found = model.find(other);
                const uint64_t at = found == model.end() ? hash : found->second;
                const auto id_found = index.find(at, [&](uint32_t n) { return n == other; });
                REQUIRE(id_found == (found == model.end() ? UINT32_MAX : other));
            }
        }
    }
}

TEST_CASE("a full table takes no more, until one goes") {
    FlowTable table(3, 1);
    for (uint32_t n = 0; n < 3; ++n) {
        REQUIRE(table.insert(key(n), 0) != nullptr);
    }
    CHECK(table.insert(key(3), 0) == nullptr);
    Flow* first = table.find(key(0));
    table.erase(*first);
    CHECK(table.insert(key(3), 0) == first);  // its place is used again
    CHECK(table.find(key(0)) == nullptr);
    CHECK(first->stage == Flow::Stage::half_open);
    CHECK(table.size() == 3);
    FlowTable none(0, 1);
    CHECK(none.insert(key(0), 0) == nullptr);
    CHECK(none.find(key(0)) == nullptr);
}

TEST_CASE("entries do not move while they live") {
    FlowTable table(500, 9);
    Flow* first = table.insert(key(0), 0);
    for (uint32_t n = 1; n < keys; ++n) {
        table.insert(key(n), 0);
    }
    CHECK(table.find(key(0)) == first);
}

TEST_CASE("two VIPs in front of one server: the second flow of one client port is refused") {
    FlowTable table(8, 1);
    Flow* meters = table.insert({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")}, 0);
    Flow* terminals = table.insert({6, end("100.80.0.1:40000"), end("203.0.113.5:14000")}, 0);
    REQUIRE(table.serve(*meters, server(0)));
    CHECK_FALSE(table.serve(*terminals, server(0)));
    CHECK(table.find_reply(6, server(0), end("100.80.0.1:40000")) == meters);
    CHECK(table.serve(*terminals, server(1)));
    CHECK(table.served() == 2);

    SUBCASE("a flow that is over gives way") {
        for (const auto over : {Flow::Stage::closing, Flow::Stage::reset}) {
            meters->stage = over;
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
        {"UDP", 17, K::here, S::half_open, 120},
        {"UDP, answered", 17, K::relayed, S::established, 120},
        {"UDP, asked for", 17, K::provisional, S::half_open, 10},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        FlowTable table(4, 1);
        Flow* flow = table.insert({row.protocol, end("100.80.0.1:1"), end("198.51.100.10:1")}, 5);
        flow->kind = row.kind;
        flow->stage = row.stage;
        CHECK(lifetime(*flow) == row.seconds * second);
        table.expire(5 + row.seconds * second, 4);
        CHECK(table.size() == 1);
        table.expire(6 + row.seconds * second, 4);
        CHECK(table.size() == 0);
    }
}

TEST_CASE("forgetting goes round, a few entries at a time") {
    FlowTable table(100, 1);
    for (uint32_t n = 0; n < 100; ++n) {
        Flow* flow = table.insert(key(n), n % 2 == 0 ? 0 : 120 * second);
        REQUIRE(flow != nullptr);
        table.serve(*flow, server(n));
    }
    const Micros now = 121 * second;
    for (int i = 0; i < 10; ++i) {
        table.expire(now, 10);
    }
    CHECK(table.size() == 50);
    CHECK(table.served() == 50);
    table.expire(now, 1000);  // more than there are: once round
    CHECK(table.size() == 50);
    table.expire(300 * second, 1000);
    CHECK(table.size() == 0);
    FlowTable empty(10, 1);
    empty.expire(now, 10);
    CHECK(empty.size() == 0);
}
