// What a running vipd takes over from a changed configuration, and how its lines and peers are
// numbered then.
#include "vipd/state/reload.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

LineConfig line(const char* carrier, size_t port, uint16_t vlan = 0) {
    return {carrier, port, {ip("100.64.99.2"), 30}, ip("100.64.99.1"), true, vlan};
}

std::string all_of(const std::vector<Error>& errors) {
    std::string text;
    for (const Error& error : errors) {
        text += (text.empty() ? "" : "; ") + error.text();
    }
    return text;
}

}  // namespace

TEST_CASE("what a reload cannot change") {
    struct Row {
        const char* what;
        std::function<void(Config&)> change;
        const char* mistake;
    };
    const Row rows[] = {
        {"lifetimes", [](Config& c) { c.flows.lifetimes.udp = 300; }, ""},
        {"maps", [](Config& c) { c.maps.pop_back(); }, ""},
        {"services", [](Config& c) { c.services.clear(); }, ""},
        {"a mask", [](Config& c) { c.services[0].servers[0].masked = true; }, ""},
        {"prefixes", [](Config& c) { c.prefixes.push_back(*Prefix::parse("192.0.2.0/24")); }, ""},
        {"the absence", [](Config& c) { c.orders.absence_s = 1; }, ""},
        {"another move", [](Config& c) { c.move.id = 7; }, ""},
        {"a line's state", [](Config& c) { c.lines[0].enabled = true; }, ""},
        {"a line more", [](Config& c) { c.lines.push_back(line("violet", servers_port)); }, ""},
        {"a tagged line on a port with VLANs",
         [](Config& c) { c.lines.push_back(line("violet", vlan_port, 301)); }, ""},
        {"the first tagged line of a port",
         [](Config& c) { c.lines.push_back(line("violet", red, 301)); },
         "/lines: the line of \"violet\" cannot bring the first VLAN to its port while vipd runs, "
         "expected a restart"},
        {"lines in another order", [](Config& c) { std::swap(c.lines[0], c.lines[2]); }, ""},
        {"a line less", [](Config& c) { c.lines.erase(c.lines.begin() + 1); },
         "/lines: the line of \"green\" cannot go while vipd runs, expected a restart"},
        {"another router", [](Config& c) { c.lines[1].peer = ip("100.64.1.9"); },
         "/lines: the line of \"green\" cannot change while vipd runs, expected a restart"},
        {"another carrier", [](Config& c) { c.lines[1].carrier = "violet"; },
         "/lines: the line of \"green\" cannot go while vipd runs, expected a restart"},
        {"a peer more",
         [](Config& c) {
             c.peers.insert(c.peers.begin(), {"new2", "new", ip("10.99.0.9"), {}, {}});
         },
         ""},
        {"a peer less", [](Config& c) { c.peers.erase(c.peers.begin()); },
         "/inventory: gateway \"new\" cannot go while vipd runs, expected a restart"},
        {"a peer elsewhere", [](Config& c) { c.peers[1].tunnel = ip("10.99.0.9"); },
         "/inventory: gateway \"old2\" cannot change while vipd runs, expected a restart"},
        {"a pool more",
         [](Config& c) {
             c.pools.push_back({"more", {*Prefix::parse("10.1.201.0/31")}});
         },
         ""},
        {"a pool", [](Config& c) { c.pools[0].addresses.pop_back(); },
         "/pools: a pool, apart from others behind it, cannot change while vipd runs, expected a "
         "restart"},
        {"workers", [](Config& c) { c.workers = 3; },
         "/workers: the workers cannot change while vipd runs, expected a restart"},
        {"flows", [](Config& c) { c.flows.capacity = 2048; },
         "/flows/capacity: the table of flows cannot change while vipd runs, expected a restart"},
        {"half-open flows", [](Config& c) { c.flows.half_open = 2048; },
         "/flows/half_open: the table of half-open flows cannot change while vipd runs, expected a "
         "restart"},
        {"fragments", [](Config& c) { c.fragments.wait_ms = 200; },
         "/fragments: the memory for fragments cannot change while vipd runs, expected a restart"},
        {"a device", [](Config& c) { c.ports[0].device.interface = "other"; },
         "/ports: a port cannot change while vipd runs, expected a restart"},
        {"memory", [](Config& c) { c.memory.mib = 512; },
         "/memory: the memory cannot change while vipd runs, expected a restart"},
        {"the socket", [](Config& c) { c.control = "/run/other.sock"; },
         "/control: the control socket cannot change while vipd runs, expected a restart"},
        {"the log", [](Config& c) { c.reset_log = "/run/resets"; },
         "/reset_log: the log of resets cannot change while vipd runs, expected a restart"},
        {"the file of orders", [](Config& c) { c.orders.path = "/run/orders"; },
         "/orders/path: the file of orders cannot change while vipd runs, expected a restart"},
        {"the tunnel", [](Config& c) { c.tunnel->address = ip("10.99.0.8"); },
         "/inventory: this gateway's tunnel cannot change while vipd runs, expected a restart"},
        {"two things", [](Config& c) { c.workers = 3, c.peers.clear(); },
         "/workers: the workers cannot change while vipd runs, expected a restart; "
         "/inventory: gateway \"new\" cannot go while vipd runs, expected a restart; "
         "/inventory: gateway \"old2\" cannot go while vipd runs, expected a restart"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const Config from = every_forwarding();
        Config to = from;
        row.change(to);
        CHECK(all_of(needs_restart(from, to)) == row.mistake);
    }
}

TEST_CASE("lines and peers keep their numbers, new ones come behind") {
    const Config from = every_forwarding();
    Config to = from;
    std::swap(to.lines[0], to.lines[2]);
    std::swap(to.peers[0], to.peers[1]);
    to.lines.insert(to.lines.begin(), line("violet", servers_port));
    to.lines.push_back(line("white", servers_port));
    to.peers.insert(to.peers.begin(), {"new2", "new", ip("10.99.0.9"), {}, {}});
    const Config arranged_to = arranged(from, to);
    std::string lines, peers;
    for (const auto& one : arranged_to.lines) {
        lines += one.carrier + " ";
    }
    for (const auto& one : arranged_to.peers) {
        peers += one.gateway + " ";
    }
    CHECK(lines == "red green blue violet white ");
    CHECK(peers == "new old2 new2 ");
}

TEST_CASE("a line and a gateway that a reload brings are used, and flows keep theirs") {
    Lab lab({{"old", "new", "new2"}, 1000, {"old"}});
    LabGateway& old = lab.gateways[0];
    const Config whole = old.config;
    // Another life of the old gateway, which does not know blue and new2 yet.
    Config config = whole;
    config.lines.erase(config.lines.begin() + 2);
    config.peers.erase(config.peers.begin() + 1);
    config.ports[blue].server_vlans = std::vector<uint16_t>{};
    Datapath::Settings settings;
    settings.flows = {1000, 1000};
    settings.ports.assign(config.ports.size(), PortLink{{}, 1540});
    Act act(config, settings, lab.now);
    RouteTable routes;
    routes.set({*Prefix::parse("10.1.0.0/16"), 0}, {servers_port, {}});
    act.path.replace_routes(std::make_shared<const Fib>(routes.build()));
    const auto enter = [&](PortIndex port, const Say& say) {
        Buffer buffer(make_frame(say));
        const Verdict verdict = act.path.handle(buffer.frame, port, lab.now);
        return std::pair(verdict, *parse_packet(buffer.ip_packet(), 0));
    };
    const Endpoint client = end("100.80.0.1:40000");
    const auto syn = enter(red, to_meters(client));
    CHECK(syn.first.kind == Verdict::Kind::forward);
    CHECK(enter(blue, to_meters(end("100.80.0.2:40000"))).first.kind == Verdict::Kind::punt);
    Keepalive k;
    k.sequence = 1;
    act.state.hear(0, k, lab.now);
    act.follow(lab.now);

    Config more = whole;
    more.ports = config.ports;
    std::swap(more.lines[0], more.lines[2]);
    std::swap(more.peers[0], more.peers[1]);
    more.lines[0].enabled = true;
    REQUIRE(needs_restart(act.state.config(), more).empty());
    act.state.reload(more);
    act.follow(lab.now);
    const Snapshot& now = act.path.snapshot();
    CHECK(now.lines ==
          std::vector<LineState>{LineState::enabled, LineState::enabled, LineState::enabled});
    CHECK(now.config->lines[2].carrier == "blue");
    CHECK(now.config->peers[1].gateway == "new2");
    CHECK(now.peer_up(0));
    CHECK_FALSE(now.peer_up(1));
    CHECK(enter(blue, to_meters(end("100.80.0.2:40000"))).first.kind == Verdict::Kind::forward);
    CHECK(act.path.counters().lines[blue].rx_vip_packets == 1);
    const auto back = enter(servers_port, answer(syn.second, flag::S | flag::A));
    CHECK(back.first.kind == Verdict::Kind::forward);
    act.path.count_sent(back.first.bill);  // its router is not resolved here
    CHECK(act.path.counters().lines[red].tx_vip_packets == 1);
    k.sequence = 2;
    act.state.hear(1, k, lab.now);
    act.follow(lab.now);
    CHECK(act.path.snapshot().peer_up(1));
}

}  // namespace rehome::vipd::testing
