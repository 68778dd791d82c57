// What checks have found, as packets meet it: who gets new clients, whose flows go on, and how the
// answers of checks get through.
#include <doctest/doctest.h>

#include <map>

#include "tests/unit/vipd/lab.h"
#include "vipd/path/punt.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros second = 1'000'000;
using State = EndpointHealth::State;

// One gateway of the lab whose first service is checked.
struct Checked {
    Lab lab;
    size_t servers;
    std::vector<EndpointHealth> health;

    explicit Checked(HealthConfig::AllDown all_down, const Lab::Setup& setup = {}) : lab(setup) {
        ServiceConfig& meters = lab["old"].config.services[0];
        meters.health = HealthConfig{};
        meters.health->all_down = all_down;
        servers = meters.servers.size();
        health.resize(servers);
        lab.reload(lab["old"]);
    }
    void set(size_t server, State state) {
        health[server].state = state;
        health[server].since = lab.now;
        health[server].why = "refused";
        auto seen = std::make_shared<ServersHealth>();
        seen->services["meters"] = health;
        lab["old"].state->health(std::move(seen));
        lab.pass(300 * ms);
    }
    void all_down() {
        for (size_t i = 0; i < servers; ++i) {
            set(i, State::down);
        }
    }
    const Tables& tables() { return *lab["old"].state->snapshot()->tables; }
    const ServiceTable& meters() { return tables().services()[0]; }
    // Who gets a client, or what becomes of it.
    std::string begins(const Endpoint& client, uint8_t flags = flag::S) {
        const auto outcome = lab.enter(0, red, to_meters(client, flags));
        return outcome.end == "servers" ? outcome.packet().destination.text() : outcome.text();
    }
    std::string address(size_t server) {
        return lab["old"].config.services[0].servers[server].address.text();
    }
    // A client whose new flows that server gets.
    Endpoint client_of(size_t server, uint16_t port = 1) {
        while (choose_server(meters(), {ip("192.0.2.1"), port}).index != server) {
            ++port;
        }
        return {ip("192.0.2.1"), port};
    }
};

}  // namespace

TEST_CASE("a server that goes down loses its own slots, and gets them back") {
    Checked of(HealthConfig::AllDown::keep);
    const std::vector<uint16_t> before(of.meters().slots.begin(), of.meters().slots.end());
    const auto others = of.tables().services()[1].maglev;
    of.set(0, State::down);
    CHECK(of.tables().services()[1].maglev == others);  // another service's are the very same
    size_t moved = 0, its = 0;
    REQUIRE(of.meters().slots.size() == before.size());
    for (size_t i = 0; i < before.size(); ++i) {
        its += before[i] == 0 ? 1 : 0;
        moved += before[i] != of.meters().slots[i] ? 1 : 0;
        REQUIRE(of.meters().slots[i] != 0);
    }
    CHECK(its > 0);
    CHECK(moved == its);
    of.set(0, State::up);
    CHECK(std::equal(before.begin(), before.end(), of.meters().slots.begin()));
}

TEST_CASE("a SYN to a server that went down is placed anew, what lives goes on") {
    Checked of(HealthConfig::AllDown::keep);
    const Endpoint waits = of.client_of(0), lives = of.client_of(0, 20'000),
                   elsewhere = of.client_of(1);
    CHECK(of.begins(waits) == of.address(0));
    CHECK(of.begins(waits) == of.address(0));  // said again
    CHECK(of.begins(elsewhere) == of.address(1));
    const auto syn = of.lab.enter(0, red, to_meters(lives));
    of.lab.enter(0, servers_port, answer(syn.packet(), flag::S | flag::A));
    CHECK(of.begins(lives, flag::A) == of.address(0));
    of.set(0, State::down);
    CHECK(of.begins(waits) == of.address(1));
    CHECK(of.begins(waits) == of.address(1));
    CHECK(of.begins(elsewhere) == of.address(1));
    CHECK(of.begins(lives, flag::A) == of.address(0));
    CHECK(of.lab.wrong.empty());
}

TEST_CASE("a server that the file masks keeps whom it has, as before") {
    Checked of(HealthConfig::AllDown::keep);
    const Endpoint waits = of.client_of(0);
    CHECK(of.begins(waits) == of.address(0));
    of.lab["old"].config.services[0].servers[0].masked = true;
    of.lab.reload(of.lab["old"]);
    of.set(1, State::up);
    CHECK(of.begins(waits) == of.address(0));
}

TEST_CASE(
    "all are down: the last are kept, new clients refused, or other sites' servers get them") {
    using AllDown = HealthConfig::AllDown;
    const struct {
        AllDown all_down;
        const char* outcome;  // empty: the server that went down last
        bool ready;
    } rows[] = {{AllDown::keep, "", true},
                {AllDown::refuse, "old drop no_server", false},
                {AllDown::other_sites, "old>new servers", false}};
    for (const auto& row : rows) {
        CAPTURE(row.outcome);
        Checked of(row.all_down);
        of.all_down();
        const auto outcome = of.lab.enter(0, red, to_meters(end("192.0.2.9:1")));
        if (*row.outcome == 0) {
            CHECK(outcome.packet().destination.text() == of.address(of.servers - 1));
        } else {
            CHECK(outcome.text() == row.outcome);
        }
        const auto& ready = *of.lab["old"].state->snapshot()->served->ready();
        CHECK(ready.has(service_key(6, end("198.51.100.10:1883"))) == row.ready);
        of.set(0, State::up);
        CHECK(of.begins(end("192.0.2.9:2")) == of.address(0));
    }
}

TEST_CASE("answers of checks have a budget that no flood takes from them") {
    Config config = every_forwarding();
    config.health = HealthConfig{};
    config.services[0].health.reset();
    const auto tables = Tables::build(config);
    const Address server = config.services[0].servers[0].address;
    const Endpoint own = end("10.1.0.1:61234");
    REQUIRE(tables->is_checked(server));
    PuntConfig per_s;
    per_s.servers = per_s.icmp = per_s.other = 10;
    per_s.check = 100;
    struct Row {
        const char* what;
        Say sent, answer;
        bool known;
    };
    const Endpoint at{server, 1883}, six = end("[2001:db8:a::11]:1883"),
                                     own6 = end("[2001:db8:a::1]:61234");
    Say echo{{own.address, 0}, {server, 0}, 1}, reply{{server, 0}, {own.address, 0}, 1};
    echo.icmp_type = 8, reply.icmp_type = 0;
    const Row rows[] = {
        {"TCP", {own, at, 6, flag::S}, {at, own, 6, flag::S | flag::A}, true},
        {"UDP", {own, at, 17}, {at, own, 17}, true},
        {"IPv6", {own6, six, 6, flag::S}, {six, own6, 6, flag::S | flag::A}, true},
        {"an echo", echo, reply, true},
        {"a port that is no check's",
         {{own.address, 40'000}, at, 6, flag::S},
         {at, {own.address, 40'000}, 6, flag::A},
         false},
        {"nobody who is checked",
         {own, end("10.7.7.7:1883"), 6, flag::S},
         {end("10.7.7.7:1883"), own, 6, flag::A},
         false},
        {"another port than was asked",
         {own, at, 6, flag::S},
         {at, {own.address, 61'235}, 6, flag::A},
         false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Punt punt(7);
        Micros now = 1'000 * second;
        const auto up = [&](const Bytes& frame, PortIndex port) {
            return !punt.refuse(frame, port, *tables, per_s, now);
        };
        const Bytes answer = make_frame(row.answer);
        punt.kernel_sends(make_frame(row.sent), *tables);
        // All else from servers, and more of it than anybody may say.
        for (uint32_t i = 0; i < 1000; ++i) {
            up(make_frame({end("10.1.1.99:5"), {own.address, static_cast<uint16_t>(i + 1)}, 17}),
               servers_port);
            Say ping{{ip("10.1.1.99"), 0}, {own.address, 0}, 1};
            up(make_frame(ping), servers_port);
        }
        CHECK(up(answer, servers_port) == row.known);
        // Its own flood ends where its budget does; by a line it is no answer.
        uint32_t count = 0;
        for (uint32_t i = 0; i < 1000; ++i) {
            count += up(answer, servers_port) ? 1 : 0;
        }
        CHECK(count < 40);
        if (row.known) {
            CHECK(punt.refuse(answer, servers_port, *tables, per_s, now) == Drop::punt_check);
        }
    }
}

TEST_CASE("a VIP's answer to a check through a tunnel is told from its clients' packets") {
    Config config = every_forwarding();
    config.health = HealthConfig{};
    ServiceConfig& direct = config.services[5];
    REQUIRE(direct.forward == Forward::tunnel);
    direct.protocol = Protocol::tcp;
    const Endpoint own{*config.server_tunnel_from(Family::v4), 62'000},
        vip{direct.vip, direct.port};
    const auto tables = Tables::build(config);
    Punt punt(7);
    const Say syn{own, vip, 6, flag::S};
    const auto answer = make_ip({vip, own, 6, flag::S | flag::A});
    CHECK(!punt.answers_check(*parse_packet(answer, 0)));
    // As it leaves: in IP in IP, to the server.
    std::vector<uint8_t> outer(20);
    const Bytes inner = make_ip(syn);
    outer[0] = 0x45, outer[8] = 64, outer[9] = 4;
    outer[2] = static_cast<uint8_t>((inner.size() + 20) >> 8);
    outer[3] = static_cast<uint8_t>(inner.size() + 20);
    std::copy_n(own.address.bytes.begin(), 4, outer.begin() + 12);
    std::copy_n(direct.servers[0].address.bytes.begin(), 4, outer.begin() + 16);
    const uint16_t checksum = sum(outer);
    outer[10] = static_cast<uint8_t>(checksum >> 8), outer[11] = static_cast<uint8_t>(checksum);
    outer.insert(outer.end(), inner.begin(), inner.end());
    punt.kernel_sends(ethernet(outer), *tables);
    CHECK(punt.answers_check(*parse_packet(answer, 0)));
    const auto other = make_ip({vip, {own.address, 62'001}, 6, flag::S | flag::A});
    CHECK(!punt.answers_check(*parse_packet(other, 0)));
}

}  // namespace rehome::vipd::testing
