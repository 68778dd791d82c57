// Lines, peers and shares: what a gateway knows of itself and of the others, in one thread's time.
#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros start = 5'000'000;
const std::vector<std::string> names{"old", "new", "new2"};
using L = LineState;

// The old gateway's state, with its peers 0 (new) and 1 (new2) in hand.
struct World {
    std::shared_ptr<const Tables> tables = Tables::build(lab_config("old", names));
    RelayState state{*tables, {L::enabled, L::enabled, L::enabled}, start};
    Micros now = start;

    // What a peer says: by which of red, green, blue it may answer ("r-b"), and what it has seen.
    void say(size_t peer, const std::string& usable, uint32_t sequence = 1, uint32_t seen = 0) {
        Keepalive k;
        k.sequence = sequence;
        k.seen_version = seen;
        k.line_version = sequence;
        for (size_t i = 0; i < 3; ++i) {
            k.lines.push_back({tables->lines()[i].carrier_id, usable[i] != '-'});
        }
        k.prefixes = {*Prefix::parse("198.51.100.0/24")};
        state.hear(peer, k, now);
    }
    uint32_t version() { return state.keepalive_for(0, *tables, 0).line_version; }
    uint32_t carrier(size_t line) const { return tables->lines()[line].carrier_id; }

    WayBack line(uint16_t index) const { return {WayBack::Via::line, index, carrier(index)}; }
    WayBack tunnel(uint16_t peer, uint32_t of) const { return {WayBack::Via::tunnel, peer, of}; }
    std::string out(const WayBack& way, bool ours = true) const {
        const auto found = state.way_out(way, ours, now);
        return !found                               ? "nowhere"
               : found->via == WayBack::Via::tunnel ? "peer " + std::to_string(found->index)
                                                    : "line " + std::to_string(found->index);
    }
};

}  // namespace

TEST_CASE("a larger share contains the smaller, by address and by address and port") {
    for (const ShareBy by : {ShareBy::address, ShareBy::address_port}) {
        std::vector<uint32_t> relayed(10'001);
        Random random(6);
        for (int i = 0; i < 2000; ++i) {
            const Endpoint client{Address::v4(random.any32()),
                                  static_cast<uint16_t>(random.any32())};
            bool before = false;
            for (const uint32_t hundredths : {0U, 1U, 100U, 1'000U, 5'000U, 9'999U, 10'000U}) {
                const bool now = Share{hundredths, by}.relays(client);
                CHECK((now || !before));
                relayed[hundredths] += now;
                before = now;
            }
        }
        CHECK(relayed[0] == 0);
        CHECK(relayed[10'000] == 2000);
        CHECK(relayed[1'000] > 160);  // of 200, three standard deviations
        CHECK(relayed[1'000] < 240);
        CHECK(relayed[5'000] > 933);
        CHECK(relayed[5'000] < 1067);
    }
}

TEST_CASE("a share by address takes all ports of a client, by port it takes some") {
    uint32_t mixed_by_address = 0, mixed_by_port = 0;
    for (uint32_t n = 0; n < 100; ++n) {
        const auto mixed = [&](ShareBy by) {
            uint32_t relayed = 0;
            for (uint16_t port = 1; port <= 32; ++port) {
                relayed += Share{5'000, by}.relays({Address::v4(0x64500000 + n), port});
            }
            return relayed != 0 && relayed != 32;
        };
        mixed_by_address += mixed(ShareBy::address);
        mixed_by_port += mixed(ShareBy::address_port);
    }
    CHECK(mixed_by_address == 0);
    CHECK(mixed_by_port == 100);
}

TEST_CASE("the share is independent of the choice of the server") {
    const auto tables = Tables::build(lab_config("old", names));
    const auto& service = *tables->service(6, end("198.51.100.10:1883"));
    for (const ShareBy by : {ShareBy::address, ShareBy::address_port}) {
        double relayed = 0, first = 0;
        for (uint32_t n = 0; n < 20'000; ++n) {
            const Endpoint client{Address::v4(0x64500000 + n / 4),
                                  static_cast<uint16_t>(40000 + n)};
            if (Share{1'000, by}.relays(client)) {
                ++relayed;
                first += choose_server(service, client).server.name == "s1";
            }
        }
        CHECK(first / relayed > 0.45);
        CHECK(first / relayed < 0.55);
    }
}

TEST_CASE("peers live by their keepalives") {
    World w;
    CHECK_FALSE(w.state.peer_up(0, w.now));
    CHECK_FALSE(w.state.peer_gone(0, w.now));  // it has had no time to speak yet
    CHECK(w.state.peer_gone(0, w.now + 3'000'001));
    w.say(0, "rgb");
    CHECK(w.state.peer_up(0, w.now + 350'000));
    CHECK_FALSE(w.state.peer_up(0, w.now + 350'001));
    CHECK_FALSE(w.state.peer_gone(0, w.now + 3'000'000));
    CHECK(w.state.peer_gone(0, w.now + 3'000'001));
    CHECK_FALSE(w.state.peer_up(1, w.now));
    CHECK(w.state.peer_serves(0, ip("198.51.100.77")));
    CHECK_FALSE(w.state.peer_serves(0, ip("203.0.113.5")));
    CHECK_FALSE(w.state.peer_serves(1, ip("198.51.100.77")));
}

TEST_CASE("a keepalive that was overtaken changes nothing") {
    World w;
    const WayBack back = w.tunnel(0, w.carrier(0));
    w.say(0, "rgb", 10);
    CHECK(w.out(back) == "peer 0");
    w.say(0, "-gb", 12);
    CHECK(w.out(back) == "line 0");
    w.say(0, "rgb", 11);  // sent before 12
    CHECK(w.out(back) == "line 0");
    w.say(0, "rgb", 12);  // twice the same
    CHECK(w.out(back) == "line 0");
    w.say(0, "rgb", 13);
    CHECK(w.out(back) == "peer 0");

    SUBCASE("the numbers wrap around") {
        w.say(0, "-gb", 0x7fffffff);
        w.say(0, "-gb", 0xfffffffe);
        w.say(0, "rgb", 0);
        CHECK(w.out(back) == "peer 0");
    }
    SUBCASE("a peer that was away may begin anew") {
        w.now += 400'000;
        w.say(0, "-gb", 1);
        CHECK(w.out(back) == "line 0");
    }
    SUBCASE("an overtaken one is no sign of life") {
        w.now += 300'000;
        w.say(0, "rgb", 5);
        CHECK_FALSE(w.state.peer_up(0, w.now + 100'000));
    }
}

TEST_CASE("ways out") {
    struct Row {
        std::string what;
        std::function<void(World&)> given;
        std::function<WayBack(const World&)> way;
        std::string ours, peers;  // of an own reply, and of one that a peer sent here
    };
    const auto red_line = [](const World& w) { return w.line(0); };
    const auto by_new = [](const World& w) { return w.tunnel(0, w.carrier(0)); };
    const auto line_is = [](World& w, L state) { w.state.set_line(0, state); };
    const Row rows[] = {
        {"its line", [](World&) {}, red_line, "line 0", "line 0"},
        {"its line, though a peer has one", [](World& w) { w.say(0, "rgb"); }, red_line, "line 0",
         "line 0"},
        {"draining, a peer has the carrier",
         [&](World& w) { line_is(w, L::draining), w.say(0, "r--"); }, red_line, "peer 0", "line 0"},
        {"draining, nobody has", [&](World& w) { line_is(w, L::draining), w.say(0, "-gb"); },
         red_line, "line 0", "line 0"},
        {"disabled, a peer has it", [&](World& w) { line_is(w, L::disabled), w.say(0, "r--"); },
         red_line, "peer 0", "nowhere"},
        {"disabled, the second peer has it",
         [&](World& w) { line_is(w, L::disabled), w.say(0, "-gb"), w.say(1, "rgb"); }, red_line,
         "peer 1", "nowhere"},
        {"disabled, the peer is dead",
         [&](World& w) { line_is(w, L::disabled), w.say(0, "rgb"), w.now += 400'000; }, red_line,
         "nowhere", "nowhere"},
        {"disabled, never another carrier's line",
         [&](World& w) { line_is(w, L::disabled), w.say(0, "-gb"); }, red_line, "nowhere",
         "nowhere"},
        {"back by the tunnel", [](World& w) { w.say(0, "rgb"); }, by_new, "peer 0", "peer 0"},
        {"the tunnel's end may not: our line", [](World& w) { w.say(0, "-gb"); }, by_new, "line 0",
         "line 0"},
        {"the tunnel's end is dead: our line", [](World&) {}, by_new, "line 0", "line 0"},
        {"the tunnel's end may not, our line neither: another peer",
         [&](World& w) { line_is(w, L::disabled), w.say(0, "-gb"), w.say(1, "rgb"); }, by_new,
         "peer 1", "peer 1"},
        {"nobody may", [&](World& w) { line_is(w, L::disabled), w.say(0, "-gb"); }, by_new,
         "nowhere", "nowhere"},
        {"draining is not for what came back by the tunnel",
         [&](World& w) { line_is(w, L::draining), w.say(0, "-gb"); }, by_new, "nowhere", "nowhere"},
        {"an unknown carrier: the tunnel while it lives", [](World& w) { w.say(0, "---"); },
         [](const World& w) { return w.tunnel(0, 0); }, "peer 0", "peer 0"},
        {"an unknown carrier, tunnel dead", [](World&) {},
         [](const World& w) { return w.tunnel(0, 0); }, "nowhere", "nowhere"},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        World w;
        row.given(w);
        CHECK(w.out(row.way(w), true) == row.ours);
        CHECK(w.out(row.way(w), false) == row.peers);
    }
}

TEST_CASE("a line is disabled once every live peer has seen it") {
    World w;
    w.say(0, "rgb", 1), w.say(1, "rgb", 1);
    w.state.set_line(0, L::draining);
    const uint32_t wanted = w.version();
    const auto line_after_finish = [&] {
        w.state.finish_draining(w.now);
        return w.state.line(0);
    };
    CHECK_FALSE(w.state.lines_confirmed(w.now));
    CHECK(line_after_finish() == L::draining);
    w.say(0, "rgb", 2, wanted);
    CHECK(line_after_finish() == L::draining);
    SUBCASE("both have") {
        w.say(1, "rgb", 2, wanted);
        CHECK(w.state.lines_confirmed(w.now));
        CHECK(line_after_finish() == L::disabled);
        CHECK(w.state.line(1) == L::enabled);
    }
    SUBCASE("the other one is dead") {
        w.now += 300'000;
        w.say(0, "rgb", 3, wanted);
        w.now += 100'000;
        CHECK(line_after_finish() == L::disabled);
    }
    SUBCASE("another change meanwhile has to be seen too") {
        w.state.set_line(1, L::draining);
        w.say(1, "rgb", 2, wanted);
        CHECK(line_after_finish() == L::draining);
        w.say(0, "rgb", 3, w.version()), w.say(1, "rgb", 3, w.version());
        CHECK(line_after_finish() == L::disabled);
        CHECK(w.state.line(1) == L::disabled);
    }
    SUBCASE("enabled again meanwhile") {
        w.state.set_line(0, L::enabled);
        w.say(0, "rgb", 3, w.version()), w.say(1, "rgb", 3, w.version());
        CHECK(line_after_finish() == L::enabled);
    }
}

// A number that an earlier run of this gateway used must not confirm what this run has not told.
TEST_CASE("the version of the lines differs from run to run") {
    const auto tables = Tables::build(lab_config("old", names));
    const std::vector<LineState> lines(3, L::enabled);
    RelayState earlier(*tables, lines, start), later(*tables, lines, start + 2'000'000);
    earlier.set_line(0, L::draining);
    earlier.set_line(0, L::enabled);
    const auto told = earlier.keepalive_for(0, *tables, 0).line_version;
    for (int i = 0; i < 100; ++i) {
        CHECK(later.keepalive_for(0, *tables, 0).line_version != told);
        later.set_line(0, L::draining);
    }
}

TEST_CASE("what a peer is told") {
    World w;
    w.state.set_line(1, L::draining);
    w.state.set_line(2, L::disabled);
    w.say(0, "rgb", 41);
    const Keepalive first = w.state.keepalive_for(0, *w.tables, 17);
    CHECK(first.flows_here == 17);
    CHECK(first.seen_version == 41);
    CHECK(first.lines == std::vector<Keepalive::Line>{
                             {w.carrier(0), true}, {w.carrier(1), false}, {w.carrier(2), false}});
    CHECK(first.prefixes.size() == 2);
    CHECK(w.state.keepalive_for(0, *w.tables, 17).sequence == first.sequence + 1);
    CHECK(w.state.keepalive_for(1, *w.tables, 17).seen_version == 0);
    w.state.set_line(0, L::disabled);
    CHECK(w.version() != first.line_version);

    Config none = lab_config("old", names);
    for (auto& service : none.services) {
        for (auto& server : service.servers) {
            server.weight = service.name == "terminals" ? 1 : 0;
        }
    }
    const auto served = w.state.keepalive_for(0, *Tables::build(none), 0).prefixes;
    CHECK(served == std::vector<Prefix>{*Prefix::parse("203.0.113.0/24")});
}

}  // namespace rehome::vipd::testing
