// The fast path against the slow one: whatever comes, and whatever changes in between, a burst
// through Datapath::handle leaves the same packets, verdicts, entries and counters as the same
// packets one by one through the slow path.
#include <doctest/doctest.h>

#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

class Gateway {
public:
    explicit Gateway(Config config, bool keyed = false) {
        config.keys = {keyed ? "keys" : "", true};
        Datapath::Settings settings;
        settings.flows = {60, 40};  // both parts are full at times
        settings.hash_key = 7;
        settings.ports.assign(config.ports.size(), PortLink{{2, 0, 0, 0, 0, 1}, 1500, true});
        const Keyring ring{{FileKey{1, {1}}}};
        act = std::make_unique<Act>(with_lines(config, true), settings, now, Orders{},
                                    keyed ? std::make_shared<const Keyring>(ring) : nullptr);
        path = &act->path;
        RouteTable routes;
        routes.set({*Prefix::parse("10.1.0.0/16"), 0}, {servers_port, {}});
        routes.set({*Prefix::parse("10.1.1.12/32"), 0}, {vlan_port, {}, 300});
        routes.set({*Prefix::parse("2001:db8:a::/64"), 0}, {servers_port, {}});
        routes.set({*Prefix::parse("10.99.0.0/24"), 0}, {link_port, {}});
        routes.set({*Prefix::parse("0.0.0.0/0"), 0}, {red, config.lines[0].peer});
        routes.set({*Prefix::parse("100.81.0.0/16"), 0}, {green, config.lines[1].peer});
        routes.set({*Prefix::parse("2001:db8:c::/48"), 0}, {blue, config.lines[2].peer});
        path->replace_routes(std::make_shared<const Fib>(routes.build()));
        Sink sink;
        sink.emit = [this](std::span<const uint8_t> packet, uint32_t adjacency) {
            log << "emit " << path->adjacencies()[adjacency].hop.port << " " << hex(packet) << "\n";
        };
        sink.punt = [this](std::span<const uint8_t> frame, PortIndex port) {
            log << "punt " << port << " " << hex(frame) << "\n";
        };
        act->set_sink(std::move(sink));
        neighbours(true);
        for (size_t i = 0; keyed && i < config.peers.size(); ++i) {
            // Each peer has heard what is drawn, and can verify.
            const uint64_t drawn = act->state.peer(i).agreement.says(1).own;
            act->state.hear(i, Handshake{1, true, 77, drawn}, now);
        }
        act->follow(now);
    }

    // Every next hop is resolved, or but for one server none is.
    void neighbours(bool all) {
        Neighbours known;
        for (uint32_t i = 0; i < path->adjacencies().size(); ++i) {
            const Hop& hop = path->adjacencies()[i].hop;
            known.set(hop, {{2, 0, 0, 0, 1,
                             static_cast<uint8_t>(hop.address.bytes[3] + hop.address.bytes[15])},
                            all || hop.address != ip("10.1.1.11")});
        }
        path->replace_neighbours(std::make_shared<const Neighbours>(known));
    }

    static std::string hex(std::span<const uint8_t> bytes) {
        std::string text;
        for (const uint8_t byte : bytes) {
            constexpr const char* digits = "0123456789abcdef";
            text += digits[byte >> 4];
            text += digits[byte & 15];
        }
        return text;
    }

    void tell(const Frame& frame, const Verdict& verdict) {
        log << static_cast<int>(verdict.kind) << " " << name_of(verdict) << " " << way_of(verdict)
            << " " << hex(frame.bytes()) << "\n";
    }

    // Adjacencies are numbered as they are first wanted, which is in another order in a burst.
    std::string way_of(const Verdict& verdict) {
        if (verdict.kind != Verdict::Kind::forward) {
            return "-";
        }
        const Hop& hop = path->hop(verdict);
        return std::to_string(hop.port) + " " + std::to_string(hop.vlan) + " " +
               hop.address.text() + " " + std::to_string(verdict.port);
    }

    static std::string name_of(const Verdict& verdict) {
        return verdict.kind == Verdict::Kind::drop ? std::string(name(verdict.drop)) : "-";
    }

    // What there is to see from outside.
    std::string state() {
        std::ostringstream out;
        const Counters& c = path->counters();
        out << c.to_servers << " " << c.to_clients << " " << c.to_peers << " " << c.resets << " "
            << c.icmp << " " << c.punted << "\n";
        for (const auto& line : c.lines) {
            out << "line " << line.rx_vip_packets << " " << line.tx_vip_packets << "\n";
        }
        for (const auto& s : c.services) {
            out << "service " << s.to_servers << " " << s.to_clients << " " << s.new_flows << " "
                << s.dropped << "\n";
        }
        for (size_t i = 0; i < drop_count; ++i) {
            out << drop_names[i].name << " " << c.drops[i] << "\n";
        }
        uint64_t place = 0;
        while (const Flow* flow = path->flows().next(place)) {
            const WayBack way = path->flows().way_back(*flow);
            out << int{flow->protocol} << " " << flow->client().text() << " " << flow->vip().text()
                << " " << flow->server().text() << " kind " << static_cast<int>(flow->kind)
                << (flow->barred ? " barred" : "") << " stage " << static_cast<int>(flow->stage)
                << " " << flow->client_next << " " << flow->server_next << " " << flow->client_known
                << flow->server_known << flow->answered << flow->client_finished
                << flow->server_finished << flow->client_reset << flow->server_reset << " seen "
                << flow->last_seen_ms << " way " << static_cast<int>(way.via) << " " << way.index
                << " " << way.carrier << " service " << flow->service << " stamp " << flow->stamp
                << " place " << path->flows().id(*flow) << "\n";
        }
        const FlowCounts& counts = path->flows().counts();
        out << counts.here << " " << counts.relayed << " " << counts.provisional << " "
            << counts.closing << " " << path->flows().served() << " "
            << path->flows().decided_again() << "\n";
        return out.str();
    }

    Micros now = 1'000'000;
    std::unique_ptr<Act> act;
    Datapath* path = nullptr;
    std::ostringstream log;
};

class Traffic {
public:
    explicit Traffic(uint64_t seed) : random_(seed) {}

    PortIndex port() {
        const PortIndex ports[] = {red,          red,          green,     blue,     servers_port,
                                   servers_port, servers_port, link_port, vlan_port};
        return ports[random_.below(9)];
    }

    Bytes frame(PortIndex port) {
        const bool from_server = port == servers_port || port == vlan_port;
        const bool six = random_.chance(25);
        const Endpoint client =
            six ? Endpoint{ip("2001:db8:c::1"), port_of()}
                : Endpoint{Address::v4(0x64500001 + random_.below(3) * 0x10000), port_of()};
        Say say{client, vip(six), 6};
        const uint32_t what = random_.below(100);
        say.protocol = what < 60 ? 6 : what < 94 ? 17 : static_cast<uint8_t>(random_.below(256));
        if (from_server) {
            say.to = random_.chance(10) ? Endpoint{ip("10.1.200.1"), port_of()} : client;
            say.from = server(six);
        }
        if (random_.chance(4)) {
            (from_server ? say.to : say.from).address = nobodys(six);
        }
        const uint8_t all_flags[] = {
            flag::S,           flag::S, flag::A,           flag::A, flag::A, flag::S | flag::A,
            flag::F | flag::A, flag::R, flag::R | flag::A, flag::P, 0};
        say.flags = all_flags[random_.below(11)];
        say.seq = 1000 + random_.below(40) * (random_.chance(10) ? 1'000'000 : 1);
        say.ack = 2000 + random_.below(40) * (random_.chance(10) ? 1'000'000 : 1);
        say.payload = std::string(random_.chance(3) ? 1480 : random_.below(60), 'x');
        say.ttl = random_.chance(5) ? static_cast<uint8_t>(random_.below(3)) : 64;
        say.checksum = !random_.chance(20);
        if (!six && random_.chance(4)) {
            say.fragment = static_cast<uint16_t>(random_.chance(50) ? 0x2000 : random_.below(9));
        }
        if (six && random_.chance(4)) {
            const auto field = static_cast<uint8_t>(random_.chance(50) ? 1 : 8 * random_.below(3));
            say.extensions.push_back({44, {0, 0, field, 0, 0, 0, 7}});
        }
        say.option_bytes = !six && random_.chance(4) ? 4 * random_.below(10) : 0;
        Bytes bytes = make_frame(say);
        if (random_.chance(6)) {
            bytes[random_.below(static_cast<uint32_t>(std::min<size_t>(bytes.size(), 60)))] =
                static_cast<uint8_t>(random_.any32());
        }
        if (random_.chance(3)) {
            bytes.resize(random_.below(static_cast<uint32_t>(bytes.size())));
        }
        if (random_.chance(3)) {
            bytes.resize(bytes.size() + random_.below(20));  // Ethernet's padding
        }
        if (port == vlan_port && bytes.size() >= 14) {
            const uint8_t tag[] = {0x81, 0, 1, static_cast<uint8_t>(random_.chance(90) ? 44 : 45)};
            bytes.insert(bytes.begin() + 12, tag, tag + 4);
        }
        return bytes;
    }

    Random& random() { return random_; }

private:
    uint16_t port_of() { return static_cast<uint16_t>(40000 + random_.below(12)); }

    // Whose packets a client cannot send, or that no reply goes to: a pool's, a VIP's, a gateway's,
    // a server's, and what nobody has.
    Address nobodys(bool six) {
        const char* four[] = {"10.1.200.0", "10.1.200.1", "198.51.100.10", "203.0.113.200",
                              "100.64.1.2", "10.99.0.1",  "10.1.1.11",     "10.1.3.2",
                              "100.64.1.1", "127.0.0.1",  "169.254.1.1",   "224.0.0.1",
                              "10.1.3.1",   "0.0.0.0"};
        const char* sixes[] = {
            "2001:db8:f::10", "2001:db8:f::133", "2001:db8:a::11", "2001:db8:a::133", "::1",
            "fe80::1",        "::ffff:10.1.1.1", "ff02::1"};
        return ip(six ? sixes[random_.below(8)] : four[random_.below(14)]);
    }

    Endpoint vip(bool six) {
        const char* four[] = {"198.51.100.10:1883", "203.0.113.5:14000", "198.51.100.10:862",
                              "203.0.113.6:53",     "203.0.113.7:80",    "203.0.113.130:9",
                              "203.0.113.200:1883", "198.51.100.77:1",   "192.0.2.1:1"};
        const char* sixes[] = {"[2001:db8:f::10]:1883", "[2001:db8:f::10]:862",
                               "[2001:db8:f::133]:7"};
        return end(six ? sixes[random_.below(3)] : four[random_.below(9)]);
    }

    Endpoint server(bool six) {
        const char* four[] = {"10.1.1.11:1883", "10.1.1.12:1883", "10.1.1.11:1884",
                              "10.1.1.12:1884", "10.1.1.11:862",  "10.1.1.12:862",
                              "10.1.1.31:80",   "10.1.3.2:9",     "10.1.1.99:1"};
        const char* sixes[] = {"[2001:db8:a::11]:1883", "[2001:db8:a::12]:1883",
                               "[2001:db8:a::11]:862", "[2001:db8:a::133]:7"};
        return end(six ? sixes[random_.below(4)] : four[random_.below(9)]);
    }

    Random random_;
};

void both(Gateway& fast, Gateway& slow, PortIndex port, const std::vector<Bytes>& frames) {
    std::vector<Buffer> buffers;
    buffers.reserve(frames.size());
    std::vector<Job> jobs(frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
        buffers.emplace_back(frames[i]);
        jobs[i].frame = buffers[i].frame;
    }
    fast.path->handle(std::span(jobs), port, fast.now);
    for (const Job& job : jobs) {
        fast.tell(job.frame, job.verdict);
    }
    std::vector<std::pair<Frame, Verdict>> told;
    std::vector<Buffer> again;
    again.reserve(frames.size());
    for (const Bytes& bytes : frames) {
        again.emplace_back(bytes);
        Frame frame = again.back().frame;
        const Verdict verdict = slow.path->handle(frame, port, slow.now);
        told.emplace_back(frame, verdict);
    }
    for (const auto& [frame, verdict] : told) {
        slow.tell(frame, verdict);
    }
}

// What a reload may bring.  Pools are only ever added behind; the last one takes addresses that
// clients have had.
Config varied(uint32_t value) {
    Config config = every_forwarding();
    const uint32_t which = value / 16 % 4;
    auto& service = config.services[which];
    switch (value % 16) {
        case 0:
            config.services.erase(config.services.begin() + which);
            break;
        case 1:
        case 2:
            service.servers.pop_back();
            break;
        case 3:
            service.servers.front().masked = true;
            break;
        case 4:
            service.servers.erase(service.servers.begin());
            service.servers.push_back(
                {"other", ip(service.vip.family == Family::v4 ? "10.1.1.99" : "2001:db8:a::99"),
                 1883, 1});
            break;
        case 5:
            config.pools.push_back({"more", {*Prefix::parse("100.80.0.1/32")}});
            break;
        case 6:
            config.maps.clear();
            break;
        case 7:
            config.maps.push_back(
                {"more", *Prefix::parse("198.51.100.8/29"), *Prefix::parse("10.1.4.8/29")});
            break;
        case 8: {  // and with it what is in it, as the checks of a configuration want
            const Prefix gone = config.prefixes[value / 16 % 2];
            std::erase(config.prefixes, gone);
            std::erase_if(config.services, [&](const auto& s) { return gone.contains(s.vip); });
            std::erase_if(config.maps, [&](const auto& map) { return gone.contains(map.vip); });
            break;
        }
        case 9:
            service.forward = Forward::tunnel;
            break;
        case 10:
            service.pool = 0;
            break;
        default:
            break;
    }
    return with_lines(config, true);
}

// The first lines of both that differ; empty: none.
std::string difference(const std::string& fast, const std::string& slow) {
    std::istringstream a(fast), b(slow);
    for (std::string x, y; std::getline(a, x).good() | std::getline(b, y).good();) {
        if (x != y) {
            return "fast: " + x + "\nslow: " + y;
        }
    }
    return fast == slow ? "" : "one is longer";
}

// Rules about some of the clients, VIPs and ports that there are; often none.
nlohmann::json access_rules(uint32_t value) {
    nlohmann::json rules = nlohmann::json::array();
    if (value % 4 != 0) {
        const char* clients[] = {"100.80.0.1", "100.81.0.0/16", "2001:db8:c::/64", "100.64.0.0/10"};
        const char* vips[] = {"198.51.100.10", "203.0.113.0/24", "2001:db8:f::/48"};
        const char* ports[] = {"1883", "1-1000", "40000-65535"};
        for (uint32_t i = 0; i < 2; ++i, value /= 7) {
            nlohmann::json rule{{"action", value % 2 == 0 ? "drop" : "accept"}};
            const bool six = value / 2 % 4 == 2;
            rule["clients"] = {clients[value / 2 % 4]};
            if (value / 8 % 3 != 0) {
                rule["vips"] = {vips[six ? 2 : value / 24 % 2]};
            }
            if (value / 48 % 3 == 0) {
                rule["ports"] = {ports[value / 150 % 3]};
            }
            rules.push_back(rule);
        }
    }
    return {{"rules", rules}, {"default", value % 5 == 0 ? "drop" : "accept"}};
}

// Anything, in any mode.
void disable_or_enable(State& state, uint32_t value) {
    const Config& config = state.config();
    std::vector<DisableTarget> targets{{Level::site, "old"},
                                       {Level::site, "new"},
                                       {Level::line, config.lines[value / 64 % 3].carrier}};
    for (const ServiceConfig& service : config.services) {
        targets.push_back({Level::service, service.name});
        targets.push_back({Level::server, service.name + "/" + service.servers[0].name});
    }
    const DisableTarget& target = targets[value / 4 % targets.size()];
    if (value % 4 == 3) {
        state.enable(target, {});
        return;
    }
    DisableOrder order;
    order.mode = static_cast<DisableMode>(value % 4);
    order.rate_per_s = 100;
    state.disable(target, order);
}

// What happens between bursts, at both.
void event(Gateway& gateway, uint32_t what, uint32_t value) {
    Datapath& path = *gateway.path;
    State& state = gateway.act->state;
    if (what < 40) {
        gateway.now += value % 5'000'000;
        path.tick(gateway.now, [](const Flow&) {});
    } else if (what < 50) {
        state.order(ShareOrder{{value % 2 == 0 ? 0 : 5000U, ShareBy::address_port}, {}});
    } else if (what < 60) {
        const auto to = static_cast<LineState>(value / 3 % 3);
        to == LineState::draining ? state.drain(value % 3, {}, gateway.now)
                                  : set_line(state, value % 3, to == LineState::enabled);
    } else if (what < 70) {
        state.reload(varied(value));
    } else if (what < 75) {
        order_access(state, access_rules(value));
    } else if (what < 80) {
        gateway.neighbours(value % 3 != 0);
    } else if (what < 85) {
        end_flows(path, gateway.now, 500);
    } else if (what < 90) {
        disable_or_enable(state, value);
    } else {
        Keepalive keepalive;
        keepalive.sequence = static_cast<uint32_t>(gateway.now);
        keepalive.flows_here = value % 2;
        keepalive.copies = value % 3 == 0;
        keepalive.prefixes = path.tables().prefixes();
        keepalive.has_keys = value % 16 != 0;
        state.hear(0, keepalive, gateway.now);
    }
    gateway.act->follow(gateway.now);
}

}  // namespace

TEST_CASE("a burst is the same as its packets one by one") {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        const bool keyed = seed % 2 == 0;
        Gateway fast(every_forwarding(), keyed), slow(every_forwarding(), keyed);
        Traffic traffic(seed);
        Random& random = traffic.random();
        for (int round = 0; round < 150; ++round) {
            INFO("seed ", seed, ", round ", round);
            const PortIndex port = traffic.port();
            std::vector<Bytes> frames;
            const uint32_t count = 1 + random.below(40);
            for (uint32_t i = 0; i < count; ++i) {
                frames.push_back(traffic.frame(port));
                if (random.chance(2) && frames.back().size() > 5) {
                    frames.back()[5] ^= 0x55;  // of another host's
                }
            }
            both(fast, slow, port, frames);
            if (random.chance(20)) {
                const uint32_t what = random.below(100), value = random.any32();
                event(fast, what, value);
                event(slow, what, value);
            }
            REQUIRE(difference(fast.log.str(), slow.log.str()) == "");
            REQUIRE(difference(fast.state(), slow.state()) == "");
            fast.log.str("");
            slow.log.str("");
        }
    }
}

TEST_CASE("frames for another host are dropped, those for all are the kernel's") {
    const Bytes to_us =
        make_frame({end("100.80.0.1:40000"), end("198.51.100.10:1883"), 6, flag::S});
    struct Row {
        uint8_t first, last;  // bytes of the destination
        Drop drop;            // count_: none
        Verdict::Kind kind;
    };
    for (const Row& row : {Row{2, 1, Drop::count_, Verdict::Kind::forward},
                           Row{2, 9, Drop::other_mac, Verdict::Kind::drop},
                           Row{1, 9, Drop::count_, Verdict::Kind::punt}}) {
        for (const bool burst : {false, true}) {
            Gateway gateway(every_forwarding());
            Bytes frame = to_us;
            frame[0] = row.first, frame[5] = row.last;
            Buffer buffer(frame);
            Job job{buffer.frame, {}};
            if (burst) {
                gateway.path->handle(std::span(&job, 1), red, gateway.now);
            } else {
                job.verdict = gateway.path->handle(buffer.frame, red, gateway.now);
            }
            CHECK(job.verdict.kind == row.kind);
            CHECK((row.kind != Verdict::Kind::drop || job.verdict.drop == row.drop));
        }
    }
}

// Found by fuzzing: the TCP header was looked into before it was known to be there.  The frames end
// where their memory ends, for AddressSanitizer to see.
TEST_CASE("a transport header cut short, and nothing behind it") {
    for (const bool six : {false, true}) {
        const Endpoint client = six ? end("[2001:db8:c::1]:40000") : end("100.80.0.1:40000");
        const Endpoint vip = six ? end("[2001:db8:f::10]:1883") : end("198.51.100.10:1883");
        const Bytes whole = make_ip({client, vip, 6});
        const size_t header = six ? 40 : 20;
        for (size_t bytes = 0; bytes < 20; ++bytes) {
            Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(header + bytes));
            const size_t length = six ? bytes : header + bytes;
            cut[six ? 5 : 3] = static_cast<uint8_t>(length);
            const Bytes frame = ethernet(cut);
            const auto block = std::make_unique<uint8_t[]>(frame.size());
            std::copy(frame.begin(), frame.end(), block.get());
            Gateway gateway(every_forwarding());
            Job job{{block.get(), static_cast<uint32_t>(frame.size()), 0, 0}, {}};
            gateway.path->handle(std::span(&job, 1), red, gateway.now);
            INFO("bytes ", bytes, six ? " IPv6" : " IPv4");
            CHECK(Gateway::name_of(job.verdict) == "truncated");
        }
    }
}

}  // namespace rehome::vipd::testing
