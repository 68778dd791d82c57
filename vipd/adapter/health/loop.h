// One thread's checks: asks each endpoint at its interval, and says how it looks.
//
// Source ports are those of check_ports (health.h), by which workers tell answers.  A connection
// ends with a reset: nothing of a check stays behind, here or at the server.
#pragma once

#include <optional>
#include <random>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/fd.h"
#include "vipd/adapter/health/desk.h"
#include "vipd/adapter/health/echoes.h"
#include "vipd/adapter/health/tunnels.h"
#include "vipd/health/attempt.h"
#include "vipd/health/endpoints.h"
#include "vipd/health/judge.h"
#include "vipd/health/wheel.h"

namespace rehome::vipd {

class CheckLoop {
public:
    // tunnels: null: checks go by the host's own ways.  Both outlive it.
    CheckLoop(CheckDesk& desk, const CheckTunnels* tunnels);

    void run();  // until the desk says stop

private:
    static constexpr uint32_t nobody = UINT32_MAX;

    enum class Tag : uint32_t { wake, tun, echo_v4, echo_v6, check };
    struct Place {
        CheckedEndpoint endpoint;
        CheckScript script;
        RiseFall count;
        std::optional<Attempt> attempt{};  // while one runs
        uint32_t stamp = 0;                // of the one alarm that counts
        Micros started = 0;
        Fd socket{};
        uint16_t port = 0;  // 0: none
        bool connected = false;
        std::string to_send{};
        size_t received = 0;
        bool said_not_run = false;
        std::string said_why{};  // it is down
    };

    void watch(int fd, uint32_t events, Tag tag, uint32_t id = 0);
    void rewatch(const Place& place, uint32_t events);
    void take_endpoints(Micros now);
    void ring(uint32_t id, uint32_t stamp, Micros now);
    void begin(Place& place, Micros now);
    bool open(Place& place);
    bool send_echo(Place& place);
    void take_event(Place& place, uint32_t events);
    void go_on(Place& place, Attempt::Next next);
    void flush(Place& place);
    void read(Place& place);
    void read_echoes(Family family);
    void read_tun();
    void finish(Place& place, const CheckResult& result);
    void not_run(Place& place, int error, const char* what);
    void rest(Place& place);
    void release(Place& place);
    void say(CheckNews news);
    // Of the servers that are checked with this port, or which an echo is for.
    const CheckTunnel* tunnel_of(std::span<const uint8_t> packet) const;

    CheckDesk& desk_;
    const CheckTunnels* const tunnels_;
    TimerWheel wheel_;
    Fd epoll_;
    std::minstd_rand random_;
    std::unordered_map<uint32_t, Place> places_;
    uint16_t next_port_;
    Echoes echoes_;
    const uint16_t spread_;             // all checks through tunnels keep to one path
    std::vector<uint32_t> port_owner_;  // ids
    size_t running_ = 0;                // attempts
    bool says_ = false;
};

}  // namespace rehome::vipd
