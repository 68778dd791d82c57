// Who is told that nobody is there, and how often; and what waits for a next hop instead of being
// lost.
#include <doctest/doctest.h>

#include "tests/unit/vipd/lab.h"
#include "vipd/path/answer_budget.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros second = 1'000'000;
const Endpoint client = end("100.80.0.1:40000"), closed = end("198.51.100.10:99");

uint32_t taken(AnswerBudget& budget, const Address& from, uint32_t tries, Micros now) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < tries; ++i) {
        count += budget.take(from, now) ? 1 : 0;
    }
    return count;
}

Say datagram(const Endpoint& to) {
    return {client, to, 17};
}

// How many answers a datagram to a closed port has.
size_t answers(Lab& lab, const Say& say) {
    lab.emitted.clear();
    CHECK(lab.enter(0, red, say).end == "drop no_service");
    return lab.emitted.size();
}

void neighbour_of(Datapath& path, const std::vector<std::pair<Hop, Mac>>& known) {
    auto neighbours = std::make_shared<Neighbours>();
    for (const auto& [hop, mac] : known) {
        neighbours->set(hop, {mac, true});
    }
    path.replace_neighbours(neighbours);
}

}  // namespace

TEST_CASE("answers to a prefix of clients are few, and so are all together") {
    constexpr uint32_t each = AnswerBudget::prefix_per_s, all = AnswerBudget::per_s;
    AnswerBudget budget(1, 1);
    CHECK(taken(budget, ip("192.0.2.1"), 1000, 0) == each);
    CHECK(taken(budget, ip("192.0.2.99"), 1000, 0) == 0);  // the same /24
    CHECK(taken(budget, ip("2001:db8::1"), 1000, 0) == each);
    CHECK(taken(budget, ip("2001:db8::2:0:0:1"), 1000, 0) == 0);  // the same /64
    CHECK(taken(budget, ip("192.0.2.1"), 1000, second / 2) == each / 2);
    uint32_t together = 0;
    for (uint32_t prefix = 0; prefix < 10'000; ++prefix) {
        together += taken(budget, Address::v4(0x64000000 + (prefix << 8)), 1, second);
    }
    CHECK(together <= all);
    CHECK(together >= all - 2 * each);
}

TEST_CASE("several workers together answer no more than one") {
    for (const uint32_t workers : {2U, 3U, 16U}) {
        CAPTURE(workers);
        uint32_t prefix = 0, together = 0;
        for (uint32_t i = 0; i < workers; ++i) {
            AnswerBudget one(1, workers), of_all(1, workers);
            for (Micros now = 0; now < 10 * second; now += 1000) {
                prefix += one.take(ip("192.0.2.1"), now) ? 1 : 0;
                for (uint32_t k = 0; k < 2; ++k) {
                    const auto from = static_cast<uint32_t>(now / 1000 * 2 + k);
                    together += of_all.take(Address::v4(from << 8), now) ? 1 : 0;
                }
            }
        }
        CHECK(prefix <= 11 * AnswerBudget::prefix_per_s);
        CHECK(prefix >= 9 * AnswerBudget::prefix_per_s);
        CHECK(together <= 11 * AnswerBudget::per_s);
        CHECK(together >= 9 * AnswerBudget::per_s);
    }
}

TEST_CASE("a closed port is answered once the configuration has settled") {
    Lab lab;
    CHECK(answers(lab, datagram(closed)) == 0);  // vipd has just begun
    lab.pass(6 * second);
    CHECK(answers(lab, datagram(closed)) == 1);
    lab.reload(lab["old"]);  // nothing is new
    CHECK(answers(lab, datagram(closed)) == 1);
    lab["old"].config.services[0].port = 1885;
    lab.reload(lab["old"]);
    CHECK(answers(lab, datagram(closed)) == 0);
    lab.pass(6 * second);
    CHECK(answers(lab, datagram(closed)) == 1);
    CHECK(lab.wrong == std::vector<std::string>{});
}

TEST_CASE("not while another gateway may serve it") {
    Lab lab;
    lab.pass(6 * second);
    LabGateway& other = lab["new"];
    const Config before = other.config;
    other.config.services.push_back(before.services[0]);
    other.config.services.back().name = "more";
    other.config.services.back().port = closed.port;
    lab.reload(other);
    lab.pass(second);
    const Say syn{client, closed, 6, flag::S};
    CHECK(answers(lab, syn) == 0);
    lab.link_up = false;  // it may still live
    lab.pass(second);
    CHECK(answers(lab, syn) == 0);
    lab.pass(10 * second);  // and is given up
    CHECK(answers(lab, syn) == 1);
    CHECK(lab.wrong == std::vector<std::string>{});
}

TEST_CASE("a host is unreachable when none of its servers answers, and not before") {
    Lab lab;
    Datapath& path = *lab["old"].path;
    const auto ends = [&] {
        lab.emitted.clear();
        const std::string end = lab.enter(0, red, to_meters(client)).end;
        return end + " " + std::to_string(lab.emitted.size());
    };
    const auto& servers = path.tables().service(6, end("198.51.100.10:1883"))->config->servers;
    for (const ServerConfig& server : servers) {
        CHECK(ends() == "servers 0");
        path.adjacencies().fail(path.adjacencies().find({servers_port, server.address}));
    }
    CHECK(ends() == "drop no_neighbour 1");
    CHECK(lab.emitted[0].packet().icmp_code == 1);
    // Asked before: the answer is the same, and changes nothing.
    Buffer buffer(make_frame(to_meters(client)));
    Trace trace{[](std::string_view, std::string) {}};
    CHECK(path.explain(buffer.frame, red, lab.now, trace).verdict.drop == Drop::no_neighbour);
    neighbour_of(path, {{{servers_port, servers[0].address}, {2, 0, 0, 0, 0, 9}}});
    CHECK(ends() == "servers 0");
    CHECK(lab.wrong == std::vector<std::string>{});
}

TEST_CASE("what was decided for a server and not sent is its service's drop") {
    Lab lab;
    Datapath& path = *lab["old"].path;
    const Counters& counters = path.counters();
    const auto& service =
        counters.services[path.tables().service(6, end("198.51.100.10:1883"))->number];
    Buffer buffer(make_frame(to_meters(client)));
    const Verdict verdict = path.handle(buffer.frame, red, lab.now);
    REQUIRE(verdict.kind == Verdict::Kind::forward);
    CHECK(counters.to_servers == 0);  // it waits for the server's link address
    CHECK(service.to_servers == 0);
    SUBCASE("it answers") {
        path.count_sent(verdict.bill);
        CHECK(counters.to_servers == 1);
        CHECK(service.to_servers == 1);
        CHECK(service.dropped == 0);
    }
    SUBCASE("it does not") {
        path.count_drop(Drop::no_neighbour, verdict.bill);
        CHECK(counters.to_servers == 0);
        CHECK(service.to_servers == 0);
        CHECK(service.dropped == 1);
        CHECK(lab["old"].drops() == 1);
    }
}

TEST_CASE("a map's answer by another family's router waits until it is known whose that is") {
    const Config config = with_lines(every_forwarding(), true);
    const Address router = ip("2001:db8:64::1");
    const Hop six{red, router}, four{red, config.lines[red].peer};
    const Mac mac{2, 0, 0, 0, 1, 1}, another{2, 0, 0, 0, 1, 2};
    Datapath::Settings settings;
    settings.flows = {8, 8};
    settings.ports.assign(config.ports.size(), PortLink{{}, 1500});
    Act act(config, settings, 1);
    RouteTable table;
    table.set({*Prefix::parse("::/0"), 0}, {red, router});
    act.path.replace_routes(std::make_shared<const Fib>(table.build()));
    const Say answer{end("[2001:db8:a::133]:80"), end("[2001:db8:c::1]:5")};
    const auto verdict = [&] {
        Buffer buffer(make_frame(answer));
        const Verdict out = act.path.handle(buffer.frame, servers_port, 1);
        const bool unchanged = std::ranges::equal(buffer.frame.bytes(), make_frame(answer));
        CHECK(unchanged == (out.kind != Verdict::Kind::forward));
        return out;
    };
    const auto waits_for = [&](const Hop& hop) {
        const Verdict out = verdict();
        return out.kind == Verdict::Kind::wait && act.path.hop(out) == hop;
    };
    CHECK(waits_for(six));
    neighbour_of(act.path, {{six, mac}});
    CHECK(waits_for(four));
    neighbour_of(act.path, {{four, mac}});
    CHECK(waits_for(six));
    neighbour_of(act.path, {{four, mac}, {six, mac}});
    const Verdict out = verdict();
    CHECK(out.kind == Verdict::Kind::forward);
    CHECK(out.port == red);
    CHECK(act.path.adjacencies()[act.path.adjacencies().find(six)].used);
    neighbour_of(act.path, {{four, mac}, {six, another}});
    CHECK(verdict().drop == Drop::no_way_back);
}

}  // namespace rehome::vipd::testing
