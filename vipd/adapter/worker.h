// One worker: a thread that takes packets from its ports and twins, runs each through its Datapath
// to completion, and sleeps in poll(2) when there is nothing to do.
//
// What others want of it they ask() between two bursts; what it wants of others (next hops to
// resolve, resets to log) it leaves in its outbox and signals outbox_fd().  Everything else is its
// own.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/error.h"
#include "vipd/adapter/kernel.h"
#include "vipd/adapter/next_hops.h"
#include "vipd/adapter/port.h"
#include "vipd/adapter/twin.h"
#include "vipd/core/datapath.h"
#include "vipd/core/observer.h"

namespace rehome {

// A flow that was reset to make its client log in again, for the log.
struct ResetRecord {
    Endpoint client, vip, server;
};

struct Outbox {
    std::vector<Hop> wanted;
    std::vector<ResetRecord> resets;
};

class Worker {
public:
    // ports[i] and twins[i] belong together; i is the port's number in the datapath.
    struct Parts {
        std::vector<std::unique_ptr<Port>> ports;
        std::vector<std::unique_ptr<Twin>> twins;
        rte_mempool* pool = nullptr;
    };

    Worker(Parts parts, std::unique_ptr<Datapath> datapath);
    ~Worker();  // stops the thread
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    Result<> start();

    // Runs act in the worker's thread between two bursts and waits for it; an error when the worker
    // does not come to it within 2 s (then it never runs).
    Result<> ask(const std::function<void(Datapath&)>& act);
    Result<> set_forwarding(const Forwarding& forwarding);
    // Who looks on from the next burst; null: nobody.  The one before is not used any more once
    // this returns.
    Result<> set_observer(std::shared_ptr<Observer> observer);

    int outbox_fd() const { return outbox_fd_; }
    Outbox take_outbox();

    const std::vector<std::unique_ptr<Port>>& ports() const { return parts_.ports; }

private:
    // What leaves by a port at the end of the burst.
    static constexpr uint16_t burst = burst_max;
    struct Queue {
        std::array<rte_mbuf*, burst> packets;
        uint16_t count = 0;
    };

    void run();
    bool receive();
    bool read_twins();
    void handle(PortIndex port, std::span<rte_mbuf*> packets);
    void send(uint32_t adjacency, rte_mbuf* packet);
    rte_mbuf* copy(std::span<const uint8_t> bytes, uint16_t before);
    void emit(std::span<const uint8_t> ip_packet, uint32_t adjacency);
    void queue(PortIndex port, rte_mbuf* packet) {
        Queue& queue = queues_[port];
        queue.packets[queue.count++] = packet;
        if (queue.count == burst) {
            flush(port);
        }
    }
    void flush(PortIndex port);
    void flush();
    void tick(Micros now);
    void serve_requests();
    void publish();
    void sleep_until(Micros when, Micros now);

    Parts parts_;
    std::unique_ptr<Datapath> datapath_;
    NextHops next_hops_;
    std::shared_ptr<Observer> observer_;  // null: nobody looks on
    std::vector<Queue> queues_;
    std::array<Job, burst> jobs_;  // the burst in hand
    std::vector<ResetRecord> resets_;
    Micros now_ = 0;  // of this round
    Micros next_expiry_ = 0;
    bool can_sleep_ = true;  // every port has something to wait for

    struct Request {
        std::function<void(Datapath&)> act;
        bool taken = false;
        bool done = false;
    };
    std::mutex mutex_;
    std::condition_variable answered_;
    std::vector<std::shared_ptr<Request>> requests_;
    Outbox outbox_;
    std::atomic<bool> asked_ = false;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> failed_ = false;
    int wake_fd_ = -1;
    int outbox_fd_ = -1;
    std::thread thread_;
};

}  // namespace rehome
