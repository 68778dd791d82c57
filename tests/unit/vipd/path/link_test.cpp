// A link that lies, between the lab's two sites: what is too long for it, and who is told.
#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/bytes.h"

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

}  // namespace rehome::vipd::testing
