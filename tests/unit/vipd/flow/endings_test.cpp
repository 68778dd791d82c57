// Flows that end by order: both ends of every flow see a reset that they accept, at the ordered
// pace.
//
// The ends are models of what RFC 9293 and RFC 5961 ask of a TCP: a reset counts only with exactly
// the number expected next; one in the window is answered with a challenge ACK; others are ignored.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

struct TcpEnd {
    Endpoint self, other;
    uint32_t snd = 0, rcv = 0;
    bool open = true;

    Say segment(const std::string& payload) {
        Say say{self, other, 6, flag::A, snd, rcv, payload};
        snd += static_cast<uint32_t>(payload.size());
        return say;
    }
    // What it answers to a segment that arrives.
    std::optional<Say> receive(const Packet& packet) {
        const bool expected = packet.seq == rcv;
        if ((packet.tcp_flags & tcp_flag::rst) != 0) {
            open = open && !expected;
            const bool challenge = open && packet.seq - rcv < 65535;
            return challenge ? std::optional(segment("")) : std::nullopt;
        }
        rcv += expected ? packet.payload_bytes : 0;
        return open && packet.payload_bytes > 0 ? std::optional(segment("")) : std::nullopt;
    }
};

enum class Lost { no, before, behind };  // before or behind the gateway

// A connection of one client through the lab, its two ends held by the test.
class Call {
public:
    Call(Lab& lab, size_t gateway, const Endpoint& client) : lab_(lab), gateway_(gateway) {
        client_ = {client, end("198.51.100.10:1883"), 7'000'000, 0, true};
        Say syn = to_meters(client);
        syn.seq = client_.snd++;
        const auto arrived = lab.enter(gateway, red, syn);
        REQUIRE(arrived.end == "servers");
        serving_ = arrived.gateway;
        const Packet at_server = arrived.packet();
        server_ = {{at_server.destination, at_server.destination_port},
                   client,
                   0xffffff00,
                   client_.snd,
                   true};
        Say syn_ack = server_.segment("");
        syn_ack.flags = flag::S | flag::A;
        ++server_.snd;
        REQUIRE(lab.enter(serving_, servers_port, syn_ack).end == "red");
        client_.rcv = server_.snd;
        client_says("");
    }

    void client_says(const std::string& payload, Lost lost = Lost::no) {
        exchange(client_.segment(payload), true, lost);
    }
    void server_says(const std::string& payload, Lost lost = Lost::no) {
        exchange(server_.segment(payload), false, lost);
    }
    void end_by(const std::string& what) {
        if (what == "re-login") {
            auto& path = *lab_.gateways[gateway_].path;
            const auto* meters = path.tables().service(6, end("198.51.100.10:1883"));
            end_flows(path, lab_.now, 1, {Scope::Kind::service, meters->number, {}, {}});
            lab_.pass(1 * ms);
            path.endings().follow({}, path.flows(), lab_.now);
            return;
        }
        Say from_client = client_.segment(""), from_server = server_.segment("");
        from_client.flags = from_server.flags = flag::A | (what == "FIN" ? flag::F : flag::R);
        if (what != "server's reset") {
            lab_.enter(gateway_, red, from_client);
        }
        if (what != "client's reset") {
            lab_.enter(serving_, servers_port, from_server);
        }
    }
    // A packet that the lab emitted, if it is for this call.
    void take(const Outcome& outcome) {
        const Packet packet = outcome.packet();
        const Endpoint to{packet.destination, packet.destination_port};
        if (to == client_.self || (to == server_.self && packet.source == client_.self.address &&
                                   packet.source_port == client_.self.port)) {
            deliver(packet, to == server_.self);
        }
    }
    bool closed() const { return !client_.open && !server_.open; }
    std::string state() const {
        return std::string("client ") + (client_.open ? "open" : "closed") + ", server " +
               (server_.open ? "open" : "closed");
    }

private:
    void exchange(const Say& say, bool from_client, Lost lost) {
        if (lost == Lost::before) {
            return;
        }
        const auto outcome =
            from_client ? lab_.enter(gateway_, red, say) : lab_.enter(serving_, servers_port, say);
        if (lost == Lost::no && (outcome.end == "red" || outcome.end == "servers")) {
            const Packet packet = outcome.packet();
            deliver(packet, packet.destination == server_.self.address);
        }
    }
    void deliver(const Packet& packet, bool at_server) {
        if (const auto answer = (at_server ? server_ : client_).receive(packet)) {
            exchange(*answer, !at_server, Lost::no);
        }
    }

    Lab& lab_;
    size_t gateway_, serving_ = 0;
    TcpEnd client_, server_;
};

Endpoint client(uint32_t n) {
    return {Address::v4(0x64500001 + n / 50), static_cast<uint16_t>(40000 + n % 50)};
}

// Passes time, and hands what ticks emit to the calls; lose says which of the emissions are lost.
template <typename Lose>
void pass(Lab& lab, std::vector<Call>& calls, Micros time, Lose lose) {
    for (const Micros until = lab.now + time; lab.now < until;) {
        lab.pass(10 * ms);
        for (const auto& outcome : std::exchange(lab.emitted, {})) {
            if (!lose()) {
                for (Call& call : calls) {
                    call.take(outcome);
                }
            }
        }
    }
}

bool never() {
    return false;
}

void start(Lab& lab, const std::string& gateway, double rate_per_s, Micros quiet = 0) {
    end_flows(*lab[gateway].path, lab.now, rate_per_s, {}, quiet);
}

}  // namespace

TEST_CASE("workers take turns: their flows end one after the other, not in groups") {
    constexpr Micros step = 1'000, whole = 10'000'000;
    for (const double rate : {0.5, 5.0, 10.0}) {
        for (const uint32_t workers : {1U, 4U, 7U}) {
            CAPTURE(rate);
            CAPTURE(workers);
            std::vector<Pacing> all(workers);
            for (uint32_t i = 0; i < workers; ++i) {
                all[i].start(rate, 0, {i, workers});
            }
            std::vector<Micros> ends;
            for (Micros now = 0; now < whole; now += step) {
                for (Pacing& one : all) {
                    one.pass(now);
                    while (one.due()) {
                        one.take();
                        ends.push_back(now);
                    }
                }
            }
            CHECK(ends.front() == 0);
            CHECK(std::abs(static_cast<double>(ends.size()) - rate * 10) <= 1);
            const auto each = static_cast<Micros>(1e6 / rate);
            for (size_t i = 1; i < ends.size(); ++i) {
                CHECK(std::abs(ends[i] - ends[i - 1] - each) <= 3 * step);
            }
        }
    }
}

TEST_CASE("both ends accept the reset, whatever was lost before it") {
    struct Row {
        std::string what;
        std::vector<std::pair<char, Lost>> said;  // c or s: who said something that was lost so
    };
    const auto no = Lost::no, before = Lost::before, behind = Lost::behind;
    const Row rows[] = {
        {"nothing was said", {}},
        {"all arrived", {{'c', no}, {'s', no}, {'c', no}}},
        {"client's last lost before us", {{'c', no}, {'c', before}}},
        {"client's last lost behind us", {{'c', no}, {'c', behind}}},
        {"client's two last lost behind us", {{'c', behind}, {'c', behind}}},
        {"one of the client's in between lost behind us", {{'c', behind}, {'c', no}}},
        {"one of the client's in between lost before us", {{'c', before}, {'c', no}}},
        {"server's last lost before us", {{'s', before}}},
        {"server's last lost behind us", {{'s', behind}}},
        {"server's in between lost behind us", {{'s', no}, {'s', behind}, {'s', no}}},
        {"server's in between lost before us", {{'s', before}, {'s', no}, {'s', no}}},
        {"both lost", {{'s', behind}, {'c', behind}, {'c', before}, {'s', before}}},
    };
    for (const Row& row : rows) {
        for (const char* share : {"here", "relayed"}) {
            Lab lab;
            const bool relayed = std::string(share) == "relayed";
            lab.share(lab[std::string("old")], {relayed ? 10'000U : 0});
            std::vector<Call> calls{Call(lab, 0, client(0))};
            for (const auto& [who, lost] : row.said) {
                who == 'c' ? calls[0].client_says("heartbeat", lost)
                           : calls[0].server_says("answer", lost);
            }
            start(lab, relayed ? "new" : "old", 10);
            pass(lab, calls, 20 * ms, never);
            INFO(row.what, ", ", std::string(share), ": ", calls[0].state());
            CHECK(calls[0].closed());
            CHECK(lab.reset_log.size() == 1);
            pass(lab, calls, 2'000 * ms, never);
            CHECK(lab.reset_log.size() == 1);
            for (const auto& wrong : lab.wrong) {
                FAIL_CHECK(wrong);
            }
        }
    }
}

TEST_CASE("a reset that is lost is repeated after 0.25 s and after 1 s") {
    Lab lab;
    std::vector<Call> calls{Call(lab, 0, client(0))};
    start(lab, "old", 10);
    int emitted = 0;
    std::vector<Micros> at;
    const Micros started = lab.now;
    pass(lab, calls, 3'000 * ms, [&] {
        if (++emitted % 2 == 1) {  // one for each end
            at.push_back((lab.now - started) / (10 * ms));
        }
        return emitted <= 4;  // both of the first and of the second try
    });
    CHECK(at == std::vector<Micros>{1, 26, 101});
    CHECK(calls[0].closed());
    CHECK(lab.reset_log.size() == 1);
}

TEST_CASE("whoever speaks after the reset is told, if all the tries were lost") {
    Lab lab;
    std::vector<Call> calls{Call(lab, 0, client(0)), Call(lab, 0, client(1))};
    start(lab, "old", 10);
    pass(lab, calls, 2'000 * ms, [] { return true; });
    REQUIRE(lab.reset_log.size() == 2);
    calls[0].client_says("heartbeat");
    calls[0].server_says("ping");
    CHECK(calls[0].closed());
    calls[1].server_says("ping");
    calls[1].client_says("heartbeat");
    CHECK(calls[1].closed());
}

TEST_CASE("the pace is kept, each flow is logged once, and the order ends by itself") {
    struct Row {
        double rate_per_s;
        uint32_t flows;
        Micros seconds;
    };
    for (const Row& row : {Row{100, 450, 5}, {1000, 700, 1}, {3, 9, 4}, {0.5, 3, 7}}) {
        Lab lab;
        std::vector<Call> calls;
        for (uint32_t n = 0; n < row.flows; ++n) {
            calls.emplace_back(lab, 0, client(n));
        }
        start(lab, "old", row.rate_per_s);
        auto& path = *lab.gateways[0].path;
        for (int tenth = 1; tenth <= row.seconds * 10 && ending(path).running; ++tenth) {
            lab.pass(100 * ms);
            const double due = row.rate_per_s * tenth / 10;
            INFO("rate ", row.rate_per_s, " after ", tenth, " tenths");
            const auto done = static_cast<double>(ending(path).reset);
            CHECK(done <= due + 1.01);
            CHECK((done >= due - 1.01 || done == row.flows));
        }
        lab.pass(400 * ms);  // until they are counted again
        CHECK_FALSE(ending(path).running);
        CHECK(lab.reset_log.size() == row.flows);
        std::set<std::string> clients;
        for (const FlowKey& key : lab.reset_log) {
            clients.insert(key.client.text());
        }
        CHECK(clients.size() == row.flows);
    }
}

TEST_CASE("what a restarted gateway hears of late is ended too, while it waits for such flows") {
    for (const auto& [quiet_s, closed] : {std::pair{3, true}, {0, false}}) {
        CAPTURE(quiet_s);
        Lab lab;
        std::vector<Call> calls{Call(lab, 0, client(0)), Call(lab, 0, client(1))};
        lab.start(0);
        lab.pass(1'000 * ms);
        auto& path = *lab.gateways[0].path;
        start(lab, "old", 10, quiet_s * 1'000 * ms);
        for (Call& call : calls) {  // each two seconds after the last one
            pass(lab, calls, 2'000 * ms, never);
            call.client_says("heartbeat");
            pass(lab, calls, 200 * ms, never);
            CHECK(call.closed() == closed);
        }
        CHECK(ending(path).running == closed);
        pass(lab, calls, 3'400 * ms, never);
        CHECK_FALSE(ending(path).running);
        std::vector<Call> later{Call(lab, 0, client(2))};
        pass(lab, later, 1'000 * ms, never);
        CHECK_FALSE(later[0].closed());
    }
}

TEST_CASE("a pause is not made up for by a burst") {
    Lab lab;
    std::vector<Call> calls;
    for (uint32_t n = 0; n < 300; ++n) {
        calls.emplace_back(lab, 0, client(n));
    }
    start(lab, "old", 100);
    lab.pass(10 * ms);
    lab.now += 2'000 * ms;
    const uint64_t before = ending(*lab.gateways[0].path).reset;
    lab.pass(10 * ms);
    CHECK(ending(*lab.gateways[0].path).reset - before <= 10);
}

TEST_CASE("which flows an order is about") {
    Lab lab;
    auto& old = *lab.gateways[0].path;
    std::vector<Call> calls{Call(lab, 0, client(0))};
    lab.enter(0, red, to_meters(client(1)));                          // half open
    lab.enter(0, red, Say{client(2), end("198.51.100.10:862"), 17});  // UDP
    lab.share(lab.gateways[0], {10'000});
    calls.emplace_back(lab, 0, client(3));  // relayed
    lab.share(lab.gateways[0], {0});
    lab.pass(10 * ms);
    SUBCASE("established TCP, and UDP, that ends here and was here at the start") {
        start(lab, "old", 1000);
        CHECK_FALSE(ending(old).left);
        lab.now += 1;
        calls.emplace_back(lab, 0, client(4));  // after the start
        pass(lab, calls, 50 * ms, never);
        CHECK(lab.reset_log.size() == 2);
        pass(lab, calls, 400 * ms, never);
        const Endings::Course course = ending(old);
        CHECK(course == Endings::Course{course.id, false, 1, 1, Endings::Left{0, 0}});
        CHECK(calls[0].closed());
        CHECK_FALSE(calls[1].closed());
        CHECK_FALSE(calls[2].closed());
    }
    SUBCASE("one service's") {
        const auto* terminals = old.tables().service(6, end("203.0.113.5:14000"));
        const auto* meters = old.tables().service(6, end("198.51.100.10:1883"));
        end_flows(old, lab.now, 1000, {Scope::Kind::service, terminals->number, {}, {}});
        lab.pass(20 * ms);
        CHECK(ending(old).left == Endings::Left{0, 0});
        CHECK(lab.reset_log.empty());
        CHECK_FALSE(ending(old).running);
        end_flows(old, lab.now, 1000, {Scope::Kind::service, meters->number, {}, {}});
        lab.pass(20 * ms);
        CHECK(lab.reset_log.size() == 1);
    }
    SUBCASE("a server's, a line's, another site's, and without a pace they are counted alone") {
        const auto* meters = old.tables().service(6, end("198.51.100.10:1883"));
        const Endpoint server = meters->servers[0].endpoint();
        const std::pair<Scope, Endings::Left> scopes[] = {
            {{Scope::Kind::servers, 0, {{meters->number, server}}, {}}, {1, 0}},
            {{Scope::Kind::servers, 0, {{meters->number, {server.address, 1}}}, {}}, {0, 0}},
            {{Scope::Kind::line, red, {}, {}}, {2, 1}},
            {{Scope::Kind::line, green, {}, {}}, {0, 0}},
            {{Scope::Kind::peers, 1, {}, {true}}, {1, 0}},
            {{Scope::Kind::here, 0, {}, {}}, {1, 1}},
        };
        for (const auto& [scope, left] : scopes) {
            CAPTURE(static_cast<int>(scope.kind));
            end_flows(old, lab.now, 0, scope);
            lab.pass(20 * ms);
            CHECK(ending(old).left == left);
            CHECK_FALSE(ending(old).running);
        }
        CHECK(lab.reset_log.empty());
    }
    SUBCASE("of another site's flows both ends are told, too") {
        calls[1].client_says("heartbeat");
        end_flows(old, lab.now, 100, {Scope::Kind::peers, 1, {}, {true}});
        pass(lab, calls, 50 * ms, never);
        CHECK(calls[1].closed());
        CHECK_FALSE(calls[0].closed());
    }
    SUBCASE("stopped: none") {
        start(lab, "old", 1000);
        old.endings().follow({}, old.flows(), lab.now);
        lab.pass(50 * ms);
        CHECK(lab.reset_log.empty());
        CHECK(old.endings().courses().empty());
    }
}

TEST_CASE("flows that have ended are neither reset nor logged") {
    for (const char* end_by : {"FIN", "client's reset", "server's reset", "re-login"}) {
        INFO(std::string(end_by));
        Lab lab;
        std::vector<Call> calls{Call(lab, 0, client(0)), Call(lab, 0, client(1))};
        calls[0].end_by(end_by);
        if (std::string(end_by) == "re-login") {
            lab.reset_log.clear();
        }
        start(lab, "old", 1000);
        lab.pass(50 * ms);
        REQUIRE(lab.reset_log.size() == 1);
        CHECK(lab.reset_log[0].client == client(1));
    }
}

TEST_CASE("UDP flows are forgotten at the pace, at the peers too, and placed anew") {
    Lab lab;
    const Endpoint reflect = end("198.51.100.10:862");
    const auto by = [&](size_t gateway, uint32_t n) {
        const auto there = lab.enter(gateway, red, Say{client(n), reflect, 17});
        lab.enter(there.gateway, servers_port, answer(there.packet(), 0));
        return there.text();
    };
    for (const uint32_t n : {0U, 1U, 2U}) {
        by(0, n);
        CHECK(by(0, n) == "old servers");
    }
    lab.pass(50 * ms);
    FlowTable& at_new = lab.gateways[1].path->flows();
    CHECK(at_new.counts().relayed == 3);
    CHECK(by(1, 0) == "new>old servers");
    start(lab, "old", 10);
    lab.pass(20 * ms);
    CHECK(ending(*lab.gateways[0].path).forgotten == 1);
    CHECK(at_new.counts().relayed == 2);
    lab.pass(300 * ms);
    CHECK(lab.reset_log.size() == 3);
    CHECK(lab.gateways[0].path->flows().counts().served_udp == 0);
    CHECK(at_new.counts().relayed == 0);
    CHECK(by(1, 0) == "new servers");
    CHECK(by(0, 1) == "old servers");
    lab.share(lab.gateways[0], {10'000});
    CHECK(by(0, 2) == "old>new servers");
    lab.pass(2'000 * ms);  // what is said again takes nothing that was placed since
    CHECK(by(1, 0) == "new servers");
    CHECK(by(0, 1) == "old servers");
    CHECK(by(0, 2) == "old>new servers");
}

TEST_CASE("that a UDP flow was forgotten is said again") {
    Lab lab;
    for (int i = 0; i < 2; ++i) {
        const auto there = lab.enter(0, red, Say{client(0), end("198.51.100.10:862"), 17});
        lab.enter(0, servers_port, answer(there.packet(), 0));
    }
    lab.pass(50 * ms);
    FlowTable& at_new = lab.gateways[1].path->flows();
    CHECK(at_new.counts().relayed == 1);
    start(lab, "old", 10);
    lab.link_up = false;
    lab.pass(20 * ms);
    lab.link_up = true;
    CHECK(at_new.counts().relayed == 1);
    lab.pass(300 * ms);
    CHECK(at_new.counts().relayed == 0);
}

TEST_CASE("several orders at once, each at its pace and with its course") {
    Lab lab;
    auto& old = *lab.gateways[0].path;
    std::vector<Call> calls;
    for (uint32_t n = 0; n < 60; ++n) {
        calls.emplace_back(lab, 0, client(n));
    }
    const auto* meters = old.tables().service(6, end("198.51.100.10:1883"));
    const Scope service{Scope::Kind::service, meters->number, {}, {}};
    std::vector<Endings::Order> orders{{7, 10, 0, false, service}, {8, 50, 0, false, {}}};
    const auto follow = [&] { old.endings().follow(orders, old.flows(), lab.now); };
    const auto course = [&](size_t i) { return old.endings().courses()[i]; };
    follow();
    lab.pass(200 * ms);
    CHECK(course(0).reset >= 2);
    CHECK(course(0).reset <= 3);
    CHECK(course(1).reset >= 9);
    CHECK(course(1).reset <= 11);
    CHECK(lab.reset_log.size() == course(0).reset + course(1).reset);
    const uint64_t before = course(0).reset;
    std::swap(orders[0], orders[1]);
    orders[0].rate_per_s = 0;  // stopped: what it has done is told
    orders[1].rate_per_s = 1000;
    follow();
    CHECK(course(0).id == 8);
    CHECK_FALSE(course(0).running);
    lab.pass(500 * ms);
    CHECK(course(1).reset + course(0).reset == 60);
    CHECK(course(1).reset > before);
    CHECK_FALSE(course(1).running);
    orders = {{9, 10, 0, false, {}}};
    follow();
    CHECK(old.endings().courses().size() == 1);
    lab.pass(20 * ms);
    CHECK(course(0).left == Endings::Left{0, 0});
}

TEST_CASE("a client that was reset logs in again on the same port and is placed anew") {
    Lab lab;
    std::vector<Call> calls{Call(lab, 0, client(0))};
    start(lab, "old", 10);
    pass(lab, calls, 20 * ms, never);
    REQUIRE(calls[0].closed());
    lab.share(lab.gateways[0], {10'000});
    const auto again = lab.enter(0, red, to_meters(client(0)));
    CHECK(again.text() == "old>new servers");
    lab.emitted.clear();
    lab.pass(2'000 * ms);  // the repeats find the flow gone
    CHECK(lab.emitted.empty());
}

}  // namespace rehome::vipd::testing
