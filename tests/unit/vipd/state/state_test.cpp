// The one owner of what changes: what goes in, and which snapshots come out.
#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros start = 5'000'000;
const std::vector<std::string> names{"old", "new", "new2"};
using L = LineState;

// The old gateway's state, with its peers 0 (new) and 1 (new2) in hand; its workers follow at once
// unless they are late.
struct World {
    State state{with_lines(lab_config("old", names), true), {}, start, no_pace};
    Micros now = start;
    bool late = false;
    std::optional<bool> hears_us;  // what peers say

    const Snapshot& snapshot() {
        while (state.advance(now) && !late) {
            state.drained(state.snapshot()->epoch);
        }
        return *state.snapshot();
    }
    // What a peer says: by which of red, green, blue it may answer ("r-b"), and what it has seen.
    void say(size_t peer, const std::string& usable, uint32_t sequence = 1, uint32_t seen = 0) {
        Keepalive k;
        k.sequence = sequence;
        k.hears_you = hears_us;
        k.seen_version = seen;
        k.line_version = sequence;
        for (size_t i = 0; i < 3; ++i) {
            k.lines.push_back({carrier(i), usable[i] != '-'});
        }
        k.prefixes = {*Prefix::parse("198.51.100.0/24")};
        state.hear(peer, k, now);
    }
    void line(size_t index, L to) {
        if (to == L::draining) {
            snapshot();
            state.drain(index, {}, now);
        } else {
            set_line(state, index, to == L::enabled);
        }
    }
    uint32_t version() { return snapshot().line_version; }
    uint32_t carrier(size_t line) const { return state.snapshot()->carriers[line]; }

    WayBack by_line(uint16_t index) const { return {WayBack::Via::line, index, carrier(index)}; }
    WayBack by_peer(uint16_t peer, uint32_t of) const { return {WayBack::Via::tunnel, peer, of}; }
    std::string out(const WayBack& way, bool ours = true) {
        const auto found = snapshot().way_out(way, ours);
        return !found                               ? "nowhere"
               : found->via == WayBack::Via::tunnel ? "peer " + std::to_string(found->index)
                                                    : "line " + std::to_string(found->index);
    }
};

}  // namespace

TEST_CASE("peers live by their keepalives") {
    World w;
    const auto at = [&](Micros now) -> const Snapshot& {
        w.now = now;
        return w.snapshot();
    };
    CHECK_FALSE(at(start).peer_up(0));
    CHECK_FALSE(at(start).peer_gone(0));  // it has had no time to speak yet
    CHECK_FALSE(at(start + 3'000'000).peer_gone(0));
    CHECK(at(start + 3'000'001).peer_gone(0));
    w.say(0, "rgb");
    const Micros said = w.now;
    CHECK(at(said + 350'000).peer_up(0));
    CHECK_FALSE(at(said + 350'001).peer_up(0));
    CHECK_FALSE(at(said + 3'000'000).peer_gone(0));
    CHECK(at(said + 3'000'001).peer_gone(0));
    CHECK_FALSE(at(w.now).peer_up(1));
    CHECK(w.snapshot().peer_serves(0, ip("198.51.100.77")));
    CHECK_FALSE(w.snapshot().peer_serves(0, ip("203.0.113.5")));
    CHECK_FALSE(w.snapshot().peer_serves(1, ip("198.51.100.77")));
}

TEST_CASE("a link that is dead in one direction is down for both") {
    World w;
    uint32_t sequence = 0;
    const auto says = [&](std::optional<bool> hears_us) {
        w.hears_us = hears_us;
        w.say(0, "rgb", ++sequence);
        return w.snapshot();
    };
    CHECK(says(std::nullopt).peer_up(0));  // of before: it does not say
    CHECK(says(true).peer_up(0));
    CHECK(w.snapshot().keepalive_for(0).hears_you == true);
    CHECK(w.snapshot().keepalive_for(1).hears_you == false);
    const Micros heard_us = w.now;
    CHECK_FALSE(says(false).peer_up(0));
    CHECK(w.snapshot().keepalive_for(0).hears_you == true);  // it is heard all the same
    while (w.now < heard_us + 3'000'001) {
        CHECK_FALSE(w.snapshot().peer_gone(0));
        w.now += 300'000;
        says(false);
    }
    CHECK(w.snapshot().peer_gone(0));
    CHECK(says(true).peer_up(0));
}

TEST_CASE("a vipd that has run before waits for the peers' first word, and no longer") {
    for (const bool ran_before : {false, true}) {
        State state(lab_config("old", names), {{}, true, ran_before}, start, no_pace);
        const auto silent = [&](Micros now) {
            state.advance(now);
            return state.snapshot()->peers[0].silent;
        };
        CHECK(silent(start) == ran_before);
        state.workers_start(start + 2'000'000);  // ports took their time
        CHECK(silent(start + 2'000'000) == ran_before);
        const Micros waited = start + 2'000'000 + first_word_within;
        CHECK(silent(waited) == ran_before);
        if (ran_before) {
            CHECK(state.next_event(waited) == waited + 1);
        }
        CHECK_FALSE(silent(waited + 1));
    }
}

TEST_CASE("a state says when time changes something next") {
    World w;
    CHECK(w.state.next_event(w.now) == start + 3'000'001);  // the peers are gone then
    w.say(0, "rgb"), w.say(1, "rgb");
    CHECK(w.state.next_event(w.now) == w.now);
    w.snapshot();
    CHECK(w.state.next_event(w.now) == start + 350'001);
    w.line(0, L::draining);
    w.snapshot();
    w.now += 400'000;
    w.say(0, "rgb", 2);
    CHECK(w.snapshot().line(0) == L::draining);
    CHECK(w.state.next_event(w.now) == w.now + 350'001);
}

TEST_CASE("a keepalive that was overtaken changes nothing") {
    World w;
    const WayBack back = w.by_peer(0, w.carrier(0));
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
        w.now += 100'000;
        CHECK_FALSE(w.snapshot().peer_up(0));
    }
}

TEST_CASE("ways out") {
    struct Row {
        std::string what;
        std::function<void(World&)> given;
        std::function<WayBack(const World&)> way;
        std::string ours, peers;  // of an own reply, and of one that a peer sent here
    };
    const auto red_line = [](const World& w) { return w.by_line(0); };
    const auto by_new = [](const World& w) { return w.by_peer(0, w.carrier(0)); };
    const auto line_is = [](World& w, L state) { w.line(0, state); };
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
         [](const World& w) { return w.by_peer(0, 0); }, "peer 0", "peer 0"},
        {"an unknown carrier, tunnel dead", [](World&) {},
         [](const World& w) { return w.by_peer(0, 0); }, "nowhere", "nowhere"},
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
    w.line(0, L::draining);
    const uint32_t wanted = w.version();
    CHECK(w.snapshot().line(0) == L::draining);
    CHECK_FALSE(w.snapshot().keepalive_for(0).lines[0].usable);
    w.say(0, "rgb", 2, wanted);
    CHECK(w.snapshot().line(0) == L::draining);
    SUBCASE("both have") {
        w.say(1, "rgb", 2, wanted);
        CHECK(w.snapshot().line(0) == L::disabled);
        CHECK(w.snapshot().line(1) == L::enabled);
        CHECK(w.version() == wanted);  // nothing new to tell
        CHECK(w.state.orders().disabled.contains({Level::line, "red"}));
    }
    SUBCASE("the other one is dead") {
        w.now += 300'000;
        w.say(0, "rgb", 3, wanted);
        w.now += 100'000;
        CHECK(w.snapshot().line(0) == L::disabled);
    }
    SUBCASE("another change meanwhile has to be seen too") {
        w.line(1, L::draining);
        CHECK(w.version() != wanted);
        w.say(1, "rgb", 2, wanted);
        CHECK(w.snapshot().line(0) == L::draining);
        w.say(0, "rgb", 3, w.version()), w.say(1, "rgb", 3, w.version());
        CHECK(w.snapshot().line(0) == L::disabled);
        CHECK(w.snapshot().line(1) == L::disabled);
    }
    SUBCASE("enabled again meanwhile") {
        w.line(0, L::enabled);
        w.say(0, "rgb", 3, w.version()), w.say(1, "rgb", 3, w.version());
        CHECK(w.snapshot().line(0) == L::enabled);
        CHECK(w.state.orders().enabled_lines.contains("red"));
    }
    SUBCASE("one does not say so within 2 s: it stays enabled") {
        for (uint32_t i = 3; i <= 22; ++i) {
            CHECK(w.snapshot().line(0) == L::draining);
            w.now += 100'000;
            w.say(0, "rgb", i, wanted), w.say(1, "rgb", i, wanted - 1);
        }
        CHECK(w.snapshot().line(0) == L::enabled);
        CHECK(w.version() == wanted + 1);
        CHECK(w.state.orders().disabled.empty());
    }
    SUBCASE("seen before it was told: of an earlier run") {
        World other;
        other.say(0, "rgb", 1, other.version() + 1);
        other.state.drain(0, {}, other.now);
        CHECK(other.state.snapshot()->line(0) == L::enabled);
        CHECK(other.state.draining(0));
    }
}

TEST_CASE("a line that is disabled is disabled at once, and nobody has to confirm") {
    World w;
    w.line(0, L::disabled);
    CHECK(w.snapshot().line(0) == L::disabled);
    w.say(0, "rgb");
    w.line(0, L::draining);
    CHECK_FALSE(w.state.draining(0));
    CHECK(w.snapshot().line(0) == L::disabled);
}

// A number that an earlier run of this gateway used must not confirm what this run has not told.
TEST_CASE("the version of the lines differs from run to run") {
    const Config config = with_lines(lab_config("old", names), true);
    State earlier(config, {}, start, no_pace), later(config, {}, start + 2'000'000, no_pace);
    const auto told = [](State& state) { return state.snapshot()->keepalive_for(0).line_version; };
    set_line(earlier, 0, false);
    earlier.advance(start);
    for (uint32_t i = 0; i < 100; ++i) {
        CHECK(told(later) != told(earlier));
        set_line(later, 0, i % 2 == 1);
        CHECK(later.advance(start + 2'000'000));
    }
}

TEST_CASE("what a peer is told") {
    World w;
    w.line(1, L::draining);
    w.line(2, L::disabled);
    w.say(0, "rgb", 41);
    const Keepalive first = w.snapshot().keepalive_for(0);
    CHECK(first.seen_version == 41);
    CHECK(first.lines == std::vector<Keepalive::Line>{
                             {w.carrier(0), true}, {w.carrier(1), false}, {w.carrier(2), false}});
    CHECK(first.prefixes.size() == 2);
    CHECK(w.snapshot().keepalive_for(1).seen_version == 0);
    w.line(0, L::disabled);
    CHECK(w.version() != first.line_version);

    Config none = lab_config("old", names);
    for (auto& service : none.services) {
        for (auto& server : service.servers) {
            server.weight = service.name == "terminals" ? 1 : 0;
        }
    }
    w.state.reload(none);
    CHECK(w.snapshot().keepalive_for(0).prefixes ==
          std::vector<Prefix>{*Prefix::parse("203.0.113.0/24")});
}

TEST_CASE("a port is down at once and up after 1 s; its lines and the ways by it go with it") {
    World w;
    const ObservedPort whole{{{}, 1500}};
    const auto seen = [](auto change) {
        ObservedPort port{{{}, 1500}};
        change(port);
        return port;
    };
    const auto is = [&](PortIndex port) { return w.snapshot().ports[port].up; };
    w.state.port(red, whole, w.now);
    w.say(0, "---");
    CHECK(is(red));
    CHECK(is(green));  // not told of: as it was opened
    const uint32_t version = w.version();
    for (const ObservedPort& down :
         {seen([](ObservedPort& port) { port.carrier = false; }),
          seen([](ObservedPort& port) { port.there = port.carrier = false; }),
          seen([](ObservedPort& port) { port.twin = false; })}) {
        w.state.port(red, down, w.now);
        CHECK_FALSE(is(red));
        CHECK(w.snapshot().line(0) == L::down);
        CHECK(w.snapshot().line(1) == L::enabled);
        CHECK(w.version() != version);
        CHECK(w.out(w.by_line(0)) == "nowhere");
        CHECK(w.out(w.by_line(0), false) == "nowhere");
        CHECK(w.out(w.by_line(1)) == "line 1");
        CHECK_FALSE(w.snapshot().is_last(0));  // nobody is served there
        CHECK(w.state.config_in_force().lines[0].enabled);
        w.state.port(red, whole, w.now);
        CHECK_FALSE(is(red));  // it may go up and down
        CHECK(w.state.next_event(w.now) <= w.now + up_after);
        w.now += up_after - 1;
        CHECK_FALSE(is(red));
        w.now += 1;
        CHECK(is(red));
        CHECK(w.out(w.by_line(0)) == "line 0");
        w.now += up_after;
    }
    w.state.port(red, seen([](ObservedPort& port) { port.link.mtu = 1400; }), w.now);
    CHECK(w.snapshot().ports[red].mtu == 1400);
    CHECK(is(red));
}

TEST_CASE("a line whose port is down is disabled without anybody's leave") {
    World w;
    w.say(0, "rgb");
    ObservedPort down{{{}, 1500}};
    down.carrier = false;
    w.state.port(red, down, w.now);
    CHECK(w.out(w.by_line(0)) == "peer 0");
    CHECK(w.snapshot().line(0) == L::down);
    w.state.drain(0, {}, w.now);
    CHECK(w.snapshot().line(0) == L::disabled);
    w.line(0, L::enabled);
    CHECK(w.snapshot().line(0) == L::down);
}

// On the word of a few workers a peer would disable a line while a late one's replies still come.
TEST_CASE("a peer's lines are told back once no worker acts on older ones") {
    World w;
    w.say(0, "rgb", 7);
    const uint64_t before = w.snapshot().epoch;
    const auto echo = [&] { return w.snapshot().keepalive_for(0).seen_version; };
    CHECK(echo() == 7);
    w.late = true;
    w.say(0, "-gb", 8);
    const uint64_t with = w.snapshot().epoch;
    CHECK(w.snapshot().peers[0].line_version == 8);
    CHECK(echo() == 7);
    w.state.drained(before);
    CHECK(echo() == 7);
    w.say(0, "--b", 9);
    const uint64_t newest = w.snapshot().epoch;
    CHECK(newest > with);
    SUBCASE("one after the other") {
        w.state.drained(with);
        CHECK(echo() == 8);
        w.state.drained(newest);
        CHECK(echo() == 9);
    }
    SUBCASE("the late one comes and finds the newest") {
        w.state.drained(newest);
        CHECK(echo() == 9);
    }
}

TEST_CASE("an order is in force with the epoch that is answered, and outranks the file") {
    World w;
    const uint64_t epoch = w.state.order(ShareOrder{{2'500, ShareBy::address_port}, {17, 1000}});
    CHECK(w.state.snapshot()->share.hundredths == 0);
    CHECK(w.snapshot().epoch == epoch);
    CHECK(w.snapshot().share == Share{2'500, ShareBy::address_port});
    const uint64_t same = w.state.order(ShareOrder{{2'500, ShareBy::address_port}, {18, 1000}});
    CHECK(w.snapshot().epoch == same);  // that it is in force can be answered
    w.line(1, L::disabled);
    w.state.reload(with_lines(lab_config("old", names), true));
    CHECK(w.snapshot().share.hundredths == 2'500);
    CHECK(w.snapshot().line(1) == L::disabled);
    CHECK(w.snapshot().line(2) == L::enabled);

    State later(with_lines(lab_config("old", names), true), {w.state.orders()}, start);
    CHECK(later.snapshot()->share.hundredths == 2'500);
    CHECK(later.snapshot()->line(1) == L::disabled);
}

TEST_CASE("who was away too long holds no route until a peer of this move confirms") {
    Config config = with_lines(lab_config("old", names), true);
    config.move.id = 7;
    State state(config, {{}, false}, start, no_pace);
    const auto hear = [&](size_t peer, uint64_t move, uint32_t sequence) {
        Keepalive k;
        k.sequence = sequence;
        k.move = move;
        state.hear(peer, k, start);
        state.advance(start);
    };
    CHECK_FALSE(state.snapshot()->holds_routes);
    CHECK(state.snapshot()->served->prefixes().size() == 2);  // it serves what peers send
    CHECK(state.snapshot()->keepalive_for(0).move == 0);
    hear(0, 0, 1);  // an old vipd, or one that waits itself
    hear(1, 8, 1);  // of another move
    CHECK_FALSE(state.confirmed());
    CHECK_FALSE(state.snapshot()->holds_routes);
    SUBCASE("a peer") {
        hear(1, 7, 2);
        CHECK(state.snapshot()->holds_routes);
        CHECK(state.confirmed_by() == "new2");
    }
    SUBCASE("the operator") {
        const uint64_t epoch = state.confirm();
        state.advance(start);
        CHECK(state.snapshot()->epoch == epoch);
        CHECK(state.snapshot()->holds_routes);
        CHECK(state.confirmed_by().empty());
    }
    CHECK(state.snapshot()->keepalive_for(0).move == 7);
}

TEST_CASE("two that were away do not confirm each other") {
    Lab lab;
    for (auto& gateway : lab.gateways) {
        Config config = gateway.config;
        config.move.id = 7;
        State waits(config, {{}, false}, start, no_pace);
        State other(config, {{}, false}, start, no_pace);
        Keepalive k = other.snapshot()->keepalive_for(0);
        k.sequence = 1;
        waits.hear(0, k, start);
        waits.advance(start);
        CHECK_FALSE(waits.confirmed());
    }
}

namespace {

DisableOrder weak_order(double rate_per_s) {
    DisableOrder order;
    order.mode = DisableMode::weak;
    order.rate_per_s = rate_per_s;
    return order;
}

}  // namespace

TEST_CASE("an order that ends flows is done when every worker has, and not by an older one's end") {
    World w;
    const DisableTarget site{Level::site, "old"}, meters{Level::service, "meters"};
    const auto runs = [&](const DisableTarget& target) {
        return w.state.orders().disabled.at(target).runs();
    };
    w.state.disable(site, weak_order(100));
    const uint64_t first = w.state.last_order_id();
    w.state.disable(site, weak_order(200));
    const uint64_t second = w.state.last_order_id();
    CHECK(second != first);
    w.state.disable(meters, weak_order(300));
    REQUIRE(w.snapshot().disabled->endings().size() == 2);
    w.state.ended(first);
    CHECK(runs(site));
    w.state.ended(second);
    CHECK_FALSE(runs(site));
    CHECK(runs(meters));  // each has its own course
    w.state.disable(meters, {});
    CHECK_FALSE(runs(meters));  // a mask has taken its place
    CHECK(w.snapshot().disabled->endings().size() == 2);
    CHECK(w.snapshot().disabled->endings()[0].rate_per_s == 0);
    w.state.enable(meters, {});
    w.state.enable(site, {});
    CHECK(w.snapshot().disabled->endings().empty());
}

TEST_CASE("what did not change is not made again") {
    World w;
    const auto tables = w.snapshot().tables;
    w.state.order(ShareOrder{{100}, {}});
    w.say(0, "rgb");
    CHECK(w.snapshot().tables == tables);
    w.state.reload(with_lines(lab_config("old", names), false));  // which no reload changes
    CHECK(w.snapshot().tables == tables);
    Config other = lab_config("old", names);
    other.services.pop_back();
    w.state.reload(other);
    CHECK(w.snapshot().tables != tables);
    const uint64_t epoch = w.snapshot().epoch;
    w.say(0, "rgb", 2, 0);  // as before, but for its own version
    CHECK(w.snapshot().epoch > epoch);
    const uint64_t quiet = w.snapshot().epoch;
    for (uint32_t i = 0; i < 10; ++i) {
        Keepalive k = w.snapshot().keepalive_for(0);
        k.sequence = 10 + i;
        k.flows_here = 5 + i;
        w.now += 100'000;
        w.state.hear(0, k, w.now);
        w.snapshot();
    }
    CHECK(w.snapshot().epoch <= quiet + 3);  // what it says, that it has flows, what is told back
}

TEST_CASE("changes go into as few snapshots as 20 a second") {
    State state(lab_config("old", names), {}, start);
    std::vector<Micros> made;
    for (Micros now = start; now < start + 3'000'000; now += 1'000) {
        if (now < start + 2'000'000) {
            state.order(ShareOrder{{static_cast<uint32_t>(now / 1'000 % 10'000)}, {}});
        }
        CHECK(state.next_event(now) >= now);
        if (state.advance(now)) {
            made.push_back(now);
            CHECK_FALSE(state.advance(now));
        }
    }
    REQUIRE(made.size() > 30);
    CHECK(made[0] == start);  // the first at once
    for (size_t i = 20; i < made.size(); ++i) {
        CHECK(made[i] - made[i - 20] >= 1'000'000);
    }
    CHECK(made.back() < start + 2'063'000);  // and the last change is not lost
    CHECK(state.snapshot()->share.hundredths == (start + 1'999'000) / 1'000 % 10'000);
}

TEST_CASE("a snapshot lives as long as a worker may act on it") {
    World w;
    w.late = true;
    const std::weak_ptr<const Snapshot> first = w.state.snapshot();
    const uint64_t second = w.state.order(ShareOrder{{1}, {}});
    w.snapshot();
    const std::weak_ptr<const Snapshot> middle = w.state.snapshot();
    const uint64_t third = w.state.order(ShareOrder{{2}, {}});
    w.snapshot();
    CHECK_FALSE(first.expired());
    w.state.drained(second);
    CHECK(first.expired());
    CHECK_FALSE(middle.expired());
    w.state.drained(third);
    CHECK(middle.expired());
    w.state.drained(third + 5);
    CHECK(w.state.snapshot()->epoch == third);
}

TEST_CASE("an order that ends flows is begun once by each worker, at its part of the rate") {
    Lab lab;
    LabGateway& old = lab.gateways[0];
    const DisableTarget site{Level::site, "old"};
    const auto follow = [&] { old.act->follow(lab.now); };
    lab.enter(0, red, to_meters(end("100.80.0.1:40000")));
    CHECK_FALSE(old.path->endings().running());
    old.state->disable(site, weak_order(0.001));
    follow();
    CHECK(old.path->endings().running());
    const uint64_t id = ending(*old.path).id;
    lab.share(old, {100});  // another snapshot, the same order
    CHECK(ending(*old.path).id == id);
    old.state->disable(site, weak_order(0.002));
    follow();
    CHECK(ending(*old.path).id > id);
    CHECK(old.path->endings().running());
    old.state->enable(site, {});
    follow();
    CHECK_FALSE(old.path->endings().running());
}

}  // namespace rehome::vipd::testing
