// Two sites with keys, or one of them: who is believed, what is dropped and counted, and what a
// restart, a roll-out and another key cost a session (nothing).
#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/bytes.h"

namespace rehome::vipd::testing {

namespace {

const FileKey one{1, {1, 2, 3}}, two{2, {4, 5, 6}};
const Endpoint client = end("192.0.2.7:40000");
constexpr Share all{10'000, ShareBy::address};
constexpr size_t old_gw = 0, new_gw = 1;

Lab::Setup with_keys(const Keyring& at_old, const Keyring& at_new, bool untagged = false) {
    Lab::Setup setup;
    setup.keys = {{"old", at_old}, {"new", at_new}};
    setup.untagged = untagged;
    return setup;
}

void nothing_wrong(const Lab& lab) {
    for (const auto& wrong : lab.wrong) {
        FAIL_CHECK(wrong);
    }
}

PeerCounters counted(Lab& lab, size_t gateway) {
    return lab.gateways[gateway].path->counters().peers[0];
}

uint64_t drops(Lab& lab, size_t gateway, Drop why) {
    return lab.gateways[gateway].path->counters().drops[static_cast<size_t>(why)];
}

bool alive(Lab& lab) {
    return lab["old"].path->snapshot().peer_up(0) && lab["new"].path->snapshot().peer_up(0);
}

// Both sign what they send to the other.
bool signs(Lab& lab) {
    for (auto& gateway : lab.gateways) {
        const auto& keys = gateway.path->snapshot().peers[0].keys;
        if (keys == nullptr || !keys->sign) {
            return false;
        }
    }
    return true;
}

// A connection of a client that the new site serves; then a segment each way.
void connect(Lab& lab, const Endpoint& from) {
    const auto at_server = lab.enter(old_gw, red, to_meters(from));
    REQUIRE(at_server.text() == "old>new servers");
    Say syn_ack = answer(at_server.packet(), flag::S | flag::A);
    syn_ack.seq = 2000;
    REQUIRE(lab.enter(new_gw, servers_port, syn_ack).text() == "new>old red");
}

void talk(Lab& lab, const Endpoint& from) {
    Say say = to_meters(from, flag::A);
    say.seq = 1001, say.ack = 2001;
    CHECK(lab.enter(old_gw, red, say).text() == "old>new servers");
    const auto at_server = lab.enter(old_gw, red, say);
    Say reply = answer(at_server.packet(), flag::A);
    CHECK(lab.enter(new_gw, servers_port, reply).text() == "new>old red");
}

// The private data behind the outer headers.
uint8_t kind_of(const Bytes& outer) {
    return outer[28] >> 5 == 1 ? 255 : outer[33];
}

uint32_t header_of(const Bytes& outer) {
    return 4U + (outer[28] & 0x1fU) * 4;
}

}  // namespace

TEST_CASE("gateways with keys agree, and tag what they send each other") {
    Lab lab(with_keys({{one}}, {{one, two}}));
    lab.pass(1'000 * ms);
    REQUIRE(alive(lab));
    REQUIRE(signs(lab));
    lab.share(lab["old"], all);
    size_t control = 0, data = 0;
    lab.tap = [&](size_t, const Bytes& outer) {
        const bool handshake = kind_of(outer) == 255 && outer[29] == 5;
        const uint32_t expected = kind_of(outer) == 255 ? (handshake ? 4 : 24) : 24;
        CHECK(header_of(outer) == expected);
        ++(kind_of(outer) == 255 ? control : data);
    };
    connect(lab, client);
    talk(lab, client);
    lab.pass(500 * ms);
    CHECK(control > 15);
    CHECK(data == 5);
    for (const size_t gateway : {old_gw, new_gw}) {
        CHECK(counted(lab, gateway).bad_tags == 0);
        CHECK(counted(lab, gateway).replayed == 0);
    }
    nothing_wrong(lab);
}

TEST_CASE("what somebody forges without the key does nothing but count") {
    Lab lab(with_keys({{one}}, {{one}}));
    lab.pass(1'000 * ms);
    lab.share(lab["old"], all);
    connect(lab, client);
    const Address from = lab["old"].config.tunnel->address, to = lab["new"].config.tunnel->address;
    const auto forge = [&](const Bytes& frame, const std::string& outcome) {
        const auto flows = lab["new"].path->flows().size();
        const auto epoch = lab["new"].path->snapshot().epoch;
        CHECK(lab.enter(new_gw, link_port, frame).text() == outcome);
        CHECK(lab["new"].path->flows().size() == flows);
        CHECK(lab["new"].path->snapshot().epoch == epoch);
    };
    const uint64_t untagged = counted(lab, new_gw).untagged;
    const Bytes syn = make_ip(to_meters(end("192.0.2.66:1")));
    for (const auto kind : {Gue::Kind::client, Gue::Kind::question, Gue::Kind::unknown}) {
        forge(tunnelled(syn, {kind}, from, to), "new drop untagged");
    }
    Keepalive lie;
    lie.sequence = 1'000'000;
    Bytes said(1500);
    said.resize(make_control_packet(said, Gue::Control::keepalive, encode(lie), {from, to, 6080}));
    forge(ethernet(said), "new drop untagged");
    CHECK(counted(lab, new_gw).untagged == untagged + 4);
    CHECK(drops(lab, new_gw, Drop::untagged) == counted(lab, new_gw).untagged);

    // With a tag of other keys, and under every key id.
    uint64_t counter = 1'000'000;
    const TagKeys guessed{{1, 2}, {3, 4}};
    for (const uint16_t epoch :
         {uint16_t{0}, lab["new"].path->snapshot().peers[0].keys->verify[0].epoch}) {
        for (unsigned id = 0; id < 256; ++id) {
            TunnelEnds ends{from, to, 6080};
            ends.signing = {&guessed, static_cast<uint8_t>(id), 0, epoch, &counter};
            Buffer buffer(ethernet(syn));
            REQUIRE(encapsulate(buffer.frame, buffer.packet(), {}, ends));
            forge(ethernet(buffer.ip_packet()), "new drop bad_tag");
            said.assign(1500, 0);
            said.resize(make_control_packet(said, Gue::Control::keepalive, encode(lie), ends));
            forge(ethernet(said), "new drop bad_tag");
            said.assign(1500, 0);
            const Bytes handshake = encode(Handshake{static_cast<uint8_t>(id), true, 1, 2}, {5, 6});
            said.resize(
                make_control_packet(said, Gue::Control::handshake, handshake, {from, to, 9}));
            forge(ethernet(said), "new drop bad_tag");
        }
    }
    CHECK(counted(lab, new_gw).bad_tags == 2 * 256 * 3);
    lab.pass(1'000 * ms);
    CHECK(alive(lab));
    talk(lab, client);
    nothing_wrong(lab);
}

TEST_CASE("what was recorded and is sent again: once is once, and an old epoch's is nothing") {
    Lab lab(with_keys({{one}}, {{one}}));
    std::vector<Bytes> recorded;
    lab.tap = [&](size_t from, const Bytes& outer) {
        if (from == old_gw) {
            recorded.push_back(outer);
        }
    };
    lab.pass(1'000 * ms);
    lab.share(lab["old"], all);
    connect(lab, client);
    talk(lab, client);
    lab.pass(200 * ms);  // the new site tells that it has flows
    // A question: a segment of a flow that the old gateway does not know.
    Say unknown = to_meters(end("192.0.2.9:40000"), flag::A);
    unknown.seq = 1001, unknown.ack = 2001;
    lab.share(lab["old"], {});
    lab.enter(old_gw, red, unknown);
    const auto again = recorded;
    size_t controls = 0, questions = 0;
    lab.tap = nullptr;
    for (const Bytes& outer : again) {
        const bool tagged =
            header_of(outer) ==
            (counted(Gue::Kind(kind_of(outer))) ? (kind_of(outer) == 255 ? 24U : 32U) : 24U);
        if (!tagged) {
            continue;
        }
        const auto outcome = lab.enter(new_gw, link_port, ethernet(outer)).end;
        INFO("kind ", int{kind_of(outer)}, ": ", outcome);
        if (kind_of(outer) == 255) {
            ++controls;
            CHECK(outcome == "drop replayed");
        } else if (kind_of(outer) >= 2) {
            ++questions;
            CHECK(outcome == "drop replayed");
        } else {
            CHECK(outcome == "servers");  // no window: workers and paths reorder
        }
    }
    CHECK(controls > 10);
    CHECK(questions >= 1);
    CHECK(counted(lab, new_gw).replayed == controls + questions);

    lab.start(new_gw);
    lab.pass(1'500 * ms);
    REQUIRE(alive(lab));
    for (const Bytes& outer : again) {
        if (header_of(outer) >= 24) {
            CHECK(lab.enter(new_gw, link_port, ethernet(outer)).end == "drop bad_tag");
        }
    }
    CHECK(alive(lab));
    nothing_wrong(lab);
}

TEST_CASE("a fragment of what counts once may wait for its first one, and counts once") {
    Lab lab(with_keys({{one}}, {{one}}));
    lab.pass(1'000 * ms);
    lab.share(lab["old"], all);
    connect(lab, client);
    Say large = to_meters(client, flag::A);
    large.seq = 1001, large.ack = 2001;
    large.payload.assign(200, 'x');
    const auto pieces = split(make_ip(large), 104);
    REQUIRE(pieces.size() == 3);
    const TunnelEnds to{lab["old"].config.tunnel->address, lab["new"].config.tunnel->address, 6080};
    uint64_t counter = 1'000'000;
    std::vector<Bytes> frames;
    for (const Bytes& piece : pieces) {
        const EpochKeys& sign = *lab["old"].path->snapshot().peers[0].keys->sign;
        TunnelEnds signed_to = to;
        signed_to.signing = {&sign.keys, sign.key_id, 0, sign.epoch, &counter};
        Buffer buffer(ethernet(piece));
        REQUIRE(encapsulate(buffer.frame, buffer.packet(), {Gue::Kind::question}, signed_to));
        frames.push_back(ethernet(buffer.ip_packet()));
    }
    lab.emitted.clear();
    CHECK(lab.enter(new_gw, link_port, frames[1]).end == "kept");
    CHECK(lab.enter(new_gw, link_port, frames[0]).end == "servers");
    CHECK(lab.emitted.size() >= 1);  // what waited
    CHECK(lab.enter(new_gw, link_port, frames[2]).end == "servers");
    for (const Bytes& frame : frames) {
        CHECK(lab.enter(new_gw, link_port, frame).end == "drop replayed");
    }
    CHECK(counted(lab, new_gw).replayed == 3);
    nothing_wrong(lab);
}

TEST_CASE("whoever restarts, the gateways agree again within a second") {
    Lab lab(with_keys({{one}}, {{one}}));
    for (const std::vector<size_t>& who : std::vector<std::vector<size_t>>{{0}, {1}, {0, 1}}) {
        lab.pass(3'000 * ms);
        for (const size_t gateway : who) {
            lab.start(gateway);
        }
        lab.pass(1'000 * ms);
        CHECK(alive(lab));
        CHECK(signs(lab));
    }
    nothing_wrong(lab);
}

TEST_CASE("a key is replaced without a lost packet") {
    Lab lab(with_keys({{one}}, {{one}}));
    lab.pass(1'000 * ms);
    lab.share(lab["old"], all);
    connect(lab, client);
    const auto rekey = [&](const std::string& name, const Keyring& ring) {
        lab[name].state->rekey(std::make_shared<const Keyring>(ring));
        lab[name].act->follow(lab.now);
        talk(lab, client);
        lab.pass(500 * ms);
        CHECK(alive(lab));
        talk(lab, client);
    };
    rekey("old", {{one, two}});
    rekey("new", {{one, two}});
    rekey("new", {{two, one}});
    rekey("old", {{two, one}});
    rekey("old", {{two}});
    rekey("new", {{two}});
    CHECK(lab["old"].path->snapshot().peers[0].keys->sign->key_id == 2);
    for (const size_t gateway : {old_gw, new_gw}) {
        CHECK(drops(lab, gateway, Drop::bad_tag) == 0);
        CHECK(drops(lab, gateway, Drop::replayed) == 0);
    }
    // Without the key that the other signs by, nothing is believed any more.
    lab["old"].state->rekey(std::make_shared<const Keyring>(Keyring{{one}}));
    lab["old"].act->follow(lab.now);
    lab.pass(1'000 * ms);
    CHECK_FALSE(alive(lab));
    nothing_wrong(lab);
}

TEST_CASE("one side has the key and the other not: nothing breaks while untagged is taken") {
    for (const std::string keyed : {"old", "new"}) {
        CAPTURE(keyed);
        Lab::Setup setup = with_keys({{one}}, {{one}}, true);
        const std::string bare = keyed == "old" ? "new" : "old";
        setup.keys.erase(bare);
        Lab lab(setup);
        CHECK(alive(lab));
        lab.share(lab["old"], all);
        connect(lab, client);
        talk(lab, client);
        const size_t at = lab.index(keyed);
        CHECK(counted(lab, at).untagged > 0);
        CHECK(drops(lab, at, Drop::untagged) == 0);
        CHECK(counted(lab, lab.index(bare)).untagged == 0);  // who has no keys counts nothing
        nothing_wrong(lab);
    }
}

TEST_CASE("a gateway that loses its keys is sent to without tags, where untagged is taken") {
    Lab lab(with_keys({{one}}, {{one}}, true));
    lab.pass(1'000 * ms);
    REQUIRE(signs(lab));
    lab["new"].config.keys = {};
    lab["new"].state->rekey(nullptr);
    lab.reload(lab["new"]);
    lab.pass(500 * ms);
    CHECK(alive(lab));
    CHECK_FALSE(lab["old"].path->snapshot().peers[0].keys->sign);
    lab.share(lab["old"], all);
    connect(lab, client);
    talk(lab, client);
    nothing_wrong(lab);
}

TEST_CASE("with other keys, or where one side takes nothing untagged, gateways are down") {
    Lab other(with_keys({{one}}, {{two}}));
    other.pass(2'000 * ms);
    CHECK_FALSE(alive(other));
    CHECK(drops(other, new_gw, Drop::bad_tag) > 0);
    Lab::Setup setup = with_keys({{one}}, {{one}});
    setup.keys.erase("new");
    Lab bare(setup);
    bare.pass(2'000 * ms);
    CHECK_FALSE(alive(bare));
    CHECK(drops(bare, old_gw, Drop::untagged) > 0);
    nothing_wrong(other);
    nothing_wrong(bare);
}

TEST_CASE("full packets pass, and what does not fit beside a tag is told") {
    Lab lab(with_keys({{one}}, {{one}}));
    lab.pass(3'000 * ms);
    lab.share(lab["old"], all);
    CHECK(lab["old"].path->snapshot().peers[0].link_mtu == 1560);
    CHECK_FALSE(lab["old"].path->snapshot().peers[0].narrow);
    connect(lab, client);
    Say full = to_meters(client, flag::A);
    full.seq = 1001, full.ack = 2001;
    full.fragment = 0x4000;
    full.payload.assign(1500 - 40, 'x');
    CHECK(lab.enter(old_gw, red, full).text() == "old>new servers");

    lab.link_carries = 1500;
    lab.pass(6'000 * ms);
    full.payload.assign(1448 - 40, 'x');  // 1500 less the tunnel's 40 and the tag's 12
    CHECK(lab.enter(old_gw, red, full).text() == "old>new servers");
    full.payload += 'x';
    lab.emitted.clear();
    CHECK(lab.enter(old_gw, red, full).text() == "old drop too_big");
    REQUIRE(lab.emitted.size() == 1);
    CHECK(load16(&lab.emitted[0].ip[26]) == 1448);
    full.fragment = 0;
    lab.emitted.clear();
    CHECK(lab.enter(old_gw, red, full).text() == "old consumed");
    CHECK(lab.emitted.size() == 2);
    for (const auto& piece : lab.emitted) {
        CHECK(piece.text() == "old>new servers");
    }
    nothing_wrong(lab);
}

}  // namespace rehome::vipd::testing
