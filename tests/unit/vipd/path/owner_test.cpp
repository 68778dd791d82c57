// Which worker a packet belongs to: both directions of a flow, whatever carries them, meet in one.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>

#include "tests/unit/vipd/lab.h"
#include "vipd/packet/rss.h"
#include "vipd/path/owner.h"
#include "vipd/state/keepalive.h"

namespace rehome::vipd::testing {

namespace {

constexpr Micros now = 1'000'000;
const Address old_tunnel = ip("10.99.0.1"), new_tunnel = ip("10.99.0.2");

std::shared_ptr<const Tables> tables() {
    Config config = lab_config("old", {"old", "new"});
    config.prefixes.push_back(*Prefix::parse("2001:db8:f::/64"));
    config.pools.push_back({"nat", {*Prefix::parse("10.1.9.0/28")}});
    config.maps.push_back(
        {"m", *Prefix::parse("203.0.113.128/25"), *Prefix::parse("10.1.7.128/25")});
    return Tables::build(config);
}

// Several workers whose rings are followed: a frame that comes to one of them goes where it says.
class Workers {
public:
    explicit Workers(uint32_t count, const std::shared_ptr<const Tables>& shared = tables()) {
        for (uint32_t i = 0; i < count; ++i) {
            Fragments::Limits small;
            small.held_bytes = 1 << 16;
            workers_.push_back(std::make_unique<Ownership>(i, count, 5, small, 77));
            workers_.back()->set_tables(shared);
            workers_.back()->on_lost([this](std::span<const uint8_t>, PortIndex, Drop) { ++lost; });
        }
    }

    void believe(const Ownership::Believes& believes) {
        for (auto& worker : workers_) {
            worker->set_believes(believes);
        }
    }

    struct Arrived {
        uint32_t worker;
        Bytes frame;
        bool operator==(const Arrived&) const = default;
    };

    // Who handles what once that frame has come to that worker, in order.
    std::vector<Arrived> receive(uint32_t worker, PortIndex port, const Bytes& frame) {
        Buffer buffer(frame);
        auto next = workers_[worker]->next(buffer.frame, port, now);
        if (next.to == Ownership::Next::To::desk) {
            CHECK(next.worker != worker);
            worker = next.worker;
            next = workers_[worker]->next(buffer.frame, port, now);
            CHECK(next.to != Ownership::Next::To::desk);
        }
        std::vector<Arrived> out;
        last = next;
        if (next.to == Ownership::Next::To::owner) {
            out.push_back({next.worker, frame});
        }
        if (next.releases) {
            workers_[worker]->release(now,
                                      [&](std::span<uint8_t> bytes, PortIndex by, uint32_t owner) {
                                          CHECK(by == port);
                                          out.push_back({owner, {bytes.begin(), bytes.end()}});
                                      });
        }
        return out;
    }
    uint32_t count() const { return static_cast<uint32_t>(workers_.size()); }
    void expire(Micros at) {
        for (auto& worker : workers_) {
            worker->expire(at);
        }
    }

    Ownership::Next last;
    uint32_t lost = 0;

private:
    std::vector<std::unique_ptr<Ownership>> workers_;
};

Bytes from_new(const Bytes& inner, Gue::Kind kind) {
    return tunnelled(inner, {kind, 3, true, carrier_id("red")}, new_tunnel, old_tunnel);
}

// A frame of a flow and the port that it comes in by.
struct Of {
    std::string what;
    PortIndex port;
    Bytes frame;
};

struct RandomFlow {
    Endpoint client, vip, server, pool;
    uint8_t protocol;
    std::vector<Of> packets;

    RandomFlow(Random& random, uint32_t workers) : protocol(random.chance(50) ? 6 : 17) {
        const bool v6 = random.chance(50);
        client = {v6 ? ip("2001:db8:c::1") : ip("100.80.0.1"), port(random)};
        for (uint32_t i = 0; i < 4; ++i) {
            client.address.bytes[(v6 ? 12 : 0) + i] = static_cast<uint8_t>(1 + random.below(120));
        }
        vip = {v6 ? ip("2001:db8:f::5") : ip("203.0.113.5"), port(random)};
        server = {v6 ? ip("2001:db8:a::5") : ip("10.1.1.11"), port(random)};
        const uint32_t owner = rss_queue(rss_hash(client), workers);
        pool = {ip("10.1.9.3"),
                static_cast<uint16_t>(1024 * workers + random.below(64) * workers + owner)};
        const auto ether = [](const Bytes& packet) { return ethernet(packet); };
        Say in{client, vip, protocol}, out{server, client, protocol}, back{vip, client, protocol};
        const Bytes asked = make_ip(in), answered = make_ip(out), replied = make_ip(back);
        packets.push_back({"client's", red, ether(asked)});
        packets.push_back({"server's", servers_port, ether(answered)});
        packets.push_back({"tunnelled client's", link_port, from_new(asked, Gue::Kind::client)});
        packets.push_back({"tunnelled reply", link_port, from_new(replied, Gue::Kind::reply)});
        if (v6) {
            in.extensions = out.extensions = {{60, {0, 0, 0, 0, 0, 0, 0}}};
        } else {
            in.option_bytes = out.option_bytes = 8;
        }
        packets.push_back({"client's, options", blue, ether(make_ip(in))});
        packets.push_back({"server's, options", servers_port, ether(make_ip(out))});
        // Errors about what went the other way.
        const uint8_t type = v6 ? 3 : 11;
        const Address router = v6 ? ip("2001:db8:99::1") : ip("192.0.2.9");
        const Bytes sent = make_ip({client, server, protocol});
        const Bytes to_line = make_error({router, vip.address, type, 0}, replied, 60);
        packets.push_back({"error of the Internet", green, ether(to_line)});
        packets.push_back({"the same, tunnelled", link_port, from_new(to_line, Gue::Kind::client)});
        packets.push_back({"error of the servers' side", servers_port,
                           ether(make_error({router, client.address, type, 0}, sent, 60))});
        packets.push_back({"the same as a reply, tunnelled", link_port,
                           from_new(make_error({vip.address, client.address, type, 0}, asked, 60),
                                    Gue::Kind::reply)});
        if (!v6) {
            packets.push_back(
                {"server's, to the pool", servers_port, ether(make_ip({server, pool, protocol}))});
            packets.push_back({"error, to the pool", servers_port,
                               ether(make_error({router, pool.address, type, 0},
                                                make_ip({pool, server, protocol}), 60))});
        }
    }

    static uint16_t port(Random& random) {
        return static_cast<uint16_t>(1024 + random.below(60'000));
    }
};

}  // namespace

TEST_CASE("the hash is RSS's: Microsoft's verification suite") {
    const struct {
        const char *source, *destination;
        uint32_t addresses, with_ports;
    } rows[] = {
        {"66.9.149.187:2794", "161.142.100.80:1766", 0x323e8fc2, 0x51ccc178},
        {"199.92.111.2:14230", "65.69.140.83:4739", 0xd718262a, 0xc626b0ea},
        {"24.19.198.95:12898", "12.22.207.184:38024", 0xd2d0a5de, 0x5c2b394a},
        {"38.27.205.30:48228", "209.142.163.6:2217", 0x82989176, 0xafc7327f},
        {"153.39.163.191:44251", "202.188.127.2:1303", 0x5d1809c5, 0x10e828a2},
        {"[3ffe:2501:200:1fff::7]:2794", "[3ffe:2501:200:3::1]:1766", 0x2cc18cd5, 0x40207d3d},
        {"[3ffe:501:8::260:97ff:fe40:efab]:14230", "[ff02::1]:4739", 0x0f0c461c, 0xdde51bbf},
        {"[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:44251", "[fe80::200:f8ff:fe21:67cf]:38024",
         0x4b61e985, 0x02d1feef},
    };
    for (const auto& row : rows) {
        CAPTURE(row.source);
        const Endpoint from = end(row.source), to = end(row.destination);
        Bytes input(from.address.data().begin(), from.address.data().end());
        input.insert(input.end(), to.address.data().begin(), to.address.data().end());
        CHECK(toeplitz(input) == row.addresses);
        for (const uint16_t port : {from.port, to.port}) {
            input.push_back(static_cast<uint8_t>(port >> 8));
            input.push_back(static_cast<uint8_t>(port));
        }
        CHECK(toeplitz(input) == row.with_ports);
    }
}

TEST_CASE("a flow's packets of every kind belong to the owner of its client") {
    for (const uint32_t count : {2U, 3U, 4U, 7U}) {
        Workers workers(count);
        Random random(2026 + count);
        std::set<uint32_t> owners;
        for (int i = 0; i < 200; ++i) {
            const RandomFlow flow(random, count);
            const uint32_t owner = rss_queue(rss_hash(flow.client), count);
            owners.insert(owner);
            for (const Of& of : flow.packets) {
                CAPTURE(count);
                CAPTURE(of.what);
                CAPTURE(flow.client.text());
                const auto arrived = workers.receive(random.below(count), of.port, of.frame);
                REQUIRE(arrived.size() == 1);
                CHECK(arrived[0].worker == owner);
            }
        }
        CHECK(owners.size() == count);
    }
}

TEST_CASE("fragments come to the owner of their flow, the first one first") {
    const struct {
        const char* what;
        bool from_server, tunnelled;
    } rows[] = {{"client's", false, false},
                {"server's", true, false},
                {"client's, tunnelled", false, true},
                {"replies, tunnelled", true, true}};
    Random random(7);
    for (const uint32_t count : {2U, 5U}) {
        Workers workers(count);
        for (uint32_t i = 0; i < 400; ++i) {
            const auto& row = rows[i % 4];
            const RandomFlow flow(random, count);
            const uint32_t owner = rss_queue(rss_hash(flow.client), count);
            Say say{flow.client, flow.vip, 17};
            if (row.from_server) {
                say.from = row.tunnelled ? flow.vip : flow.server;
                say.to = flow.client;
            }
            say.payload.assign(1000 + random.below(1000), 'x');
            const auto pieces = split(make_ip(say), 400, 1000 + i);
            std::deque<Bytes> frames;
            for (const Bytes& piece : pieces) {
                frames.push_back(!row.tunnelled    ? ethernet(piece)
                                 : row.from_server ? from_new(piece, Gue::Kind::reply)
                                                   : from_new(piece, Gue::Kind::client));
            }
            const Bytes first = frames.front();
            std::rotate(frames.begin(), frames.begin() + random.below(3), frames.end());
            const PortIndex port = row.tunnelled ? link_port : row.from_server ? servers_port : red;
            std::vector<Workers::Arrived> arrived;
            for (const Bytes& frame : frames) {
                const auto more = workers.receive(random.below(count), port, frame);
                arrived.insert(arrived.end(), more.begin(), more.end());
            }
            CAPTURE(row.what);
            CAPTURE(flow.client.text());
            REQUIRE(arrived.size() == frames.size());
            CHECK(arrived[0].frame == first);
            for (const auto& each : arrived) {
                CHECK(each.worker == owner);
                CHECK(std::count(frames.begin(), frames.end(), each.frame) == 1);
            }
        }
        CHECK(workers.lost == 0);
    }
}

TEST_CASE("fragments without a first one are lost in time, those that contradict it at once") {
    Workers workers(3);
    Say say{end("100.80.0.1:4000"), end("203.0.113.5:14000"), 17};
    say.payload.assign(1000, 'x');
    const auto pieces = split(make_ip(say), 400);
    CHECK(workers.receive(0, red, ethernet(pieces[1])).empty());
    CHECK(workers.last.to == Ownership::Next::To::held);
    workers.expire(now + Fragments::Limits{}.wait + 1);
    CHECK(workers.lost == 1);
    CHECK(workers.receive(1, red, ethernet(pieces[0])).size() == 1);
    say.from.port = 4001;
    CHECK(workers.receive(2, red, ethernet(split(make_ip(say), 400)[0])).empty());
    CHECK(workers.last.to == Ownership::Next::To::drop);
    CHECK(workers.last.drop == Drop::bad_fragment);
}

TEST_CASE("a peer's fragment that is not believed is neither held nor learned from") {
    Workers workers(3);
    workers.believe([](const Classified& what) { return what.gue.hops == 3; });
    Say say{end("100.80.0.1:4000"), end("203.0.113.5:14000"), 17};
    say.payload.assign(1000, 'x');
    const auto pieces = split(make_ip(say), 400);
    say.from.port = 4001;
    const auto forged = split(make_ip(say), 400);
    const auto to_link = [](const Bytes& piece, uint8_t hops) {
        return tunnelled(piece, {Gue::Kind::client, hops}, new_tunnel, old_tunnel);
    };
    for (uint32_t worker = 0; worker < 3; ++worker) {
        for (const Bytes& piece : forged) {
            const auto arrived = workers.receive(worker, link_port, to_link(piece, 4));
            REQUIRE(arrived.size() == 1);
            CHECK(arrived[0].worker == worker);
        }
    }
    CHECK(workers.receive(1, link_port, to_link(pieces[1], 3)).empty());
    CHECK(workers.last.to == Ownership::Next::To::held);
    CHECK(workers.receive(2, link_port, to_link(pieces[0], 3)).size() == 2);
    CHECK(workers.lost == 0);
}

TEST_CASE("what belongs to no client's flow stays where it is, a keepalive goes to all") {
    const Endpoint client = end("100.80.0.1:40000");
    Bytes arp = make_frame({client, end("203.0.113.5:1")});
    arp[13] = 0x06;
    Bytes multicast = make_frame({client, end("203.0.113.5:1")});
    multicast[0] |= 1;
    multicast[14] = 0x46;
    Bytes cut = make_frame({client, end("203.0.113.5:1")});
    cut.resize(36);
    const auto about = make_ip({end("192.0.2.1:1"), end("192.0.2.2:2"), 1});
    const Of rows[] = {
        {"ARP", red, arp},
        {"multicast", red, multicast},
        {"a frame cut short", servers_port, cut},
        {"an empty frame", red, Bytes(14)},
        {"to a map", red, make_frame({client, end("203.0.113.200:1")})},
        {"from a map's server", servers_port, make_frame({end("10.1.7.200:1"), client})},
        {"echo request", red, make_frame({client, end("203.0.113.5:0"), 1})},
        {"another protocol", red, make_frame({client, end("203.0.113.5:0"), 47})},
        {"an error about no ports", red,
         ethernet(make_error({ip("192.0.2.9"), ip("203.0.113.5"), 11, 0}, about, 28))},
        {"to the kernel, by the link", link_port, make_frame({client, end("10.99.0.1:179")})},
    };
    Workers workers(4);
    for (const Of& row : rows) {
        for (uint32_t worker = 0; worker < workers.count(); ++worker) {
            CAPTURE(row.what);
            const auto arrived = workers.receive(worker, row.port, row.frame);
            REQUIRE(arrived.size() == 1);
            CHECK(arrived[0].worker == worker);
        }
    }
    Bytes control(1500);
    control.resize(make_control_packet(control, Gue::Control::keepalive, encode(Keepalive{}),
                                       {new_tunnel, old_tunnel, 9}));
    CHECK(workers.receive(0, link_port, ethernet(control)).empty());
    CHECK(workers.last.to == Ownership::Next::To::all);
    control.resize(1500);
    control.resize(make_control_packet(control, Gue::Control::link_probe, Bytes(8),
                                       {new_tunnel, old_tunnel, 9}));
    workers.receive(1, link_port, ethernet(control));
    CHECK(workers.last.to == Ownership::Next::To::owner);
    CHECK(workers.last.worker == 0);

    workers.receive(0, red, make_frame({client, end("203.0.113.5:14000")}));
    const uint32_t owner = workers.last.worker;
    const Bytes carried = from_new(make_ip({client, end("203.0.113.5:14000")}), Gue::Kind::client);
    Bytes outer(carried.begin() + 14, carried.end());
    std::swap_ranges(outer.begin() + 12, outer.begin() + 16, outer.begin() + 16);
    const SayError says{ip("10.98.0.1"), old_tunnel, 3, 4, 1400};
    for (uint32_t worker = 0; worker < workers.count(); ++worker) {
        workers.receive(worker, link_port, ethernet(make_error(says, outer, 128)));
        CHECK(workers.last.to == Ownership::Next::To::owner);
        CHECK(workers.last.worker == owner);
    }
}

}  // namespace rehome::vipd::testing
