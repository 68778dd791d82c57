// What `vipd why` answers, and that a live datapath is asked without a trace of it.
#include "vipd/watch/why.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/why_text.h"
#include "tests/unit/vipd/lab.h"
#include "vipd/flow/flow_filter.h"

namespace rehome::vipd::testing {

namespace {

struct Row {
    std::string packet, port, way, leaves;
};

std::string leaves(const nlohmann::json& answer) {
    return answer["way"] == "drop"     ? answer["drop"]["reason"]
           : answer["packets"].empty() ? ""
                                       : answer["packets"][0];
}

}  // namespace

TEST_CASE("the packet that leaves, by the port that is likely") {
    Lab lab;
    LabGateway& old = lab["old"];
    const std::string server =
        choose_server(*old.path->tables().service(6, end("198.51.100.10:1883")),
                      end("100.80.0.1:40000"))
            .server.endpoint()
            .text();
    const Row rows[] = {
        {"tcp 100.80.0.1:40000 > 198.51.100.10:1883 syn seq 9", "red", "wait",
         "tcp 100.80.0.1:40000 > " + server + " syn seq 9 ttl 63"},
        {"tcp 100.80.0.1:40000 > 198.51.100.10:99 syn", "red", "drop", "no_service"},
        {"tcp 100.80.0.1:40000 > 198.51.100.10:1883 syn ttl 1", "red", "drop", "ttl_expired"},
        {"tcp 198.51.100.11:40000 > 198.51.100.10:1883 syn", "red", "drop", "forged_source"},
        {"icmp 100.80.0.1 > 198.51.100.10 echo", "red", "wait",
         "icmp 198.51.100.10 > 100.80.0.1 echo-reply"},  // all zeros
        {"icmp 100.80.0.1 > 198.51.100.10 echo ident 7 seq 9 len 3", "red", "wait",
         "icmp 198.51.100.10 > 100.80.0.1 echo-reply ident 7 seq 9 len 3"},
        {"raw 4500", "red", "drop", "truncated"},
        {"tcp 10.1.1.11:22 > 10.1.0.1:4000 ack", "servers", "punt", ""},
        {"udp 10.99.0.7:5 > 10.99.0.1:6080 data 01000000", "link", "drop", "unknown_peer"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.packet);
        const auto packet = parse_packet_text(row.packet);
        REQUIRE(packet);
        const auto way = way_in(old.config, old.path->tables(), {{}, {}}, "", *packet);
        REQUIRE(way);
        const auto answer = why_live(*old.path, old.config, *packet, *way, lab.now);
        CHECK(answer["port"] == row.port);
        CHECK(answer["way"] == row.way);
        CHECK(leaves(answer) == row.leaves);
        CHECK(!answer["steps"].empty());
        CHECK(show_why(answer).find(row.leaves) != std::string::npos);
        CHECK(old.path->flows().size() == 0);
        CHECK(old.drops() == 0);
    }
    const auto wrong = way_in(old.config, old.path->tables(), {{}, {}}, "nowhere", {});
    REQUIRE(!wrong);
    CHECK(wrong.error().text() ==
          "\"nowhere\" is no port, expected one of red, green, blue, servers, link");
}

TEST_CASE("a live flow is met, and not touched") {
    Lab lab;
    const Endpoint client = end("100.80.0.1:40000");
    const Outcome syn = lab.enter(0, green, to_meters(client));
    REQUIRE(syn.end == "servers");
    LabGateway& old = lab["old"];
    const FlowKey key{6, client, end("198.51.100.10:1883")};
    const Micros idle = old.path->flows().idle(*old.path->flows().find(key), lab.now + 5000 * ms);
    const auto reply = parse_packet_text("tcp " + syn.packet().destination.text() +
                                         ":1883 > 100.80.0.1:40000 syn ack 1001 seq 7");
    REQUIRE(reply);
    const auto answer =
        why_live(*old.path, old.config, *reply, {servers_port}, lab.now + 5000 * ms);
    CHECK(answer["way"] == "wait");           // for the router's link address
    CHECK(answer["out"]["port"] == "green");  // the line by which its client came in
    CHECK(leaves(answer) == "tcp 198.51.100.10:1883 > 100.80.0.1:40000 syn ack 1001 seq 7 ttl 63");
    const Flow* flow = old.path->flows().find(key);
    REQUIRE(flow != nullptr);
    CHECK(old.path->flows().idle(*flow, lab.now + 5000 * ms) == idle);
    CHECK(!flow->answered);
    CHECK(state_name(*flow) == "half_open");
}

TEST_CASE("who does not answer is not said to be reached") {
    Lab lab;
    LabGateway& old = lab["old"];
    const auto packet = *parse_packet_text("tcp 100.80.0.1:40000 > 198.51.100.10:1883 syn");
    const auto answer = [&] { return why_live(*old.path, old.config, packet, {red}, lab.now); };
    const auto waits = answer();
    CHECK(waits["way"] == "wait");
    CHECK(exit_of_why(waits) == Exit::unknown);
    CHECK(show_why(waits).find("which the kernel has yet to resolve; dropped as no_neighbour") !=
          std::string::npos);
    CHECK(show_why(waits).find("forwarded") == std::string::npos);
    auto& adjacencies = old.path->adjacencies();
    const Hop hop{servers_port, *Address::parse(waits["out"]["next_hop"].get<std::string>())};
    adjacencies.fail(adjacencies.find(hop));
    CHECK(answer()["out"]["failed"] == true);
    CHECK(show_why(answer()).find("which does not answer") != std::string::npos);
    auto known = std::make_shared<Neighbours>();
    known->set(hop, {{2, 0, 0, 0, 0, 7}, true});
    old.path->replace_neighbours(known);
    CHECK(answer()["way"] == "forward");
    CHECK(exit_of_why(answer()) == Exit::yes);
}

TEST_CASE("fragments: with the ports of the first one, and waiting without it") {
    Lab lab;
    LabGateway& old = lab["old"];
    Say say{end("100.80.0.1:40000"), end("198.51.100.10:862"), 17};
    say.payload.assign(64, 'x');
    const auto pieces = split(make_ip(say), 32);
    const auto other = [&] {
        Say another = say;
        another.from.port = 40001;
        return split(make_ip(another), 32)[0];
    }();
    const auto way = [&](const Bytes& ip) {
        const auto answer = why_live(*old.path, old.config, {ip, {}}, {red}, lab.now);
        return answer["way"] == "drop" ? answer["drop"]["reason"] : answer["way"];
    };
    CHECK(way(pieces[1]) == "wait");
    CHECK(show_why(why_live(*old.path, old.config, {pieces[1], {}}, {red}, lab.now))
              .find("waits for its datagram's first fragment") != std::string::npos);
    REQUIRE(lab.enter(0, red, ethernet(pieces[0])).end == "servers");
    for (int i = 0; i < 3; ++i) {  // asking leaves no trace, however often
        const auto asked = why_live(*old.path, old.config, {pieces[1], {}}, {red}, lab.now);
        CHECK(asked["packets"].size() == 1);
        CHECK(way(other) == "bad_fragment");
    }
    CHECK(lab.enter(0, red, ethernet(pieces[1])).end == "servers");
}

TEST_CASE("source NAT: the very port that the next flow gets") {
    Config config = lab_config("old", {"old", "new"});
    config.pools = {{"pool", {*Prefix::parse("10.1.2.0/31")}}};
    config.services[0].pool = 0;
    Lab lab;
    LabGateway& old = lab["old"];
    old.config = config;
    lab.reload(old);
    for (uint16_t i = 0; i < 20; ++i) {
        const std::string text = "tcp 100.80.0." + std::to_string(i % 3 + 1) + ":" +
                                 std::to_string(50000 + i) + " > 198.51.100.10:1883 syn";
        const auto foreseen = why_live(*old.path, config, *parse_packet_text(text), {red}, lab.now);
        Buffer buffer(frame_of(*parse_packet_text(text)));
        REQUIRE(old.path->handle(buffer.frame, red, lab.now).kind == Verdict::Kind::forward);
        CHECK(leaves(foreseen) == packet_text(buffer.ip_packet()));
        CHECK(leaves(foreseen).starts_with("tcp 10.1.2."));
        // And the reply finds its client by that port, in the dry run too.
        const Packet out = buffer.packet();
        const std::string reply = "tcp " + Endpoint{out.destination, out.destination_port}.text() +
                                  " > " + Endpoint{out.source, out.source_port}.text() +
                                  " syn ack 1";
        const auto back =
            why_live(*old.path, config, *parse_packet_text(reply), {servers_port}, lab.now);
        CHECK(leaves(back) == "tcp 198.51.100.10:1883 > " + text.substr(4, text.find(" >") - 4) +
                                  " syn ack 1 ttl 63");
    }
}

TEST_CASE("flows by their ends and their state") {
    Lab lab;
    lab.enter(0, red, to_meters(end("100.80.0.1:40000")));
    const Flow* flow =
        lab["old"].path->flows().find({6, end("100.80.0.1:40000"), end("198.51.100.10:1883")});
    REQUIRE(flow != nullptr);
    const auto with = [&](std::optional<FlowFilter::End> FlowFilter::*which, const char* text) {
        FlowFilter filter;
        filter.*which = *FlowFilter::parse_end(text);
        return filter.matches(*flow);
    };
    CHECK(FlowFilter{}.matches(*flow));
    CHECK(with(&FlowFilter::client, "100.80.0.1"));
    CHECK(with(&FlowFilter::client, "100.80.0.0/16"));
    CHECK(with(&FlowFilter::client, "100.80.0.1:40000"));
    CHECK(!with(&FlowFilter::client, "100.80.0.1:40001"));
    CHECK(!with(&FlowFilter::client, "100.80.0.2"));
    CHECK(with(&FlowFilter::vip, "198.51.100.10:1883"));
    CHECK(!with(&FlowFilter::vip, "198.51.100.10:1884"));
    CHECK(with(&FlowFilter::server, "10.1.0.0/16"));
    CHECK(!with(&FlowFilter::server, "10.2.0.0/16"));
    FlowFilter state;
    REQUIRE(state.set_state("half_open"));
    CHECK(state.matches(*flow));
    REQUIRE(state.set_state("established"));
    CHECK(!state.matches(*flow));
    CHECK(!state.set_state("nonsense"));
    CHECK(!FlowFilter::parse_end("nowhere"));
}

TEST_CASE("all flows, in pieces of any size") {
    for (const uint64_t piece : {1, 7, 64, 1000, 100000}) {
        CAPTURE(piece);
        FlowTable table({100, 50}, 3);
        for (uint16_t i = 0; i < 40; ++i) {
            const bool v6 = i % 3 == 0;
            Flow* flow = table.insert({6,
                                       {ip(v6 ? "2001:db8::1" : "192.0.2.1"), i},
                                       end(v6 ? "[2001:db8::2]:80" : "192.0.2.2:80")},
                                      1);
            REQUIRE(flow != nullptr);
            if (i % 4 == 0) {
                flow->answered = true;
                table.change(*flow, Flow::Kind::here, Flow::Stage::established);
                table.settle(flow);
            }
        }
        size_t found = 0, pieces = 0;
        uint64_t place = 0;
        for (bool end = false; !end; ++pieces) {
            const uint64_t until = place + piece;
            while (table.next(place, until) != nullptr) {
                ++found;
            }
            end = place < until;
            REQUIRE(pieces < 1000);
        }
        CHECK(found == 40);
    }
}

}  // namespace rehome::vipd::testing
