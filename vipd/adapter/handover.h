// How workers pass packets to each other: a ring for each pair, with one writer and one reader, and
// who sleeps.
//
// A packet carries its mark in the mbuf, where the hash of the NIC was: which port it is about, and
// what the receiver has to do with it.  What finds no room in a ring is freed and lost.
//
// No wake-up is lost: a giver first counts what it has given and then looks whether the receiver
// sleeps; the receiver first says that it sleeps and then looks at the counts.  All four are
// sequentially consistent, so there is one order of them, and in it one of the two looks comes
// last.  The count also orders the packets' bytes before whoever reads it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/error.h"
#include "vipd/adapter/event.h"
#include "vipd/route/fib.h"

struct rte_mbuf;
struct rte_ring;

namespace rehome::vipd {

struct Mark {
    enum class For : uint8_t {
        desk,   // a fragment: Ownership::next() says whose it is
        owner,  // the datapath
        port,   // to be sent by the port, whose queue is the receiver's
    };
    For what = For::owner;
    PortIndex port = 0;

    bool operator==(const Mark&) const = default;
};

void set_mark(rte_mbuf& packet, Mark mark);
Mark mark_of(const rte_mbuf& packet);

class Handover {
public:
    static Result<std::unique_ptr<Handover>> make(uint32_t workers);
    ~Handover();  // frees what is still on its way
    Handover(const Handover&) = delete;
    Handover& operator=(const Handover&) = delete;

    // Hands over marked packets and wakes the receiver if it sleeps.  Returns how many it takes;
    // the others are the caller's.
    uint16_t give(uint32_t from, uint32_t to, rte_mbuf** packets, uint16_t count);
    uint16_t take(uint32_t from, uint32_t to, rte_mbuf** packets, uint16_t room);
    // For the receiver: how many there are to take.
    uint32_t waiting(uint32_t from, uint32_t to) const;

    // A worker that is about to wait for its wake(); false: something has come, don't.
    bool may_sleep(uint32_t worker);
    void awake(uint32_t worker) { places_[worker].asleep.store(false, std::memory_order_relaxed); }
    const Event& wake(uint32_t worker) const { return places_[worker].wake; }

private:
    struct alignas(64) Place {
        std::atomic<bool> asleep = false;
        Event wake;
    };

    // Packets in all, modulo 2^32; each number has one writer.
    struct Lane {
        rte_ring* ring = nullptr;  // null: from a worker to itself
        alignas(64) std::atomic<uint32_t> given = 0;
        alignas(64) uint32_t taken = 0;
    };

    explicit Handover(uint32_t workers)
        : workers_(workers), places_(workers), lanes_(size_t{workers} * workers) {}
    Lane& lane(uint32_t from, uint32_t to) { return lanes_[from * workers_ + to]; }
    const Lane& lane(uint32_t from, uint32_t to) const { return lanes_[from * workers_ + to]; }

    uint32_t workers_;
    std::vector<Place> places_;
    std::vector<Lane> lanes_;
};

}  // namespace rehome::vipd
