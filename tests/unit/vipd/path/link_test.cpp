// A link that lies, between the lab's two sites: what is too long for it, and who is told.
#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/bytes.h"
#include "vipd/packet/ecn.h"
#include "vipd/packet/link_probe.h"

namespace rehome::vipd::testing {

namespace {

const Endpoint client = end("192.0.2.7:40000");
constexpr Share all{10'000, ShareBy::address};

Say data(const Endpoint& from, const std::string& payload, bool may_cut = false) {
    Say say = to_meters(from, flag::A | flag::P);
    say.seq = 1001, say.ack = 2001;
    say.payload = payload;
    say.fragment = may_cut ? 0 : 0x4000;
    return say;
}

// A connection of a client that the new site serves.
void connect(Lab& lab, const Endpoint& from) {
    const auto at_server = lab.enter(0, red, to_meters(from));
    REQUIRE(at_server.text() == "old>new servers");
    Say syn_ack = answer(at_server.packet(), flag::S | flag::A);
    syn_ack.seq = 2000;
    REQUIRE(lab.enter(1, servers_port, syn_ack).text() == "new>old red");
}

void nothing_wrong(const Lab& lab) {
    for (const auto& wrong : lab.wrong) {
        FAIL_CHECK(wrong);
    }
}

}  // namespace

TEST_CASE("a link that loses full packets alone is narrow") {
    Lab lab;
    lab.share(lab["old"], all);
    lab.pass(2'000 * ms);
    const auto& peer = lab["old"].path->snapshot().peers[0];
    CHECK(peer.link_mtu == 1540);
    CHECK(peer.link_mtu_back == 1540);
    CHECK_FALSE(peer.narrow);
    connect(lab, client);

    lab.link_carries = 1500;
    lab.pass(6'000 * ms);
    for (const auto& gateway : lab.gateways) {
        CAPTURE(gateway.name);
        CHECK(gateway.path->snapshot().peer_up(0));
        CHECK(gateway.path->snapshot().peers[0].narrow);
        CHECK(gateway.path->snapshot().peers[0].link_mtu == 1500);
    }
    // 1500 less the tunnel's 40.
    const std::string fits(1460 - 40, 'x'), long_one(1461 - 40, 'x');
    CHECK(lab.enter(0, red, data(client, fits)).text() == "old>new servers");
    lab.emitted.clear();
    CHECK(lab.enter(0, red, data(client, long_one)).text() == "old drop too_big");
    REQUIRE(lab.emitted.size() == 1);
    CHECK(lab.emitted[0].text() == "old red");
    const Bytes& told = lab.emitted[0].ip;
    CHECK(told[20] == 3);  // unreachable: fragmentation needed
    CHECK(told[21] == 4);
    CHECK(load16(&told[26]) == 1460);

    lab.emitted.clear();
    CHECK(lab.enter(0, red, data(client, long_one, true)).text() == "old consumed");
    CHECK(lab.emitted.size() == 2);
    for (const auto& piece : lab.emitted) {
        CHECK(piece.text() == "old>new servers");
    }

    // Nobody new goes there; who is there stays.
    CHECK(lab.enter(0, red, to_meters(end("192.0.2.8:40000"))).text() == "old servers");
    CHECK(lab.enter(0, red, data(client, "short")).text() == "old>new servers");

    lab.link_carries = 1540;
    lab.pass(2'000 * ms);
    CHECK_FALSE(lab["old"].path->snapshot().peers[0].narrow);
    CHECK(lab.enter(0, red, to_meters(end("192.0.2.9:40000"))).text() == "old>new servers");
    CHECK(lab.enter(0, red, data(client, long_one)).text() == "old>new servers");
    nothing_wrong(lab);
}

TEST_CASE("what a server sends is told what fits, and what a SYN offers follows") {
    Lab lab;
    lab.share(lab["old"], all);
    lab.link_carries = 1400;
    lab.pass(400 * ms);
    const auto at_server = lab.enter(0, red, to_meters(client));  // nobody knows yet
    REQUIRE(at_server.text() == "old>new servers");
    lab.pass(6'000 * ms);
    CHECK(lab["new"].path->snapshot().peers[0].link_mtu == 1400);
    Say syn_ack = answer(at_server.packet(), flag::S | flag::A);
    syn_ack.tcp_options = {2, 4, 1460 >> 8, 1460 & 0xff};
    const auto offered = lab.enter(1, servers_port, syn_ack);
    REQUIRE(offered.text() == "new>old red");
    CHECK(load16(&offered.ip[42]) == 1400 - 40 - 40);

    Say long_one = answer(at_server.packet(), flag::A);
    long_one.payload.assign(1400 - 40 - 39, 'x');
    long_one.fragment = 0x4000;
    lab.emitted.clear();
    CHECK(lab.enter(1, servers_port, long_one).text() == "new drop too_big");
    REQUIRE(lab.emitted.size() == 1);
    CHECK(lab.emitted[0].text() == "new servers");
    CHECK(load16(&lab.emitted[0].ip[26]) == 1360);
    nothing_wrong(lab);
}

TEST_CASE("a link that is narrow in one direction is narrow for both") {
    Lab lab;
    State& state = *lab["old"].state;
    lab.pass(2'000 * ms);
    Keepalive said = lab["new"].path->snapshot().keepalive_for(0);
    CHECK(said.link_mtu == 1540);
    said.sequence = 1'000'000;
    said.link_mtu = 1500;
    state.hear(0, said, lab.now);
    lab["old"].act->follow(lab.now);
    CHECK(lab["old"].path->snapshot().peers[0].narrow);
    CHECK(lab["old"].path->snapshot().peers[0].link_mtu == 1540);
    said.sequence += 1;
    said.link_mtu.reset();  // of a version before: it answers no probes
    state.hear(0, said, lab.now);
    lab["old"].act->follow(lab.now);
    CHECK_FALSE(lab["old"].path->snapshot().peers[0].narrow);
    CHECK(lab["old"].path->snapshot().peers[0].link_mtu == 0);
}

namespace {

const Address old_tunnel = ip("10.99.0.1"), new_tunnel = ip("10.99.0.2"), router = ip("10.98.0.1");

// An error of a router on the link about the first packet of the tunnel that a gateway sent.
Bytes error_about(const Bytes& outer, uint32_t mtu, size_t quoted = 128) {
    const Address to = *Address::parse(outer[15] == 1 ? "10.99.0.1" : "10.99.0.2");
    return ethernet(make_error({router, to, 3, 4, mtu}, outer, quoted));
}

// What that gateway puts into the tunnel for a client, as the link has it.
Bytes in_tunnel(const Bytes& inner, const Gue& gue, bool from_old) {
    const Bytes frame = tunnelled(inner, gue, from_old ? old_tunnel : new_tunnel,
                                  from_old ? new_tunnel : old_tunnel);
    Bytes outer(frame.begin() + 14, frame.end());
    const Packet packet = *parse_packet(inner, 0);
    store16(&outer[20], tunnel_source_port({packet.source, packet.source_port},
                                           {packet.destination, packet.destination_port}));
    return outer;
}

uint16_t link_mtu(Lab& lab, const char* gateway) {
    return lab[gateway].path->snapshot().peers[0].link_mtu;
}

}  // namespace

TEST_CASE("errors about what was sent to a peer set the link's size, others do not") {
    Lab lab;
    lab.share(lab["old"], all);
    lab.pass(1'500 * ms);
    connect(lab, client);
    const uint32_t carrier = carrier_id("red");
    const Bytes sent = make_ip(data(client, std::string(1460, 'x')));
    const Bytes other = make_ip(data(end("192.0.2.7:40001"), std::string(1460, 'x')));
    const Gue gue{Gue::Kind::client, 3, true, carrier};
    Bytes another_port = in_tunnel(sent, gue, true);
    another_port[21] ^= 1;
    Bytes bad_sum = error_about(in_tunnel(sent, gue, true), 1400);
    bad_sum[14 + 22] ^= 1;
    const auto arrives = [&](const Bytes& frame) { return lab.enter(0, link_port, frame).text(); };
    const std::string stray = "old drop stray_error";
    CHECK(arrives(error_about(in_tunnel(other, gue, true), 1400)) == stray);
    CHECK(arrives(error_about(another_port, 1400)) == stray);
    CHECK(arrives(bad_sum) == stray);
    for (const size_t quoted : {28U, 32U, 40U, 60U, 63U}) {
        CHECK(arrives(error_about(in_tunnel(sent, gue, true), 1400, quoted)) == stray);
    }
    CHECK(link_mtu(lab, "old") == 1540);

    lab.emitted.clear();
    CHECK(arrives(error_about(in_tunnel(sent, gue, true), 1400)) == "old consumed");
    CHECK(link_mtu(lab, "old") == 1400);
    CHECK(lab["old"].path->snapshot().peers[0].narrow);
    REQUIRE(lab.emitted.size() == 1);
    CHECK(lab.emitted[0].text() == "old red");
    CHECK(load16(&lab.emitted[0].ip[26]) == 1360);
    CHECK(lab["old"].path->counters().tunnel_too_big == 1);
    // A probe that finds more outranks it.
    lab.pass(2'000 * ms);
    CHECK(link_mtu(lab, "old") == 1540);
    nothing_wrong(lab);
}

TEST_CASE("errors about replies, and about what gateways say themselves") {
    Lab lab;
    lab.share(lab["old"], all);
    lab.pass(1'500 * ms);
    connect(lab, client);
    const Endpoint vip = end("198.51.100.10:1883");
    const Bytes replied = make_ip({vip, client, 6, flag::A});
    const Gue gue{Gue::Kind::reply, 3, true, carrier_id("red")};
    lab.emitted.clear();
    CHECK(lab.enter(1, link_port, error_about(in_tunnel(replied, gue, false), 1300)).text() ==
          "new consumed");
    CHECK(link_mtu(lab, "new") == 1300);
    CHECK(lab.emitted.empty());  // the server learns it by its next packet

    Bytes said(2000);
    const TunnelEnds ends{old_tunnel, new_tunnel, gue_port};
    said.resize(make_control_packet(said, Gue::Control::link_probe,
                                    encode(LinkProbe{12345, 1540, false}, 32), ends));
    CHECK(lab.enter(0, link_port, error_about(said, 1400)).text() == "old drop stray_error");
    said.resize(2000);
    said.resize(make_control_packet(said, Gue::Control::keepalive, encode(Keepalive{}), ends));
    const Bytes refused = ethernet(make_error({new_tunnel, old_tunnel, 3, 3}, said, 28));
    CHECK(lab.enter(0, link_port, refused).text() == "old drop stray_error");
    const Bytes whole = ethernet(make_error({new_tunnel, old_tunnel, 3, 3}, said, 40));
    CHECK(lab.enter(0, link_port, whole).text() == "old consumed");
    CHECK(lab["old"].path->counters().tunnel_unreachable == 1);
    nothing_wrong(lab);
}

TEST_CASE("a size that a router told of a peer without probes holds for ten minutes") {
    Lab lab;
    State& state = *lab["old"].state;
    Keepalive said = lab["new"].path->snapshot().keepalive_for(0);
    said.link_mtu.reset();
    const auto at = [&](Micros now) {
        said.sequence += 1'000;
        state.hear(0, said, now);
        lab["old"].act->follow(now);
        return link_mtu(lab, "old");
    };
    said.sequence = 1'000'000;
    CHECK(at(lab.now) == 0);
    state.told_mtu(0, 1400, lab.now);
    CHECK(at(lab.now) == 1400);
    state.told_mtu(0, 1450, lab.now);
    CHECK(at(lab.now) == 1400);
    state.told_mtu(0, 1300, lab.now);
    CHECK(at(lab.now + told_mtu_kept) == 1300);
    CHECK(at(lab.now + told_mtu_kept + 1) == 0);
}

TEST_CASE("congestion that the link marks comes out of the tunnel") {
    Lab lab;
    lab.share(lab["old"], all);
    lab.pass(300 * ms);
    struct Row {
        Ecn inner, outer;
        const char* end;
        Ecn at_server;
    };
    const Row rows[] = {
        {Ecn::ect0, Ecn::ce, "new servers", Ecn::ce},
        {Ecn::ect0, Ecn::ect0, "new servers", Ecn::ect0},
        {Ecn::not_ect, Ecn::ect1, "new servers", Ecn::not_ect},
        {Ecn::not_ect, Ecn::ce, "new drop congestion_lost", Ecn::not_ect},
    };
    for (const Row& row : rows) {
        Bytes inner = make_ip(to_meters(client));
        set_ecn(inner.data(), Family::v4, row.inner);
        const Gue gue{Gue::Kind::client, 3, true, carrier_id("red")};
        Bytes outer = in_tunnel(inner, gue, true);
        set_ecn(outer.data(), Family::v4, row.outer);
        const Outcome outcome = lab.enter(1, link_port, ethernet(outer));
        CHECK(outcome.text() == row.end);
        if (outcome.end == "servers") {
            CHECK(ecn_of(outcome.ip.data(), Family::v4) == row.at_server);
        }
    }
    Bytes asked = make_frame(to_meters(end("192.0.2.9:1")));
    set_ecn(&asked[14], Family::v4, Ecn::ect1);
    const Outcome relayed = lab.enter(0, red, asked);
    CHECK(relayed.text() == "old>new servers");
    CHECK(ecn_of(relayed.ip.data(), Family::v4) == Ecn::ect1);
    nothing_wrong(lab);
}

}  // namespace rehome::vipd::testing
