// What holds whatever happens: random events at two sites, with many clients' sessions on them.
//
// The lab blames what must never be (lab.h: a VIP as source on a disabled line, a circle, a packet
// without one counted way out).  Here the sessions watch besides that every segment reaches the
// server that their handshake reached, and every answer the carrier that they last came in by.
#include <doctest/doctest.h>

#include <map>
#include <optional>

#include "tests/unit/vipd/lab.h"

namespace rehome::vipd::testing {

namespace {

struct Session {
    Endpoint client, vip, server;
    size_t serving = 0;  // the gateway
    bool up = false;
    uint32_t client_seq = 0, server_seq = 0;
    std::string history{};
};

const std::vector<std::string> carriers{"red", "green", "blue"};

class Chaos {
public:
    // faults: the link may be cut, lines be disabled at once, servers be removed.
    Chaos(uint64_t seed, bool faults, const Lab::Setup& setup)
        : lab_(setup), random_(seed), faults_(faults), enabled_since_(lab_.gateways.size()) {
        for (size_t g = 0; g < lab_.gateways.size(); ++g) {
            for (size_t line = 0; line < 3; ++line) {
                enabled_since_[g].push_back(state(g, line) == LineState::enabled ? lab_.now : 0);
            }
        }
        for (uint32_t n = 0; n < 24; ++n) {
            const bool meters = n % 3 != 0;
            sessions_.push_back(
                {{Address::v4(0x64500001 + n / 4), static_cast<uint16_t>(40000 + n % 4)},
                 meters ? end("198.51.100.10:1883") : end("203.0.113.5:14000"),
                 {},
                 0,
                 false,
                 0,
                 0});
        }
    }

    void step() {
        const uint32_t event = random_.below(100);
        if (event < 80) {
            session_event(sessions_[random_.below(static_cast<uint32_t>(sessions_.size()))]);
        } else if (event < 86) {
            pass(10 * ms + random_.below(400) * ms);
        } else if (event < 92) {
            line_event();
        } else if (event < 95) {
            lab_.share(any_gateway(), {random_.below(10'001), ShareBy::address_port});
        } else if (event < 96) {
            Datapath& path = *any_gateway().path;
            end_flows(path, lab_.now, 20);
        } else if (faults_) {
            fault();
        }
    }
    Lab& lab() { return lab_; }
    std::vector<std::string> broken;  // what sessions saw and should not have

    uint32_t delivered = 0, answered = 0, crossed = 0;

private:
    LabGateway& any_gateway() {
        return lab_.gateways[random_.below(static_cast<uint32_t>(lab_.gateways.size()))];
    }
    LineState state(size_t gateway, size_t line) {
        return lab_.gateways[gateway].path->snapshot().line(line);
    }

    void pass(Micros time) {
        lab_.pass(time);
        for (const FlowKey& key : std::exchange(lab_.reset_log, {})) {
            for (Session& session : sessions_) {
                session.up =
                    session.up && !(session.client == key.client && session.vip == key.vip);
            }
        }
    }

    void set_line(LabGateway& gateway, size_t line, LineState to) {
        const auto g = lab_.index(gateway.name);
        lab_.line(gateway, line, to);
        enabled_since_[g][line] = to == LineState::enabled ? lab_.now : 0;
    }

    void line_event() {
        LabGateway& gateway = any_gateway();
        const size_t line = random_.below(3);
        const bool enabled = gateway.path->snapshot().line(line) == LineState::enabled;
        set_line(gateway, line, enabled ? LineState::draining : LineState::enabled);
    }

    void fault() {
        LabGateway& gateway = any_gateway();
        switch (random_.below(4)) {
            case 0:
                lab_.link_up = !lab_.link_up;
                break;
            case 1:
                set_line(gateway, random_.below(3), LineState::disabled);
                break;
            default:
                gateway.config = lab_config(gateway.name, names());
                auto& servers = gateway.config.services[random_.below(2)].servers;
                servers.erase(servers.begin() + random_.below(2));
                lab_.reload(gateway);
        }
    }
    std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const auto& gateway : lab_.gateways) {
            out.push_back(gateway.name);
        }
        return out;
    }

    void session_event(Session& session) {
        if (!session.up) {
            log_in(session);
        } else if (random_.chance(90)) {
            talk(session, flag::A | flag::P);
        } else if (random_.chance(50)) {
            talk(session, flag::F | flag::A);
            session.up = false;
        } else {
            send(session, flag::R | flag::A);
            session.up = false;
        }
    }

    void log_in(Session& session) {
        session.client_seq = random_.any32();
        const auto arrived = send(session, flag::S);
        if (!arrived) {
            return;  // refused: no server, a full table, a server taken by another VIP's flow
        }
        const Packet syn = arrived->packet();
        session.server = {syn.destination, syn.destination_port};
        session.serving = arrived->gateway;
        session.server_seq = random_.any32();
        // A SYN that meets an entry of before does not move its way back: the second one does.
        const bool answered_syn = reply(session, flag::S | flag::A, false) || again(session);
        pass(20 * ms);  // which a round trip takes at least: a site's first flow is told
        session.up = answered_syn && send(session, flag::A).has_value();
    }

    bool again(Session& session) {
        --session.client_seq;
        --session.server_seq;
        return send(session, flag::S, gateway_, carrier_) && reply(session, flag::S | flag::A);
    }

    void talk(Session& session, uint8_t flags) {
        if (send(session, flags)) {
            reply(session, flags);
        } else if (!faults_) {
            broken.push_back("a segment did not arrive");
        }
    }

    // By any line of any gateway; where it arrived, if at a server.
    std::optional<Outcome> send(Session& session, uint8_t flags) {
        const size_t gateway = lab_.index(any_gateway().name);
        return send(session, flags, gateway, static_cast<PortIndex>(random_.below(3)));
    }
    std::optional<Outcome> send(Session& session, uint8_t flags, size_t gateway, PortIndex line) {
        Say say{session.client, session.vip, 6, flags, session.client_seq, session.server_seq};
        say.payload = (flags & flag::P) != 0 ? "heartbeat" : "";
        const bool fixed = !faults_ || has_entry(gateway, session);
        const Outcome outcome = lab_.enter(gateway, line, say);
        carrier_ = line;
        gateway_ = gateway;
        session.history +=
            outcome.text() + " (" + carriers[line] + " flags " + std::to_string(flags) + "), ";
        crossed += outcome.path.find('>') != std::string::npos;
        if (outcome.end != "servers") {
            if (session.up && !faults_) {
                broken.push_back(outcome.text() + " for " + testing::text(outcome.packet()));
            }
            return std::nullopt;
        }
        const Packet packet = outcome.packet();
        session.client_seq += packet.sequence_length();
        if (session.up && fixed &&
            session.server != Endpoint{packet.destination, packet.destination_port}) {
            broken.push_back(outcome.text() + " reached another server: " + testing::text(packet) +
                             " after " + session.history);
        }
        ++delivered;
        return outcome;
    }

    // While anything may fail: this gateway at least knows the session.
    bool has_entry(size_t gateway, const Session& session) {
        const Flow* flow =
            lab_.gateways[gateway].path->flows().find({6, session.client, session.vip});
        return flow != nullptr && flow->kind == Flow::Kind::here &&
               flow->server() == session.server && flow->stage == Flow::Stage::established;
    }

    // The server's answer; whether it left by a line.
    bool reply(Session& session, uint8_t flags, bool must = true) {
        Say say{session.server, session.client, 6, flags, session.server_seq, session.client_seq};
        say.payload = (flags & flag::P) != 0 ? "answer" : "";
        const Outcome outcome = lab_.enter(session.serving, servers_port, say);
        session.server_seq +=
            static_cast<uint32_t>(say.payload.size()) + ((flags & (flag::S | flag::F)) != 0);
        const bool left = outcome.end == carriers[carrier_];
        answered += left;
        if (must && !left && !faults_ && carrier_open()) {
            broken.push_back(outcome.text() + " instead of by " + carriers[carrier_] + " after " +
                             session.history);
        }
        return left;
    }

    // Some gateway may answer by that carrier's line, and the others know.
    bool carrier_open() const {
        for (const auto& lines : enabled_since_) {
            if (lines[carrier_] != 0 && lab_.now - lines[carrier_] >= 200 * ms) {
                return true;
            }
        }
        return false;
    }

    Lab lab_;
    Random random_;
    bool faults_;
    std::vector<std::vector<Micros>> enabled_since_;  // 0: is not
    std::vector<Session> sessions_;
    PortIndex carrier_ = 0;  // by which the last client's packet came in
    size_t gateway_ = 0;     // likewise
};

void report(Chaos& chaos, uint64_t seed) {
    for (const auto* list : {&chaos.lab().wrong, &chaos.broken}) {
        if (!list->empty()) {
            FAIL_CHECK("seed ", seed, ": ", list->front(), " (and ", list->size() - 1, " more)");
        }
    }
}

const std::vector<std::vector<std::string>> worlds{{"old", "new"}, {"old", "old2", "new", "new2"}};

}  // namespace

TEST_CASE("whatever moves, sessions keep their servers and their answers") {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        Chaos chaos(seed, false, {worlds[0], 10'000, {"old"}});
        for (int i = 0; i < 600; ++i) {
            chaos.step();
        }
        report(chaos, seed);
        CHECK(chaos.delivered > 300);
        CHECK(chaos.answered > 100);
        CHECK(chaos.crossed > 50);
    }
}

TEST_CASE("whatever fails, nothing is spoofed, circles or takes two ways") {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        Chaos chaos(seed, true, {worlds[seed % 2], seed % 4 < 2 ? 12U : 10'000U, {"old"}});
        for (int i = 0; i < 600; ++i) {
            chaos.step();
        }
        report(chaos, seed);
        CHECK(chaos.delivered > 50);
    }
}

}  // namespace rehome::vipd::testing
