// The lab's two sites, or three, in memory: a Datapath for each gateway, the link between them, one
// clock.
//
// A packet is handed to a gateway's port and followed from verdict to verdict until it leaves:
// Outcome tells by which gateways it came and where it ended.  Whatever a test is about, each
// packet is checked on its way (Lab::wrong): checksums from scratch, one way out and one counter
// for it, hops that count down, no VIP as source on a line that is disabled.
//
// Names and addresses are those of tests/lab/inventory.json; "old2" and "new2" are second gateways,
// "east" one of a third site.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tests/unit/vipd/packets.h"
#include "vipd/packet/gue.h"
#include "vipd/path/datapath.h"
#include "vipd/state/state.h"

namespace rehome::vipd::testing {

inline constexpr PortIndex red = 0, green = 1, blue = 2, servers_port = 3, link_port = 4;
inline constexpr Micros ms = 1'000;

// Ports of a config are numbered as above; gateway is one of gateways.
Config lab_config(const std::string& gateway, const std::vector<std::string>& gateways);

// The old gateway with every kind of forwarding in both families: nat, source NAT, tunnels, maps;
// and a port whose VLAN 300 has servers.
inline constexpr PortIndex vlan_port = 5;
Config every_forwarding();

// The document of access, in force at that state with the next snapshot.
void order_access(State& state, nlohmann::json document);

struct Outcome {
    std::string path;  // the gateways, in order: "old>new"
    std::string end;   // "servers", "red", "drop no_server", "punt", "consumed", "lost"
    size_t gateway = 0;
    Bytes ip;  // as it left or was dropped

    std::string text() const { return path + " " + end; }
    Packet packet() const { return *parse_packet(ip, 0); }
};

// A gateway's state and its workers, one unless the settings say more, which act on every change at
// once.
class Act {
public:
    Act(const Config& config, const Datapath::Settings& settings, Micros now,
        const Orders& orders = {}, std::shared_ptr<const Keyring> keys = nullptr);

    // What the sink hears goes to the state.
    void set_sink(Sink sink);
    // Between two bursts: what has changed comes into force.
    void follow(Micros now);

    Datapath& worker(uint32_t number) { return number == 0 ? path : *others_[number - 1]; }
    uint32_t workers() const { return static_cast<uint32_t>(1 + others_.size()); }

    State state;
    Datapath path;  // the first worker's

private:
    std::vector<std::unique_ptr<Datapath>> others_;
};

// Snapshots as fast as things change.
inline constexpr Pace no_pace{1, 0};

// The configuration with all its lines enabled, or none.
Config with_lines(Config config, bool enabled);

struct LabGateway {
    std::string name;
    Config config;
    std::unique_ptr<Act> act;
    State* state = nullptr;
    Datapath* path = nullptr;
    uint64_t emitted = 0;  // packets of its own

    bool serves(const Endpoint& server) const;  // is one of its configured servers
    uint64_t drops() const;
};

class Lab {
public:
    struct Setup {
        std::vector<std::string> gateways{"old", "new"};
        uint32_t flow_capacity = 1000;
        std::vector<std::string> all_lines{"old", "old2"};  // whose lines are enabled at start
        std::map<std::string, Keyring> keys{};              // of those that have some
        bool untagged = false;                              // is taken by those too
    };

    // Runs until the gateways know each other.
    Lab() : Lab(Setup{}) {}
    explicit Lab(const Setup& setup);

    Outcome enter(size_t gateway, PortIndex port, const Bytes& frame);
    Outcome enter(size_t gateway, PortIndex port, const Say& say) {
        return enter(gateway, port, make_frame(say));
    }
    // In force at once, where peers need not confirm it.
    void reload(LabGateway& gateway);  // its config
    void share(LabGateway& gateway, const Share& share);
    void place(const nlohmann::json& rules);  // at all gateways
    void access(LabGateway& gateway, const nlohmann::json& rules);
    void line(LabGateway& gateway, size_t line, LineState to);
    void pass(Micros time);      // in steps of 10 ms, each with its ticks
    void start(size_t gateway);  // again: it forgets everything

    LabGateway& operator[](const std::string& name) { return gateways[index(name)]; }
    size_t index(const std::string& name) const;

    std::vector<LabGateway> gateways;
    Micros now = 1'000'000'000;
    bool link_up = true;
    std::string silent;            // the gateway whose packets do not cross the link, if any
    uint32_t link_carries = 1540;  // bytes of an IP packet; what is longer is lost
    // Sees what a gateway puts on the link: the outer IP packet.
    std::function<void(size_t gateway, const Bytes& ip_packet)> tap;
    std::vector<Outcome> emitted;    // what ticks sent, keepalives apart
    std::vector<FlowKey> reset_log;  // what Relogin::Log was told
    std::vector<std::string> wrong;  // what must never be, and was

private:
    Explained explained(LabGateway& gateway, Buffer& frame, PortIndex port);
    void tick(size_t gateway);
    void emitted_by(size_t gateway, std::span<const uint8_t> packet, uint32_t adjacency);
    void leave(Outcome& outcome, const Hop& hop, int hops_left);
    void handle(Outcome& outcome, PortIndex port, const Bytes& frame, int hops_left);
    void across(Outcome& outcome, const Hop& hop, int hops_left);
    void check_leaving(const Outcome& outcome, const Hop& hop);
    void blame(const Outcome& outcome, const std::string& what);

    Setup setup_;
    uint64_t handled_ = 0;
};

// The operator's word about a line, at once.
void set_line(State& state, size_t line, bool enabled);

// This worker alone ends flows, as by an order, until the next snapshot says otherwise; an id of 0:
// a new one.
void end_flows(Datapath& path, Micros now, double rate_per_s, const Scope& scope = {},
               Micros quiet = 0, uint64_t id = 0);
// How far it is.
Endings::Course ending(Datapath& path);

// A client's segment to the lab's MQTT service, and what its server answers.
Say to_meters(const Endpoint& client, uint8_t flags = flag::S);
Say answer(const Packet& at_server, uint8_t flags);

// The frame by which a gateway with that tunnel address would send a packet on.
Bytes tunnelled(const Bytes& ip_packet, const Gue& gue, const Address& from, const Address& to);

}  // namespace rehome::vipd::testing
