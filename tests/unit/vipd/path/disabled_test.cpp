// Where new flows go, and what becomes of existing ones, when something is disabled.
#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

const Endpoint client = end("100.80.0.1:40000"), other = end("100.80.0.2:40000");
const Endpoint vip = end("198.51.100.10:1883"), reflect = end("198.51.100.10:862");

struct World : Lab {
    LabGateway& old = gateways[0];
    std::string meters = old.path->tables().service(6, vip)->config->name;

    void order(DisableMode mode, Level level, const std::string& name) {
        DisableOrder order;
        order.mode = mode;
        order.rate_per_s = mode == DisableMode::weak ? 100 : 0;
        old.state->disable({level, name}, order);
        old.act->follow(now);
        pass(20 * ms);
    }
    void enable(Level level, const std::string& name) {
        old.state->enable({level, name}, {});
        old.act->follow(now);
        pass(20 * ms);
    }
    std::string syn(const Endpoint& from) { return enter(0, red, to_meters(from)).text(); }
    // A session whose client has spoken once.
    Outcome log_in(const Endpoint& from) {
        const auto at_server = enter(0, red, to_meters(from));
        enter(at_server.gateway, servers_port, answer(at_server.packet(), flag::S | flag::A));
        return at_server;
    }
    Say ack(const Outcome& at_server) {
        Say say = to_meters({at_server.packet().source, at_server.packet().source_port}, flag::A);
        say.seq = at_server.packet().seq + 1;
        say.ack = 2001;
        return say;
    }
};

const auto mask = DisableMode::mask, weak = DisableMode::weak, strong = DisableMode::strong;

}  // namespace

TEST_CASE("new flows go elsewhere, and stay where nobody else takes them, unless it is strong") {
    for (const auto& [level, named] :
         {std::pair{Level::service, std::string("meters")}, {Level::site, std::string("old")}}) {
        World w;
        const std::string name = level == Level::service ? w.meters : named;
        CAPTURE(name);
        for (const DisableMode mode : {mask, weak, strong}) {
            w.order(mode, level, name);
            CHECK(w.syn(client) == "old>new servers");
        }
        w.link_up = false;
        w.pass(500 * ms);
        CHECK(w.syn(other) == "old drop disabled");
        w.order(mask, level, name);
        CHECK(w.syn(other) == "old servers");
        w.enable(level, name);
        CHECK(w.syn(end("100.80.0.3:40000")) == "old servers");
    }
}

TEST_CASE("another site gets none from here, whatever its share") {
    World w;
    w.share(w.old, {10'000});
    CHECK(w.syn(client) == "old>new servers");
    w.order(mask, Level::site, "new");
    CHECK(w.syn(other) == "old servers");
    CHECK(w.enter(0, red, to_meters(client)).text() == "old>new servers");  // it has an entry
    w.enable(Level::site, "new");
    CHECK(w.syn(end("100.80.0.3:40000")) == "old>new servers");
}

TEST_CASE("a peer is told that a service is masked, and passes it over") {
    World w;
    w.order(mask, Level::service, w.meters);
    w.share(w.gateways[1], {10'000});
    w.pass(300 * ms);
    CHECK(w.enter(1, red, to_meters(client)).text() == "new servers");
    w.enable(Level::service, w.meters);
    w.pass(300 * ms);
    CHECK(w.enter(1, red, to_meters(other)).text() == "new>old servers");
}

TEST_CASE("what is cut is dropped in both directions, and told when it is enabled again") {
    struct Row {
        Level level;
        std::string name;
        uint32_t share;
    };
    for (const Row& row : {Row{Level::service, "", 0},
                           {Level::site, "old", 0},
                           {Level::server, "", 0},
                           {Level::site, "new", 10'000}}) {
        World w;
        w.share(w.old, {row.share});
        const ServiceTable& service = *w.old.path->tables().service(6, vip);
        const std::string name = !row.name.empty()             ? row.name
                                 : row.level == Level::service ? w.meters
                                                               : service.servers[0].name;
        CAPTURE(name);
        const Outcome session = w.log_in(client);
        const std::string there = session.text();
        CHECK(w.enter(0, red, w.ack(session)).text() == there);
        w.order(mask, row.level, name);
        CHECK(w.enter(0, red, w.ack(session)).text() == there);
        const size_t told = w.emitted.size();
        w.order(strong, row.level, name);
        CHECK(w.enter(0, red, w.ack(session)).text() == "old drop disabled");
        const Say said = answer(session.packet(), flag::A);
        const auto reply = w.enter(session.gateway, servers_port, said);
        CHECK(reply.end == "drop disabled");
        CHECK(w.emitted.size() == told);  // nobody is
        w.enable(row.level, name);
        const auto reset = w.enter(0, red, w.ack(session));
        CHECK(reset.text() == "old red");
        CHECK((reset.packet().tcp_flags & tcp_flag::rst) != 0);
        for (const auto& wrong : w.wrong) {
            FAIL_CHECK(wrong);
        }
    }
}

TEST_CASE("a datagram of a flow that is cut is placed anew, what comes back of it is dropped") {
    World w;
    const auto there = w.enter(0, red, Say{client, reflect, 17});
    CHECK(there.text() == "old servers");
    w.enter(0, servers_port, answer(there.packet(), 0));
    w.order(strong, Level::site, "old");
    CHECK(w.enter(0, servers_port, answer(there.packet(), 0)).text() == "old drop disabled");
    CHECK(w.enter(0, red, Say{client, reflect, 17}).text() == "old>new servers");
}

TEST_CASE("a line that is cut takes nothing in or out, its flows go on by another one") {
    World w;
    const Outcome session = w.log_in(client);
    w.order(strong, Level::line, "red");
    CHECK(w.enter(0, red, w.ack(session)).text() == "old drop disabled");
    CHECK(w.enter(0, servers_port, answer(session.packet(), flag::A)).text() ==
          "old drop disabled");
    CHECK(w.enter(0, green, w.ack(session)).text() == "old servers");
    CHECK(w.enter(0, servers_port, answer(session.packet(), flag::A)).text() == "old green");
    w.enable(Level::line, "red");
    CHECK(w.enter(0, red, w.ack(session)).text() == "old servers");
}

TEST_CASE("a site that is cut gets nothing from here, and nothing of it passes") {
    World w;
    w.share(w.old, {10'000});
    const Outcome session = w.log_in(client);
    const Outcome datagram = w.enter(0, red, Say{client, reflect, 17});
    REQUIRE(session.text() == "old>new servers");
    REQUIRE(datagram.text() == "old>new servers");
    const auto error = [&](const Outcome& about) {
        return ethernet(make_error({about.packet().destination, about.packet().source, 3, 3},
                                   about.ip, about.ip.size()));
    };
    CHECK(w.enter(1, servers_port, error(session)).text() == "new>old red");
    w.order(strong, Level::site, "new");
    CHECK(w.enter(1, servers_port, error(session)).text() == "new>old drop disabled");
    CHECK(w.enter(1, servers_port, error(datagram)).text() == "new>old drop disabled");
    // Nor is it asked about what is not known here.
    CHECK(w.enter(0, red, to_meters(other, flag::A)).path == "old");
    w.enable(Level::site, "new");
    CHECK(w.enter(0, red, to_meters(end("100.80.0.3:40000"), flag::A)).path != "old");
}

TEST_CASE("what a server of a cut service says by itself does not pass, if it answers directly") {
    World w;
    w.old.config = every_forwarding();
    w.reload(w.old);
    const auto tables = w.old.path->snapshot().tables;
    for (const ServiceTable& service : tables->services()) {
        if (!Flow::direct_return(service.reach) || service.config->vip.family != Family::v4) {
            continue;
        }
        CAPTURE(service.config->name);
        const Endpoint end{service.config->vip, service.config->port};
        const auto protocol = static_cast<uint8_t>(service.config->protocol);
        const Say said{end, client, protocol, flag::A};
        const Bytes asked = make_ip({client, end, protocol, flag::S});
        const Bytes error =
            ethernet(make_error({end.address, client.address, 3, 3}, asked, asked.size()));
        CHECK(w.enter(0, servers_port, said).end != "drop disabled");
        CHECK(w.enter(0, servers_port, error).end != "drop disabled");
        const std::string named = service.config->name;
        for (const auto& [level, name] :
             {std::pair{Level::service, named}, {Level::site, std::string("old")}}) {
            w.order(strong, level, name);
            CHECK(w.enter(0, servers_port, said).end == "drop disabled");
            CHECK(w.enter(0, servers_port, error).end == "drop disabled");
            w.enable(level, name);
        }
    }
}

TEST_CASE("maps pass nothing while their site is cut, and go to no site that is") {
    World w;
    w.old.config = every_forwarding();
    w.reload(w.old);
    const Bytes sent = make_ip({end("10.1.3.5:80"), client, 6, flag::A});
    const Bytes to_server = make_ip({client, end("10.1.3.5:80"), 6, flag::A});
    const Bytes routers =
        ethernet(make_error({ip("10.1.1.1"), client.address, 3, 1}, to_server, to_server.size()));
    CHECK(w.enter(0, servers_port, routers).text() == "old red");
    w.order(strong, Level::site, "old");
    CHECK(w.enter(0, servers_port, routers).text() == "old drop disabled");
    CHECK(w.enter(0, servers_port, ethernet(sent)).text() == "old drop disabled");
    CHECK(w.enter(0, red, Say{client, end("203.0.113.133:80")}).text() == "old drop disabled");
    w.enable(Level::site, "old");
    w.share(w.old, {10'000});
    w.pass(300 * ms);
    CHECK(w.enter(0, red, Say{client, end("203.0.113.133:80")}).path == "old>new");
    w.order(strong, Level::site, "new");
    CHECK(w.enter(0, red, Say{client, end("203.0.113.133:80")}).text() == "old servers");
}

TEST_CASE("the order that drops is the one that is named") {
    World w;
    const auto number = w.old.path->tables().service(6, vip)->number;
    w.order(mask, Level::service, w.meters);
    CHECK(w.old.path->snapshot().disabled->text_of(number) == "mask service " + w.meters);
    w.order(strong, Level::site, "old");
    CHECK(w.old.path->snapshot().disabled->text_of(number) == "strong site old");
    w.order(strong, Level::service, w.meters);
    CHECK(w.old.path->snapshot().disabled->text_of(number) == "strong service " + w.meters);
}

}  // namespace rehome::vipd::testing
