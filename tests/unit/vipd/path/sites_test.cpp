// Any number of sites: where a new flow is placed, and whom a segment in mid-flow is asked about.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

using nlohmann::json;

const Lab::Setup three{{"old", "new", "east"}, 10'000, {"old", "new", "east"}};

json weights(const json& sites) {
    return {{"weights", {{{"sites", sites}}}}};
}

json set(const std::vector<std::string>& ranges) {
    return {{"sets", {{{"ranges", ranges}}}}};
}

Endpoint client(uint32_t n) {
    return {Address::v4(0x64500000 + n), static_cast<uint16_t>(40000 + n)};
}

std::string meets(Lab& lab, const char* gateway, const Endpoint& who, uint8_t flags = flag::S) {
    return lab.enter(lab.index(gateway), red, to_meters(who, flags)).text();
}

// A session whose answers come back; by which gateways its first packet came.
std::string logs_in(Lab& lab, const char* gateway, const Endpoint& who) {
    const size_t index = lab.index(gateway);
    const Outcome asked = lab.enter(index, red, to_meters(who));
    REQUIRE(asked.end == "servers");
    lab.enter(asked.gateway, servers_port, answer(asked.packet(), flag::S | flag::A));
    REQUIRE(lab.enter(index, red, to_meters(who, flag::A)).end == "servers");
    return asked.path;
}

// At which gateway it ends.
std::string last(const std::string& path) {
    return path.substr(path.rfind('>') + 1);
}

void mask(Lab& lab, const char* gateway, bool masked) {
    for (auto& server : lab[gateway].config.services[0].servers) {
        server.masked = masked;
    }
    lab.reload(lab[gateway]);
    lab.pass(300 * ms);
}

}  // namespace

TEST_CASE("three sites place a client alike, by whichever it comes in") {
    Lab lab(three);
    lab.place(weights({{"old", 40}, {"new", 30}, {"east", 30}}));
    std::map<std::string, uint32_t> at;
    for (uint32_t n = 0; n < 300; ++n) {
        const std::string first = last(logs_in(lab, "old", client(n)));
        ++at[first];
        const Endpoint again{client(n).address, 1};
        CHECK(last(lab.enter(1, red, to_meters(again)).path) == first);
        CHECK(last(lab.enter(2, red, to_meters({again.address, 2})).path) == first);
    }
    CHECK(at["old"] > 80);
    CHECK(at["new"] > 55);
    CHECK(at["east"] > 55);
    CHECK(lab.wrong.empty());
}

TEST_CASE("a set outranks weights, and who cannot take a client leaves it to the next") {
    Lab lab(three);
    json rules = weights({{"new", 100}});
    rules.update(set({"100.80.0.0/16 east", "100.80.0.7 old"}));
    lab.place(rules);
    lab.pass(300 * ms);
    CHECK(meets(lab, "old", client(1)) == "old>east servers");
    CHECK(meets(lab, "old", client(7)) == "old servers");
    CHECK(meets(lab, "old", end("192.0.2.1:1")) == "old>new servers");
    mask(lab, "east", true);
    CHECK(meets(lab, "old", client(2)) == "old>new servers");
    mask(lab, "new", true);
    CHECK(meets(lab, "old", client(3)) == "old servers");
    CHECK(meets(lab, "new", client(4)) == "new>old servers");
    mask(lab, "old", true);
    CHECK(meets(lab, "old", client(5)) == "old drop no_server");
    CHECK(lab.wrong.empty());
}

TEST_CASE("the rules of a service outrank those of all") {
    Lab lab(three);
    lab.place({{"sets",
                {{{"ranges", {"0.0.0.0/0 new"}}},
                 {{"service", "meters"}, {"ranges", {"100.80.0.0/16 east"}}}}}});
    lab.pass(300 * ms);
    CHECK(meets(lab, "old", client(1)) == "old>east servers");
    CHECK(meets(lab, "old", end("192.0.2.1:1")) == "old>new servers");
    const Say other{client(1), end("198.51.100.10:862"), 17};
    CHECK(lab.enter(0, red, other).text() == "old>new servers");
}

TEST_CASE("a segment in mid-flow finds its flow where it is placed, was placed, and at one more") {
    Lab lab(three);
    REQUIRE(last(logs_in(lab, "old", end("192.0.2.9:9"))) == "old");
    lab.place(set({"100.80.0.0/16 east"}));
    lab.pass(300 * ms);
    REQUIRE(last(logs_in(lab, "old", client(1))) == "east");
    lab.pass(200 * ms);
    // By another carrier's site, which has never seen it: the site that the placement names.
    CHECK(meets(lab, "new", client(1), flag::A) == "new>east servers");
    REQUIRE(last(logs_in(lab, "old", client(2))) == "east");
    lab.place(set({"100.80.0.0/16 old"}));
    lab.pass(200 * ms);
    // First asked is old, which does not know it either, then east, where it was placed before.
    CHECK(meets(lab, "new", client(2), flag::A) == "new>old>new>east servers");
    // Twice since: no rule names east any more, which is the one more.
    REQUIRE(last(logs_in(lab, "old", client(3))) == "old");
    lab.place(set({"100.80.0.0/16 new"}));
    lab.place(set({"100.80.0.0/15 new"}));
    lab.pass(3'000 * ms);
    CHECK(last(meets(lab, "new", client(3), flag::A)) == "old servers");
    CHECK(lab.wrong.empty());
}

TEST_CASE("a site that is silent may know a flow: it is waited for, whoever else does not") {
    Lab lab(three);
    lab.place(set({"100.80.0.0/16 old"}));
    lab.pass(300 * ms);
    REQUIRE(last(logs_in(lab, "old", client(1))) == "old");
    REQUIRE(last(logs_in(lab, "east", client(2))) == "old");
    lab.place(set({"100.80.1.0/24 east"}));
    logs_in(lab, "east", {Address::v4(0x64500101), 5});
    lab.silent = "old";
    lab.pass(600 * ms);
    const std::string met = meets(lab, "new", client(1), flag::A);
    CHECK(last(met) == "new drop peer_down");
    CHECK(lab.wrong.empty());
}

}  // namespace rehome::vipd::testing
