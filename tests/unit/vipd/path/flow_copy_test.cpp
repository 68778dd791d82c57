// Flows of datagrams are known to every gateway that may get their packets: wherever these come in
// after the copy, the server stays.
#include "vipd/path/flow_copy.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <random>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/flow_copy.h"

namespace rehome::vipd::testing {

namespace {

const Endpoint reflect = end("198.51.100.10:862");

Endpoint client(uint32_t n) {
    return {Address::v4(0x64500001 + n / 50), static_cast<uint16_t>(40000 + n % 50)};
}

Say datagram(const Endpoint& from) {
    return {from, reflect, 17};
}

Lab::Setup two_gateways() {
    return {{"old", "new"}, 1000, {"old", "new"}};
}

Lab::Setup three_gateways() {
    return {{"old", "old2", "new"}, 1000, {"old", "old2", "new"}};
}

// A client's datagram by a gateway's line; the server's address that it came to, "" if to none.
std::string ask(Lab& lab, size_t gateway, const Endpoint& from) {
    const auto there = lab.enter(gateway, red, datagram(from));
    return there.end == "servers" ? there.packet().destination.text() : "";
}

// The same, and the server answers.
std::string exchange(Lab& lab, size_t gateway, const Endpoint& from) {
    const auto there = lab.enter(gateway, red, datagram(from));
    if (there.end != "servers") {
        return "";
    }
    const auto back = lab.enter(there.gateway, servers_port, answer(there.packet(), 0));
    CHECK(back.end == "red");
    CHECK(back.gateway == gateway);
    CHECK(back.packet().source == reflect.address);
    return there.packet().destination.text();
}

const Flow* flow_of(Lab& lab, const std::string& gateway, const Endpoint& from) {
    return lab[gateway].path->flows().find({17, from, reflect});
}

std::string copied_to(const Lab& lab) {
    std::string all;
    for (const auto& outcome : lab.emitted) {
        all += (all.empty() ? "" : ", ") + outcome.text();
    }
    return all;
}

void expect_nothing_wrong(const Lab& lab) {
    for (const auto& wrong : lab.wrong) {
        FAIL_CHECK(wrong);
    }
}

Bytes copy_from(const Lab& lab, size_t peer, size_t to, const Endpoint& from, const Endpoint& vip,
                const FlowCopy& copy) {
    Bytes inner(flow_copy_bytes_most);
    inner.resize(make_flow_copy(inner, from, vip, copy));
    return tunnelled(inner, {Gue::Kind::copy, 0, true, 0},
                     lab.gateways[peer].config.tunnel->address,
                     lab.gateways[to].config.tunnel->address);
}

const CopyCounts& counts(Lab& lab, const std::string& gateway) {
    return lab[gateway].path->counters().copies;
}

}  // namespace

TEST_CASE("a flow that moves after the copy keeps its server, wherever it comes in") {
    for (const uint32_t share : {0U, 10'000U}) {
        Lab lab(three_gateways());
        lab.share(lab["old"], {share});
        const std::string server = exchange(lab, 0, client(1));
        CHECK(exchange(lab, 0, client(1)) == server);
        lab.emitted.clear();
        lab.pass(20 * ms);
        CHECK(copied_to(lab) == (share == 0 ? "old>old2 consumed, old>new consumed"
                                            : "new>old consumed, new>old2 consumed"));
        lab.share(lab["old"], {0});
        for (const size_t gateway : {1U, 2U, 0U, 2U}) {
            CHECK(exchange(lab, gateway, client(1)) == server);
        }
        expect_nothing_wrong(lab);
    }
}

TEST_CASE("before the copy the other gateway places the flow anew") {
    Lab lab(two_gateways());
    const std::string server = exchange(lab, 0, client(1));
    CHECK(lab[std::string("new")].serves({ip(exchange(lab, 1, client(1))), 862}));
    lab.pass(20 * ms);
    CHECK(copied_to(lab).empty());
    CHECK(exchange(lab, 0, client(1)) == server);
}

TEST_CASE("what a copy meets") {
    struct Row {
        std::string what;
        std::function<void(Lab&)> before;
        std::string left_by;  // for which gateway, if for any, the copy made no entry at new
    };
    const auto at_new = [](Lab& lab) { exchange(lab, 2, client(1)); };
    const Row rows[] = {
        {"nothing", [](Lab&) {}, ""},
        {"an answered flow", at_new, "here"},
        {"one that nobody has answered", [](Lab& lab) { ask(lab, 2, client(1)); }, ""},
        {"an older copy of the same gateway",
         [](Lab& lab) { lab.enter(2, link_port, copy_from(lab, 0, 2, client(1), reflect, {})); },
         ""},
        {"a copy of another gateway that lives",
         [](Lab& lab) { lab.enter(2, link_port, copy_from(lab, 1, 2, client(1), reflect, {})); },
         "old2"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Lab lab(three_gateways());
        row.before(lab);
        const auto outcome =
            lab.enter(2, link_port, copy_from(lab, 0, 2, client(1), reflect, {true, 50'000}));
        CHECK(outcome.text() == "new consumed");
        const Flow* flow = flow_of(lab, "new", client(1));
        REQUIRE(flow != nullptr);
        CHECK(counts(lab, "new").left == (row.left_by.empty() ? 0 : 1));
        CHECK((flow->kind == Flow::Kind::here) == (row.left_by == "here"));
        if (row.left_by != "here") {
            CHECK(lab["new"].config.peers[flow->peer].gateway ==
                  (row.left_by.empty() ? "old" : row.left_by));
            CHECK(flow->confirmed());
        }
        expect_nothing_wrong(lab);
    }
}

TEST_CASE("copies that are refused") {
    struct Row {
        Endpoint from, vip;
        std::string end;
    };
    for (const Row& row :
         {Row{end("100.80.0.1:40000"), end("198.51.100.10:863"), "drop no_service"},
          Row{end("100.80.0.1:40000"), end("192.0.2.1:862"), "drop not_for_vip"},
          Row{end("198.51.100.7:40000"), end("198.51.100.10:862"), "drop forged_source"},
          Row{end("127.0.0.1:40000"), end("198.51.100.10:862"), "drop bad_source"},
          Row{end("198.51.100.10:862"), end("198.51.100.10:862"), "drop forged_source"}}) {
        Lab lab(two_gateways());
        const auto said = copy_from(lab, 0, 1, row.from, row.vip, {});
        CHECK(lab.enter(1, link_port, said).end == row.end);
        CHECK(lab["new"].path->flows().size() == 0);
    }
    Lab lab(two_gateways());
    Bytes inner = make_ip(datagram(client(1)));  // a client's own, not a copy
    CHECK(lab.enter(1, link_port,
                    tunnelled(inner, {Gue::Kind::copy, 0, true, 0},
                              lab.gateways[0].config.tunnel->address,
                              lab.gateways[1].config.tunnel->address))
              .end == "drop bad_tunnel");
    CHECK(lab.enter(1, link_port,
                    tunnelled(inner, {Gue::Kind::copy, 0, true, 0}, ip("10.99.0.77"),
                              lab.gateways[1].config.tunnel->address))
              .end == "drop unknown_peer");
}

TEST_CASE("a copy lives for as long as its flow does") {
    Lab lab(two_gateways());
    const std::string server = exchange(lab, 0, client(1));
    exchange(lab, 0, client(1));
    lab.pass(115'000 * ms);  // nothing of it passes, and it is copied again all the while
    CHECK(flow_of(lab, "new", client(1)) != nullptr);
    CHECK(exchange(lab, 1, client(1)) == server);
    lab.pass(135'000 * ms);
    CHECK(flow_of(lab, "old", client(1)) == nullptr);
    CHECK(flow_of(lab, "new", client(1)) == nullptr);
}

TEST_CASE("a gateway that was away is given its copies again") {
    Lab lab(two_gateways());
    std::vector<std::string> served;
    for (uint32_t n = 0; n < 40; ++n) {
        served.push_back(exchange(lab, 0, client(n)));
        exchange(lab, 0, client(n));
    }
    lab.pass(50 * ms);
    lab.link_up = false;
    lab.pass(500 * ms);
    for (uint32_t n = 0; n < 40; ++n) {  // as if it had begun anew
        lab["new"].path->flows().erase(*lab["new"].path->flows().find({17, client(n), reflect}));
    }
    lab.link_up = true;
    lab.pass(500 * ms);
    for (uint32_t n = 0; n < 40; ++n) {
        CHECK(exchange(lab, 1, client(n)) == served[n]);
    }
}

TEST_CASE("a peer that says nothing of copies gets none") {
    Lab lab(two_gateways());
    lab["old"].act->state.hear(0, lab["new"].state->snapshot()->keepalive_for(0), lab.now);
    Keepalive older = lab["new"].state->snapshot()->keepalive_for(0);
    older.copies = false;
    older.sequence = 1'000'000;
    lab["old"].act->state.hear(0, older, lab.now);
    lab["old"].act->follow(lab.now);
    exchange(lab, 0, client(1));
    exchange(lab, 0, client(1));
    lab.emitted.clear();
    lab.pass(50 * ms);
    CHECK(copied_to(lab).empty());
}

TEST_CASE("the gateway that has the flow is gone: it is placed where its packets come in") {
    Lab lab(two_gateways());
    exchange(lab, 0, client(1));
    exchange(lab, 0, client(1));
    lab.pass(50 * ms);
    lab.link_up = false;
    lab.pass(1'000 * ms);
    CHECK(ask(lab, 1, client(1)).empty());  // waited for
    lab.pass(3'000 * ms);
    CHECK(lab["new"].serves({ip(exchange(lab, 1, client(1))), 862}));
}

TEST_CASE("copies take no place that this gateway keeps for its own flows") {
    Lab lab(two_gateways());
    FlowTable& flows = lab["new"].path->flows();
    for (uint32_t n = 0; n < 1000; ++n) {
        lab.enter(1, link_port, copy_from(lab, 0, 1, client(n), reflect, {}));
    }
    CHECK(flows.settled() == 875);
    CHECK(counts(lab, "new").left == 125);
    CHECK(lab["new"].serves({ip(exchange(lab, 1, client(5000))), 862}));
}

TEST_CASE("copies push out nobody who waits for a first answer") {
    Lab lab(two_gateways());
    REQUIRE(ask(lab, 1, client(0)) != "");
    for (uint32_t n = 1; n <= 1200; ++n) {
        lab.enter(1, link_port, copy_from(lab, 0, 1, client(n), reflect, {}));
        lab.enter(1, link_port, copy_from(lab, 0, 1, client(n), reflect, {false, 0}));
    }
    CHECK(flow_of(lab, "new", client(0)) != nullptr);
}

TEST_CASE("gateways that gave up a flow behind their crossing copies do not circle") {
    Lab lab(two_gateways());
    const Bytes to_new = copy_from(lab, 0, 1, client(1), reflect, {});
    const Bytes to_old = copy_from(lab, 1, 0, client(1), reflect, {});
    lab.enter(1, link_port, to_new);
    lab.enter(0, link_port, to_old);
    const std::string server = exchange(lab, 0, client(1));
    CHECK(lab["new"].serves({ip(server), 862}));
    CHECK(exchange(lab, 1, client(1)) == server);
    expect_nothing_wrong(lab);
}

// Whatever lines the clients' packets come by, and however shares rise and fall and the link is
// away for less than it is waited for: a flow that was copied keeps its server.
TEST_CASE("property: a flow that was copied keeps its server") {
    for (unsigned seed = 1; seed <= 40; ++seed) {
        std::mt19937 random(seed);
        const auto below = [&](uint32_t most) { return static_cast<uint32_t>(random() % most); };
        Lab lab(three_gateways());
        std::map<uint32_t, std::string> served;
        for (unsigned step = 0; step < 300; ++step) {
            const uint32_t n = below(20);
            switch (below(8)) {
                case 0:
                    lab.share(lab.gateways[below(3)], {below(2) * 10'000U});
                    break;
                case 1:
                    lab.link_up = false;
                    lab.pass((100 + below(2'000)) * ms);
                    lab.link_up = true;
                    lab.pass(600 * ms);
                    break;
                case 2:
                    lab.pass(below(2'000) * ms);
                    break;
                default:
                    if (served.contains(n)) {
                        INFO("seed ", seed, " step ", step, " client ", n);
                        CHECK(exchange(lab, below(3), client(n)) == served[n]);
                    } else {
                        const uint32_t by = below(3);
                        served[n] = exchange(lab, by, client(n));
                        CHECK(exchange(lab, by, client(n)) == served[n]);
                        lab.pass(30 * ms);
                    }
            }
        }
        expect_nothing_wrong(lab);
    }
}

}  // namespace rehome::vipd::testing
