// What a playbook needs of each host is found in its own commands.
#include <doctest/doctest.h>

#include "tests/unit/cutover/preflight/fixture.h"
#include "tests/unit/fits.h"

namespace rehome::cutover::testing {

namespace {

using Strings = std::vector<std::string>;

Strings hosts_of(const Asks& asks) {
    Strings hosts;
    for (const HostAsk& ask : asks.hosts) {
        hosts.push_back(ask.host.text());
    }
    return hosts;
}

}  // namespace

TEST_CASE("the hosts of a playbook, and the programs there") {
    const Plan plan = preflight_plan();
    const Asks asks = preflight_asks(plan);
    CHECK(hosts_of(asks) == Strings{"local", "netns:old", "ssh:root@a.example", "netns:red",
                                    "ssh:root@b.example", "netns:old-s1", "netns:new-s1",
                                    "netns:old-s2", "netns:new-s2"});
    CHECK(ask_of(asks, "local").programs ==
          Strings{"cutover", "cat", "lbsync", "probe", "ip", "ssh"});
    CHECK(ask_of(asks, "netns:old").programs == Strings{"cutover", "vipctl", "lbsync"});
    CHECK(ask_of(asks, "netns:old").names == Strings{"old-gw"});
    CHECK(ask_of(asks, "netns:red").programs == Strings{"cutover", "probe"});
    // Servers need no cutover, and each of them lbsync.
    const HostAsk& server = ask_of(asks, "netns:old-s1");
    CHECK_FALSE(server.ours);
    CHECK(server.programs == Strings{"lbsync"});
    CHECK(ask_of(asks, "netns:new-s2").programs == Strings{"lbsync"});
    CHECK(server.tools == std::vector<Argv>{{"nft", "list", "tables"}});
    CHECK(server.names == Strings{"s1@old"});
    for (const HostAsk& ask : asks.hosts) {
        CHECK(misfits("preflight-ask", ask_json(ask, inventory())) == "");
    }
}

TEST_CASE("files, sockets, vantages and folders") {
    const Plan plan = preflight_plan();
    const Asks asks = preflight_asks(plan);
    // On this machine the copy will be as the file is now.
    CHECK(ask_of(asks, "netns:old").inventories == Strings{"/op/inventory.json"});
    CHECK(ask_of(asks, "ssh:root@a.example").inventories == Strings{"/etc/inventory.json"});
    const HostAsk& gateway = ask_of(asks, "netns:old");
    REQUIRE(gateway.vipd.size() == 1);
    CHECK(gateway.vipd[0].gateway == "old-gw");
    REQUIRE(gateway.bird.size() == 1);
    REQUIRE(gateway.bird[0].carriers.size() == 1);
    CHECK(gateway.bird[0].carriers[0].line->carrier == "red");
    CHECK(gateway.bird[0].carriers[0].state == Announce::announced);
    CHECK(gateway.bird[0].all == Strings{"red", "green"});
    CHECK(ask_of(asks, "ssh:root@a.example").bird[0].carriers[0].state == Announce::withdrawn);
    const HostAsk& vantage = ask_of(asks, "netns:red");
    REQUIRE(vantage.routes.size() == 1);
    CHECK(vantage.routes[0].to.text() == "198.51.100.10");
    CHECK(ask_of(asks, "local").folders[0].path == "/op");
}

TEST_CASE("gates and checks are tried once each, but for what the run makes") {
    const Plan plan = preflight_plan();
    const Asks asks = preflight_asks(plan);
    const HostAsk& here = ask_of(asks, "local");
    REQUIRE(here.tried.size() == 1);
    CHECK(here.tried[0].command == Argv{"cat", "/lost.json"});
    CHECK(asks.not_tried == Strings{"s/later"});
    CHECK(ask_of(asks, "netns:old").tried.size() == 1);
}

TEST_CASE("what this host alone has does not stand on a host that is reached by ssh") {
    const Plan plan = preflight_plan({{"far_inventory", "JOURNAL.d/inventory.json"}});
    const Asks asks = preflight_asks(plan);
    const HostAsk& far = ask_of(asks, "ssh:root@a.example");
    CHECK(far.misplaced == Strings{"JOURNAL.d/inventory.json"});
    CHECK(far.inventories.empty());
    CHECK(ask_of(asks, "netns:old").misplaced.empty());
}

}  // namespace rehome::cutover::testing
