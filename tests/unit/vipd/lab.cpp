#include "tests/unit/vipd/lab.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <nlohmann/json.hpp>

#include "vipd/packet/bytes.h"
#include "vipd/packet/hash.h"
#include "vipd/packet/icmp.h"

namespace rehome::vipd::testing {

namespace {

const std::vector<std::string> carriers{"red", "green", "blue"};

// Others after each restart, the same in each run of the tests.
Agreement::Draw nonces(Micros now) {
    return [drawn = mix(static_cast<uint64_t>(now))]() mutable { return ++drawn; };
}

struct LabSite {
    const char* name;
    const char* servers;  // their network
    const char* server1;
    const char* server2;
};

constexpr std::array<LabSite, 3> lab_sites{
    {{"old", "10.1.0.0/16", "10.1.1.11", "10.1.1.12"},
     {"new", "172.20.0.0/16", "172.20.5.21", "172.20.5.22"},
     {"east", "172.21.0.0/16", "172.21.5.21", "172.21.5.22"}}};

// "old2" stands at the site "old".
size_t site_of(const std::string& gateway) {
    size_t site = 0;
    while (!gateway.starts_with(lab_sites.at(site).name)) {
        ++site;
    }
    return site;
}

Address tunnel_of(size_t index) {
    return Address::v4(0x0a630001 + static_cast<uint32_t>(index));
}

ServiceConfig service(const std::string& name, const char* vip, Protocol protocol,
                      uint16_t server_port, const LabSite& site) {
    const Endpoint at = end(vip);
    ServiceConfig out;
    out.name = name;
    out.vip = at.address;
    out.protocol = protocol;
    out.port = at.port;
    out.servers = {{"s1", ip(site.server1), server_port, 1},
                   {"s2", ip(site.server2), server_port, 1}};
    return out;
}

Fib routes(const Config& config) {
    RouteTable table;
    const char* servers = lab_sites[site_of(config.gateway)].servers;
    table.set({*Prefix::parse(servers), 0}, {servers_port, {}});
    table.set({*Prefix::parse("10.99.0.0/24"), 0}, {link_port, {}});
    table.set({*Prefix::parse("0.0.0.0/0"), 0}, {red, config.lines[0].peer});
    return table.build();
}

// By whatever way.
uint64_t sent_by(const Datapath& path) {
    const Counters& counters = path.counters();
    return counters.to_servers + counters.to_clients + counters.to_peers + counters.punted;
}

ServiceConfig more_service(const std::string& name, const char* vip, Protocol protocol,
                           const std::vector<const char*>& servers) {
    const Endpoint at = end(vip);
    ServiceConfig out;
    out.name = name;
    out.vip = at.address;
    out.protocol = protocol;
    out.port = at.port;
    for (const char* server : servers) {
        const Endpoint to = end(server);
        out.servers.push_back({"s" + std::to_string(out.servers.size()), to.address, to.port, 1});
    }
    return out;
}

}  // namespace

Config lab_config(const std::string& gateway, const std::vector<std::string>& gateways) {
    Config config;
    const size_t number = site_of(gateway);
    const LabSite& site = lab_sites[number];
    config.gateway = gateway;
    config.site = site.name;
    config.prefixes = {*Prefix::parse("198.51.100.0/24"), *Prefix::parse("203.0.113.0/24")};
    for (size_t i = 0; i < carriers.size(); ++i) {
        config.ports.push_back({carriers[i], {}, {}});
        const auto third = static_cast<uint32_t>(10 * i + 1 + number);
        const uint32_t subnet = 0x64400000 + (third << 8);
        LineConfig line{carriers[i], i, {Address::v4(subnet + 2), 30}, Address::v4(subnet + 1),
                        false,       0};
        config.lines.push_back(line);
    }
    config.ports.push_back({"servers", {}, {}});
    config.ports.push_back({"link", {}, {}});
    for (size_t i = 0; i < gateways.size(); ++i) {
        if (gateways[i] == gateway) {
            config.tunnel = {tunnel_of(i), link_port, 0};
        } else {
            config.peers.push_back(
                {gateways[i], lab_sites[site_of(gateways[i])].name, tunnel_of(i), {}, {}});
        }
    }
    config.services = {service("meters", "198.51.100.10:1883", Protocol::tcp, 1883, site),
                       service("terminals", "203.0.113.5:14000", Protocol::tcp, 1884, site),
                       service("reflect", "198.51.100.10:862", Protocol::udp, 862, site)};
    return config;
}

Config every_forwarding() {
    Config config = lab_config("old", {"old", "new", "old2"});
    config.ports.push_back({"tagged", {}, {{300}}});
    config.prefixes.push_back(*Prefix::parse("2001:db8:f::/64"));
    config.services.push_back(more_service("six", "[2001:db8:f::10]:1883", Protocol::tcp,
                                           {"[2001:db8:a::11]:1883", "[2001:db8:a::12]:1883"}));
    config.services.push_back(
        more_service("six-udp", "[2001:db8:f::10]:862", Protocol::udp, {"[2001:db8:a::11]:862"}));
    config.services.push_back(
        more_service("direct", "203.0.113.6:53", Protocol::udp, {"10.1.1.21:0", "10.1.1.22:0"}));
    config.services.back().forward = Forward::tunnel;
    config.services.push_back(
        more_service("pooled", "203.0.113.7:80", Protocol::tcp, {"10.1.1.31:80", "10.1.1.32:80"}));
    config.pools.push_back({"pool", {*Prefix::parse("10.1.200.0/31")}});
    config.services.back().pool = 0;
    config.maps.push_back(
        {"map", *Prefix::parse("203.0.113.128/25"), *Prefix::parse("10.1.3.0/25")});
    config.maps.push_back(
        {"map6", *Prefix::parse("2001:db8:f::100/120"), *Prefix::parse("2001:db8:a::100/120")});
    return config;
}

bool LabGateway::serves(const Endpoint& server) const {
    return std::any_of(config.services.begin(), config.services.end(), [&](const auto& service) {
        return std::any_of(service.servers.begin(), service.servers.end(), [&](const auto& s) {
            return s.address == server.address && s.port == server.port;
        });
    });
}

uint64_t LabGateway::drops() const {
    const auto& drops = path->counters().drops;
    return std::accumulate(drops.begin(), drops.end(), uint64_t{0});
}

Act::Act(const Config& config, const Datapath::Settings& settings, Micros now, const Orders& orders,
         std::shared_ptr<const Keyring> keys)
    : state(config, {orders, true, false, std::move(keys), nonces(now)}, now, no_pace),
      path(state.snapshot(), settings) {
    for (uint32_t i = 1; i < settings.workers; ++i) {
        Datapath::Settings of_one = settings;
        of_one.worker = i;
        others_.push_back(std::make_unique<Datapath>(state.snapshot(), of_one));
    }
}

void Act::set_sink(Sink sink) {
    sink.heard = [this](size_t peer, const Keepalive& keepalive, Micros at) {
        state.hear(peer, keepalive, at);
    };
    sink.services = [this](size_t peer, const ServicesPage& page) { state.hear(peer, page); };
    sink.handshake = [this](size_t peer, const Handshake& handshake, Micros at) {
        state.hear(peer, handshake, at);
    };
    sink.known_flows = [this](size_t peer, const FlowsPage& page) { state.hear(peer, page); };
    sink.link_size = [this](size_t peer, uint16_t mtu, Micros asked) {
        state.link_size(peer, mtu, asked);
    };
    sink.told_mtu = [this](size_t peer, uint16_t mtu, Micros at) { state.told_mtu(peer, mtu, at); };
    for (uint32_t i = 0; i < workers(); ++i) {
        worker(i).set_sink(sink);
    }
}

void Act::follow(Micros now) {
    while (state.advance(now)) {
        for (uint32_t i = 0; i < workers(); ++i) {
            worker(i).take(state.snapshot(), now);
        }
        state.drained(state.snapshot()->epoch);
    }
}

Config with_lines(Config config, bool enabled) {
    for (auto& line : config.lines) {
        line.enabled = enabled;
    }
    return config;
}

void Lab::reload(LabGateway& gateway) {
    gateway.state->reload(gateway.config);
    gateway.act->follow(now);
}

void Lab::share(LabGateway& gateway, const Share& share) {
    gateway.state->order(ShareOrder{share, {}});
    gateway.act->follow(now);
}

void Lab::place(const nlohmann::json& rules) {
    nlohmann::json document = rules;
    document["schema"] = "rehome/vipd-placement/1";
    const auto read = read_placement("rules", "", document, std::nullopt);
    for (LabGateway& gateway : gateways) {
        gateway.state->order(PlacementOrder{*read, {}});
        gateway.act->follow(now);
    }
}

void order_access(State& state, nlohmann::json document) {
    document["schema"] = "rehome/vipd-access/1";
    document.emplace("default", "accept");
    const auto rules = *read_access("rules", "", document, nullptr);
    state.order(AccessOrder{rules, {}},
                rules->decides()
                    ? std::make_shared<const Access>(Access{
                          rules, plain_classifier(*flatten(*rules, state.config().services))})
                    : nullptr);
}

void Lab::access(LabGateway& gateway, const nlohmann::json& rules) {
    order_access(*gateway.state, rules);
    gateway.act->follow(now);
}

void set_line(State& state, size_t line, bool enabled) {
    const DisableTarget target{Level::line, state.config().lines[line].carrier};
    enabled ? state.enable(target, {}) : state.disable(target, {});
}

void end_flows(Datapath& path, Micros now, double rate_per_s, const Scope& scope, Micros quiet,
               uint64_t id) {
    static uint64_t last = 1'000'000;
    path.endings().follow({{id == 0 ? ++last : id, rate_per_s, quiet, false, scope}}, path.flows(),
                          now);
}

Endings::Course ending(Datapath& path) {
    const auto& courses = path.endings().courses();
    return courses.empty() ? Endings::Course{} : courses.front();
}

void Lab::line(LabGateway& gateway, size_t line, LineState to) {
    if (to == LineState::draining) {
        gateway.state->drain(line, {}, now);
    } else {
        set_line(*gateway.state, line, to == LineState::enabled);
    }
    gateway.act->follow(now);
}

Lab::Lab(const Setup& setup) : setup_(setup) {
    if (!setup.keys.empty()) {
        link_carries = 1560;
    }
    for (const auto& name : setup.gateways) {
        const bool enabled = std::count(setup.all_lines.begin(), setup.all_lines.end(), name) > 0;
        LabGateway gateway{name, with_lines(lab_config(name, setup.gateways), enabled), nullptr};
        if (setup.keys.count(name) > 0) {
            gateway.config.keys = {"keys.json", setup.untagged};
        }
        gateways.push_back(std::move(gateway));
    }
    for (size_t i = 0; i < gateways.size(); ++i) {
        start(i);
    }
    pass(500 * ms);
}

void Lab::start(size_t number) {
    LabGateway& gateway = gateways[number];
    Datapath::Settings settings;
    settings.flows = {setup_.flow_capacity, setup_.flow_capacity};
    settings.hash_key = 42;
    settings.ports.assign(gateway.config.ports.size(), PortLink{{}, 1500});
    settings.ports[link_port].mtu = static_cast<uint16_t>(link_carries);
    const auto keys = setup_.keys.find(gateway.name);
    gateway.act = std::make_unique<Act>(
        gateway.config, settings, now, Orders{},
        keys == setup_.keys.end() ? nullptr : std::make_shared<const Keyring>(keys->second));
    gateway.state = &gateway.act->state;
    gateway.path = &gateway.act->path;
    gateway.path->replace_routes(std::make_shared<const Fib>(routes(gateway.config)));
    Sink sink;
    sink.emit = [this, number](std::span<const uint8_t> packet, uint32_t adjacency) {
        emitted_by(number, packet, adjacency);
    };
    gateway.act->set_sink(std::move(sink));
}

size_t Lab::index(const std::string& name) const {
    const auto found =
        std::find_if(gateways.begin(), gateways.end(),
                     [&](const LabGateway& gateway) { return gateway.name == name; });
    return static_cast<size_t>(found - gateways.begin());
}

void Lab::blame(const Outcome& outcome, const std::string& what) {
    wrong.push_back(outcome.text() + ": " + what);
}

Outcome Lab::enter(size_t gateway, PortIndex port, const Bytes& frame) {
    Outcome outcome;
    outcome.gateway = gateway;
    handle(outcome, port, frame, 8);
    return outcome;
}

void Lab::handle(Outcome& outcome, PortIndex port, const Bytes& frame, int hops_left) {
    LabGateway& gateway = gateways[outcome.gateway];
    outcome.path += (outcome.path.empty() ? "" : ">") + gateway.name;
    Buffer buffer(frame);
    Buffer copy(frame);
    const bool ask_first = handled_++ % 8 == 0;
    const auto foreseen = ask_first ? explained(gateway, copy, port) : Explained{};
    const uint64_t drops_before = gateway.drops(), sent_before = sent_by(*gateway.path);
    const uint64_t emitted_before = gateway.emitted;
    const auto acts_on = gateway.state->snapshot();  // what it sends may come back within the call
    const Verdict verdict = gateway.path->handle(buffer.frame, port, now);
    if (ask_first &&
        (foreseen.verdict.kind != verdict.kind || foreseen.verdict.drop != verdict.drop ||
         !std::ranges::equal(copy.frame.bytes(), buffer.frame.bytes()))) {
        blame(outcome, "explained otherwise than it was handled");
    }
    if (gateway.drops() - drops_before != (verdict.kind == Verdict::Kind::drop ? 1U : 0U)) {
        blame(outcome, "a drop that is not counted once");
    }
    gateway.path->count_sent(verdict.bill);  // nothing waits for a neighbour here
    const uint64_t counted = sent_by(*gateway.path) - sent_before;
    const uint64_t own = gateway.emitted - emitted_before;
    const bool leaves = verdict.kind != Verdict::Kind::drop;
    if (counted > own + (leaves ? 1U : 0U)) {
        blame(outcome, "counted as sent more often than it was");
    }
    if (const auto packet = parse_packet(buffer.frame.bytes(), ethernet_bytes)) {
        outcome.ip = buffer.ip_packet();
    }
    switch (verdict.kind) {
        case Verdict::Kind::forward:
            leave(outcome, gateway.path->hop(verdict), hops_left);
            break;
        case Verdict::Kind::check:
        case Verdict::Kind::punt:
            outcome.end = verdict.kind == Verdict::Kind::punt ? "punt" : "check";
            if (!std::equal(frame.begin(), frame.end(), buffer.frame.data)) {
                blame(outcome, "changed before it was punted");
            }
            break;
        case Verdict::Kind::consumed:
            outcome.end = "consumed";
            break;
        case Verdict::Kind::kept:
            outcome.end = "kept";
            break;
        case Verdict::Kind::wait:
            outcome.end = "waits";
            break;
        case Verdict::Kind::drop:
            outcome.end = "drop " + std::string(name(verdict.drop));
    }
    gateway.act->follow(now);
}

// What the gateway says it would do with a frame; it must not do it.
Explained Lab::explained(LabGateway& gateway, Buffer& frame, PortIndex port) {
    Datapath& path = *gateway.path;
    const Counters before = path.counters();
    const uint32_t flows = path.flows().size(), served = path.flows().served();
    size_t notes = 0;
    Trace trace{[&](std::string_view, std::string) { ++notes; }};
    auto explained = path.explain(frame.frame, port, now, trace);
    const Counters& after = path.counters();
    if (before.drops != after.drops || before.to_servers != after.to_servers ||
        before.to_clients != after.to_clients || before.to_peers != after.to_peers ||
        before.punted != after.punted || path.flows().size() != flows ||
        path.flows().served() != served) {
        wrong.push_back(gateway.name + ": changed by being asked");
    }
    if (notes == 0 && explained.verdict.kind != Verdict::Kind::consumed) {
        wrong.push_back(gateway.name + ": explained without a word");
    }
    return explained;
}

void Lab::leave(Outcome& outcome, const Hop& hop, int hops_left) {
    outcome.end = gateways[outcome.gateway].config.ports[hop.port].name;
    check_leaving(outcome, hop);
    if (hop.port == link_port) {
        across(outcome, hop, hops_left);
    }
}

void Lab::check_leaving(const Outcome& outcome, const Hop& hop) {
    const LabGateway& gateway = gateways[outcome.gateway];
    const Packet packet = outcome.packet();
    const auto bad = packet.fragment ? "" : wrong_checksum(outcome.ip);  // of whole datagrams
    if (!bad.empty()) {
        blame(outcome, "wrong checksum: " + bad);
    }
    const bool vip = gateway.path->tables().is_moved(packet.source);
    if (hop.port <= blue) {
        if (gateway.path->snapshot().line(hop.port) == LineState::disabled) {
            blame(outcome, testing::text(packet) + " left by a disabled line");
        }
        const LineConfig& line = gateway.config.lines[hop.port];
        const bool own_error = packet.icmp() && packet.source == line.address.address;
        if (!(vip || own_error) || hop.address != line.peer) {
            blame(outcome, testing::text(packet) + " is no reply to the carrier's router");
        }
    } else if (vip && !is_icmp_error(packet)) {  // which tells a server of what it sent
        blame(outcome, "a VIP as source off the lines");
    }
    if (hop.port == servers_port && hop.address != packet.destination) {
        blame(outcome, "not sent to the server itself");
    }
}

void Lab::across(Outcome& outcome, const Hop& hop, int hops_left) {
    if (hops_left == 0) {
        outcome.end = "circles";
        blame(outcome, "too many gateways");
        return;
    }
    if (tap) {
        tap(outcome.gateway, outcome.ip);
    }
    if (!link_up || gateways[outcome.gateway].name == silent || outcome.ip.size() > link_carries) {
        outcome.end = "lost";
        return;
    }
    for (size_t i = 0; i < gateways.size(); ++i) {
        if (gateways[i].config.tunnel->address == hop.address) {
            outcome.gateway = i;
            handle(outcome, link_port, ethernet(outcome.ip), hops_left - 1);
            return;
        }
    }
    blame(outcome, "to a gateway that is none");
}

void Lab::emitted_by(size_t gateway, std::span<const uint8_t> packet, uint32_t adjacency) {
    ++gateways[gateway].emitted;
    Outcome outcome;
    outcome.path = gateways[gateway].name;
    outcome.gateway = gateway;
    outcome.ip = {packet.begin(), packet.end()};
    leave(outcome, gateways[gateway].path->adjacencies()[adjacency].hop, 8);
    const bool control =
        packet.size() > 28 && packet[9] == 17 && (packet[28] & 0xe0) == 0x20;  // of IPv4 in UDP
    if (!control) {
        emitted.push_back(outcome);
    }
}

void Lab::tick(size_t gateway) {
    gateways[gateway].act->follow(now);
    const auto acts_on = gateways[gateway].state->snapshot();  // likewise
    gateways[gateway].path->tick(now, [&](const Flow& flow) { reset_log.push_back(flow.key()); });
}

void Lab::pass(Micros time) {
    for (const Micros until = now + time; now < until;) {
        now = std::min(now + 10 * ms, until);
        for (size_t i = 0; i < gateways.size(); ++i) {
            tick(i);
        }
    }
}

Say to_meters(const Endpoint& client, uint8_t flags) {
    return {client, end("198.51.100.10:1883"), 6, flags};
}

Say answer(const Packet& at_server, uint8_t flags) {
    Say say{{at_server.destination, at_server.destination_port},
            {at_server.source, at_server.source_port},
            at_server.protocol,
            flags};
    say.seq = at_server.ack;
    say.ack = at_server.seq + at_server.sequence_length();
    return say;
}

Bytes tunnelled(const Bytes& ip_packet, const Gue& gue, const Address& from, const Address& to) {
    Say outer{{from, 50000}, {to, gue_port}, 17};
    outer.payload = {2,
                     static_cast<char>(ip_packet[0] >> 4 == 4 ? 4 : 41),
                     0,
                     0,
                     1,
                     static_cast<char>(gue.kind),
                     static_cast<char>(gue.hops),
                     static_cast<char>(gue.crossed)};
    for (const int shift : {24, 16, 8, 0}) {
        outer.payload.push_back(static_cast<char>(gue.carrier >> shift));
    }
    outer.payload.append(ip_packet.begin(), ip_packet.end());
    return make_frame(outer);
}

}  // namespace rehome::vipd::testing
