// Clients whose peer is lost, and who say nothing, are reset: at the pace, once, and only where
// they find a live server.
#include "vipd/flow/idle_reset.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

Endpoint client(uint32_t n) {
    return {Address::v4(0x64500001 + n / 50), static_cast<uint16_t>(40000 + n % 50)};
}

// Established flows that the new site has, through the old gateway; how many are the new gateway's.
size_t relay(Lab& lab, uint32_t flows) {
    size_t at_new = 0;
    lab.share(lab["old"], {10'000});
    for (uint32_t n = 0; n < flows; ++n) {
        const auto syn = lab.enter(0, red, to_meters(client(n)));
        REQUIRE(syn.text() == "old>" + lab.gateways[syn.gateway].name + " servers");
        at_new += lab.gateways[syn.gateway].name == "new" ? 1 : 0;
        lab.enter(syn.gateway, servers_port, answer(syn.packet(), flag::S | flag::A));
        Say ack = to_meters(client(n), flag::A);
        ack.seq = 1001, ack.ack = 2001;
        REQUIRE(lab.enter(0, red, ack).text() == syn.text());
    }
    lab.emitted.clear();
    return at_new;
}

size_t resets_to_clients(const Lab& lab) {
    return static_cast<size_t>(
        std::count_if(lab.emitted.begin(), lab.emitted.end(), [](const Outcome& outcome) {
            return outcome.text() == "old red" && (outcome.packet().tcp_flags & flag::R) != 0;
        }));
}

}  // namespace

TEST_CASE("after how long, and where") {
    struct Row {
        std::string what;
        std::function<void(Lab&)> change;
        size_t after_29_s, after_31_s;
    };
    const auto reload = [](Lab& lab) { lab.reload(lab["old"]); };
    const Row rows[] = {
        {"as it is", [](Lab&) {}, 0, 5},
        {"never",
         [&](Lab& lab) {
             lab["old"].config.flows.idle_reset_s = 0;
             reload(lab);
         },
         0, 0},
        {"after 10 s",
         [&](Lab& lab) {
             lab["old"].config.flows.idle_reset_s = 10;
             reload(lab);
         },
         5, 5},
        {"no live server",
         [&](Lab& lab) {
             for (auto& server : lab["old"].config.services[0].servers) {
                 server.masked = true;
             }
             reload(lab);
         },
         0, 0},
        {"no such service",
         [&](Lab& lab) {
             lab["old"].config.services.erase(lab["old"].config.services.begin());
             reload(lab);
         },
         0, 0},
        {"the peer comes back in time",
         [](Lab& lab) {
             lab.pass(20'000 * ms);
             lab.link_up = true;
             lab.pass(500 * ms);
             lab.link_up = false;
         },
         0, 5},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        Lab lab;
        relay(lab, 5);
        lab.link_up = false;
        row.change(lab);
        lab.emitted.clear();
        lab.pass(29'000 * ms);
        CHECK(lab.reset_log.size() == row.after_29_s);
        lab.pass(2'000 * ms);
        CHECK(lab.reset_log.size() == row.after_31_s);
        lab.pass(5'000 * ms);
        CHECK(lab.reset_log.size() == row.after_31_s);        // each once
        CHECK(resets_to_clients(lab) == 3 * row.after_31_s);  // which is said three times
        CHECK_FALSE(lab["old"].path->idle_reset().running());
        for (const auto& wrong : lab.wrong) {
            FAIL_CHECK(wrong);
        }
    }
}

TEST_CASE("the reset has the numbers that the client waits for, and it is served again") {
    Lab lab;
    relay(lab, 1);
    lab.link_up = false;
    lab.pass(31'000 * ms);
    REQUIRE(resets_to_clients(lab) > 0);
    for (const Outcome& outcome : lab.emitted) {
        if (outcome.text() == "old red") {
            const Packet reset = outcome.packet();
            CHECK(Endpoint{reset.destination, reset.destination_port} == client(0));
            CHECK(Endpoint{reset.source, reset.source_port} == end("198.51.100.10:1883"));
            CHECK(reset.seq == 2001);
        }
    }
    Say again = to_meters(client(0));
    again.seq = 77;
    CHECK(lab.enter(0, red, again).text() == "old servers");
}

TEST_CASE("another gateway of the lost peer's site counts where it has a live server") {
    for (const bool masked : {false, true}) {
        INFO(masked);
        Lab lab({{"old", "new", "new2"}, 1000, {"old"}});
        const size_t lost = relay(lab, 20);
        REQUIRE(lost > 0);
        const auto mask = [&](const char* gateway) {
            for (auto& server : lab[gateway].config.services[0].servers) {
                server.masked = true;
            }
            lab.reload(lab[gateway]);
        };
        mask("old");
        if (masked) {
            mask("new2");
        }
        lab.pass(300 * ms);
        lab.silent = "new";
        lab.pass(32'000 * ms);
        CHECK(lab.reset_log.size() == (masked ? 0 : lost));
    }
}

TEST_CASE("at the pace of the last order that ends flows, or 100 a second") {
    for (const double rate : {100.0, 20.0}) {
        Lab lab;
        relay(lab, 150);
        if (rate != 100.0) {
            DisableOrder order;
            order.mode = DisableMode::weak;
            order.rate_per_s = rate;
            lab["old"].state->disable({Level::server, "nobody"}, order);
            lab["old"].act->follow(lab.now);
        }
        lab.link_up = false;
        lab.pass(30'360 * ms);  // 350 ms until it is missed do not count: it was heard before
        const size_t before = lab.reset_log.size();
        lab.pass(1'000 * ms);
        const auto done = static_cast<double>(lab.reset_log.size() - before);
        CHECK(done >= rate - 1);
        CHECK(done <= rate + 1);
        CHECK(lab["old"].path->idle_reset().running());
        lab.pass(10'000 * ms);
        CHECK(lab.reset_log.size() == 150);
        CHECK(lab["old"].path->idle_reset().flows_reset() == 150);
        CHECK_FALSE(lab["old"].path->idle_reset().running());
    }
}

TEST_CASE("a peer that comes back ends it") {
    Lab lab;
    relay(lab, 150);
    lab.link_up = false;
    lab.pass(30'500 * ms);
    CHECK(lab["old"].path->idle_reset().running());
    lab.link_up = true;
    lab.pass(500 * ms);
    const size_t reset = lab.reset_log.size();
    CHECK(reset < 150);
    lab.pass(3'000 * ms);
    CHECK(lab.reset_log.size() == reset);
    CHECK_FALSE(lab["old"].path->idle_reset().running());
}

}  // namespace rehome::vipd::testing
