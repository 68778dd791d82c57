// What this host knows of itself: its counters, why a send call failed, and the slots it missed.
#include <doctest/doctest.h>

#include <cerrno>

#include "probe/core/host_counters.h"
#include "probe/core/schedule.h"
#include "probe/core/send_failure.h"

namespace rehome::probe {
namespace {

constexpr Nanos ms = 1'000'000;

TEST_CASE("counters: pairs of lines, single lines, and what is neither") {
    HostCounters counters;
    read_counters(
        "Ip: Forwarding InDiscards OutNoRoutes\n"
        "Ip: 1 2 3\n"
        "Icmp: InMsgs InCsumErrors Later\n"
        "Icmp: 7 8\n"
        "Odd: A B\n"
        "Other: 1 2\n"
        "Tcp: MaxConn\n"
        "Tcp: -1\n",
        counters);
    read_counters("Ip6InDiscards                   \t4\nIp6Wrong x\nIp6Short", counters);
    const HostCounters wanted{{"Ip.Forwarding", 1}, {"Ip.InDiscards", 2},     {"Ip.OutNoRoutes", 3},
                              {"Icmp.InMsgs", 7},   {"Icmp.InCsumErrors", 8}, {"Ip6InDiscards", 4}};
    CHECK(counters == wanted);
    read_counters("", counters);
    CHECK(counters == wanted);
}

TEST_CASE("counters: what rose and is watched") {
    const HostCounters before{{"Ip.InDiscards", 5}, {"Ip.Forwarding", 1}, {"Icmp6InCsumErrors", 9}};
    const HostCounters after{{"Ip.InDiscards", 5},
                             {"Ip.Forwarding", 2},
                             {"Icmp6InCsumErrors", 12},
                             {"TcpExt.IPReversePathFilter", 1}};
    const auto rose = rises(before, after);
    REQUIRE(rose.size() == 1);
    CHECK(rose[0].name == "Icmp6InCsumErrors");
    CHECK(rose[0].by == 3);
    CHECK(rose[0].meaning == "damaged ICMPv6 packets");
    CHECK(rises(after, before).empty());
}

TEST_CASE("whose doing a failed call is") {
    const Binding binding{.source = *Address::parse("192.0.2.1"), .mark = 0, .interface = ""};
    const Route route{.type = Route::Type::unicast,
                      .interface = "red0",
                      .next_hop = *Address::parse("192.0.2.254"),
                      .table = 254};
    const struct {
        const char* what;
        SendFailure failure;
        Unsent how;
        const char* why;
    } cases[] = {
        {"filter", {.error = EPERM}, Unsent::filtered, "a packet filter of this host refuses it"},
        {"a full queue", {.error = ENOBUFS}, Unsent::no_room, "No buffer space available"},
        {"no carrier",
         {.error = ENOBUFS, .link_up = false},
         Unsent::no_way_out,
         "link: red0 is down or gone"},
        {"a link that took its route along",
         {.error = ENETUNREACH, .link_up = false, .route_error = "none"},
         Unsent::no_way_out,
         "link: red0 is down or gone"},
        {"withdrawn",
         {.error = ENETUNREACH, .route_error = "the kernel has no route"},
         Unsent::no_way_out,
         "route: the kernel has no route"},
        {"an address that went",
         {.error = EINVAL, .source_here = false, .route_error = "refused"},
         Unsent::no_way_out,
         "source: 192.0.2.1 is no address of this host any more"},
        {"an error from afar that an earlier packet met",
         {.error = EHOSTUNREACH},
         Unsent::no_room,
         "No route to host"},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        const Diagnosis diagnosis = diagnose(c.failure, binding, route);
        CHECK(diagnosis.how == c.how);
        CHECK(diagnosis.why == c.why);
    }
    Route direct = route;
    direct.next_hop.reset();
    const Address target = *Address::parse("198.51.100.10");
    CHECK(silent_neighbour(route, target) == "neighbour: 192.0.2.254 on red0 does not answer");
    CHECK(silent_neighbour(direct, target) == "neighbour: 198.51.100.10 on red0 does not answer");
}

TEST_CASE("missed slots are skipped, and the latest one is sent") {
    const struct {
        const char* what;
        double rate;
        Nanos now;
        uint32_t skipped;
        Nanos due;
    } cases[] = {
        {"in time", 100, 0, 0, 0},
        {"a little late, two are due: both are sent", 200, 9 * ms, 0, 0},
        {"late, but the next is not due", 40, 20 * ms, 0, 0},
        {"a pause of 3 s", 150, 3000 * ms, 450, 3000 * ms},
        {"a pause between two slots", 100, 35 * ms, 3, 30 * ms},
    };
    for (const auto& c : cases) {
        CAPTURE(std::string(c.what));
        Schedule schedule(Sampling::periodic, c.rate, 0, 0);
        CHECK(schedule.skip_missed(c.now) == c.skipped);
        CHECK(schedule.due() == c.due);
    }
    // Poisson sampling goes on with the very slots that it would have had.
    Schedule paused(Sampling::poisson, 100, 7, 0);
    Schedule whole(Sampling::poisson, 100, 7, 0);
    for (uint32_t left = paused.skip_missed(500 * ms); left != 0; --left) {
        whole.advance();
    }
    CHECK(paused.due() == whole.due());
    CHECK(paused.due() <= 500 * ms);
    paused.advance();
    CHECK(paused.due() > 500 * ms);
}

}  // namespace
}  // namespace rehome::probe
