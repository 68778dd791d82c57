// What goes up to the kernel: each kind within its own budget, whoever floods another one; sessions
// that the kernel speaks in within theirs; and of several workers together no more than that.
#include "vipd/path/punt.h"

#include <doctest/doctest.h>

#include <map>
#include <thread>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros second = 1'000'000;
const Endpoint router = end("100.64.1.1:40000"), own = end("100.64.1.2:179");

Bytes arp() {
    Bytes frame(60);
    frame[12] = 0x08, frame[13] = 0x06;
    return frame;
}

Bytes tcp(const Endpoint& from, const Endpoint& to, uint8_t flags) {
    return make_frame({from, to, 6, flags});
}

Bytes udp(const Endpoint& from, uint16_t port, uint8_t ttl) {
    Say say{from, {own.address, port}, 17};
    say.ttl = ttl;
    return make_frame(say);
}

Bytes icmp(const char* from, const char* to, uint8_t type, uint8_t ttl) {
    Say say{{ip(from), 0}, {ip(to), 0}, 1};
    say.protocol = say.from.address.family == Family::v4 ? 1 : 58;
    say.icmp_type = type;
    say.ttl = ttl;
    return make_frame(say);
}

// The gateway of every_forwarding(), whose kernel is asked to take frames.
struct Gate {
    std::shared_ptr<const Tables> tables = Tables::build(every_forwarding());
    Punt punt{7};
    PuntConfig per_s;
    Micros now = 1'000 * second;

    // How many of so many go up that come evenly within a second, and what the others are called.
    std::map<std::string, uint32_t> offer(const Bytes& frame, uint32_t count,
                                          PortIndex port = red) {
        std::map<std::string, uint32_t> fates;
        for (uint32_t i = 0; i < count; ++i) {
            const auto refused =
                punt.refuse(frame, port, *tables, per_s, now + Micros{i} * second / count);
            ++fates[refused ? std::string(name(*refused)) : "up"];
        }
        now += second;
        return fates;
    }
};

}  // namespace

TEST_CASE("each kind has a budget and a name of its own") {
    const struct {
        const char* what;
        Bytes frame;
        PortIndex port;
        uint32_t PuntConfig::*budget;
        const char* drop;
    } rows[] = {
        {"ARP", arp(), red, &PuntConfig::arp, "punt_arp"},
        {"neighbour discovery", icmp("fe80::1", "fe80::2", 135, 255), red, &PuntConfig::nd,
         "punt_nd"},
        {"the same from further away", icmp("fe80::1", "fe80::2", 135, 254), red, &PuntConfig::icmp,
         "punt_icmp"},
        {"a SYN to BGP", tcp(end("192.0.2.7:5000"), own, flag::S), red, &PuntConfig::bgp,
         "punt_bgp"},
        {"BFD", udp(router, 3784, 255), red, &PuntConfig::bfd, "punt_bfd"},
        {"BFD from further away", udp(router, 3784, 254), red, &PuntConfig::other, "punt_other"},
        {"BFD over hops", udp(router, 4784, 60), red, &PuntConfig::bfd, "punt_bfd"},
        {"ping", icmp("192.0.2.7", "100.64.1.2", 8, 60), red, &PuntConfig::icmp, "punt_icmp"},
        {"SSH", tcp(end("192.0.2.7:5000"), end("100.64.1.2:22"), flag::A), red, &PuntConfig::other,
         "punt_other"},
        {"what servers send", tcp(end("10.1.1.9:5000"), end("192.0.2.7:443"), flag::A),
         servers_port, &PuntConfig::servers, "punt_servers"},
        {"what cannot be read", Bytes(14), red, &PuntConfig::other, "punt_other"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        Gate gate;
        gate.per_s = {1, 1, 1, 1, 1, 1, 1, 1, 1};
        gate.per_s.*row.budget = 100;
        const auto fates = gate.offer(row.frame, 5000, row.port);
        REQUIRE(fates.contains("up"));
        CHECK(fates.at("up") >= 100);
        CHECK(fates.at("up") <= 122);  // a fifth of a second's at once
        CHECK(fates.at(row.drop) == 5000 - fates.at("up"));
        CHECK(gate.offer(row.frame, 90, row.port).at("up") == 90);
    }
}

TEST_CASE("a flood of one kind takes nothing from another") {
    Gate gate;
    const Bytes flood[] = {arp(), tcp(end("192.0.2.7:5000"), own, flag::S), udp(router, 9, 64),
                           icmp("192.0.2.7", "100.64.1.2", 8, 60)};
    const struct {
        const char* what;
        Bytes frame;
        size_t own_flood;  // that it may suffer from
    } wanted[] = {{"ARP", arp(), 0},
                  {"neighbour discovery", icmp("fe80::1", "fe80::2", 135, 255), 9},
                  {"BGP of the line's router", tcp(router, own, flag::S), 9},
                  {"BFD", udp(router, 3784, 255), 9}};
    for (const auto& row : wanted) {
        for (size_t i = 0; i < std::size(flood); ++i) {
            CAPTURE(row.what);
            CAPTURE(i);
            gate.offer(flood[i], 200'000);
            const auto fates = gate.offer(row.frame, 100);
            CHECK((i == row.own_flood || fates.at("up") == 100));
            gate.now += second;
        }
    }
}

TEST_CASE("a BGP session that the kernel speaks in has a budget that nobody else gets into") {
    Gate gate;
    const Bytes update = tcp(router, own, flag::A);
    CHECK(gate.offer(update, 20'000).at("punt_bgp") > 18'000);
    SUBCASE("as it speaks") {
        gate.punt.kernel_sends(tcp(own, router, flag::A), *gate.tables);
        // Forged from its address, and from anywhere: other ports, as nobody can guess.
        for (uint16_t port = 1; port < 30'000; ++port) {
            gate.punt.refuse(tcp({router.address, port}, own, flag::A), red, *gate.tables,
                             gate.per_s, gate.now);
        }
        CHECK(gate.offer(update, 20'000).at("up") == 20'000);
        CHECK(gate.offer(update, 200'000).at("punt_session") > 130'000);
        gate.now += second;
        SUBCASE("until it ends") {
            gate.punt.kernel_sends(tcp(own, router, flag::F | flag::A), *gate.tables);
            CHECK(gate.offer(update, 20'000).contains("punt_bgp"));
        }
        SUBCASE("and a dry run uses nothing up") {
            Punt dry(gate.punt);
            while (!dry.refuse(update, red, *gate.tables, gate.per_s, gate.now)) {
            }
            CHECK_FALSE(gate.punt.refuse(update, red, *gate.tables, gate.per_s, gate.now));
        }
    }
    SUBCASE("not as it answers a forged SYN") {
        gate.punt.kernel_sends(tcp(own, router, flag::S | flag::A), *gate.tables);
        gate.punt.kernel_sends(tcp(own, router, flag::R | flag::A), *gate.tables);
        CHECK(gate.offer(update, 20'000).contains("punt_bgp"));
    }
    SUBCASE("sessions by the hundred") {
        for (uint16_t port = 1000; port < 1200; ++port) {
            gate.punt.kernel_sends(tcp(own, {router.address, port}, flag::A), *gate.tables);
        }
        uint32_t up = 0;
        for (uint16_t port = 1000; port < 1200; ++port) {
            up += gate.punt.refuse(tcp({router.address, port}, own, flag::A), red, *gate.tables,
                                   gate.per_s, gate.now)
                      ? 0
                      : 1;
        }
        CHECK(up >=
              195);  // of more than four in one place the first gives way until it speaks again
    }
}

TEST_CASE("BFD sessions likewise, by their addresses") {
    Gate gate;
    gate.punt.kernel_sends(make_frame({own, {router.address, 4784}, 17}), *gate.tables);
    gate.offer(udp(end("192.0.2.7:49152"), 4784, 60), 100'000);
    CHECK(gate.offer(udp(router, 4784, 60), 1000).at("up") == 1000);
}

TEST_CASE("workers share a budget: together they send up no more") {
    Gate gate;
    gate.per_s.other = 1000;
    const Bytes frame = udp(router, 9, 64);
    std::atomic<uint32_t> up = 0;
    std::vector<std::thread> workers;
    for (int worker = 0; worker < 4; ++worker) {
        workers.emplace_back([&] {
            for (uint32_t i = 0; i < 20'000; ++i) {
                const Micros at = gate.now + Micros{i} * second / 20'000;
                up += gate.punt.refuse(frame, red, *gate.tables, gate.per_s, at) ? 0 : 1;
            }
        });
    }
    for (auto& worker : workers) {
        worker.join();
    }
    CHECK(up >= 1000);
    CHECK(up <= 1202);
}

TEST_CASE("what is not taken is a drop by its name, in `why` too") {
    Config config = every_forwarding();
    config.punt_per_s.other = 1;
    Datapath::Settings settings;
    settings.flows = {100, 100};
    settings.ports.assign(config.ports.size(), PortLink{{2, 0, 0, 0, 0, 1}, 1500});
    Micros now = 1'000'000'000;
    Act act(config, settings, now);
    const Bytes ssh = tcp(end("192.0.2.7:5000"), end("100.64.1.2:22"), flag::S);
    const auto why = [&] {
        Buffer buffer(ssh);
        Trace trace{[](std::string_view, const std::string&) {}};
        return act.path.explain(buffer.frame, red, now, trace).verdict;
    };
    uint32_t up = 0;
    for (; why().kind == Verdict::Kind::punt && up < 10; ++up) {
        Buffer buffer(ssh);
        CHECK(act.path.handle(buffer.frame, red, now).kind == Verdict::Kind::punt);
    }
    CHECK(up == 1);
    CHECK(why().drop == Drop::punt_other);
    Buffer buffer(ssh);
    CHECK(act.path.handle(buffer.frame, red, now).drop == Drop::punt_other);
    CHECK(act.path.counters().punted == 1);
    CHECK(act.path.counters().drops[static_cast<size_t>(Drop::punt_other)] == 1);
}

}  // namespace rehome::vipd::testing
