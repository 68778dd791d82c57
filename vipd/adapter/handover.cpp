#include "vipd/adapter/handover.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>

#include "vipd/adapter/dpdk_log.h"

namespace rehome::vipd {

namespace {

constexpr unsigned ring_packets = 2048;

}  // namespace

void set_mark(rte_mbuf& packet, Mark mark) {
    packet.hash.usr = static_cast<uint32_t>(mark.what) << 16 | mark.port;
}

Mark mark_of(const rte_mbuf& packet) {
    return {static_cast<Mark::For>(packet.hash.usr >> 16),
            static_cast<PortIndex>(packet.hash.usr & 0xffff)};
}

Result<std::unique_ptr<Handover>> Handover::make(uint32_t workers) {
    std::unique_ptr<Handover> handover(new Handover(workers));
    for (const auto& place : handover->places_) {
        if (!place.wake.there()) {
            return fail(Exit::world, "worker", "cannot make an eventfd");
        }
    }
    const Complaints complaints;
    for (uint32_t pair = 0; pair < workers * workers; ++pair) {
        const uint32_t from = pair / workers, to = pair % workers;
        if (from == to) {
            continue;
        }
        rte_ring* ring = rte_ring_create(fmt::format("worker{}-{}", from, to).c_str(), ring_packets,
                                         SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (ring == nullptr) {
            return complaints.fail("DPDK", fmt::format("cannot make a ring between workers: {}",
                                                       rte_strerror(rte_errno)));
        }
        handover->lane(from, to).ring = ring;
    }
    return handover;
}

Handover::~Handover() {
    for (Lane& lane : lanes_) {
        void* packet = nullptr;
        while (lane.ring != nullptr && rte_ring_dequeue(lane.ring, &packet) == 0) {
            rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
        }
        rte_ring_free(lane.ring);
    }
}

uint16_t Handover::give(uint32_t from, uint32_t to, rte_mbuf** packets, uint16_t count) {
    Lane& lane = this->lane(from, to);
    const unsigned fits =
        rte_ring_sp_enqueue_burst(lane.ring, reinterpret_cast<void**>(packets), count, nullptr);
    lane.given.store(lane.given.load(std::memory_order_relaxed) + fits, std::memory_order_seq_cst);
    Place& place = places_[to];
    if (place.asleep.load(std::memory_order_seq_cst) && place.asleep.exchange(false)) {
        place.wake.signal();
    }
    return static_cast<uint16_t>(fits);
}

// No more than is counted: the rest is there in a moment.
uint16_t Handover::take(uint32_t from, uint32_t to, rte_mbuf** packets, uint16_t room) {
    const uint32_t wanted = std::min<uint32_t>(room, waiting(from, to));
    if (wanted == 0) {
        return 0;
    }
    Lane& lane = this->lane(from, to);
    const unsigned count =
        rte_ring_sc_dequeue_burst(lane.ring, reinterpret_cast<void**>(packets), wanted, nullptr);
    lane.taken += count;
    return static_cast<uint16_t>(count);
}

uint32_t Handover::waiting(uint32_t from, uint32_t to) const {
    const Lane& lane = this->lane(from, to);
    return lane.given.load(std::memory_order_seq_cst) - lane.taken;
}

bool Handover::may_sleep(uint32_t worker) {
    places_[worker].asleep.store(true, std::memory_order_seq_cst);
    for (uint32_t from = 0; from < workers_; ++from) {
        if (from != worker && waiting(from, worker) != 0) {
            awake(worker);
            return false;
        }
    }
    return true;
}

}  // namespace rehome::vipd
