// A flood of forged segments of flows that nobody knows, beside real sessions that move and real
// logins: what it may take, and from whom.
#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

Endpoint client(uint32_t n) {
    return {Address::v4(0x64500000 + n), static_cast<uint16_t>(40000 + n)};
}

// A session begins at a gateway; true: it has a server and its answers come back.
bool log_in(Lab& lab, size_t gateway, const Endpoint& who) {
    const Outcome asked = lab.enter(gateway, red, to_meters(who));
    if (asked.end != "servers") {
        return false;
    }
    const Say back = answer(asked.packet(), flag::S | flag::A);
    const Outcome answered = lab.enter(asked.gateway, servers_port, back);
    const Outcome last = lab.enter(gateway, red, to_meters(who, flag::A));
    return answered.end == "red" && last.end == "servers";
}

uint64_t dropped(LabGateway& gateway, Drop drop) {
    return gateway.path->counters().drops[static_cast<size_t>(drop)];
}

}  // namespace

TEST_CASE("a peer tells which flows it knows") {
    Lab lab({{"old", "new"}, 10'000, {"old"}});
    for (uint32_t n = 0; n < 200; ++n) {
        REQUIRE(log_in(lab, 0, client(n)));
    }
    lab.pass(3'000 * ms);
    const auto& known = lab["new"].path->snapshot().peers[0].known;
    REQUIRE(known != nullptr);
    uint32_t others = 0;
    for (uint32_t n = 0; n < 200; ++n) {
        CHECK(known->may_know({6, client(n), end("198.51.100.10:1883")}));
        others += known->may_know({6, client(1000 + n), end("198.51.100.10:1883")}) ? 1 : 0;
    }
    CHECK(others <= 4);
    CHECK(lab.wrong.empty());
}

TEST_CASE("forged segments take a part of the link, no login's place and no session") {
    Lab lab({{"old", "new"}, 10'000, {"old", "new"}});
    constexpr uint32_t sessions = 200;
    for (uint32_t n = 0; n < sessions; ++n) {
        REQUIRE(log_in(lab, 0, client(n)));
    }
    lab.pass(3'000 * ms);
    LabGateway& there = lab["new"];
    const uint64_t asked_before = there.path->counters().questions;
    uint32_t forged = 0, logins = 0, moved = 0, resets = 0;
    // A second of 100 forged segments a millisecond, and meanwhile every session moves its carrier.
    for (uint32_t step = 0; step < 1000; ++step) {
        lab.pass(ms);
        for (uint32_t i = 0; i < 100; ++i, ++forged) {
            const Endpoint nobody{Address::v4(forged * 2'654'435'761U % 0x60000000 + 0x01000000),
                                  static_cast<uint16_t>(1024 + forged % 60000)};
            resets += lab.enter(1, red, to_meters(nobody, flag::A)).end == "red" ? 1 : 0;
        }
        if (step % 5 == 4) {
            logins += log_in(lab, 1, client(5000 + step)) ? 1 : 0;
            moved +=
                lab.enter(1, red, to_meters(client(step / 5), flag::A)).text() == "new>old servers"
                    ? 1
                    : 0;
        }
    }
    CHECK(logins == 200);
    CHECK(moved == sessions);
    CHECK(dropped(there, Drop::question_budget) > forged / 3);
    CHECK(there.path->counters().questions - asked_before < 62'500);  // 5 % of 1 Gbit/s in a second
    CHECK(resets == 0);  // what the other site does not know either is taken up here
    CHECK(there.path->flows().counts().provisional <= 2'500);
    CHECK(lab.wrong.empty());
}

}  // namespace rehome::vipd::testing
