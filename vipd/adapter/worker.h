// One worker: a thread that takes packets from its queues, runs each through its Datapath to
// completion, and sleeps in poll(2) when there is nothing to do.
//
// Where there are several, queue q of port p is received from, and sent to, by worker (p + q)
// modulo their number.  What a worker receives and another one owns (owner.h) goes to that one's
// ring, and so does what it sends by a port that has no queue for it.  The first worker reads the
// twins; each writes to them.
//
// What all workers act on is offered to it as a snapshot: it takes the newest when it comes round,
// and says which one it acts on.  What else others want of it they ask() between two bursts; what
// it wants of others (next hops to resolve, resets to log, keepalives to weigh) it leaves in its
// outbox and signals outbox_fd().  Everything else is its own.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "common/error.h"
#include "vipd/adapter/event.h"
#include "vipd/adapter/handover.h"
#include "vipd/adapter/kernel.h"
#include "vipd/adapter/next_hops.h"
#include "vipd/adapter/outbox.h"
#include "vipd/adapter/port.h"
#include "vipd/adapter/twin.h"
#include "vipd/adapter/waits.h"
#include "vipd/path/datapath.h"
#include "vipd/path/owner.h"
#include "vipd/watch/observer.h"

namespace rehome::vipd {

// What all workers share.  ports[i] and twins[i] belong together; i is the port's number in the
// datapath.
struct Shared {
    std::vector<std::unique_ptr<Port>> ports;
    std::vector<std::unique_ptr<Twin>> twins;
    rte_mempool* pool = nullptr;
    uint32_t workers = 1;
    std::unique_ptr<Handover> handover;  // null: there is one worker
    // Where answers of checks through tunnels are written (health/prober.h); -1: nowhere.  It stays
    // open for as long as there are workers.
    std::shared_ptr<std::atomic<int>> checks = std::make_shared<std::atomic<int>>(-1);
};

class Worker {
public:
    // ownership: null where there is one worker.
    Worker(uint32_t number, Shared& shared, std::unique_ptr<Datapath> datapath,
           std::unique_ptr<Ownership> ownership);
    ~Worker();  // stops the thread
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    Result<> start();
    void stop();

    // Runs act in the worker's thread between two bursts and waits for it; an error when the worker
    // does not come to it within 2 s (then it never runs).  By then the worker acts on every
    // snapshot that was offered before.
    Result<> ask(const std::function<void(Datapath&)>& act);
    // Who looks on from the next burst; null: nobody.  The one before is not used any more once
    // this returns.
    Result<> set_observer(std::shared_ptr<Observer> observer);

    // For the control thread.  A worker that comes late finds the newest offer alone.  The offer is
    // never the last owner of its snapshot: that is freed by whoever offers it, once acts_on() is
    // beyond.
    void offer(std::shared_ptr<const Snapshot> snapshot);
    void offer(const Forwarding& forwarding);
    uint64_t acts_on() const { return acts_on_.load(std::memory_order_acquire); }  // its epoch
    // Once all workers act on that epoch: what older ones decided is in rings alone, and has left
    // each worker that has gone round with its rings once more.
    void empty_rings(uint64_t epoch);
    uint64_t drained() const { return drained_.load(std::memory_order_acquire); }

    // How the orders go that end flows, as far as it acts on them.
    std::vector<Endings::Course> endings() const;
    // How its resets of idle clients go (flow/idle_reset.h).
    struct IdleReset {
        bool running = false;
        uint64_t reset = 0;

        bool operator==(const IdleReset&) const = default;
    };
    IdleReset idle_reset() const;
    // When it last came round; one that is alive does so 100 times a second.
    // It has not come round for longer than anybody waits for it.
    bool silent() const;
    Micros last_round() const { return round_at_.load(std::memory_order_relaxed); }

    // Readable when there is something in the outbox, or the two above have changed.
    int outbox_fd() const { return outbox_.event().fd(); }
    Left take_outbox() { return outbox_.take(); }

    // Flows that ended here when last looked; for any thread.
    uint32_t flows_served() const { return flows_served_.load(std::memory_order_relaxed); }

private:
    // Packets that go the same way at the end of the burst.
    static constexpr uint16_t burst = burst_max;
    struct Batch {
        std::array<rte_mbuf*, burst> packets;
        uint16_t count = 0;
    };
    // What leaves by a port: by a queue of our own, or through another worker's.
    struct Departure : Batch {
        uint16_t queue = 0;
        uint32_t worker = 0;
    };
    struct Poll {
        PortIndex port = 0;
        uint16_t queue = 0;
    };

    void take_queues();
    void run();
    bool receive();
    void take_offer();
    void publish_resets();
    bool take_handed_over(bool all);
    uint16_t take_from(uint32_t worker);
    void sort(PortIndex port, std::span<rte_mbuf*> packets);
    bool keeps(PortIndex port, rte_mbuf* packet);
    void release_fragments();
    void give(uint32_t worker, Mark mark, rte_mbuf* packet);
    void give_all(uint32_t worker);
    void show_lost(PortIndex port, std::span<const uint8_t> frame, Drop why);
    bool read_twins();
    void handle(PortIndex port, std::span<rte_mbuf*> packets);
    void send(uint32_t adjacency, rte_mbuf* packet);
    rte_mbuf* copy(std::span<const uint8_t> bytes, uint16_t before);
    void emit(std::span<const uint8_t> ip_packet, uint32_t adjacency);
    void finish(const Verdict& verdict, PortIndex port, rte_mbuf* packet);
    void hand_up(PortIndex port, const rte_mbuf& packet);
    void hand_to_checks(PortIndex port, const rte_mbuf& packet);
    void queue(PortIndex port, std::span<rte_mbuf*> packets);
    void queue(PortIndex port, rte_mbuf* packet) { queue(port, std::span(&packet, 1)); }
    void flush(PortIndex port);
    void flush();
    void tick(Micros now);
    void serve_requests();
    void sleep_until(Micros when, Micros now);

    uint32_t number_;
    Shared& shared_;
    std::unique_ptr<Datapath> datapath_;
    std::unique_ptr<Ownership> ownership_;
    NextHops next_hops_;
    std::shared_ptr<Observer> observer_;  // null: nobody looks on
    std::vector<Poll> polls_;
    std::vector<Departure> departures_;  // by port
    std::vector<Batch> passing_;         // by worker
    std::array<Job, burst> jobs_;        // the burst in hand
    Outbox outbox_;
    Micros now_ = 0;  // of this round
    Micros next_expiry_ = 0;
    bool can_sleep_ = true;  // every queue has something to wait for
    std::atomic<uint32_t> flows_served_ = 0;

    // What it is to take over between two rounds; nothing: as it is.
    struct Offer {
        std::shared_ptr<const Snapshot> snapshot;
        std::optional<Forwarding> forwarding;
    };
    struct Request {
        std::function<void(Datapath&)> act;
        bool taken = false;
        bool done = false;
    };
    mutable std::mutex mutex_;
    std::condition_variable answered_;
    std::vector<std::shared_ptr<Request>> requests_;
    Offer offer_;
    std::atomic<bool> offered_ = false;
    std::atomic<uint64_t> acts_on_ = 0, to_drain_ = 0, drained_ = 0;  // epochs
    std::vector<Endings::Course> endings_;  // as told; written by the worker, under the lock
    IdleReset idle_reset_;
    std::atomic<Micros> round_at_ = 0;
    std::atomic<bool> asked_ = false;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> failed_ = false;
    Event wake_;
    Waits waits_;
    std::thread thread_;
};

}  // namespace rehome::vipd
