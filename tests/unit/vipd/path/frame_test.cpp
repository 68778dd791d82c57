// Single frames at a gateway's ports: what each may be, and where it ends.
#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/bytes.h"

namespace rehome::vipd::testing {

namespace {

const Endpoint client = end("100.80.0.1:40000");
const Endpoint meters = end("198.51.100.10:1883");
const Address old_tunnel = ip("10.99.0.1"), new_tunnel = ip("10.99.0.2");

Say say(const Endpoint& from, const Endpoint& to, uint8_t protocol = 6, uint8_t flags = flag::S) {
    return {from, to, protocol, flags};
}

template <typename Change>
Say with(Say s, Change change) {
    change(s);
    return s;
}

Bytes frame(const Say& s) {
    return make_frame(s);
}

Bytes from_new(const Say& inner, const Gue& gue = {}) {
    return tunnelled(make_ip(inner), gue, new_tunnel, old_tunnel);
}

Bytes changed(Bytes frame, size_t at, uint8_t value) {
    frame[at] = value;
    return frame;
}

struct Row {
    std::string what;
    PortIndex port;
    Bytes frame;
    std::string end;
};

const Gue reply{Gue::Kind::reply, 3, true, carrier_id("red")};

const Row rows[] = {
    // What is for nobody here goes to the kernel, unchanged.
    {"ARP", red, changed(changed(frame(say(client, meters)), 12, 0x08), 13, 0x06), "punt"},
    {"a VLAN", red, changed(changed(frame(say(client, meters)), 12, 0x81), 13, 0x00), "punt"},
    {"multicast", red, changed(frame(say(client, meters)), 0, 0x01), "punt"},
    {"BGP of the carrier", red, frame(say(end("100.64.1.1:179"), end("100.64.1.2:4000"))), "punt"},
    {"SSH to the gateway by the servers' port", servers_port,
     frame(say(end("10.1.1.11:4000"), end("10.1.0.1:22"))), "punt"},
    {"a server's own connection", servers_port,
     frame(say(end("10.1.1.11:4000"), end("192.0.2.1:443"))), "punt"},
    {"a server's answer to nobody's flow", servers_port,
     frame(say(end("10.1.1.11:1883"), client, 6, flag::A)), "punt"},
    {"ICMP of a server", servers_port, frame(say(end("10.1.1.11:0"), client, 1)), "punt"},
    {"a server's fragment", servers_port,
     frame(with(say(end("10.1.1.11:1883"), client), [](Say& s) { s.fragment = 4; })), "kept"},
    {"to a VIP from the servers", servers_port, frame(say(end("10.1.1.11:4000"), meters)), "punt"},
    {"to a VIP by the link, not tunnelled", link_port, frame(say(client, meters)), "punt"},
    {"UDP to another port of the tunnel address", link_port,
     frame(say({new_tunnel, 5}, {old_tunnel, 6081}, 17)), "punt"},
    {"GUE to another address", link_port,
     frame(say({new_tunnel, 5}, {ip("10.99.0.9"), gue_port}, 17)), "punt"},
    {"a fragment to the tunnel address", link_port,
     frame(with(say({new_tunnel, 5}, {old_tunnel, gue_port}, 17),
                [](Say& s) { s.fragment = 0x2000; })),
     "punt"},
    {"GUE from a peer's address, by a line", red,
     tunnelled(make_ip(say(client, meters)), {}, new_tunnel, old_tunnel), "punt"},

    // What is for a VIP.
    {"SYN", red, frame(say(client, meters)), "servers"},
    {"SYN, IPv4 options", red,
     frame(with(say(client, meters), [](Say& s) { s.option_bytes = 12; })), "servers"},
    {"UDP", red, frame(say(client, end("198.51.100.10:862"), 17)), "servers"},
    {"UDP without a checksum", red,
     frame(with(say(client, end("198.51.100.10:862"), 17), [](Say& s) { s.checksum = false; })),
     "servers"},
    {"echo", red, frame(say(client, end("198.51.100.10:0"), 1)), "red"},
    {"echo to no service's address", red, frame(say(client, end("198.51.100.11:0"), 1)),
     "drop no_service"},
    {"another port", red, frame(say(client, end("198.51.100.10:1884"))), "drop no_service"},
    {"another protocol on that port", red, frame(say(client, meters, 17)), "drop no_service"},
    {"the server's port, not the VIP's", red, frame(say(client, end("203.0.113.5:1884"))),
     "drop no_service"},
    {"a protocol that no service has", red,
     frame(with(say(client, meters, 1), [](Say& s) { s.protocol = 47; })), "drop no_service"},
    {"a fragment", red, frame(with(say(client, meters), [](Say& s) { s.fragment = 0x2000; })),
     "drop bad_fragment"},
    {"the last hop", red, frame(with(say(client, meters), [](Say& s) { s.ttl = 1; })),
     "drop ttl_expired"},
    {"from a VIP, by a line", red, frame(say(end("203.0.113.5:14000"), meters)),
     "drop forged_source"},
    {"from the VIP itself, by a line", red,
     frame(say(end("198.51.100.10:862"), end("198.51.100.10:862"), 17)), "drop forged_source"},
    {"echo from a VIP, by a line", red, frame(say(end("203.0.113.5:0"), end("198.51.100.10:0"), 1)),
     "drop forged_source"},

    // What is tunnelled.
    {"a peer's SYN", link_port, from_new(say(client, meters)), "servers"},
    {"a peer's SYN whose hops are used up ends here", link_port,
     from_new(say(client, meters), {Gue::Kind::client, 0, true, 0}), "servers"},
    {"a peer's echo", link_port,
     from_new(say(client, end("198.51.100.10:0"), 1),
              {Gue::Kind::client, 3, true, carrier_id("red")}),
     "red"},
    {"a stranger's", link_port,
     tunnelled(make_ip(say(client, meters)), {}, ip("10.99.0.3"), old_tunnel), "drop unknown_peer"},
    {"our own address as source", link_port,
     tunnelled(make_ip(say(client, meters)), {}, old_tunnel, old_tunnel), "drop unknown_peer"},
    {"not for a VIP", link_port, from_new(say(client, end("10.1.1.11:22"))), "drop not_for_vip"},
    {"a reply from no VIP", link_port, from_new(say(end("10.1.1.11:22"), client), reply),
     "drop not_for_vip"},
    {"a reply without an entry: by its carrier's line", link_port,
     from_new(say(meters, client, 6, flag::A), reply), "red"},
    {"a reply of an unknown carrier", link_port,
     from_new(say(meters, client), {Gue::Kind::reply, 3, true, 77}), "drop no_way_back"},
    {"another version", link_port, changed(from_new(say(client, meters)), 14 + 20 + 8, 0x42),
     "drop bad_tunnel"},
    {"a keepalive that is none", link_port, changed(from_new(say(client, meters)), 42, 0x22),
     "drop bad_tunnel"},
    {"nothing inside", link_port, tunnelled({0x45}, {}, new_tunnel, old_tunnel), "drop truncated"},
    {"inner header cut", link_port, tunnelled(Bytes(19, 0x45), {}, new_tunnel, old_tunnel),
     "drop truncated"},
    {"inner version 5", link_port, tunnelled(Bytes(60, 0x55), {}, new_tunnel, old_tunnel),
     "drop bad_header"},
    {"inner fragment", link_port,
     from_new(with(say(client, meters), [](Say& s) { s.fragment = 9; })), "kept"},
    {"tunnelled within the tunnel", link_port,
     from_new(say({new_tunnel, 50000}, {old_tunnel, gue_port}, 17)), "drop not_for_vip"},

    // What cannot be.
    {"an empty frame", red, {}, "punt"},
    {"no IP behind Ethernet", red, Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 8, 0},
     "drop truncated"},
    {"version 5", red, changed(frame(say(client, meters)), 14, 0x55), "drop bad_header"},
};

}  // namespace

TEST_CASE("a site's own networks mean nothing at another one, nor behind another gateway") {
    Lab lab({{"old", "old2", "new"}, 1000, {"old", "old2"}});
    const Address router = ip("10.1.200.1"), there = ip("172.20.200.1");
    lab["old"].config.networks = {*Prefix::parse("10.1.0.0/16")};
    lab["old2"].config.networks = lab["old"].config.networks;
    lab["new"].config.networks = {*Prefix::parse("172.20.0.0/16")};
    for (auto& gateway : lab.gateways) {
        lab.reload(gateway);
    }
    lab.share(lab["old"], {10'000});
    CHECK(lab.enter(0, red, to_meters({router, 40000})).text() == "old drop site_source");
    const auto relayed = lab.enter(0, red, to_meters({there, 40000}));
    CHECK(relayed.text() == "old>new servers");
    // A router of the old site's own says that a reply was too big: by way of both sites' gateways.
    const auto replied = lab.enter(lab.index("new"), servers_port, answer(relayed.packet(), 0));
    CHECK(replied.text() == "new>old red");
    const Bytes error =
        make_error({router, end("198.51.100.10:1").address, 3, 4, 1300}, replied.ip, 28);
    CHECK(lab.enter(0, red, ethernet(error)).text() == "old>new servers");
    for (const auto& wrong : lab.wrong) {
        FAIL_CHECK(wrong);
    }
}

TEST_CASE("frames at the old gateway's ports") {
    for (const Row& row : rows) {
        INFO(row.what);
        Lab lab;
        CHECK(lab.enter(0, row.port, row.frame).text() == "old " + row.end);
        for (const auto& wrong : lab.wrong) {
            FAIL_CHECK(row.what, ": ", wrong);
        }
    }
}

TEST_CASE("every frame, cut anywhere, ends in one way") {
    Lab lab;
    for (const Row& row : rows) {
        for (size_t length = 0; length < row.frame.size(); ++length) {
            const Bytes cut(row.frame.begin(), row.frame.begin() + static_cast<long>(length));
            const std::string at = lab.enter(0, row.port, cut).end;
            INFO(row.what, " cut to ", length);
            CHECK((at == "punt" || at.starts_with("drop ")));
        }
    }
    CHECK(lab.wrong.empty());
}

TEST_CASE("what a packet is counted as") {
    Lab lab;
    lab.share(lab.gateways[0], {0});
    lab.enter(0, red, say(client, meters));
    lab.enter(0, servers_port, say(end("10.1.1.11:1883"), client, 6, flag::S | flag::A));
    lab.enter(0, servers_port, say(end("10.1.1.12:1883"), client, 6, flag::S | flag::A));
    lab.enter(0, green, say(client, end("198.51.100.10:0"), 1));
    lab.enter(0, blue, say(client, end("198.51.100.10:9")));
    const Counters& c = lab.gateways[0].path->counters();
    CHECK(c.to_servers == 1);
    CHECK(c.to_clients == 2);  // of the two servers one has the flow
    CHECK(c.punted == 1);
    CHECK(c.to_peers == 0);
    CHECK(c.drops[static_cast<size_t>(Drop::no_service)] == 1);
    const auto of = [&](size_t line) {
        return std::pair{c.lines[line].rx_vip_packets, c.lines[line].tx_vip_packets};
    };
    CHECK(of(red) == std::pair<uint64_t, uint64_t>{1, 1});
    CHECK(of(green) == std::pair<uint64_t, uint64_t>{1, 1});
    CHECK(of(blue) == std::pair<uint64_t, uint64_t>{1, 0});
}

TEST_CASE("a fragment that waited for its first one is counted once") {
    Lab lab;
    lab.share(lab.gateways[0], {0});
    const auto pieces = split(make_ip(with(say(client, end("198.51.100.10:862"), 17),
                                           [](Say& s) { s.payload.assign(100, 'x'); })),
                              64, 7);
    REQUIRE(pieces.size() == 2);
    const LineCounters& line = lab.gateways[0].path->counters().lines[red];
    CHECK(lab.enter(0, red, ethernet(pieces[1])).end == "kept");
    lab.enter(0, red, ethernet(pieces[0]));
    CHECK(line.rx_vip_packets == 2);
    CHECK(lab.gateways[0].path->counters().to_servers == 2);
}

TEST_CASE("without a route: dropped for that reason, and counted") {
    Lab lab;
    auto& old = *lab.gateways[0].path;
    Say ack = say(client, meters, 6, flag::A);
    const auto syn = lab.enter(0, red, say(client, meters));
    lab.enter(0, servers_port, answer(syn.packet(), flag::S | flag::A));
    ack.seq = 1001, ack.ack = 2001;
    lab.enter(0, red, ack);
    old.replace_routes(std::make_shared<const Fib>());
    CHECK(lab.enter(0, red, ack).end == "drop no_route");
    end_flows(old, lab.now, 10);
    const uint64_t before = old.counters().drops[static_cast<size_t>(Drop::no_route)];
    lab.pass(20 * ms);
    REQUIRE(lab.reset_log.size() == 1);  // to the client by its line, to the server by no way
    CHECK(old.counters().drops[static_cast<size_t>(Drop::no_route)] == before + 1);
    const Say late = answer(syn.packet(), flag::A);
    CHECK(lab.enter(0, servers_port, late).end == "drop no_route");
    lab.share(lab.gateways[0], {10'000});
    CHECK(lab.enter(0, red, say({client.address, 40001}, meters)).end == "drop no_route");
    CHECK(lab.wrong.empty());
}

TEST_CASE("hops count down with each gateway, and none is passed on at 0") {
    Lab lab({{"old", "new", "new2"}, 1000, {"old"}});
    // A segment without an entry whose home at the new site is the other gateway there: it would
    // be passed on.
    for (uint16_t port = 1; port < 200; ++port) {
        const Say inner = say({client.address, port}, meters, 6, flag::A);
        for (const uint8_t hops : {uint8_t{0}, uint8_t{1}}) {
            const Gue gue{Gue::Kind::client, hops, true, carrier_id("red")};
            const auto outcome =
                lab.enter(1, link_port, tunnelled(make_ip(inner), gue, old_tunnel, new_tunnel));
            if (outcome.path != "new" || outcome.end == "drop hop_limit") {
                CHECK(outcome.text() ==
                      (hops == 0 ? "new drop hop_limit" : "new>new2>new servers"));
            }
        }
    }
    CHECK(lab.gateways[1].path->counters().drops[static_cast<size_t>(Drop::hop_limit)] > 50);
    CHECK(lab.wrong.empty());
}

TEST_CASE("the share is relayed to all gateways of the other site, and asked for where it went") {
    Lab lab({{"old", "new", "new2"}, 1000, {"old", "new", "new2"}});
    lab.share(lab.gateways[0], {10'000});
    std::map<std::string, int> taken;
    for (uint16_t port = 1; port <= 200; ++port) {
        const Endpoint from{client.address, port};
        const auto syn = lab.enter(0, red, say(from, meters));
        REQUIRE(syn.end == "servers");
        ++taken[syn.path];
        // A gateway of its own site that meets the flow asks where it is.
        const size_t other = syn.gateway == 1 ? 2 : 1;
        lab.enter(syn.gateway, servers_port, answer(syn.packet(), flag::S | flag::A));
        REQUIRE(lab.enter(0, red, say(from, meters, 6, flag::A)).path == syn.path);
        CHECK(lab.enter(other, red, say(from, meters, 6, flag::A)).gateway == syn.gateway);
    }
    CHECK(taken["old>new"] > 60);
    CHECK(taken["old>new2"] > 60);
    CHECK(taken.size() == 2);
    CHECK(lab.wrong.empty());
}

TEST_CASE("the second chance over two gateways a site: who tells that it knows the flow is asked") {
    Lab lab({{"old", "old2", "new", "new2"}, 10'000, {"old", "old2", "new", "new2"}});
    // Flows of the old site, each at its own gateway; then they all come in at the new site.
    std::set<std::string> paths;
    for (uint16_t port = 1; port <= 200; ++port) {
        const Endpoint from{client.address, port};
        const auto syn = lab.enter(port % 2, red, say(from, meters));
        REQUIRE(syn.end == "servers");
        lab.enter(syn.gateway, servers_port, answer(syn.packet(), flag::S | flag::A));
        REQUIRE(lab.enter(port % 2, red, say(from, meters, 6, flag::A)).end == "servers");
    }
    lab.pass(3000 * ms);
    uint32_t found = 0;
    for (uint16_t port = 1; port <= 200; ++port) {
        const Endpoint from{client.address, port};
        const auto outcome = lab.enter(2, red, say(from, meters, 6, flag::A));
        REQUIRE(outcome.end == "servers");
        paths.insert(outcome.path);
        found += lab.gateways[outcome.gateway].name.starts_with("old") ? 1U : 0U;
        const auto back =
            lab.enter(outcome.gateway, servers_port, answer(outcome.packet(), flag::A));
        CHECK(back.end == "red");
    }
    // Wherever it is at the old site, which has told of its flows.
    CHECK(found == 200);
    CHECK(paths ==
          std::set<std::string>{"new>old", "new>old2", "new>new2>new>old", "new>new2>new>old2"});
    for (const auto& path : paths) {
        CHECK(path.size() <= std::string("new>new2>new>old2>new").size());
    }
    for (const auto& wrong : lab.wrong) {
        FAIL_CHECK(wrong);
    }
}

}  // namespace rehome::vipd::testing
