// What a worker leaves for the control thread: next hops to resolve, resets to log, and what it has
// heard of peers.
//
// The worker collects without a lock and hands over between two bursts.  Of what peers say it keeps
// so much of each kind as nobody has taken; who floods loses some.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "vipd/adapter/event.h"
#include "vipd/path/context.h"

namespace rehome::vipd {

// A flow that was reset, or forgotten, to make its client log in again, for the log.
struct ResetRecord {
    uint8_t protocol = 0;
    Endpoint client, vip;
    Endpoint server;   // where this site's had it
    std::string peer;  // else the gateway that had it
};

struct Heard {
    size_t peer = 0;
    Keepalive keepalive;
    Micros at = 0;
};

// The longest packet that gets to a peer, newly known.
struct SizedLink {
    size_t peer = 0;
    uint16_t mtu = 0;
    bool told = false;  // by a router; else found by probes
    Micros at = 0;      // told, or asked
};

struct HeardServicesPage {
    size_t peer = 0;
    ServicesPage page;
};

struct HeardFlows {
    size_t peer = 0;
    FlowsPage page;
};

struct HeardHandshake {
    size_t peer = 0;
    Handshake handshake;
    Micros at = 0;
};

struct Left {
    std::vector<Hop> wanted;
    std::vector<ResetRecord> resets;
    std::vector<Heard> heard;
    std::vector<HeardHandshake> handshakes;
    std::vector<SizedLink> sized;
    std::vector<HeardFlows> flows;
    std::vector<HeardServicesPage> services;

    bool empty() const {
        return wanted.empty() && resets.empty() && heard.empty() && handshakes.empty() &&
               sized.empty() && flows.empty() && services.empty();
    }
};

class Outbox {
public:
    // For any thread.
    const Event& event() const { return event_; }  // signalled when there is something
    Left take();

    // For the worker.
    void listen(Sink& sink);  // what peers say comes here
    void log(ResetRecord reset) { mine_.resets.push_back(std::move(reset)); }
    void hand_over(std::vector<Hop> wanted);

private:
    Left mine_;
    std::mutex mutex_;
    Left left_;  // under the lock
    Event event_;
};

}  // namespace rehome::vipd
